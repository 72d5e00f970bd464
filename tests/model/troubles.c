// SPDX-License-Identifier: GPL-2.0 OR MIT
/* troubles.c: what befalls a disk and its environments: a device that fails, detach and attach, a power cut, a close.
 */
#include "world.h"

const struct exo_cred *const world_creds[M_ENVS] = {&kit_root, &kit_user, &kit_other};

void world_reopen(struct world *w, u32 env)
{
	u32 i;

	sim_env_close(w->k[env].senv);
	NEED(!sim_env_open(w->k[env].core, world_creds[env], &w->k[env].senv));
	w->k[env].e = sim_env(w->k[env].senv);
	for (i = 0; i < M_BINDS; i++)
		if (w->m.bind[i].used && w->m.bind[i].env == env)
			memset(&w->m.bind[i], 0, sizeof(w->m.bind[i]));
}

static void close_all(struct world *w)
{
	u32 i;

	for (i = 0; i < M_ENVS; i++)
		world_reopen(w, i);
}

static void device_good(struct world *w)
{
	sim_disk_fail(w->k[0].disk, 0, 0, 0, 0, 0);
	w->m.badr = w->m.badw = 0;
	w->m.badcat = false;
}

/* A part of the device goes bad, or is good again. */
void world_trouble(struct world *w)
{
	u32 x = world_rnd(w, M_BLOCKS), n = 1 + world_rnd(w, 6), what = world_rnd(w, 4);
	u32 ops = what ? SIM_FAIL_WRITE | (world_rnd(w, 3) ? 0 : SIM_FAIL_DONE) : SIM_FAIL_READ;

	if (w->m.badr || w->m.badw || w->m.badcat) {
		device_good(w);
		world_say(w, "the device is good again; ");
		return;
	}
	if (what == 1 && world_rnd(w, 2)) {
		sim_disk_fail(w->k[0].disk, SIM_FAIL_WRITE, M_CATALOGUE, EXO_MAX_ROOTS / 8, 0, 0);
		w->m.badcat = true;
		world_say(w, "writes to the catalogue fail; ");
		return;
	}
	if (what > 2)
		ops |= SIM_FAIL_READ;
	sim_disk_fail(w->k[0].disk, ops, x + M_BASE, n, 0, 0);
	w->m.badr = ops & SIM_FAIL_READ ? m_mask(x + M_BASE, n) : 0;
	w->m.badw = ops & SIM_FAIL_WRITE ? m_mask(x + M_BASE, n) : 0;
	world_say(w, "blocks %u+%u fail, operations %x; ", x + M_BASE, n, ops);
}

#define CHECK_DEAD(w, name, call)                                                                                      \
	do {                                                                                                           \
		if ((call) != -EIO)                                                                                    \
			m_wrong(&(w)->m, "%s on a failed disk is not refused", name);                                  \
	} while (0)

void world_reattach(struct world *w)
{
	struct m_verdict v = {0};
	struct kit *k = &w->k[0];
	u32 flags = world_rnd(w, 4) ? 0 : EXO_DETACH_DISCARD, i;
	int err;

	if (world_rnd(w, 4))
		close_all(w);
	if (world_rnd(w, 2))
		device_good(w);
	if (!flags && (w->m.badw || w->m.badcat))
		v.legal[EXO_R_IO] = v.legal[EXO_R_DIRTY] = true;
	for (i = 0; i < M_BLOCKS; i++) {
		if (m_refs(&w->m, i))
			m_no(&v, EXO_R_IN_USE);
		if (!flags && (w->m.badw & m_bit(i)) && w->m.b[i].dirty)
			m_no(&v, EXO_R_DIRTY);
	}
	err = kit_detach(k, flags);
	world_say(w, "DETACH, flags %u = %d/%u; ", flags, err, k->reason);
	w->m.syncing = EXO_NOROOT;
	if (world_judge(w, "DETACH", err, k->reason, &v) && !v.refuse) {
		world_learn(w, OP_OTHER);
		if (!flags)
			world_synced(w, EXO_NOROOT);
		device_good(w);
		/* The stored map counts what is out of reach as used. */
		NEED(!kit_attach(k, world_rnd(w, 3) && !w->m.loop ? 0 : EXO_ATTACH_WALK));
		world_attached(w);
	} else {
		world_learn(w, OP_OTHER);
		w->m.early |= w->m.vol && err == -EIO; /* as after a SYNC */
	}
	w->m.syncing = M_NO_SYNC;
}

