// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_owned.c: what is kept of the owns-UDF's answers. How often the program runs, by kind of call; that every record says what
 * the program would say of the bytes in the frame, after any history; and that the records stay within their bound.
 */
#include "core_kit.h"
#include "../../kmod/core/internal.h"

#define FRAMES 256
#define BLOCKS 8192

static struct txn t;

struct counts {
	u64 runs, cached;
};

static struct counts now(struct kit *k)
{
	return (struct counts){ k->core->stats->udf_runs, k->core->stats->udf_cached };
}

/* Runs and saved runs since *c, which moves on. */
#define SPENT(k, c, r, s)                                                                                                          \
	do {                                                                                                                       \
		struct counts n_ = now(k);                                                                                         \
		if (n_.runs - (c)->runs != (r) || n_.cached - (c)->cached != (s))                                                  \
			printf("line %d: %llu runs, %llu saved\n", __LINE__, n_.runs - (c)->runs, n_.cached - (c)->cached);        \
		CHECK(n_.runs - (c)->runs == (r) && n_.cached - (c)->cached == (s));                                               \
		*(c) = n_;                                                                                                         \
	} while (0)

/* Every record against a fresh run. Returns how many there are. */
static u32 all_true(struct kit *k)
{
	static struct exo_rng rng[EXO_MAX_SLOTS];
	struct exo_core *c = k->core;
	size_t bytes = 0;
	u32 f, n, reason, records = 0, by_use = 0;
	const struct exo_owned *o;

	for (f = 0; f < c->frames; f++)
		for (o = c->side[f].owned; o; o = o->next) {
			const struct exo_buf *b = &c->bufs[f];
			struct exo_disk *d = c->disks[b->disk];

			NEED(b->state == EXO_BUF_VALID && (b->flags & EXO_BUF_META) && o->frame == f);
			NEED(!exo_owns_raw(d, b->template_id, (u8 *)exo_plat_frame(f) + o->part * PART, o->part, rng, &n,
					   &reason));
			CHECK(n == o->n && !memcmp(rng, o->r, n * sizeof(*rng)));
			CHECK(o->n <= o->room && o->normal == exo_owned_normal(o->r, o->n));
			bytes += sizeof(*o) + o->room * sizeof(o->r[0]);
			records++;
		}
	for (o = c->owned_oldest; o; o = o->newer)
		by_use++;
	CHECK(by_use == records && bytes == c->owned_bytes && bytes <= (size_t)c->frames * EXO_BLOCK_SIZE / 8);
	return records;
}

static struct exo_claim claim(u64 start, u64 count, u32 tmpl)
{
	return (struct exo_claim){ .start = start, .count = count, .template_id = tmpl };
}

static void run_counts(void)
{
	struct kit k;
	struct counts c;
	u64 top, a = 4000, kid = 4100;
	u32 root, frame, i;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "one", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!kit_sync(&k, EXO_NOROOT));
	c = now(&k);
	/* The first edit of a partition runs old and new, later ones new alone; of eight partitions only the touched one. */
	txn_slot(&t, top, kit_version(&k, top), 2, 0, (struct slot){ a, 1, 0, 1, 0 });
	txn_decl(&t, EXO_DECL_ALLOC, 0, a, 1);
	NEED(!txn_go(&k, &t));
	SPENT(&k, &c, 2, 0);
	for (i = 1; i < 6; i++) {
		txn_slot(&t, top, kit_version(&k, top), 2, i, (struct slot){ a + i, 1, 0, 1, 0 });
		txn_decl(&t, EXO_DECL_ALLOC, 0, a + i, 1);
		NEED(!txn_go(&k, &t));
		SPENT(&k, &c, 1, 1);
	}
	/* A refused one changes no record. */
	txn_slot(&t, top, kit_version(&k, top), 2, 0, (struct slot){ 0 });
	CHECK(txn_go(&k, &t) == -EPERM && k.reason == EXO_R_NOT_CONSERVED);
	SPENT(&k, &c, 1, 1);
	CHECK(all_true(&k) == 1);
	/* BIND asks for what is known. */
	NEED(!kit_bind(&k, root, top, 2, claim(a + 1, 1, 0), EXO_RIGHT_ALL, EXO_BIND_OVERWRITE, &frame));
	SPENT(&k, &c, 0, 1);
	CHECK(kit_bind(&k, root, top, 2, claim(a + 9, 1, 0), EXO_RIGHT_READ, 0, &frame) == -EPERM);
	SPENT(&k, &c, 0, 1);
	kit_unbind(&k, kit_frame(&k, a + 1));
	/* SYNC looks at the partition that gained, and knows it. The rest of the block is never run. */
	NEED(!kit_sync(&k, EXO_NOROOT));
	c.cached = now(&k).cached;
	SPENT(&k, &c, 0, 0);
	/* A new metadata block: its new bytes run once, and freeing it asks the partitions that nobody looked at yet. */
	txn_slot(&t, top, kit_version(&k, top), 3, 0, (struct slot){ kid, 1, 1, 0, 0 });
	txn_bytes(&t, kid, EXO_VERSION_NEW, 480, "x", 1);
	txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, kid, 1);
	NEED(!txn_go(&k, &t));
	SPENT(&k, &c, 3, 0);
	NEED(!kit_sync(&k, EXO_NOROOT));
	c.cached = now(&k).cached;
	SPENT(&k, &c, 0, 0);
	txn_slot(&t, top, kit_version(&k, top), 3, 0, (struct slot){ 0 });
	txn_bytes(&t, kid, kit_version(&k, kid), 480, "y", 1);
	txn_decl(&t, EXO_DECL_FREE, k.tmpl, kid, 1);
	NEED(!txn_go(&k, &t));
	SPENT(&k, &c, 2 + 7, 2);
	all_true(&k);
	/* Gone with the buffer. */
	NEED(!kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, 0));
	CHECK(all_true(&k) == 0);
	kit_stop(&k);
}

