// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * template.c: metadata types of a disk. Three gates before one is used, at installation and again at each attach: the
 * scan, the kernel's verifier, and owns(all zeroes) being empty for every partition of a block. An acl-UDF passes the
 * first two.
 */
#include "internal.h"
#include "scan.h"

#define OWNER_SHARE 16u /* templates of one capability that is not the root of the name space */

/* New metadata starts as zeroes: then it must own nothing. 0, -EPERM, or the platform's errno. */
static int zero_owns_nothing(struct exo_core *c, struct exo_udf *u, u32 size)
{
	u32 i, k;
	int err = 0;

	for (i = 0; !err && i < EXO_BLOCK_SIZE / size; i++) {
		const void *out;
		const struct exo_udf_claim *raw;
		s64 r = exo_plat_udf_run(u, c->zero, i, &out);

		if (r < 0)
			return (int)r;
		raw = out;
		if (r)
			err = -EPERM;
		for (k = 0; !err && k < EXO_MAX_SLOTS; k++)
			if (raw[k].count)
				err = -EPERM;
		exo_plat_udf_done(u);
	}
	return err;
}

struct programs {
	struct exo_udf *udf, *acl; /* acl: NULL when there is none */
};

static void unload(struct programs *p)
{
	if (p->udf)
		exo_plat_udf_unload(p->udf);
	if (p->acl)
		exo_plat_udf_unload(p->acl);
	p->udf = p->acl = NULL;
}

/* The verifier's gate. `about` is what goes into the detail: 0 or EXO_UDF_ACL. */
static int verify(const u64 *insns, u32 n, const struct exo_udf_kind *kind, u64 about, u64 log, u32 log_size,
		  struct exo_udf **out, u32 *reason, u64 *detail)
{
	int err = exo_plat_udf_load(insns, n, kind, log, log_size, out);

	*detail = about;
	if (err == -ERANGE) {
		*reason = EXO_R_UDF_CTX;
		return -EPERM;
	}
	/* -EINTR: the caller is being killed; it says nothing about the program. */
	if (err == -ENOMEM || err == -EFAULT || err == -EINTR) {
		*reason = err == -EFAULT ? EXO_R_POINTER : EXO_R_NOMEM;
		*detail = err == -EFAULT ? log : 0;
		return err;
	}
	if (err) {
		*reason = EXO_R_UDF_VERIFY;
		*detail = about | (u64)-err;
		return -EPERM;
	}
	return 0;
}

/* All gates, for both programs: insns is the owns-UDF's code, then the acl-UDF's. *reason and *detail are set on
 * failure. Not under the lock. */
static int gates(struct exo_core *c, const u64 *insns, const struct exo_tmpl_head *h, u64 log, u32 log_size,
		 struct programs *out, u32 *reason, u64 *detail)
{
	struct exo_udf_kind kind = {
		.partition = h->partition,
		.in_bytes = h->partition,
		.out_bytes = EXO_MAX_SLOTS * sizeof(struct exo_udf_claim),
	};
	struct programs p = {NULL, NULL};
	int err;

	*reason = EXO_R_UDF_SCAN;
	err = exo_scan(insns, h->ninsns, detail);
	if (err)
		return err;
	err = exo_scan_acl(insns + h->ninsns, h->acl_ninsns, detail);
	if (err) {
		*detail += (u64)h->ninsns << 32;
		return err;
	}
	err = verify(insns, h->ninsns, &kind, 0, log, log_size, &p.udf, reason, detail);
	if (!err) {
		err = zero_owns_nothing(c, p.udf, h->partition);
		if (err)
			*reason = err == -EPERM ? EXO_R_UDF_ZERO : EXO_R_NOMEM;
	}
	if (!err && h->acl_ninsns) {
		kind.in_bytes = EXO_ACL_BYTES(h->partition);
		kind.out_bytes = 0;
		err = verify(insns + h->ninsns, h->acl_ninsns, &kind, EXO_UDF_ACL, log, log_size, &p.acl, reason,
			     detail);
	}
	if (err)
		unload(&p);
	else
		*out = p;
	return err;
}

static u32 code_bytes(const struct exo_tmpl_head *h)
{
	return (h->ninsns + h->acl_ninsns) * 8;
}

static u32 code_blocks(const struct exo_tmpl_head *h)
{
	return (code_bytes(h) + EXO_BLOCK_SIZE - 1) / EXO_BLOCK_SIZE;
}

