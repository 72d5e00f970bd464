// SPDX-License-Identifier: GPL-2.0 OR MIT
/* info.c: calls that only tell: QUERY, DISK_INFO, CONTESTED. */
#include "internal.h"

int exo_do_query(struct exo_ask *a, void *arg)
{
	struct exo_query *q = arg;
	struct exo_core *c = a->c;
	struct exo_env_holds h;
	u32 nr;

	q->out_abi = EXO_ABI_VERSION;
	q->out_env = a->e->id;
	q->out_calls = 0;
	for (nr = 1; nr <= EXO_NR_MAX; nr++)
		q->out_calls |= 1ull << nr;
	q->out_frames = c->frames;
	q->out_frame_limit = c->frames / 2;
	q->out_bind_limit = a->e->user ? c->frames / 2 : (u32)((u64)c->frames * 3 / 4);
	q->out_max_bind = EXO_MAX_BIND;
	q->out_max_edits = EXO_MAX_EDITS;
	q->out_max_decls = EXO_MAX_DECLS;
	q->out_max_insns = EXO_MAX_INSNS;
	q->out_max_slots = EXO_MAX_SLOTS;
	q->out_caps = a->e->ncaps;
	q->out_reg_bytes = c->area_bytes;
	exo_env_holds(a->e, &h);
	q->out_user_limit = h.user_limit;
	q->out_user_frames = h.user_frames;
	return 0;
}

/* What does not change between FORMAT and DETACH, and the walk. Lock held. */
static void info_basic(const struct exo_disk *d, struct exo_disk_info *q)
{
	q->out_blocks = d->blocks;
	q->out_sector = d->sector;
	q->out_version = d->super.version;
	memcpy(q->out_uuid, d->super.uuid, sizeof(q->out_uuid));
	memcpy(q->out_path, d->path, sizeof(q->out_path));
	q->out_walk_meta = d->walk_meta;
	q->out_walk_owned = d->walk_owned;
	q->out_walk_ns = d->walk_ns;
	q->out_walk_known = d->walk_known;
	q->out_walk_requests = d->walk_requests;
	q->out_walk_why = d->walk_why;
	q->out_walk_threads = d->walk_threads;
}

/* A disk whose attach is under way cannot be kept from vanishing, but it does not vanish under the lock. */
static bool info_coming(struct exo_core *c, struct exo_disk_info *q)
{
	const struct exo_disk *d;

	exo_lock(c);
	d = q->disk < EXO_MAX_DISKS ? c->disks[q->disk] : NULL;
	if (d && d->state != EXO_DISK_COMING)
		d = NULL;
	if (d) {
		q->out_flags = EXO_DISK_ATTACHING | (d->readonly ? EXO_DISK_READONLY : 0) |
			       (d->was_clean ? EXO_DISK_WAS_CLEAN : 0) | (d->vol ? EXO_DISK_VOLATILE : 0);
		info_basic(d, q);
	}
	exo_unlock(c);
	return d != NULL;
}

int exo_do_disk_info(struct exo_ask *a, void *arg)
{
	struct exo_disk_info *q = arg;
	const struct exo_disk_info asked = {.head = q->head, .disk = q->disk};
	struct exo_disk *d;
	u32 i;
	int err;

	*q = asked;
	if (q->head.flags & EXO_INFO_COMING && info_coming(a->c, q))
		return 0;
	err = exo_disk_get(a, q->disk, false, &d);
	if (err)
		return err;
	exo_lock(a->c);
	q->out_flags = (d->readonly ? EXO_DISK_READONLY : 0) | (d->walked ? EXO_DISK_WALKED : 0) |
		       (d->was_clean ? EXO_DISK_WAS_CLEAN : 0) | (d->vol ? EXO_DISK_VOLATILE : 0) |
		       (d->failed ? EXO_DISK_FAILED : 0);
	info_basic(d, q);
	q->out_free = d->fm->free;
	q->out_waiting = d->nwaiting;
	q->out_uninit = d->nuninit;
	q->out_held = d->nheld;
	q->out_dirty = d->ndirty;
	q->out_contested = d->ncontest;
	for (i = 0; i < EXO_MAX_ROOTS; i++) {
		const struct exo_root *r = &d->roots[i];

		if (r->state != EXO_ROOT_LIVE && r->state != EXO_ROOT_LEAVING)
			continue;
		q->out_roots++;
		q->out_quarantined += r->quarantine != 0;
	}
	for (i = 1; i < EXO_MAX_TEMPLATES; i++) {
		if (d->tmpl[i].state != EXO_TMPL_LIVE)
			continue;
		q->out_templates++;
		q->out_bad_templates += !d->tmpl[i].udf;
	}
	exo_unlock(a->c);
	exo_disk_put(a, d);
	return 0;
}

int exo_do_contested(struct exo_ask *a, void *arg)
{
	struct exo_contested *q = arg;
	struct exo_range *r = NULL;
	struct exo_disk *d;
	u64 last = 0;
	u32 i, n = 0, room;
	int err;

	q->out_count = 0;
	err = exo_disk_get(a, q->disk, false, &d);
	if (err)
		return err;
	room = q->room < 65536 ? q->room : 65536;
	if (room) {
		r = exo_plat_alloc(room * sizeof(*r));
		if (!r)
			err = exo_nomem(a);
	}
	exo_lock(a->c);
	for (i = 0; !err && i < d->contest_len; i++) {
		u64 b = d->contest[i].block;

		if (d->contest[i].owners < 2)
			continue;
		if (n && last + 1 == b) {
			if (n <= room)
				r[n - 1].count++;
		} else {
			if (n < room) {
				r[n].start = b;
				r[n].count = 1;
				r[n].kind = EXO_RANGE_BLOCKED;
			}
			n++;
		}
		last = b;
	}
	exo_unlock(a->c);
	q->out_count = n;
	if (!err && n && room)
		err = exo_give_ranges(a, q->ranges, room, r, n);
	exo_plat_free(r);
	exo_disk_put(a, d);
	return err;
}
