// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_gates.c: what a metadata type must pass before anybody's metadata is of it: the form of the call, the gates, and all of it
 * again at each attach, where a template that fails stays in its slot without a program and its roots are quarantined. And what makes
 * two of them the same one.
 */
#include "../../kmod/core/internal.h"
#include "../udf/insn.h"
#include "core_kit.h"

#define FRAMES 64u
#define BLOCKS 5000u

/* One block, from the words at 8 and 16; and that it is well formed, always. */
static const u64 good[] = {REGION(1, 0, 0), REGION(2, 1, 0), LDX_(SZ_W, 3, 1, 8), STX_(SZ_D, 2, 3, 0),
			   LDX_(SZ_W, 3, 1, 16), STX_(SZ_W, 2, 3, 8), MOV(0, 0), EXIT};
#define WORD_AT 5u /* the instruction that reads the first word */

static struct kit k;

static struct exo_template_add ask(const char *name, const u64 *insns, u32 n)
{
	struct exo_template_add a = {.disk = k.d, .cap = k.cap, .partition = PART, .insns = (uintptr_t)insns, .ninsns = n};

	snprintf(a.name, sizeof(a.name), "%s", name);
	return a;
}
#define ASK(name, insns) ask(name, insns, sizeof(insns) / 8)

static u32 id_of(struct exo_template_add a)
{
	NEED(!CALL(&k, EXO_NR_TEMPLATE_ADD, a));
	return a.out_template;
}

static void refused(int line, struct exo_template_add a, int want, u32 reason, u64 detail)
{
	u32 before = kit_info(&k).out_templates;
	s64 live = sim_alloc_live();
	u64 udfs = k.core->stats->udfs;
	int err = CALL(&k, EXO_NR_TEMPLATE_ADD, a);

	CHECK_MSG(err == want && k.reason == reason && k.detail == detail && !a.out_template, "line %d: %d, reason %u, detail %llu",
		  line, err, k.reason, (unsigned long long)k.detail);
	CHECK_MSG(sim_alloc_live() == live && k.core->stats->udfs == udfs, "line %d", line);
	CHECK(kit_info(&k).out_templates == before);
}
#define REFUSED(...) refused(__LINE__, __VA_ARGS__)

static void form(void)
{
	static const u32 sizes[] = {0, 1, 256, 511, 513, 600, 1023, 1536, 8192, ~0u};
	struct exo_template_add a;
	char log[256];
	u32 i;

	kit_start(&k, FRAMES, BLOCKS, SIM_SECTOR_4K);
	for (i = 0; i < sizeof(sizes) / 4; i++) {
		a = ASK("t", good);
		a.partition = sizes[i];
		REFUSED(a, -EINVAL, EXO_R_PARTITION, sizes[i]);
	}
	a = ASK("", good);
	REFUSED(a, -EINVAL, EXO_R_NAME, 0);
	a = ASK("t\n", good);
	REFUSED(a, -EINVAL, EXO_R_NAME, 0);
	a = ask("t", good, 0);
	REFUSED(a, -EINVAL, EXO_R_UDF_LENGTH, 0);
	a = ask("t", good, EXO_MAX_INSNS + 1);
	REFUSED(a, -EINVAL, EXO_R_UDF_LENGTH, EXO_MAX_INSNS + 1);
	a = ASK("t", good);
	a.acl_insns = (uintptr_t)good;
	REFUSED(a, -EINVAL, EXO_R_UDF_LENGTH, 0);
	a.acl_ninsns = EXO_MAX_INSNS + 1;
	REFUSED(a, -EINVAL, EXO_R_UDF_LENGTH, EXO_MAX_INSNS + 1);
	a = ASK("t", good);
	a.nrefs = EXO_MAX_REFS + 1;
	REFUSED(a, -EINVAL, EXO_R_RANGE, EXO_MAX_REFS + 1);
	a.nrefs = 1;
	REFUSED(a, -ENOENT, EXO_R_NO_TEMPLATE, 0);
	a.refs[0] = EXO_MAX_TEMPLATES;
	REFUSED(a, -ENOENT, EXO_R_NO_TEMPLATE, EXO_MAX_TEMPLATES);
	a.refs[0] = EXO_MAX_TEMPLATES - 1;
	REFUSED(a, -ENOENT, EXO_R_NO_TEMPLATE, EXO_MAX_TEMPLATES - 1);
	a.nrefs = 0;
	REFUSED(a, -EOPNOTSUPP, EXO_R_RESERVED, 0);
	a = ASK("t", good);
	a.refs[EXO_MAX_REFS - 1] = 1;
	REFUSED(a, -EOPNOTSUPP, EXO_R_RESERVED, 0);
	a = ASK("t", good);
	a.log = (uintptr_t)log;
	a.log_size = 127;
	REFUSED(a, -EINVAL, EXO_R_RANGE, 127);
	a.log_size = (16u << 20) + 1;
	REFUSED(a, -EINVAL, EXO_R_RANGE, (16u << 20) + 1);
	a = ASK("t", good);
	a.cap = 40;
	REFUSED(a, -EACCES, EXO_R_SLOT, 40);
	a = ASK("t", good);
	a.disk = k.d + 1;
	REFUSED(a, -ENOENT, EXO_R_NO_DISK, k.d + 1);
	for (i = 512; i <= 4096; i *= 2) {
		a = ASK("t", good);
		a.partition = i;
		CHECK(id_of(a));
	}
	kit_stop(&k);
}

