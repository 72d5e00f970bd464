// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_roots.c: who gets a root, how large it may grow, and who may delete it; and entries on the disk that say what no call would
 * have written.
 */
#include "../../kmod/core/internal.h"
#include "core_kit.h"

#define FRAMES 64u
#define BLOCKS 5000u
#define SHARE 16u /* roots of one owner */

static struct kit k, u;
static struct txn t;

static struct exo_root_add ask(struct kit *who, const char *name, u32 tmpl, u64 start, u64 count)
{
	struct exo_root_add r = {.disk = who->d, .cap = who->cap, .template_id = tmpl, .start = start, .count = count};

	snprintf(r.name, sizeof(r.name), "%s", name);
	return r;
}

static u64 quota_of(u32 root)
{
	struct exo_root_get g = {.disk = k.d, .root = root};

	NEED(!CALL(&k, EXO_NR_ROOT_GET, g));
	return g.out_quota;
}

static u32 quarantine_of(u32 root)
{
	struct exo_root_get g = {.disk = k.d, .root = root};

	NEED(!CALL(&k, EXO_NR_ROOT_GET, g));
	return g.out_quarantine;
}

static int del(struct kit *who, u32 root)
{
	struct exo_root_del q = {.disk = who->d, .cap = who->cap, .root = root};

	return CALL(who, EXO_NR_ROOT_DEL, q);
}

static void refused(int line, struct kit *who, struct exo_root_add r, int want, u32 reason, u64 detail)
{
	struct exo_disk_info before = kit_info(&k), after;
	int err = CALL(who, EXO_NR_ROOT_ADD, r);

	CHECK_MSG(err == want && who->reason == reason && who->detail == detail, "line %d: %d, reason %u, detail %llu", line, err,
		  who->reason, (unsigned long long)who->detail);
	after = kit_info(&k);
	CHECK_MSG(before.out_roots == after.out_roots && before.out_free == after.out_free, "line %d", line);
}
#define REFUSED(...) refused(__LINE__, __VA_ARGS__)

static void start(u64 quota)
{
	kit_start(&k, FRAMES, BLOCKS, 0);
	if (quota) {
		NEED(!kit_detach(&k, 0) && !kit_format(&k, quota) && !kit_attach(&k, 0));
		kit_template(&k);
	}
	u = kit_as(&k, &kit_user);
}

static void stop(void)
{
	sim_env_close(u.senv);
	kit_stop(&k);
}

