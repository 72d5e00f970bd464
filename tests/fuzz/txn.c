// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * txn.c: libFuzzer target for the conservation check: transactions whose edits and declarations are the input's bytes, on a tree
 * that stands. The model of the rules (tests/model) says what each may do, and nothing but that may have changed.
 *
 * A transaction: a byte, how many edits (1 to 8) and declarations (0 to 7); then for each edit ten bytes and its content, for each
 * declaration five bytes.
 */
#include "../model/world.h"

#define STEPS 30u /* of a history that makes the tree */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const uint8_t *at;
static size_t left;

static u32 byte(void)
{
	if (!left)
		return 0;
	left--;
	return *at++;
}

static u64 number(void)
{
	u32 how = byte();

	/* Mostly a block of the model; else anything, with the ends of what a u64 can count. */
	switch (how % 16) {
	case 0:
		return ~0ull - byte();
	case 1:
		return (u64)byte() << (byte() % 64);
	default:
		return M_BASE + how / 16 * 4 + byte() % 4;
	}
}

static void slot_bytes(struct world *w, struct txn *t, u64 block, u64 version)
{
	struct m_slot s = {.start = number(), .count = byte() % 6, .ref = byte() % 4};
	u32 place = byte(), len = byte() % 8 ? sizeof(s) : 1 + byte() % 40, offset = place % 120 * 32 + (byte() % 8 ? 0 : byte() % 33);
	u8 raw[48];

	/* In the data area, but not in the model's part of it: the model knows no such block. */
	if (s.start + s.count > s.start && s.start < w->m.last && s.start + s.count > w->m.first &&
	    (!m_here(s.start) || s.start + s.count > M_BASE + M_BLOCKS))
		s.count = 0;
	memset(raw, 0, sizeof(raw));
	memcpy(raw, &s, sizeof(s));
	txn_bytes(t, block, version, offset, raw, len > sizeof(raw) ? sizeof(raw) : len);
}

static void transaction(struct world *w)
{
	static struct txn t;
	u32 n = byte(), i, x, env = n / 64 % M_ENVS;

	memset(&t, 0, offsetof(struct txn, bytes));
	t.n = t.nd = t.used = 0;
	for (i = 0; i <= n % 8; i++) {
		u64 block, version;

		x = byte() % M_BLOCKS;
		block = byte() % 16 ? x + M_BASE : number();
		version = m_here(block) ? w->m.b[block - M_BASE].version : 1;
		if (byte() % 4 == 0)
			version = byte() % 4 ? EXO_VERSION_NEW : version + 2;
		slot_bytes(w, &t, block, version);
	}
	for (i = 0; i < n / 8 % 8; i++) {
		u32 op = byte(), count = byte();
		u64 start = number(), to = op % 8 == 4 ? number() : 1 + count % 4;

		if (op % 8 == 7) {
			txn_decl(&t, op, count, start, to);
			continue;
		}
		txn_decl(&t, 1 + op % 4, op % 8 == 4 || op % 4 == 3 ? count : w->m.tmpl[count / 4 % M_KINDS], start, to);
		if (op % 4 == 2) /* a MOVE */
			t.decls[t.nd - 1].template_id = w->m.tmpl[count / 4 % M_KINDS];
	}
	/* Blocks that the model does not know are not its business. */
	for (i = 0; i < t.n; i++)
		if (!m_here(t.edits[i].block) && t.edits[i].block >= w->m.first && t.edits[i].block < w->m.last)
			t.edits[i].block = M_BASE;
	for (i = 0; i < t.nd; i++)
		if (t.decls[i].op != EXO_DECL_ORDER && t.decls[i].start < w->m.last &&
		    t.decls[i].start + t.decls[i].count > w->m.first &&
		    (!m_here(t.decls[i].start) || t.decls[i].count > M_BASE + M_BLOCKS - t.decls[i].start))
			t.decls[i].count = 0;
	world_txn_raw(w, &t, env, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct world w;
	u64 i;

	if (bytes < 8)
		return 0;
	w.choice = NULL;
	w.over = false;
	world_start(&w, data[0] % 4 * 4 + 1);
	for (i = 0; i < STEPS && !w.over; i++)
		world_step(&w, i);
	at = data + 1;
	left = bytes - 1;
	while (left && !w.over && !w.m.wrong[0]) {
		w.said[0] = 0;
		transaction(&w);
		world_learned(&w);
	}
	if (w.m.wrong[0]) {
		fprintf(stderr, "%s\n  after: %s\n", w.m.wrong, w.said);
		abort();
	}
	world_stop(&w);
	return 0;
}