/* Each gate by itself, for the first program and the second; a program that had passed by then is gone again. */
static void gates(void)
{
	static const u64 call[] = {REGION(1, 0, 0), REGION(2, 1, 0), INSN(0x85, 0, 0, 0, 5), MOV(0, 0), EXIT};
	static const u64 wild[] = {REGION(1, 0, 0), REGION(2, 1, 0), LDX_(SZ_W, 3, 1, PART), MOV(0, 0), EXIT};
	static const u64 malformed[] = {REGION(1, 0, 0), REGION(2, 1, 0), MOV(0, 1), EXIT};
	static const u64 greedy[] = {REGION(2, 1, 0), MOV(3, 1), STX_(SZ_W, 2, 3, 63 * 16 + 8), MOV(0, 0), EXIT};
	static const u64 acl[] = {MOV(0, 0), EXIT}, acl_wild[] = {REGION(1, 0, 0), LDX_(SZ_W, 0, 1, 1 << 14), EXIT};
	struct exo_template_add a = ASK("t", good);
	char log[256];

	kit_start(&k, FRAMES, BLOCKS, 0);
	a = ASK("t", call);
	REFUSED(a, -EPERM, EXO_R_UDF_SCAN, 4ull << 32 | EXO_SCAN_HELPER);
	a = ASK("t", wild);
	CHECK(CALL(&k, EXO_NR_TEMPLATE_ADD, a) == -EPERM && k.reason == EXO_R_UDF_VERIFY);
	/* Zeroes are what new metadata is: well formed, and of nothing. */
	a = ASK("t", malformed);
	REFUSED(a, -EPERM, EXO_R_UDF_ZERO, 0);
	a = ASK("t", greedy);
	REFUSED(a, -EPERM, EXO_R_UDF_ZERO, 0);
	a = ASK("t", good);
	a.acl_insns = (uintptr_t)call;
	a.acl_ninsns = sizeof(call) / 8;
	CHECK(CALL(&k, EXO_NR_TEMPLATE_ADD, a) == -EPERM && k.reason == EXO_R_UDF_SCAN &&
	      k.detail >> 32 >= sizeof(good) / 8);
	a.acl_insns = (uintptr_t)acl_wild;
	a.acl_ninsns = sizeof(acl_wild) / 8;
	CHECK(CALL(&k, EXO_NR_TEMPLATE_ADD, a) == -EPERM && k.reason == EXO_R_UDF_VERIFY && (k.detail & EXO_UDF_ACL));
	/* Memory that is the caller's. */
	a = ASK("t", good);
	sim_user_bad(good, sizeof(good));
	REFUSED(a, -EFAULT, EXO_R_POINTER, (uintptr_t)good);
	sim_user_clear();
	a = ASK("t", good);
	a.acl_insns = (uintptr_t)acl;
	a.acl_ninsns = sizeof(acl) / 8;
	sim_user_bad(acl, sizeof(acl));
	REFUSED(a, -EFAULT, EXO_R_POINTER, (uintptr_t)acl);
	sim_user_clear();
	a = ASK("t", wild);
	a.log = (uintptr_t)log;
	a.log_size = sizeof(log);
	sim_user_bad(log, sizeof(log));
	REFUSED(a, -EFAULT, EXO_R_POINTER, (uintptr_t)log);
	sim_user_clear();
	/* A partition that the device may tear. */
	a = ASK("t", good);
	a.partition = 1024;
	REFUSED(a, -EINVAL, EXO_R_PARTITION, 1024);
	a.partition = PART;
	CHECK(id_of(a));
	kit_stop(&k);
}