static void form(void)
{
	struct exo_root_add r;
	u32 root;
	u64 at;

	start(0);
	r = ask(&u, "", 0, EXO_NOBLOCK, 1);
	REFUSED(&u, r, -EINVAL, EXO_R_NAME, 0);
	r = ask(&u, "r", 0, EXO_NOBLOCK, 1);
	r.root_flags = EXO_ROOT_KNOWN + 1;
	REFUSED(&u, r, -EOPNOTSUPP, EXO_R_FLAGS, EXO_ROOT_KNOWN + 1);
	r.root_flags = 0;
	r.cap = 30;
	REFUSED(&u, r, -EACCES, EXO_R_SLOT, 30);
	REFUSED(&u, ask(&u, "r", EXO_MAX_TEMPLATES - 1, EXO_NOBLOCK, 1), -ENOENT, EXO_R_NO_TEMPLATE, EXO_MAX_TEMPLATES - 1);
	REFUSED(&u, ask(&u, "r", EXO_MAX_TEMPLATES, EXO_NOBLOCK, 1), -ENOENT, EXO_R_NO_TEMPLATE, EXO_MAX_TEMPLATES);
	REFUSED(&u, ask(&u, "r", 1u << 20, EXO_NOBLOCK, 1), -ENOENT, EXO_R_NO_TEMPLATE, 1u << 20);
	/* Users share through an acl or not at all. */
	r = ask(&u, "r", 0, EXO_NOBLOCK, 1);
	r.root_flags = EXO_ROOT_SHARED;
	REFUSED(&u, r, -EINVAL, EXO_R_FLAGS, EXO_ROOT_SHARED);
	r.template_id = k.tmpl;
	REFUSED(&u, r, -EINVAL, EXO_R_FLAGS, EXO_ROOT_SHARED);
	REFUSED(&u, ask(&u, "r", 0, EXO_NOBLOCK, 0), -EINVAL, EXO_R_RANGE, 0);
	REFUSED(&u, ask(&u, "r", k.tmpl, EXO_NOBLOCK, 0), -EINVAL, EXO_R_RANGE, 0);
	REFUSED(&u, ask(&u, "r", k.tmpl, EXO_NOBLOCK, 9), -EINVAL, EXO_R_RANGE, 9);
	REFUSED(&u, ask(&u, "r", 0, EXO_NOBLOCK, BLOCKS), -EBUSY, EXO_R_NOT_FREE, EXO_NOBLOCK);
	REFUSED(&u, ask(&u, "r", 0, EXO_NOBLOCK, ~0ull), -EBUSY, EXO_R_NOT_FREE, EXO_NOBLOCK);
	REFUSED(&u, ask(&u, "r", 0, 0, 1), -EINVAL, EXO_R_RANGE, 0);
	REFUSED(&u, ask(&u, "r", 0, BLOCKS - 2, 2), -EINVAL, EXO_R_RANGE, BLOCKS - 2);
	REFUSED(&u, ask(&u, "r", 0, ~0ull - 1, 2), -EINVAL, EXO_R_RANGE, ~0ull - 1);
	r = ask(&u, "r", 0, 3000, 4);
	r.quota = 3;
	REFUSED(&u, r, -EDQUOT, EXO_R_QUOTA, 3);
	r.quota = 4;
	CHECK(!CALL(&u, EXO_NR_ROOT_ADD, r));
	REFUSED(&k, ask(&k, "r", 0, EXO_NOBLOCK, 1), -EEXIST, EXO_R_ROOT_EXISTS, r.out_root);
	REFUSED(&k, ask(&k, "s", 0, 3003, 2), -EBUSY, EXO_R_NOT_FREE, 3003);
	REFUSED(&k, ask(&k, "s", 0, 2999, 2), -EBUSY, EXO_R_NOT_FREE, 3000);
	CHECK(!kit_root_add(&k, "s", k.tmpl, EXO_NOBLOCK, 8, 0, &root, &at));
	/* Freed, and its entry still on the disk. */
	CHECK(!kit_sync(&k, EXO_NOROOT) && !del(&u, r.out_root));
	REFUSED(&k, ask(&k, "t", 0, 3001, 1), -EBUSY, EXO_R_NEEDS_FREE, 3001);
	/* The name is free at once. */
	CHECK(!kit_root_add(&u, "r", 0, EXO_NOBLOCK, 1, 0, &root, NULL) && root != r.out_root);
	CHECK(!kit_sync(&k, EXO_NOROOT) && !kit_root_add(&k, "t", 0, 3001, 1, 0, NULL, NULL));
	stop();
}

/* A user's share of the catalogue is small; root's is what there is. */
static void shares(void)
{
	struct kit o;
	char name[16];
	u32 i;

	start(0);
	o = kit_as(&k, &kit_other);
	for (i = 0; i < SHARE; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		CHECK(!kit_root_add(&u, name, 0, EXO_NOBLOCK, 1, 0, NULL, NULL));
	}
	REFUSED(&u, ask(&u, "one more", 0, EXO_NOBLOCK, 1), -ENOSPC, EXO_R_ROOTS_FULL, SHARE);
	CHECK(!kit_root_add(&o, "other", 0, EXO_NOBLOCK, 1, 0, NULL, NULL));
	for (i = SHARE + 1; i < EXO_MAX_ROOTS; i++) {
		snprintf(name, sizeof(name), "k%u", i);
		CHECK(!kit_root_add(&k, name, 0, EXO_NOBLOCK, 1, 0, NULL, NULL));
	}
	REFUSED(&k, ask(&k, "one more", 0, EXO_NOBLOCK, 1), -ENOSPC, EXO_R_ROOTS_FULL, EXO_MAX_ROOTS);
	REFUSED(&o, ask(&o, "one more", 0, EXO_NOBLOCK, 1), -ENOSPC, EXO_R_ROOTS_FULL, EXO_MAX_ROOTS);
	sim_env_close(o.senv);
	stop();
}

