// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "core_kit.h"
#include "../udf/insn.h"

const struct exo_cred kit_root = {.uid = 0, .admin = true}, kit_user = {.uid = 1000}, kit_other = {.uid = 1001};

int kit_call(struct kit *k, u32 nr, struct exo_head *h, u32 size)
{
	int err;

	h->size = size;
	err = exo_call(k->e, nr, (uintptr_t)h);
	k->reason = h->out_reason;
	k->detail = h->out_detail;
	return err;
}

u32 kit_program(u64 *insns)
{
	const u64 open[] = {REGION(1, 0, 0), REGION(2, 1, 0)};
	const u64 end[] = {LDX_(SZ_W, 0, 1, 504), EXIT};
	u32 n = 0, i;

	for (i = 0; i < sizeof(open) / 8; i++)
		insns[n++] = open[i];
	for (i = 0; i < SLOTS; i++) {
		insns[n++] = LDX_(SZ_D, 3, 1, i * sizeof(struct slot));
		insns[n++] = STX_(SZ_D, 2, 3, i * 16);
		insns[n++] = LDX_(SZ_D, 3, 1, i * sizeof(struct slot) + 8);
		insns[n++] = STX_(SZ_D, 2, 3, i * 16 + 8);
	}
	for (i = 0; i < sizeof(end) / 8; i++)
		insns[n++] = end[i];
	return n;
}

int kit_format(struct kit *k, u64 quota)
{
	struct exo_format f = {
		.cap = k->cap, .path_len = strlen(k->path), .path = (uintptr_t)k->path, .user_quota = quota};

	return CALL(k, EXO_NR_FORMAT, f);
}

int kit_attach(struct kit *k, u32 flags)
{
	struct exo_attach a = {
		.head.flags = flags, .cap = k->cap, .path_len = strlen(k->path), .path = (uintptr_t)k->path};
	int err = CALL(k, EXO_NR_ATTACH, a);

	k->d = a.out_disk;
	return err;
}

int kit_detach(struct kit *k, u32 flags)
{
	struct exo_detach d = {.head.flags = flags, .cap = k->cap, .disk = k->d};

	return CALL(k, EXO_NR_DETACH, d);
}

void kit_template(struct kit *k)
{
	u64 insns[256];
	struct exo_template_add t = {
		.disk = k->d, .cap = k->cap, .name = "node", .partition = PART, .insns = (uintptr_t)insns};

	t.ninsns = kit_program(insns);
	NEED(!CALL(k, EXO_NR_TEMPLATE_ADD, t));
	k->tmpl = t.out_template;
}

void kit_start(struct kit *k, u32 frames, u64 blocks, u32 disk_flags)
{
	memset(k, 0, sizeof(*k));
	strcpy(k->path, "/dev/a");
	NEED(!sim_start(frames, 1));
	k->disk = sim_disk_new(k->path, blocks, disk_flags);
	NEED(k->disk);
	NEED(!exo_core_new(frames, &k->core));
	NEED(!sim_env_open(k->core, &kit_root, &k->senv));
	k->e = sim_env(k->senv);
	NEED(!kit_format(k, 0));
	NEED(!kit_attach(k, 0));
	kit_template(k);
}

void kit_stop(struct kit *k)
{
	sim_env_close(k->senv);
	exo_core_shutdown(k->core);
	exo_core_free(k->core);
	sim_disk_free(k->disk);
	sim_stop();
	CHECK(sim_alloc_live() == 0);
}

struct kit kit_as(const struct kit *k, const struct exo_cred *cred)
{
	struct kit u = *k;

	NEED(!sim_env_open(k->core, cred, &u.senv));
	u.e = sim_env(u.senv);
	u.cap = 0;
	return u;
}

int kit_root_add(struct kit *k, const char *name, u32 tmpl, u64 start, u64 count, u32 flags, u32 *root, u64 *at)
{
	struct exo_root_add r = {
		.disk = k->d, .cap = k->cap, .start = start, .count = count, .template_id = tmpl, .root_flags = flags};
	int err;

	snprintf(r.name, sizeof(r.name), "%s", name);
	err = CALL(k, EXO_NR_ROOT_ADD, r);
	if (root)
		*root = r.out_root;
	if (at)
		*at = r.out_start;
	return err;
}

int kit_bind(struct kit *k, u32 root, u64 parent, u32 index, struct exo_claim c, u32 rights, u32 flags, u32 *frames)
{
	struct exo_bind b = {.head.flags = flags,
			     .disk = k->d,
			     .cap = k->cap,
			     .root = root,
			     .index = index,
			     .parent = parent,
			     .claim = c,
			     .first = c.start,
			     .count = (u32)c.count,
			     .rights = rights,
			     .frames = (uintptr_t)frames};

	return CALL(k, EXO_NR_BIND, b);
}