/* The same in everything is the same one; any difference makes another. */
static void same(void)
{
	static const u64 acl[] = {MOV(0, 0), EXIT}, no[] = {MOV(0, 1), EXIT};
	struct exo_template_add a;
	u32 first, ids[8], n = 0, i, j;

	kit_start(&k, FRAMES, BLOCKS, SIM_SECTOR_4K);
	first = ids[n++] = id_of(ASK("t", good));
	CHECK(id_of(ASK("t", good)) == first);
	ids[n++] = id_of(ASK("u", good));
	a = ASK("t", good);
	a.partition = 1024;
	ids[n++] = id_of(a);
	a = ASK("t", good);
	a.nrefs = 1;
	a.refs[0] = k.tmpl;
	ids[n++] = id_of(a);
	a.refs[0] = first;
	ids[n++] = id_of(a);
	a.refs[1] = k.tmpl;
	a.nrefs = 2;
	ids[n++] = id_of(a);
	a = ASK("t", good);
	a.acl_insns = (uintptr_t)acl;
	a.acl_ninsns = 2;
	ids[n++] = id_of(a);
	CHECK(id_of(a) == ids[n - 1]);
	a.acl_insns = (uintptr_t)no;
	ids[n++] = id_of(a);
	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			CHECK(ids[i] != ids[j]);
	kit_stop(&k);
}

/* A user's share of the catalogue is small; root's is what there is. */
static void shares(void)
{
	struct exo_template_add a;
	struct kit u, o;
	char name[16];
	u32 i;

	kit_start(&k, FRAMES, BLOCKS, 0);
	u = kit_as(&k, &kit_user);
	o = kit_as(&k, &kit_other);
	for (i = 0; i <= 16; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		a = ASK(name, good);
		a.cap = u.cap;
		CHECK(CALL(&u, EXO_NR_TEMPLATE_ADD, a) == (i == 16 ? -ENOSPC : 0));
	}
	CHECK(u.reason == EXO_R_TEMPLATES_FULL && u.detail == 16);
	a = ASK("o", good);
	a.cap = o.cap;
	CHECK(!CALL(&o, EXO_NR_TEMPLATE_ADD, a));
	for (i = 18; i < EXO_MAX_TEMPLATES - 1; i++) {
		snprintf(name, sizeof(name), "k%u", i);
		CHECK(id_of(ASK(name, good)));
	}
	a = ASK("one more", good);
	REFUSED(a, -ENOSPC, EXO_R_TEMPLATES_FULL, EXO_MAX_TEMPLATES - 1);
	CHECK(CALL(&o, EXO_NR_TEMPLATE_ADD, a) == -ENOSPC && o.detail == EXO_MAX_TEMPLATES - 1);
	/* What is there is found all the same. */
	CHECK(id_of(ASK("o", good)) && id_of(ASK("u3", good)));
	sim_env_close(u.senv);
	sim_env_close(o.senv);
	kit_stop(&k);
}