/* The disk's quota for users: no root of theirs has more, none of root's is bound by it; and it holds for what the tree grows. */
static void quotas(void)
{
	static const struct {
		u64 asked, got;
	} want[] = {{0, 10}, {10, 10}, {11, 10}, {~0ull, 10}, {9, 9}};
	struct exo_root_add r;
	char name[16];
	u64 at, b = 2000;
	u32 i, frame;

	start(10);
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		snprintf(name, sizeof(name), "u%u", i);
		r = ask(&u, name, k.tmpl, EXO_NOBLOCK, 1);
		r.quota = want[i].asked;
		NEED(!CALL(&u, EXO_NR_ROOT_ADD, r));
		CHECK(quota_of(r.out_root) == want[i].got);
		at = r.out_start;
		NEED(!kit_bind(&u, r.out_root, EXO_NOBLOCK, 0, (struct exo_claim){at, 1, k.tmpl, 0}, EXO_RIGHT_READ, 0, &frame));
		txn_slot(&t, at, kit_version(&u, at), 0, 0, (struct slot){b, (u32)want[i].got, 0, 0, 0});
		txn_decl(&t, EXO_DECL_ALLOC, 0, b, want[i].got);
		CHECK(txn_go(&u, &t) == -EDQUOT && u.reason == EXO_R_QUOTA && u.detail == want[i].got - 1);
		txn_slot(&t, at, kit_version(&u, at), 0, 0, (struct slot){b, (u32)want[i].got - 1, 0, 0, 0});
		txn_decl(&t, EXO_DECL_ALLOC, 0, b, want[i].got - 1);
		CHECK(!txn_go(&u, &t));
		b += want[i].got;
	}
	REFUSED(&u, ask(&u, "large", 0, EXO_NOBLOCK, 11), -EDQUOT, EXO_R_QUOTA, 10);
	r = ask(&k, "k", 0, EXO_NOBLOCK, 20);
	CHECK(!CALL(&k, EXO_NR_ROOT_ADD, r) && !quota_of(r.out_root));
	r = ask(&k, "l", 0, EXO_NOBLOCK, 20);
	r.quota = 30;
	CHECK(!CALL(&k, EXO_NR_ROOT_ADD, r) && quota_of(r.out_root) == 30);
	/* As before after an attach. */
	CHECK(!kit_sync(&k, EXO_NOROOT));
	sim_env_close(u.senv);
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, EXO_ATTACH_WALK) && quota_of(r.out_root) == 30);
	u = kit_as(&k, &kit_user);
	REFUSED(&u, ask(&u, "large", 0, EXO_NOBLOCK, 11), -EDQUOT, EXO_R_QUOTA, 10);
	stop();
}

static void deletion(void)
{
	struct exo_claim c;
	struct kit o;
	u64 at;
	u32 root, frame;

	start(0);
	o = kit_as(&k, &kit_other);
	NEED(!kit_root_add(&u, "r", k.tmpl, EXO_NOBLOCK, 1, EXO_ROOT_PUBLIC_READ, &root, &at) && !kit_sync(&k, EXO_NOROOT));
	CHECK(del(&u, root + 1) == -ENOENT && u.reason == EXO_R_NO_ROOT && u.detail == root + 1);
	CHECK(del(&u, EXO_MAX_ROOTS) == -ENOENT && u.reason == EXO_R_NO_ROOT);
	CHECK(del(&u, ~0u) == -ENOENT && u.reason == EXO_R_NO_ROOT);
	/* Who may read it may not delete it. */
	CHECK(del(&o, root) == -EACCES && o.reason == EXO_R_CAP && o.detail == root);
	c = (struct exo_claim){at, 1, k.tmpl, 0};
	NEED(!kit_bind(&o, root, EXO_NOBLOCK, 0, c, EXO_RIGHT_READ, 0, &frame));
	CHECK(del(&u, root) == -EBUSY && u.reason == EXO_R_IN_USE && u.detail == 1);
	NEED(!kit_bind(&u, root, EXO_NOBLOCK, 0, c, EXO_RIGHT_READ, 0, &frame));
	CHECK(del(&u, root) == -EBUSY && u.reason == EXO_R_IN_USE && u.detail == 1);
	NEED(!kit_unbind(&o, frame));
	/* What the caller itself has bound is its own business, and gone. */
	CHECK(!del(&u, root) && kit_unbind(&u, frame) == -EINVAL);
	CHECK(del(&u, root) == -ENOENT && u.reason == EXO_R_NO_ROOT);
	CHECK(kit_bind(&u, root, EXO_NOBLOCK, 0, c, EXO_RIGHT_READ, 0, &frame) == -ENOENT && u.reason == EXO_R_NO_ROOT);
	sim_env_close(o.senv);
	stop();
}

