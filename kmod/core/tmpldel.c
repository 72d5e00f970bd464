// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * tmpldel.c: removing a metadata type that nothing uses.
 *
 * What is on the disk is reached from the root entries, and metadata of a template lies below a root of that template or below metadata
 * whose template names it. So when no entry, durable or in core, has the template, and no other template names it, there is no
 * metadata of it, and what free blocks hold of it nobody will read as such. An entry that cannot be read may have it.
 *
 * The header becomes zeroes, durably, before the slot counts as empty: so there is no moment at which the old header stands before
 * new code.
 */
#include "internal.h"

static u64 used(u32 kind, u64 number)
{
	return (u64)kind << 60 | number;
}

/* Lock held. What uses the template, or may; 0: nothing. */
static u64 user_of(const struct exo_disk *d, u32 id)
{
	const struct exo_core *c = d->c;
	u32 i, k;

	for (i = 0; i < EXO_MAX_ROOTS; i++)
		if (d->roots[i].state != EXO_ROOT_EMPTY &&
		    (d->roots[i].h.tmpl == id || d->roots[i].quarantine == EXO_QUARANTINE_ENTRY))
			return used(EXO_USED_ROOT, i);
	for (i = 1; i < EXO_MAX_TEMPLATES; i++) {
		const struct exo_tmpl *t = &d->tmpl[i];

		if (i == id || t->state == EXO_TMPL_EMPTY)
			continue;
		/* No instructions: its header is damaged. */
		if (!t->h.ninsns)
			return used(EXO_USED_TEMPLATE, i);
		for (k = 0; k < t->h.nrefs; k++)
			if (t->h.refs[k] == id)
				return used(EXO_USED_TEMPLATE, i);
	}
	for (i = 0; i < c->frames; i++)
		if (c->bufs[i].state >= EXO_BUF_READING && c->bufs[i].disk == d->nr && c->bufs[i].template_id == id &&
		    !c->side[i].doomed)
			return used(EXO_USED_BUFFER, c->bufs[i].block);
	return 0;
}

/* Lock held. From a success on nobody finds the template. *was: what it was before. */
static int begin(struct exo_ask *a, struct exo_disk *d, const struct exo_template_del *q, u8 *was)
{
	const struct exo_cap *k;
	struct exo_tmpl *t;
	u64 detail;
	int err = exo_slot(a, q->cap, &k);

	if (err)
		return err;
	if (d->failed)
		return exo_no(a, -EIO, EXO_R_IO, 0);
	t = q->template_id < EXO_MAX_TEMPLATES ? &d->tmpl[q->template_id] : NULL;
	if (!t || !(t->state == EXO_TMPL_LIVE || (t->state == EXO_TMPL_LEAVING && !t->erasing)))
		return exo_no(a, -ENOENT, EXO_R_NO_TEMPLATE, q->template_id);
	if (!exo_cap_dominates(k, &t->h.owner, EXO_RIGHT_WRITE))
		return exo_no(a, -EACCES, EXO_R_CAP, 0);
	detail = user_of(d, q->template_id);
	if (detail)
		return exo_no(a, -EBUSY, EXO_R_TEMPLATE_USED, detail);
	*was = t->state;
	t->state = EXO_TMPL_LEAVING;
	t->erasing = true;
	return 0;
}

/* Not under the lock. */
static int erase(struct exo_disk *d, u32 id)
{
	int err = exo_io_blocks(d->dev, EXO_OP_WRITE, d->l.templates + (u64)id * EXO_SLOT_BLOCKS, d->c->zero, 1);

	return err ? err : exo_flush_other(d);
}

int exo_do_template_del(struct exo_ask *a, void *arg)
{
	struct exo_template_del *q = arg;
	struct exo_tmpl gone = {.state = EXO_TMPL_EMPTY}, *t;
	struct exo_core *c = a->c;
	struct exo_disk *d;
	u8 was;
	int err = exo_disk_get(a, q->disk, true, &d);

	if (err)
		return err;
	exo_lock(c);
	err = begin(a, d, q, &was);
	exo_unlock(c);
	if (!err) {
		err = erase(d, q->template_id);
		t = &d->tmpl[q->template_id];
		exo_lock(c);
		t->erasing = false;
		if (err) {
			/* Then nothing was written. */
			if (err == -ENOMEM)
				t->state = was;
			err = exo_no(a, err, err == -ENOMEM ? EXO_R_NOMEM : EXO_R_IO,
				     d->l.templates + (u64)q->template_id * EXO_SLOT_BLOCKS);
		} else {
			c->stats->udfs -= exo_tmpl_programs(t);
			gone = *t;
			memset(t, 0, sizeof(*t));
			t->h.owner = gone.h.owner;
			t->gone = ++c->tick;
			t->gone_uid = a->e->uid;
		}
		exo_unlock(c);
	}
	exo_plat_udf_unload(gone.udf);
	exo_plat_udf_unload(gone.acl);
	exo_plat_free(gone.insns);
	exo_disk_put(a, d);
	return err;
}

bool exo_tmpl_remembered(const struct exo_disk *d, u32 id)
{
	const struct exo_tmpl *t = &d->tmpl[id];
	const struct exo_env *e;

	for (e = t->gone ? d->c->envs : NULL; e; e = e->next)
		if (e->born < t->gone && e->uid != t->gone_uid)
			return true;
	return false;
}
