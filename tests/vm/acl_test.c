// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * acl_test DISK UDF.o: two users of group 2000 share a root whose template is udf/example_owned.c. Run as root; formats
 * DISK. An environment's identity is that of its opener, so one process opens one for each user and drives them all.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libexo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUP 2000
#define MAGIC 0x444e574f
#define PART 512

struct user {
	struct exo *x;
	uint32_t cap, frame; /* slot; frame of the root's block */
};

static uint32_t disk, template, root;
static uint64_t top, data;
static struct exo_why why;
static int failed;

static void check(bool good, const char *name)
{
	printf("%sok - %s\n", good ? "" : "not ", name);
	if (!good)
		printf("# %s, detail 0x%llx: %s\n", exo_reason_name(why.code), (unsigned long long)why.detail, why.text);
	failed += !good;
}

static void need(bool good, const char *what)
{
	if (good)
		return;
	printf("not ok - cannot go on: %s: %s\n", what, why.text);
	exit(1);
}

static struct user open_as(uid_t uid, bool in_group)
{
	gid_t groups[2] = {uid, GROUP};
	struct exo_cap caps[EXO_MAX_CAPS];
	struct user u = {0};
	uint32_t i;

	need(!setgroups(1 + in_group, groups) && !setegid(uid) && !seteuid(uid), "become the user");
	need(!exo_open(&u.x, NULL, &why), "open");
	need(!seteuid(0) && !setegid(0) && !setgroups(0, NULL), "become root again");
	need(exo_cap_list(u.x, caps) > 0, "capabilities");
	for (i = 0; i < EXO_MAX_CAPS; i++)
		if (caps[i].rights && caps[i].name[0] == (in_group ? EXO_CAP_NS_GID : EXO_CAP_NS_UID) &&
		    caps[i].name[1] == (in_group ? GROUP : uid))
			u.cap = i;
	return u;
}

static uint32_t code(int err)
{
	return err == -EPERM && why.code == EXO_R_ACL && EXO_ACL_BLOCK(why.detail) == top ? EXO_ACL_CODE(why.detail) : 0;
}

static int see_top(struct user *u)
{
	struct exo_bind b = {.disk = disk, .cap = u->cap, .root = root, .parent = EXO_NOBLOCK, .claim = {top, 1, template, 0},
			     .first = top, .count = 1, .rights = EXO_RIGHT_READ, .frames = (uintptr_t)&u->frame};

	return exo_bind(u->x, &b, 0, &why);
}

static int edit(struct user *u, uint32_t offset, const void *bytes, uint32_t len, uint32_t op)
{
	struct exo_edit e = {.block = top, .offset = offset, .len = len, .bytes = (uintptr_t)bytes};
	struct exo_decl d = {.op = op, .start = data, .count = 1};
	struct exo_txn t = {.disk = disk, .cap = u->cap, .nedits = 1, .ndecls = op != 0, .edits = (uintptr_t)&e,
			    .decls = (uintptr_t)&d};

	e.version = exo_version(exo_view(u->x), u->frame);
	return exo_txn(u->x, &t, &why);
}

static int set_mode(struct user *u, uint32_t mode)
{
	return edit(u, 12, &mode, 4, 0);
}

static int bind_data(struct user *u, uint32_t rights, uint32_t *frame)
{
	struct exo_bind b = {.disk = disk, .cap = u->cap, .parent = top, .claim = {data, 1, 0, 0}, .first = data, .count = 1,
			     .rights = rights, .frames = (uintptr_t)frame};

	return exo_bind(u->x, &b, 0, &why);
}

static int transfer(struct user *u, uint32_t flags)
{
	uint32_t frame;
	struct exo_io io = {.disk = disk, .cap = u->cap, .parent = top, .claim = {data, 1, 0, 0}, .first = data, .count = 1,
			    .frames = (uintptr_t)&frame};
	struct exo_why ignored;
	int err;

	need(exo_frame_alloc(u->x, 1, &frame, EXO_FRAME_ANY, &why) >= 0, "a frame");
	err = exo_io(u->x, &io, flags, &why);
	exo_frame_free(u->x, 1, &frame, &ignored);
	return err;
}