int kit_unbind(struct kit *k, u32 frame)
{
	struct exo_unbind u = {.frames = (uintptr_t)&frame, .count = 1};

	return CALL(k, EXO_NR_UNBIND, u);
}

int kit_sync(struct kit *k, u32 root)
{
	struct exo_sync s = {.disk = k->d, .root = root};

	return CALL(k, EXO_NR_SYNC, s);
}

int kit_flush(struct kit *k)
{
	struct exo_flush f = {.disk = k->d};

	return CALL(k, EXO_NR_FLUSH, f);
}

int kit_write(struct kit *k, u64 start, u64 count)
{
	struct exo_run r = {start, count};
	struct exo_write w = {
		.disk = k->d, .nruns = 1, .runs = (uintptr_t)&r, .ranges = (uintptr_t)k->ranges, .ranges_room = 64};
	int err = CALL(k, EXO_NR_WRITE, w);

	k->nranges = w.out_nranges;
	return err;
}

int kit_read(struct kit *k, u64 start, u64 count)
{
	struct exo_run r = {start, count};
	struct exo_read q = {.disk = k->d, .nruns = 1, .runs = (uintptr_t)&r};

	return CALL(k, EXO_NR_READ, q);
}

struct exo_disk_info kit_info(struct kit *k)
{
	struct exo_disk_info i = {.disk = k->d};

	NEED(!CALL(k, EXO_NR_DISK_INFO, i));
	return i;
}

void txn_bytes(struct txn *t, u64 block, u64 version, u32 offset, const void *bytes, u32 len)
{
	struct exo_edit *e = &t->edits[t->n++];

	e->block = block;
	e->version = version;
	e->offset = offset;
	e->len = len;
	memcpy(t->bytes + t->used, bytes, len);
	e->bytes = (uintptr_t)(t->bytes + t->used);
	t->used += len;
}

void txn_slot(struct txn *t, u64 block, u64 version, u32 part, u32 slot, struct slot s)
{
	txn_bytes(t, block, version, part * PART + slot * sizeof(s), &s, sizeof(s));
}

void txn_decl(struct txn *t, u32 op, u32 tmpl, u64 start, u64 count)
{
	t->decls[t->nd++] = (struct exo_decl){op, tmpl, start, count};
}

int txn_go(struct kit *k, struct txn *t)
{
	struct exo_txn q = {.disk = k->d,
			    .cap = k->cap,
			    .nedits = t->n,
			    .ndecls = t->nd,
			    .edits = (uintptr_t)t->edits,
			    .decls = (uintptr_t)t->decls,
			    .versions = (uintptr_t)t->versions,
			    .ranges = (uintptr_t)k->ranges,
			    .ranges_room = 64};
	int err = CALL(k, EXO_NR_TXN, q);

	k->nranges = q.out_nranges;
	t->n = t->nd = t->used = 0;
	return err;
}

static const struct exo_reg_head *registry(struct kit *k)
{
	void *base;
	size_t bytes;

	NEED(!exo_core_area_get(k->core, EXO_MAP_REGISTRY, &base, &bytes));
	exo_core_area_put(k->core, EXO_MAP_REGISTRY, base);
	return base;
}

u32 kit_frame(struct kit *k, u64 block)
{
	const struct exo_reg_head *r = registry(k);
	const u32 *hash = (const u32 *)((const u8 *)r + r->hash_off);
	const struct exo_buf *b = (const struct exo_buf *)((const u8 *)r + r->bufs_off);
	u32 at;

	for (at = hash[exo_hash(k->d, block) & (r->buckets - 1)]; at; at = b[at - 1].next)
		if (b[at - 1].block == block && b[at - 1].disk == k->d)
			return at - 1;
	return EXO_NOFRAME;
}

const struct exo_buf *kit_buf(struct kit *k, u64 block)
{
	const struct exo_reg_head *r = registry(k);
	u32 f = kit_frame(k, block);

	return f == EXO_NOFRAME ? NULL : (const struct exo_buf *)((const u8 *)r + r->bufs_off) + f;
}

u64 kit_version(struct kit *k, u64 block)
{
	const struct exo_buf *b = kit_buf(k, block);

	return b ? b->version : 0;
}

const struct slot *kit_slot(struct kit *k, u64 block, u32 part, u32 slot)
{
	u32 f = kit_frame(k, block);

	NEED(f != EXO_NOFRAME);
	return (const struct slot *)((const u8 *)exo_plat_frame(f) + part * PART) + slot;
}

bool kit_free(struct kit *k, u64 block)
{
	const struct exo_freemap_head *m;
	void *base;
	size_t bytes;
	bool is;

	NEED(!exo_core_area_get(k->core, EXO_MAP_FREEMAP(k->d), &base, &bytes));
	m = base;
	is = ((const u64 *)((const u8 *)m + m->bits_off))[block / 64] >> (block % 64) & 1;
	exo_core_area_put(k->core, EXO_MAP_FREEMAP(k->d), base);
	return is;
}