/* One slot of the catalogue at attach. The template stays in its slot, without a program, when a gate refuses it. */
static int load_slot(struct exo_disk *d, u32 id, const u8 *sector)
{
	struct exo_tmpl *t = &d->tmpl[id];
	struct programs p = {NULL, NULL};
	u8 hash[32], *code;
	u64 detail;
	u32 reason, i, blocks;
	int got = exo_tmpl_get(&t->h, sector), err;

	if (!got)
		return 0;
	t->state = EXO_TMPL_LIVE;
	if (got < 0) {
		memset(&t->h, 0, sizeof(t->h));
		t->h.partition = EXO_SECTOR_SIZE;
		return 0;
	}
	blocks = code_blocks(&t->h);
	code = exo_plat_alloc((size_t)blocks * EXO_BLOCK_SIZE);
	if (!code)
		return -ENOMEM;
	err = exo_io_blocks(d->dev, EXO_OP_READ, d->l.templates + (u64)id * EXO_SLOT_BLOCKS + 1, code, blocks);
	if (err == -ENOMEM) {
		exo_plat_free(code);
		return err;
	}
	exo_plat_sha256(code, code_bytes(&t->h), hash);
	if (err || memcmp(hash, t->h.hash, sizeof(hash))) {
		exo_plat_free(code);
		return 0;
	}
	t->insns = (u64 *)code;
	/* Behind a larger sector than it was made for, a partition could be torn. */
	if (t->h.partition > d->sector)
		return 0;
	for (i = 0; i < t->h.nrefs; i++)
		if (t->h.refs[i] == id)
			return 0;
	err = gates(d->c, t->insns, &t->h, 0, 0, &p, &reason, &detail);
	t->udf = p.udf;
	t->acl = p.acl;
	return err == -ENOMEM || err == -EINTR ? err : 0;
}

int exo_templates_load(struct exo_disk *d)
{
	u8 *mem = exo_plat_alloc(EXO_BLOCK_SIZE);
	u32 id, n = 0;
	int err = mem ? 0 : -ENOMEM;

	for (id = 1; !err && id < EXO_MAX_TEMPLATES; id++) {
		err = exo_io_blocks(d->dev, EXO_OP_READ, d->l.templates + (u64)id * EXO_SLOT_BLOCKS, mem, 1);
		if (err == -EIO) {
			/* Unreadable: taken, and bad. */
			memset(mem, 0xff, EXO_SECTOR_SIZE);
			err = 0;
		}
		if (!err)
			err = load_slot(d, id, mem);
		n += exo_tmpl_programs(&d->tmpl[id]);
		if (!err && exo_plat_killed())
			err = -EINTR;
	}
	exo_plat_free(mem);
	exo_lock(d->c);
	d->c->stats->udfs += n;
	exo_unlock(d->c);
	return err;
}

static bool same_template(const struct exo_tmpl *t, const struct exo_tmpl_head *h)
{
	return t->state == EXO_TMPL_LIVE && t->udf && t->h.partition == h->partition && t->h.ninsns == h->ninsns &&
	       t->h.acl_ninsns == h->acl_ninsns && t->h.nrefs == h->nrefs &&
	       !memcmp(t->h.refs, h->refs, sizeof(h->refs)) && !memcmp(t->h.name, h->name, EXO_NAME_MAX) &&
	       !memcmp(t->h.hash, h->hash, 32);
}

/* Lock held. 0: *id has it already. 1: not there yet. */
static int look_up(struct exo_ask *a, struct exo_disk *d, const struct exo_tmpl_head *h, u32 *id)
{
	u32 i;

	for (i = 0; i < h->nrefs; i++)
		if (!h->refs[i] || h->refs[i] >= EXO_MAX_TEMPLATES || d->tmpl[h->refs[i]].state != EXO_TMPL_LIVE)
			return exo_no(a, -ENOENT, EXO_R_NO_TEMPLATE, h->refs[i]);
	for (i = 1; i < EXO_MAX_TEMPLATES; i++) {
		if (same_template(&d->tmpl[i], h)) {
			*id = i;
			return 0;
		}
	}
	return 1;
}

/* Lock held: a slot, and the owner's share of them. */
static int take_slot(struct exo_ask *a, struct exo_disk *d, const struct exo_tmpl_head *h, u32 *id)
{
	u32 i, mine = 0, slot = 0;

	for (i = EXO_MAX_TEMPLATES - 1; i; i--) {
		if (d->tmpl[i].state == EXO_TMPL_EMPTY && !exo_tmpl_remembered(d, i))
			slot = i;
		else
			mine += exo_cap_same_name(&d->tmpl[i].h.owner, &h->owner);
	}
	if (!exo_cap_root(&h->owner) && mine >= OWNER_SHARE)
		return exo_no(a, -ENOSPC, EXO_R_TEMPLATES_FULL, OWNER_SHARE);
	if (!slot)
		return exo_no(a, -ENOSPC, EXO_R_TEMPLATES_FULL, EXO_MAX_TEMPLATES - 1);
	d->tmpl[slot].state = EXO_TMPL_COMING;
	d->tmpl[slot].gone = 0;
	d->tmpl[slot].h = *h;
	*id = slot;
	return 0;
}

