// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_tmpl.c: the end of a metadata type: who may delete it, what keeps it, when its number means something else, and what a power
 * cut, a failing device and missing memory leave of it.
 */
#include "core_kit.h"

#define FRAMES 64
#define BLOCKS 5000

static struct kit k;
static u64 code[256];

static int add(struct kit *u, const char *name, u32 ref, u32 *id)
{
	struct exo_template_add a = {.disk = u->d,
				     .cap = u->cap,
				     .partition = PART,
				     .ninsns = kit_program(code),
				     .insns = (uintptr_t)code,
				     .nrefs = ref != 0,
				     .refs = {ref}};
	int err;

	snprintf(a.name, sizeof(a.name), "%s", name);
	err = CALL(u, EXO_NR_TEMPLATE_ADD, a);
	*id = a.out_template;
	return err;
}

static int del(struct kit *u, u32 id)
{
	struct exo_template_del q = {.disk = u->d, .cap = u->cap, .template_id = id};

	return CALL(u, EXO_NR_TEMPLATE_DEL, q);
}

/* Its code, or that it is not there, or -1 for a bad one. */
static int known(struct kit *u, u32 id)
{
	u64 out[256];
	struct exo_template_get g = {.disk = u->d, .template_id = id, .insns = (uintptr_t)out, .max_insns = 256};
	int err = CALL(u, EXO_NR_TEMPLATE_GET, g);
	u32 n = kit_program(code);

	if (err)
		return err == -ENOENT && u->reason == EXO_R_NO_TEMPLATE ? 0 : -2;
	return g.out_flags || g.out_ninsns != n || memcmp(out, code, n * 8) ? -1 : 1;
}

static bool used_by(struct kit *u, u32 id, u32 kind, u64 number)
{
	return del(u, id) == -EBUSY && u->reason == EXO_R_TEMPLATE_USED && EXO_USED_KIND(u->detail) == kind &&
	       EXO_USED_NUMBER(u->detail) == number;
}

static int root_del(struct kit *u, u32 root)
{
	struct exo_root_del q = {.disk = u->d, .cap = u->cap, .root = root};

	return CALL(u, EXO_NR_ROOT_DEL, q);
}

static u64 udfs(void)
{
	void *base;
	size_t bytes;

	NEED(!exo_core_area_get(k.core, EXO_MAP_STATS, &base, &bytes));
	return ((const struct exo_stats *)base)->udfs;
}

static void rules(void)
{
	struct kit u, o;
	u32 a, b, c, root, frame;
	u64 top, before;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	before = udfs();
	u = kit_as(&k, &kit_user);
	o = kit_as(&k, &kit_other);
	NEED(!add(&u, "a", 0, &a) && !add(&u, "b", a, &b));
	CHECK(udfs() == before + 2);
	CHECK(del(&u, 0) == -ENOENT && del(&u, 63) == -ENOENT && u.reason == EXO_R_NO_TEMPLATE && u.detail == 63);
	CHECK(del(&u, 64) == -ENOENT && del(&u, ~0u) == -ENOENT);
	CHECK(del(&o, b) == -EACCES && o.reason == EXO_R_CAP && known(&o, b) == 1);
	CHECK(del(&u, k.tmpl) == -EACCES);
	CHECK(used_by(&u, a, EXO_USED_TEMPLATE, b));
	/* a root, from its first moment to the durable end of its entry */
	NEED(!kit_root_add(&u, "one", b, EXO_NOBLOCK, 1, 0, &root, &top));
	CHECK(used_by(&u, b, EXO_USED_ROOT, root));
	NEED(!kit_sync(&u, root));
	CHECK(used_by(&u, b, EXO_USED_ROOT, root));
	NEED(!root_del(&u, root));
	CHECK(used_by(&u, b, EXO_USED_ROOT, root) && used_by(&k, b, EXO_USED_ROOT, root));
	NEED(!kit_sync(&u, EXO_NOROOT));
	CHECK(!del(&u, b) && known(&u, b) == 0 && udfs() == before + 1);
	CHECK(del(&u, b) == -ENOENT);
	CHECK(kit_root_add(&u, "two", b, EXO_NOBLOCK, 1, 0, NULL, NULL) == -ENOENT && u.reason == EXO_R_NO_TEMPLATE);
	CHECK(add(&u, "c", b, &c) == -ENOENT && u.reason == EXO_R_NO_TEMPLATE && u.detail == b);
	/* the administrator may delete anybody's */
	CHECK(!del(&k, a) && known(&u, a) == 0 && udfs() == before);
	sim_env_close(o.senv);
	/* the slot and its number are used again, and work */
	o = kit_as(&k, &kit_other);
	sim_env_close(u.senv);
	CHECK(!add(&o, "c", 0, &c) && c == a);
	NEED(!kit_root_add(&o, "two", c, EXO_NOBLOCK, 1, 0, &root, &top) && !kit_sync(&o, root));
	CHECK(!kit_bind(&o, root, EXO_NOBLOCK, 0, (struct exo_claim){.start = top, .count = 1, .template_id = c}, EXO_RIGHT_READ, 0,
			&frame));
	sim_env_close(o.senv);
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, EXO_ATTACH_WALK));
	CHECK(known(&k, c) == 1 && known(&k, b) == 0 && kit_info(&k).out_templates == 2 && !kit_info(&k).out_quarantined);
	/* nobody deletes on a disk that is attached read-only */
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, EXO_ATTACH_READONLY) && del(&k, c) == -EROFS);
	kit_stop(&k);
}