/* The entry as it would be sealed, with one thing wrong; the other root works on. */
static void forged(void (*wrong)(struct exo_root_head *), u32 want)
{
	struct exo_root_head h;
	struct exo_layout l;
	u8 s[EXO_SECTOR_SIZE];
	u32 root, other, walk, offset;
	u64 block, at;

	for (walk = 0; walk < 2; walk++) {
		start(0);
		NEED(!kit_root_add(&u, "r", k.tmpl, 3000, 2, 0, &root, NULL));
		NEED(!kit_root_add(&u, "other", 0, 3100, 4, 0, &other, &at));
		NEED(!kit_sync(&k, EXO_NOROOT));
		NEED(!kit_detach(&k, 0));
		exo_layout(BLOCKS, &l);
		block = l.roots + root / EXO_SECTORS;
		offset = root % EXO_SECTORS * EXO_SECTOR_SIZE;
		sim_disk_peek(k.disk, block, offset, s, sizeof(s));
		NEED(exo_root_get_entry(&h, s) == 1);
		wrong(&h);
		exo_root_put(&h, s);
		sim_disk_poke(k.disk, block, offset, s, sizeof(s));
		NEED(!kit_attach(&k, walk ? EXO_ATTACH_WALK : 0));
		CHECK(quarantine_of(root) == want && !quarantine_of(other));
		CHECK(kit_bind(&k, root, EXO_NOBLOCK, 0, (struct exo_claim){3000, 2, k.tmpl, 0}, EXO_RIGHT_READ, 0,
			       (u32[2]){0}) == -EUCLEAN && k.reason == EXO_R_QUARANTINED);
		CHECK(!kit_bind(&u, other, EXO_NOBLOCK, 0, (struct exo_claim){at, 4, 0, 0}, EXO_RIGHT_ALL, 0, (u32[4]){0}));
		/* An entry of which nothing is believed has no owner but root. */
		if (want == EXO_QUARANTINE_ENTRY)
			CHECK(del(&u, root) == -EACCES);
		/* What it may have owned comes back with it. */
		CHECK(!del(&k, root) && !kit_sync(&k, EXO_NOROOT) && kit_info(&k).out_held == 0 && kit_free(&k, 3001));
		stop();
	}
}

static void outside(struct exo_root_head *h)
{
	h->start = BLOCKS - 1;
}

static void catalogue(struct exo_root_head *h)
{
	h->start = 1;
}

static void wraps(struct exo_root_head *h)
{
	h->start = ~0ull;
}

static void empty(struct exo_root_head *h)
{
	h->count = 0;
}

static void long_one(struct exo_root_head *h)
{
	h->count = 9;
}

static void name(struct exo_root_head *h)
{
	h->name[0] = 7;
}

static void owner(struct exo_root_head *h)
{
	h->owner.depth = EXO_CAP_DEPTH + 1;
}

static void rights(struct exo_root_head *h)
{
	h->owner.rights = EXO_RIGHT_READ;
}

static void flags(struct exo_root_head *h)
{
	h->flags = EXO_ROOT_KNOWN + 1;
}

static void kind(struct exo_root_head *h)
{
	h->tmpl = EXO_MAX_TEMPLATES;
}

static void no_kind(struct exo_root_head *h)
{
	h->tmpl = EXO_MAX_TEMPLATES - 1;
}

int main(void)
{
	form();
	shares();
	quotas();
	deletion();
	forged(outside, EXO_QUARANTINE_ENTRY);
	forged(catalogue, EXO_QUARANTINE_ENTRY);
	forged(wraps, EXO_QUARANTINE_ENTRY);
	forged(empty, EXO_QUARANTINE_ENTRY);
	forged(long_one, EXO_QUARANTINE_ENTRY);
	forged(name, EXO_QUARANTINE_ENTRY);
	forged(owner, EXO_QUARANTINE_ENTRY);
	forged(rights, EXO_QUARANTINE_ENTRY);
	forged(flags, EXO_QUARANTINE_ENTRY);
	forged(kind, EXO_QUARANTINE_ENTRY);
	forged(no_kind, EXO_QUARANTINE_TEMPLATE);
	return check_done();
}