/* Two roots' trees under random edits; now and then the buffers go and come back, as something else. */
static void history(u32 seed)
{
	struct kit k;
	u64 top, x = seed * 0x9E3779B97F4A7C15ull + 1;
	u32 root, i, done = 0, most = 0;

	kit_start(&k, 64, BLOCKS, 0);
	NEED(!kit_root_add(&k, "one", k.tmpl, EXO_NOBLOCK, 8, 0, &root, &top));
	for (i = 0; i < 4000; i++) {
		u64 meta, b;
		u32 part, slot, f, ref;
		const struct slot *old;

		x = x * 6364136223846793005ull + 1442695040888963407ull;
		meta = top + (x >> 33) % 8;
		if ((x >> 60) == 0) {
			NEED(!kit_sync(&k, EXO_NOROOT));
			NEED(!kit_detach(&k, 0) && !kit_attach(&k, i % 2 ? EXO_ATTACH_WALK : 0));
		}
		if (!kit_buf(&k, meta))
			NEED(!kit_read(&k, meta, 1));
		if (kit_buf(&k, meta)->flags & EXO_BUF_UNKNOWN) {
			struct exo_bind q = { .disk = k.d, .cap = k.cap, .root = root, .parent = EXO_NOBLOCK,
					      .claim = { top, 8, k.tmpl, 0 }, .first = meta, .count = 1,
					      .rights = EXO_RIGHT_READ, .frames = (uintptr_t)&f };

			NEED(!CALL(&k, EXO_NR_BIND, q) && !kit_unbind(&k, f));
		}
		part = (x >> 40) % 8;
		slot = (x >> 44) % SLOTS;
		old = kit_slot(&k, meta, part, slot);
		b = 100 + (x >> 20) % 4000;
		ref = (x >> 50) % 4 == 0;
		if (old->count) {
			txn_decl(&t, EXO_DECL_FREE, old->ref ? k.tmpl : 0, old->start, old->count);
			txn_slot(&t, meta, kit_version(&k, meta), part, slot, (struct slot){ 0 });
		} else {
			txn_decl(&t, EXO_DECL_ALLOC, ref ? k.tmpl : 0, b, 1);
			txn_slot(&t, meta, kit_version(&k, meta), part, slot, (struct slot){ b, 1, ref, 0, 0 });
		}
		done += !txn_go(&k, &t);
		if (i % 16 == 0) {
			u32 n = all_true(&k);

			most = n > most ? n : most;
		}
	}
	CHECK(done > 1000 && most > 8);
	kit_stop(&k);
}

/* More to keep than there is room for: the oldest go, what stays is true. */
static void bounded(void)
{
	static struct slot full[SLOTS];
	struct kit k;
	u64 top, a;
	u32 root, b, p, i;

	kit_start(&k, 16, BLOCKS, 0);
	NEED(!kit_root_add(&k, "one", k.tmpl, EXO_NOBLOCK, 8, 0, &root, &top));
	a = top + 8;
	for (b = 0; b < 8; b++)
		for (p = 0; p < PARTS; p++) {
			/* Two apart, so that they do not merge. */
			for (i = 0; i < SLOTS; i++, a += 2) {
				full[i] = (struct slot){ a, 1, 0, 0, 0 };
				txn_decl(&t, EXO_DECL_ALLOC, 0, a, 1);
			}
			txn_bytes(&t, top + b, kit_version(&k, top + b), p * PART, full, sizeof(full));
			NEED(!txn_go(&k, &t));
			all_true(&k);
		}
	p = all_true(&k);
	CHECK(p >= 8 && p < 64);
	kit_stop(&k);
}

int main(void)
{
	u32 i;

	run_counts();
	bounded();
	for (i = 1; i <= 4; i++)
		history(i);
	return check_done();
}