/* Root's env remembers like everybody's. */
static void reopen(void)
{
	sim_env_close(k.senv);
	NEED(!sim_env_open(k.core, &kit_root, &k.senv));
	k.e = sim_env(k.senv);
}

/* A number keeps its meaning, or has none, for everybody who may have learnt it. */
static void numbers(void)
{
	struct kit u, o, late;
	u32 a, b, i, last;

	kit_start(&k, FRAMES, BLOCKS, 0);
	u = kit_as(&k, &kit_user);
	o = kit_as(&k, &kit_other);
	NEED(!add(&u, "a", 0, &a) && !del(&u, a));
	CHECK(!add(&u, "b", 0, &b) && b != a && known(&o, a) == 0);
	late = kit_as(&k, &kit_other);
	/* what nobody can use yet counts as the old owner's: it cannot use up the catalogue */
	for (i = 2; i < 16; i++) {
		char name[16];

		snprintf(name, sizeof(name), "t%u", i);
		NEED(!add(&u, name, 0, &last));
	}
	CHECK(add(&u, "more", 0, &last) == -ENOSPC && u.reason == EXO_R_TEMPLATES_FULL && u.detail == 16);
	for (i = 0; i < 100 && !del(&u, b); i++)
		if (add(&u, "again", 0, &last))
			break;
	CHECK(i == 0 && u.reason == EXO_R_TEMPLATES_FULL && !add(&o, "other's", 0, &last));
	reopen();
	sim_env_close(o.senv);
	/* the second env of the same user was opened after the first deletion, before the second */
	CHECK(!add(&u, "again", 0, &last) && last == a && add(&u, "more", 0, &last) == -ENOSPC);
	sim_env_close(late.senv);
	CHECK(!add(&u, "more", 0, &last) && last == b);
	sim_env_close(u.senv);
	kit_stop(&k);
}

/* A deletion, and a new template in the slot: whatever a cut leaves is one of the two, or none, and never a bad one. */
static void cuts(u32 flags)
{
	size_t index[64], cut, n, len;
	u32 old, new, seen[2] = {0, 0};
	u64 draw;

	kit_start(&k, FRAMES, BLOCKS, flags);
	NEED(!add(&k, "old", 0, &old) && !kit_sync(&k, EXO_NOROOT));
	NEED(!sim_log_start(k.disk));
	NEED(!del(&k, old) && !add(&k, "new", 0, &new));
	CHECK(new == old);
	len = sim_log_len(k.disk);
	for (cut = 0; cut <= len; cut++) {
		n = sim_crash_pending(k.disk, cut, index, 64);
		for (draw = 0; draw < 8; draw++) {
			struct sim_image *img;
			u8 land[64];
			struct kit after = k;
			int is;

			sim_crash_draw(k.disk, cut, draw * 1000 + cut, land, n);
			img = sim_crash_image(k.disk, cut, land, n);
			NEED(img);
			strcpy(after.path, "/dev/b");
			after.disk = sim_disk_from(after.path, img, flags);
			NEED(after.disk && !kit_attach(&after, 0));
			is = known(&after, old);
			CHECK_MSG(is >= 0 && !kit_info(&after).out_bad_templates, "cut %zu of %zu: %d", cut, len, is);
			seen[is > 0]++;
			NEED(!kit_detach(&after, EXO_DETACH_DISCARD));
			sim_disk_free(after.disk);
			sim_image_free(img);
		}
	}
	CHECK(seen[0] && seen[1]);
	kit_stop(&k);
}