/* The code is given as far as there is room, and not a word further. */
static void given(void)
{
	enum { N = sizeof(good) / 8 };
	static const u64 acl[] = {REGION(1, 0, 0), MOV(0, 0), EXIT};
	struct exo_template_add a = ASK("t", good);
	struct exo_template_get g;
	u64 out[N + 1], also[5];
	static const u32 none[] = {0, EXO_MAX_TEMPLATES - 1, EXO_MAX_TEMPLATES, 1u << 20, ~0u};
	u32 id, i, j;

	kit_start(&k, FRAMES, BLOCKS, 0);
	a = ASK("t", good);
	a.acl_insns = (uintptr_t)acl;
	a.acl_ninsns = 4;
	id = id_of(a);
	for (i = 0; i < sizeof(none) / 4; i++) {
		g = (struct exo_template_get){.disk = k.d, .template_id = none[i], .insns = (uintptr_t)out, .max_insns = N};
		CHECK(CALL(&k, EXO_NR_TEMPLATE_GET, g) == -ENOENT && k.reason == EXO_R_NO_TEMPLATE && k.detail == none[i]);
	}
	for (i = 0; i <= N + 1; i++) {
		u32 want = i < N ? i : N, acls = i < 4 ? i : 4;

		memset(out, 0x5a, sizeof(out));
		memset(also, 0x5a, sizeof(also));
		g = (struct exo_template_get){.disk = k.d,
					      .template_id = id,
					      .insns = (uintptr_t)out,
					      .max_insns = i,
					      .acl_insns = (uintptr_t)also,
					      .max_acl_insns = i < 5 ? i : 5};
		CHECK(!CALL(&k, EXO_NR_TEMPLATE_GET, g) && g.out_ninsns == N && g.out_acl_ninsns == 4 && g.out_partition == PART &&
		      !g.out_flags && !strcmp(g.out_name, "t"));
		CHECK(!memcmp(out, good, want * 8) && !memcmp(also, acl, acls * 8));
		for (j = want; j < N + 1; j++)
			CHECK(out[j] == 0x5a5a5a5a5a5a5a5aull);
		for (j = acls; j < 5; j++)
			CHECK(also[j] == 0x5a5a5a5a5a5a5a5aull);
	}
	sim_user_bad(out, sizeof(out));
	CHECK(CALL(&k, EXO_NR_TEMPLATE_GET, g) == -EFAULT && k.reason == EXO_R_POINTER);
	g.insns = 0;
	CHECK(!CALL(&k, EXO_NR_TEMPLATE_GET, g));
	sim_user_clear();
	sim_user_bad(also, sizeof(also));
	CHECK(CALL(&k, EXO_NR_TEMPLATE_GET, g) == -EFAULT && k.reason == EXO_R_POINTER);
	sim_user_clear();
	kit_stop(&k);
}

static u32 flags_of(u32 id)
{
	struct exo_template_get g = {.disk = k.d, .template_id = id};

	NEED(!CALL(&k, EXO_NR_TEMPLATE_GET, g));
	return g.out_flags;
}

/* What became of the template and the two roots, of which the second is of another. */
static void fares(int line, u32 id, u32 bad, u32 root, u32 other)
{
	struct exo_root_get g = {.disk = k.d, .root = root}, h = {.disk = k.d, .root = other};
	u32 flags = flags_of(id);

	NEED(!CALL(&k, EXO_NR_ROOT_GET, g) && !CALL(&k, EXO_NR_ROOT_GET, h));
	CHECK_MSG(flags == (bad ? EXO_TEMPLATE_BAD : 0) && g.out_quarantine == (bad ? EXO_QUARANTINE_TEMPLATE : 0) &&
			  (!bad || g.out_quarantine_detail == id) && !h.out_quarantine && !flags_of(k.tmpl),
		  "line %d: flags %u, quarantine %u %u", line, flags, g.out_quarantine, h.out_quarantine);
}

enum damage { NONE, CODE, HEADER, REFS, UNREADABLE, UNREADABLE_CODE, ZERO };