static void install(struct user *alice, const char *path)
{
	static uint64_t owns[EXO_MAX_INSNS], acl[EXO_MAX_INSNS];
	struct exo_template_get g = {.insns = (uintptr_t)owns, .max_insns = EXO_MAX_INSNS, .acl_insns = (uintptr_t)acl,
				     .max_acl_insns = EXO_MAX_INSNS};
	struct exo_root_add r = {.cap = alice->cap, .name = "shared", .start = EXO_NOBLOCK, .count = 1};
	struct exo_udf_code c;

	need(!exo_udf_read(path, &c, &why), "read the UDF");
	r.disk = g.disk = disk;
	check(!exo_template_add(alice->x, disk, alice->cap, &c, 0, NULL, &template, NULL, 0, &why),
	      "an ordinary user installs both programs");
	g.template_id = r.template_id = template;
	check(!exo_template_get(alice->x, &g, &why) && g.out_acl_ninsns == c.nacl && !memcmp(acl, c.acl, c.nacl * 8) &&
		      !memcmp(owns, c.insns, c.ninsns * 8),
	      "TEMPLATE_GET gives both back");
	exo_udf_free(&c);
	check(!exo_root_add(alice->x, &r, &why), "a root of the group's capability");
	root = r.out_root;
	top = r.out_start;
}

static void edits(struct user *alice, struct user *bob, struct user *admin)
{
	uint32_t o[16] = {MAGIC, 1, 1001, 0, GROUP}, i;
	static const char zero[PART];
	char before[PART];

	need(exo_free_exact(exo_freemap(admin->x, disk), 3000, 1, &data), "a free block");
	memcpy(&o[8], &data, 8);
	o[10] = 1;
	check(code(edit(alice, 0, o, sizeof(o), EXO_DECL_ALLOC)) == 2, "a partition cannot be taken in another's name");
	o[2] = 1000;
	check(!edit(alice, 0, o, sizeof(o), EXO_DECL_ALLOC), "its owner takes a partition and a block");
	memcpy(before, exo_frame_ptr(exo_view(bob->x), bob->frame), PART);
	check(code(set_mode(bob, 7)) == 1, "another of the group cannot change the mode");
	i = 1001;
	check(code(edit(bob, 8, &i, 4, 0)) == 1, "or the owner");
	check(code(edit(bob, 0, zero, PART, EXO_DECL_FREE)) == 1, "or free its block");
	check(code(set_mode(admin, 7)) == 1, "nor can root, whom the program gives no such right");
	check(!memcmp(before, exo_frame_ptr(exo_view(bob->x), bob->frame), PART), "and nothing has changed");
}

static void bindings(struct user *alice, struct user *bob, struct user *carol)
{
	uint32_t frame;

	check(code(bind_data(bob, EXO_RIGHT_READ, &frame)) == 3, "mode 0: no binding to read for the group");
	check(code(transfer(bob, 0)) == 3, "and no transfer");
	need(!set_mode(alice, 2), "mode 2");
	check(!bind_data(bob, EXO_RIGHT_READ, &frame) && !exo_unbind(bob->x, 1, &frame, &why), "mode 2: the group reads");
	check(code(bind_data(bob, EXO_RIGHT_ALL, &frame)) == 4 && code(transfer(bob, EXO_IO_WRITE)) == 4,
	      "and does not write");
	need(!set_mode(alice, 4), "mode 4");
	check(!bind_data(bob, EXO_RIGHT_ALL, &frame), "mode 4: the group writes");
	strcpy(exo_frame_ptr(exo_view(bob->x), frame), "bob was here");
	need(!exo_unbind(bob->x, 1, &frame, &why), "unbind");
	need(!bind_data(alice, EXO_RIGHT_ALL, &frame), "the owner binds");
	check(!strcmp(exo_frame_ptr(exo_view(alice->x), frame), "bob was here"), "the owner reads what was written");
	need(!exo_unbind(alice->x, 1, &frame, &why), "unbind");
	need(!set_mode(alice, 7), "mode 7");
	check(bind_data(carol, EXO_RIGHT_READ, &frame) == -EACCES && why.code == EXO_R_CAP,
	      "an acl that allows does not stand in for a capability");
	need(!set_mode(alice, 0), "mode 0");
}