/* Power goes: what was written and not flushed lands, or does not, or is torn. */
void world_cut(struct world *w)
{
	struct kit *k = &w->k[0];
	size_t cut = sim_log_len(k->disk), pending = sim_crash_pending(k->disk, cut, NULL, 0);
	u8 *land = calloc(pending + 1, 1);
	struct sim_image *img;
	u32 i;

	sim_crash_draw(k->disk, cut, sim_random(&w->rng), land, pending);
	img = sim_crash_image(k->disk, cut, land, pending);
	NEED(img);
	device_good(w);
	close_all(w);
	NEED(!kit_detach(k, EXO_DETACH_DISCARD));
	sim_disk_free(k->disk);
	k->disk = sim_disk_from(k->path, img, w->flags);
	sim_image_free(img);
	free(land);
	NEED(k->disk && !kit_attach(k, 0));
	world_say(w, "power cut, %zu writes pending; ", pending);
	w->cuts++;
	world_attached(w);
	for (i = 0; i < M_BLOCKS; i++)
		w->contested += w->m.b[i].owners > 1;
	for (i = 0; i < M_BLOCKS; i++) {
		u64 word;

		memcpy(&word, w->m.b[i].mem, 8);
		if (w->m.b[i].state == M_OWNED && !w->m.b[i].kind && word && word != (WORLD_STAMP | w->m.b[i].life))
			m_wrong(&w->m, "block %u has another life's bytes after a power cut", i + M_BASE);
	}
}

static void write_dead(struct world *w, struct kit *k, u32 x)
{
	int err = kit_write(k, x + M_BASE, 1);

	if (err != -EIO && !(err == -EBUSY && k->reason == EXO_R_TAINTED))
		m_wrong(&w->m, "WRITE on a failed disk gives %d/%u", err, k->reason);
}

/* Every call that would change something is refused, whoever makes it, and nothing reaches the disk any more. */
static void refused_all(struct world *w)
{
	size_t log = sim_log_len(w->k[0].disk);
	struct kit *k = &w->k[world_rnd(w, M_ENVS)];
	struct exo_root_add q = {.disk = k->d, .start = M_BASE, .count = 1, .name = "late"};
	static struct txn t;
	u32 x = world_node(w), i;
	struct m_slot none = {0};

	CHECK_DEAD(w, "FLUSH", kit_flush(k));
	CHECK_DEAD(w, "SYNC", kit_sync(k, EXO_NOROOT));
	for (i = 0; i < M_ROOTS; i++)
		if (w->m.r[i].used && !w->m.r[i].dying)
			kit_sync(k, i); /* of one that has nothing to write it may say so */
	CHECK_DEAD(w, "ROOT_ADD", CALL(k, EXO_NR_ROOT_ADD, q));
	for (i = 0; i < M_BLOCKS; i++)
		if (w->m.b[i].dirty)
			write_dead(w, k, i);
	if (x != M_BLOCKS) {
		t.n = t.nd = t.used = 0;
		txn_bytes(&t, x + M_BASE, w->m.b[x].version, 0, &none, 1);
		CHECK_DEAD(w, "TXN", txn_go(k, &t));
	}
	CHECK_DEAD(w, "DETACH", kit_detach(&w->k[0], 0));
	if (sim_log_len(w->k[0].disk) != log)
		m_wrong(&w->m, "block %llu is written after a flush had failed",
			(unsigned long long)sim_log_at(w->k[0].disk, log)->block);
}

/* A flush fails: what is on the disk is not known any more, so only a new attach can go on. */
void world_flush_fails(struct world *w)
{
	struct kit *k = &w->k[world_rnd(w, M_ENVS)];
	u32 i;
	int err;

	if (!w->m.vol)
		return;
	device_good(w);
	for (i = 0; i < 4 && !w->m.wrong[0]; i++) {
		world_inside(w);
		world_learned(w);
	}
	sim_disk_fail(k->disk, SIM_FAIL_FLUSH, 0, 1, 0, 0);
	switch (world_rnd(w, 3)) {
	case 0:
		err = kit_flush(k);
		break;
	case 1:
		err = kit_sync(k, EXO_NOROOT);
		break;
	default: /* of the flush between the sectors of a block */
		for (i = 0, err = 0; i < M_BLOCKS && err != -EIO; i++)
			err = kit_write(k, i + M_BASE, 1);
		err = err == -EIO ? err : 0;
	}
	world_say(w, "a flush fails: %d/%u; ", err, k->reason);
	w->m.syncing = EXO_NOROOT;
	world_learn(w, OP_OTHER);
	w->m.syncing = M_NO_SYNC;
	if (err && (err != -EIO || k->reason != EXO_R_IO))
		m_wrong(&w->m, "a flush failed, and the call says %d/%u", err, k->reason);
	if (!(kit_info(k).out_flags & EXO_DISK_FAILED) != !err)
		m_wrong(&w->m, "a flush failed, and the call and the disk do not agree");
	device_good(w);
	if (err) {
		close_all(w);
		refused_all(w);
		w->failures++;
		if (!w->m.wrong[0])
			world_cut(w);
	}
}