/* The catalogue on the disk is anybody's: at attach nothing of it is believed. */
static void at_attach(enum damage what, u32 walk)
{
	const u64 other_word = LDX_(SZ_W, 3, 1, 12), not_zero = MOV(0, 1);
	struct exo_tmpl_head h;
	struct exo_layout l;
	u32 id, again, root, other, frame;
	u8 sector[EXO_SECTOR_SIZE];
	u64 slot, at, first = 0, count = 0;

	kit_start(&k, FRAMES, BLOCKS, 0);
	id = id_of(ASK("t", good));
	NEED(!kit_root_add(&k, "one", id, EXO_NOBLOCK, 1, 0, &root, &at));
	NEED(!kit_root_add(&k, "two", k.tmpl, EXO_NOBLOCK, 1, 0, &other, NULL));
	NEED(!kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, 0));
	exo_layout(BLOCKS, &l);
	slot = l.templates + (u64)id * EXO_SLOT_BLOCKS;
	sim_disk_peek(k.disk, slot, 0, sector, sizeof(sector));
	NEED(exo_tmpl_get(&h, sector) == 1);
	switch (what) {
	case NONE:
		break;
	case CODE: /* still a program that passes all gates, but another one */
		NEED(good[WORD_AT - 1] == LDX_(SZ_W, 3, 1, 8));
		sim_disk_poke(k.disk, slot + 1, (WORD_AT - 1) * 8, &other_word, 8);
		break;
	case ZERO: /* with its hash, one that fails the last of them */
		sim_disk_poke(k.disk, slot + 1, (sizeof(good) / 8 - 2) * 8, &not_zero, 8);
		sim_disk_peek(k.disk, slot + 1, 0, sector, sizeof(sector));
		exo_plat_sha256(sector, sizeof(good), h.hash);
		exo_tmpl_put(&h, sector);
		sim_disk_poke(k.disk, slot, 0, sector, sizeof(sector));
		break;
	case HEADER:
		h.partition = 600;
		exo_tmpl_put(&h, sector);
		sim_disk_poke(k.disk, slot, 0, sector, sizeof(sector));
		break;
	case REFS: /* itself by a number, which it has no need for */
		h.nrefs = 1;
		h.refs[0] = id;
		exo_tmpl_put(&h, sector);
		sim_disk_poke(k.disk, slot, 0, sector, sizeof(sector));
		break;
	case UNREADABLE:
		first = slot;
		count = 1;
		break;
	case UNREADABLE_CODE:
		first = slot + 1;
		count = 1;
		break;
	}
	sim_disk_fail(k.disk, SIM_FAIL_READ, first, count, 0, 0);
	NEED(!kit_attach(&k, walk));
	sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
	fares(__LINE__, id, what != NONE, root, other);
	again = id_of(ASK("t", good));
	/* One without a program is not the same as anything. */
	CHECK((again == id) == (what == NONE));
	fares(__LINE__, id, what != NONE, root, other);
	CHECK(kit_bind(&k, root, EXO_NOBLOCK, 0, (struct exo_claim){at, 1, id, 0}, EXO_RIGHT_READ, 0, &frame) ==
	      (what == NONE ? 0 : -EUCLEAN));
	kit_stop(&k);
}

/* Copied to a device with smaller sectors, which would tear its partitions. */
static void smaller_sectors(void)
{
	struct exo_template_add a;
	struct sim_image *img;
	u32 id, root, other;
	u64 at;

	kit_start(&k, FRAMES, BLOCKS, SIM_SECTOR_4K);
	a = ASK("t", good);
	a.partition = 1024;
	id = id_of(a);
	NEED(!kit_root_add(&k, "one", id, EXO_NOBLOCK, 1, 0, &root, &at));
	NEED(!kit_root_add(&k, "two", k.tmpl, EXO_NOBLOCK, 1, 0, &other, NULL));
	NEED(!kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, 0) && !kit_attach(&k, 0));
	fares(__LINE__, id, false, root, other);
	NEED(!kit_detach(&k, 0));
	img = sim_disk_image(k.disk);
	NEED(img);
	sim_disk_free(k.disk);
	k.disk = sim_disk_from(k.path, img, 0);
	sim_image_free(img);
	NEED(k.disk && !kit_attach(&k, 0));
	fares(__LINE__, id, true, root, other);
	kit_stop(&k);
}

int main(void)
{
	enum damage what;

	form();
	gates();
	same();
	shares();
	given();
	for (what = NONE; what <= ZERO; what++) {
		at_attach(what, 0);
		at_attach(what, EXO_ATTACH_WALK);
	}
	smaller_sectors();
	return check_done();
}