/* One bit of the acl's code, on the device. */
static bool damage(const char *path, uint32_t ninsns)
{
	off_t at = (1 + 16 * (off_t)template + 1) * EXO_BLOCK_SIZE + ninsns * 8 + 4;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char c;
	bool done = fd >= 0 && pread(fd, &c, 1, at) == 1;

	c ^= 1;
	done = done && pwrite(fd, &c, 1, at) == 1 && !fsync(fd);
	if (fd >= 0)
		close(fd);
	return done;
}

static void let_go(struct user *u)
{
	need(!exo_unbind(u->x, 1, &u->frame, &why), "unbind the root's block");
}

int main(int argc, char **argv)
{
	struct exo_template_get g = {0};
	struct exo_disk_info info;
	struct user admin = {0}, alice, bob, carol;
	uint32_t frame;

	if (argc != 3) {
		fprintf(stderr, "usage: acl_test DISK UDF.o\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	need(!exo_open(&admin.x, NULL, &why) && !exo_format(admin.x, argv[1], 0, &why) &&
		     !exo_attach(admin.x, argv[1], 0, &disk, &why), "a disk");
	admin.cap = exo_cap_admin(admin.x);
	alice = open_as(1000, true);
	bob = open_as(1001, true);
	carol = open_as(1002, false);
	install(&alice, argv[2]);
	need(!see_top(&alice) && !see_top(&bob) && !see_top(&admin), "bind the root's block");
	edits(&alice, &bob, &admin);
	bindings(&alice, &bob, &carol);

	need(exo_sync(admin.x, disk, EXO_NOROOT, &why) >= 0, "sync");
	let_go(&alice), let_go(&bob), let_go(&admin);
	need(!exo_detach(admin.x, disk, 0, &why) && !exo_attach(admin.x, argv[1], EXO_ATTACH_WALK, &disk, &why), "again");
	need(!see_top(&alice) && !see_top(&bob), "bind the root's block again");
	check(code(set_mode(&bob, 7)) == 1 && code(bind_data(&bob, EXO_RIGHT_READ, &frame)) == 3 && !set_mode(&alice, 1) &&
		      !bind_data(&bob, EXO_RIGHT_READ, &frame),
	      "after another attach the acl decides as before");
	let_go(&alice), let_go(&bob);
	need(!exo_unbind(bob.x, 1, &frame, &why), "unbind");

	g.disk = disk;
	g.template_id = template;
	need(!exo_template_get(admin.x, &g, &why) && !exo_detach(admin.x, disk, 0, &why), "detach");
	need(damage(argv[1], g.out_ninsns), "damage the acl");
	need(!exo_attach(admin.x, argv[1], 0, &disk, &why), "attach the damaged disk");
	check(!exo_disk_info(admin.x, disk, &info, &why) && info.out_bad_templates == 1 && info.out_quarantined == 1,
	      "a damaged acl quarantines the root");
	check(see_top(&alice) == -EUCLEAN && why.code == EXO_R_QUARANTINED, "which nobody uses without it");
	need(!exo_detach(admin.x, disk, 0, &why), "detach");
	exo_close(alice.x);
	exo_close(bob.x);
	exo_close(carol.x);
	exo_close(admin.x);
	return failed != 0;
}