static void devices(void)
{
	struct kit u;
	u32 a, b;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	u = kit_as(&k, &kit_user);
	NEED(!add(&u, "a", 0, &a));
	/* it is not known what is on the disk: nobody uses it, nobody takes the slot, and it can be tried again */
	sim_disk_fail(k.disk, SIM_FAIL_WRITE, 0, BLOCKS, 0, 1);
	CHECK(del(&u, a) == -EIO && u.reason == EXO_R_IO && known(&u, a) == 0);
	CHECK(kit_root_add(&u, "no", a, EXO_NOBLOCK, 1, 0, NULL, NULL) == -ENOENT);
	CHECK(!add(&u, "b", 0, &b) && b != a && used_by(&u, b, EXO_USED_ROOT, 0) == false && known(&u, b) == 0);
	CHECK(!del(&u, a) && del(&u, a) == -ENOENT);
	CHECK(!add(&u, "c", 0, &b) && !kit_detach(&k, 0) && !kit_attach(&k, 0) && known(&u, b) == 1);
	/* a flush that fails is the disk's, whatever it was for: others' writes may be lost with this one */
	sim_disk_fail(k.disk, SIM_FAIL_FLUSH, 0, BLOCKS, 0, 1);
	CHECK(del(&u, b) == -EIO && u.reason == EXO_R_IO && known(&u, b) == 0);
	CHECK((kit_info(&k).out_flags & EXO_DISK_FAILED) && kit_flush(&k) == -EIO && del(&u, b) == -EIO);
	CHECK(kit_detach(&k, 0) == -EIO && !kit_detach(&k, EXO_DETACH_DISCARD) && !kit_attach(&k, 0));
	CHECK(!del(&u, b) || u.reason == EXO_R_NO_TEMPLATE);
	CHECK(!add(&u, "d", 0, &b) && !kit_detach(&k, 0) && !kit_attach(&k, 0) && known(&u, b) == 1);
	sim_env_close(u.senv);
	kit_stop(&k);
}

/* Called while a header is written, and so without the lock: somebody else deletes the template. */
static struct {
	struct kit *u;
	u32 id;
	int err;
	u32 reason, calls;
	u64 detail;
} other;

static void deletes(void *ctx, struct sim_disk *d, int op)
{
	if (op != EXO_OP_WRITE || other.calls)
		return;
	other.calls++;
	other.err = del(other.u, other.id);
	other.reason = other.u->reason;
	other.detail = other.u->detail;
}

static void meanwhile(void)
{
	struct kit u, o;
	u32 a, b;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	u = kit_as(&k, &kit_user);
	o = kit_as(&k, &kit_user);
	NEED(!add(&u, "a", 0, &a));
	other.u = &o;
	other.id = a;
	/* one that names it is being installed */
	sim_disk_hook(k.disk, deletes, NULL);
	CHECK(!add(&u, "b", a, &b) && known(&u, b) == 1 && known(&u, a) == 1);
	CHECK(other.calls == 1 && other.err == -EBUSY && other.reason == EXO_R_TEMPLATE_USED && EXO_USED_NUMBER(other.detail) == b);
	/* it is being deleted already */
	sim_disk_hook(k.disk, NULL, NULL);
	NEED(!del(&u, b));
	other.calls = 0;
	sim_disk_hook(k.disk, deletes, NULL);
	CHECK(!del(&u, a) && other.calls == 1 && other.err == -ENOENT && other.reason == EXO_R_NO_TEMPLATE);
	sim_disk_hook(k.disk, NULL, NULL);
	sim_env_close(u.senv);
	sim_env_close(o.senv);
	kit_stop(&k);
}

/* Catalogue entries that cannot be read may use a template; who wants to delete it removes them first. */
static void damage(void)
{
	u32 a, b, root;

	kit_start(&k, FRAMES, BLOCKS, 0);
	NEED(!add(&k, "a", 0, &a) && !add(&k, "b", a, &b) && !kit_detach(&k, 0));
	sim_disk_poke(k.disk, 1 + 16 * b, 60, "\xff\xff", 2);
	NEED(!kit_attach(&k, 0) && kit_info(&k).out_bad_templates == 1);
	CHECK(used_by(&k, a, EXO_USED_TEMPLATE, b) && !del(&k, b) && !del(&k, a) && kit_info(&k).out_bad_templates == 0);
	NEED(!kit_root_add(&k, "one", k.tmpl, EXO_NOBLOCK, 1, 0, &root, NULL) && !kit_sync(&k, root) && !add(&k, "a", 0, &a) &&
	     !kit_detach(&k, 0));
	sim_disk_poke(k.disk, 1 + 16 * 64 + root / 8, root % 8 * 512 + 20, "\xff\xff", 2);
	NEED(!kit_attach(&k, 0) && kit_info(&k).out_quarantined == 1);
	CHECK(used_by(&k, a, EXO_USED_ROOT, root) && used_by(&k, k.tmpl, EXO_USED_ROOT, root));
	CHECK(!root_del(&k, root) && !kit_sync(&k, EXO_NOROOT) && !del(&k, a) && !del(&k, k.tmpl) && kit_info(&k).out_templates == 0);
	kit_stop(&k);
}

static void memory(void)
{
	u32 a, n;
	int err = -1;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!add(&k, "a", 0, &a));
	for (n = 1; err && n < 100; n++) {
		sim_alloc_fail(n);
		err = del(&k, a);
		sim_alloc_fail(0);
		CHECK(!err || (err == -ENOMEM && k.reason == EXO_R_NOMEM && known(&k, a) == 1));
	}
	CHECK(!err && n > 2 && known(&k, a) == 0);
	kit_stop(&k);
}

int main(void)
{
	rules();
	numbers();
	cuts(0);
	cuts(SIM_VOLATILE);
	devices();
	meanwhile();
	damage();
	memory();
	return check_done();
}