/* The code is durable before the header that makes the slot one: a crash leaves no half template. */
static int write_slot(struct exo_disk *d, u32 id, const struct exo_tmpl_head *h, const u64 *code, u32 blocks)
{
	u64 at = d->l.templates + (u64)id * EXO_SLOT_BLOCKS;
	u8 *mem = exo_plat_alloc(EXO_BLOCK_SIZE);
	int err;

	if (!mem)
		return -ENOMEM;
	err = exo_io_blocks(d->dev, EXO_OP_WRITE, at + 1, (void *)code, blocks);
	if (!err)
		err = exo_flush_other(d);
	exo_tmpl_put(h, mem);
	if (!err)
		err = exo_io_blocks(d->dev, EXO_OP_WRITE, at, mem, 1);
	if (!err)
		err = exo_flush_other(d);
	exo_plat_free(mem);
	return err;
}

/*
 * The gates, one program of a user's at a time: the verifier may work for seconds, and where it does that is not charged to the caller.
 * Not under the lock.
 */
static int gates_in_turn(struct exo_ask *a, const u64 *insns, const struct exo_tmpl_head *h, u64 log, u32 log_size,
			 struct programs *out)
{
	struct exo_turn *turn = a->e->user ? a->e->user->verify : NULL;
	int err;

	if (turn && exo_plat_turn_take(turn))
		return exo_no(a, -EINTR, EXO_R_KILLED, 0);
	err = gates(a->c, insns, h, log, log_size, out, &a->reason, &a->detail);
	if (turn)
		exo_plat_turn_give(turn);
	return err;
}

static int install(struct exo_ask *a, struct exo_disk *d, struct exo_template_add *q, const struct exo_tmpl_head *h,
		   u64 *code, u32 blocks)
{
	struct exo_core *c = a->c;
	struct programs p = {NULL, NULL};
	u32 id = 0;
	int err;

	exo_lock(c);
	err = look_up(a, d, h, &id);
	exo_unlock(c);
	if (err < 0)
		return err;
	if (!err) {
		q->out_template = id;
		return 0;
	}
	exo_away(a);
	err = gates_in_turn(a, code, h, q->log, q->log_size, &p);
	exo_back(a);
	if (err)
		return err;
	a->reason = 0;
	exo_lock(c);
	err = d->failed ? exo_no(a, -EIO, EXO_R_IO, 0) : look_up(a, d, h, &id);
	if (err == 1)
		err = take_slot(a, d, h, &id) ?: 1;
	exo_unlock(c);
	if (err == 1) {
		err = write_slot(d, id, h, code, blocks);
		exo_lock(c);
		if (err) {
			d->tmpl[id].state = EXO_TMPL_EMPTY;
			memset(&d->tmpl[id].h, 0, sizeof(d->tmpl[id].h));
			err = exo_no(a, err, err == -ENOMEM ? EXO_R_NOMEM : EXO_R_IO,
				     d->l.templates + (u64)id * EXO_SLOT_BLOCKS);
		} else {
			d->tmpl[id].udf = p.udf;
			d->tmpl[id].acl = p.acl;
			d->tmpl[id].insns = code;
			d->tmpl[id].state = EXO_TMPL_LIVE;
			c->stats->udfs += exo_tmpl_programs(&d->tmpl[id]);
			q->out_template = id;
		}
		exo_unlock(c);
		if (!err)
			return 1; /* the template keeps code and programs */
	} else if (!err) {
		q->out_template = id;
	}
	unload(&p);
	return err;
}

static int head_of(struct exo_ask *a, const struct exo_template_add *q, struct exo_tmpl_head *h)
{
	const struct exo_cap *k;
	u32 i;
	int err = exo_slot(a, q->cap, &k);

	if (err)
		return err;
	if (!(k->rights & EXO_RIGHT_WRITE))
		return exo_no(a, -EACCES, EXO_R_CAP, 0);
	if (!exo_name_ok(q->name))
		return exo_no(a, -EINVAL, EXO_R_NAME, 0);
	if (q->partition != 512 && q->partition != 1024 && q->partition != 2048 && q->partition != 4096)
		return exo_no(a, -EINVAL, EXO_R_PARTITION, q->partition);
	if (!q->ninsns || q->ninsns > EXO_MAX_INSNS)
		return exo_no(a, -EINVAL, EXO_R_UDF_LENGTH, q->ninsns);
	if (q->pad2)
		return exo_no(a, -EOPNOTSUPP, EXO_R_RESERVED, 0);
	/* Code without a length is a mistake; taken as "no acl" it would leave the template open. */
	if (q->acl_ninsns > EXO_MAX_INSNS || (q->acl_insns && !q->acl_ninsns))
		return exo_no(a, -EINVAL, EXO_R_UDF_LENGTH, q->acl_ninsns);
	if (q->nrefs > EXO_MAX_REFS)
		return exo_no(a, -EINVAL, EXO_R_RANGE, q->nrefs);
	if (q->log_size && (q->log_size < 128 || q->log_size > 16u << 20))
		return exo_no(a, -EINVAL, EXO_R_RANGE, q->log_size);
	for (i = q->nrefs; i < EXO_MAX_REFS; i++)
		if (q->refs[i])
			return exo_no(a, -EOPNOTSUPP, EXO_R_RESERVED, 0);
	memset(h, 0, sizeof(*h));
	memcpy(h->name, q->name, EXO_NAME_MAX);
	h->owner = *k;
	h->partition = q->partition;
	h->ninsns = q->ninsns;
	h->acl_ninsns = q->acl_ninsns;
	h->nrefs = q->nrefs;
	memcpy(h->refs, q->refs, sizeof(h->refs));
	return 0;
}

int exo_do_template_add(struct exo_ask *a, void *arg)
{
	struct exo_template_add *q = arg;
	struct exo_tmpl_head h;
	struct exo_disk *d;
	u32 blocks;
	u64 *code;
	int err = head_of(a, q, &h);

	q->out_template = 0;
	if (err)
		return err;
	err = exo_disk_get(a, q->disk, true, &d);
	if (err)
		return err;
	blocks = code_blocks(&h);
	code = exo_plat_alloc((size_t)blocks * EXO_BLOCK_SIZE);
	if (h.partition > d->sector)
		err = exo_no(a, -EINVAL, EXO_R_PARTITION, h.partition);
	else if (!code)
		err = exo_nomem(a);
	else
		err = exo_get(a, code, q->insns, h.ninsns * 8);
	if (!err && h.acl_ninsns)
		err = exo_get(a, code + h.ninsns, q->acl_insns, h.acl_ninsns * 8);
	if (!err) {
		exo_plat_sha256(code, code_bytes(&h), h.hash);
		err = install(a, d, q, &h, code, blocks);
		if (err == 1) {
			code = NULL;
			err = 0;
		}
	}
	exo_plat_free(code);
	exo_disk_put(a, d);
	return err;
}

int exo_do_template_get(struct exo_ask *a, void *arg)
{
	struct exo_template_get *q = arg;
	const struct exo_tmpl *t;
	const u32 most = EXO_MAX_INSNS * 8;
	struct exo_disk *d;
	u32 n = 0, m = 0;
	u8 *code = NULL; /* a template may be deleted while its code is given */
	int err = exo_disk_get(a, q->disk, false, &d);

	if (err)
		return err;
	if (q->insns || q->acl_insns) {
		code = exo_plat_alloc(2 * most);
		if (!code) {
			exo_disk_put(a, d);
			return exo_nomem(a);
		}
	}
	exo_lock(a->c);
	t = q->template_id && q->template_id < EXO_MAX_TEMPLATES ? &d->tmpl[q->template_id] : NULL;
	if (!t || t->state != EXO_TMPL_LIVE) {
		err = exo_no(a, -ENOENT, EXO_R_NO_TEMPLATE, q->template_id);
	} else {
		memcpy(q->out_name, t->h.name, EXO_NAME_MAX);
		q->out_partition = t->h.partition;
		q->out_ninsns = t->h.ninsns;
		q->out_nrefs = t->h.nrefs;
		q->out_flags = t->udf ? 0 : EXO_TEMPLATE_BAD;
		memcpy(q->out_refs, t->h.refs, sizeof(q->out_refs));
		memcpy(q->out_hash, t->h.hash, 32);
		q->out_owner = t->h.owner;
		q->out_acl_ninsns = t->h.acl_ninsns;
		if (t->insns && code) {
			n = t->h.ninsns < q->max_insns ? t->h.ninsns : q->max_insns;
			m = t->h.acl_ninsns < q->max_acl_insns ? t->h.acl_ninsns : q->max_acl_insns;
			memcpy(code, t->insns, n * 8);
			memcpy(code + most, t->insns + t->h.ninsns, m * 8);
		}
	}
	exo_unlock(a->c);
	if (!err && q->insns && n)
		err = exo_give(a, q->insns, code, n * 8);
	if (!err && q->acl_insns && m)
		err = exo_give(a, q->acl_insns, code + most, m * 8);
	exo_plat_free(code);
	exo_disk_put(a, d);
	return err;
}
