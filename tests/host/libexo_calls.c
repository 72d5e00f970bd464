// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * libexo's calls against kmod/core in the simulator: an administrator and two users with a disk, through the library
 * alone. Says what the library promises: counts, reasons, ranges, the free map after a detach.
 */
#include <errno.h>
#include <string.h>
#include <libexo.h>
#include "../sim/check.h"
#include "../sim/sim.h"

#define BLOCKS 8192
#define FRAMES 512

static struct exo_core *core;
static struct exo *admin, *alice, *bob;

static struct exo *open_as(uint32_t uid, bool is_admin)
{
	struct exo_cred cred = {.uid = uid, .admin = is_admin};
	struct exo *x;

	NEED(!sim_open(core, &cred, &x, NULL));
	return x;
}

static int bind_at(struct exo *x, const struct exo_root_get *r, uint64_t first, uint32_t rights, uint32_t *frame,
		   struct exo_why *why)
{
	struct exo_bind b = {
		.disk = r->disk,
		.cap = exo_cap_user(x),
		.root = r->root,
		.parent = EXO_NOBLOCK,
		.claim = {.start = r->out_start, .count = r->out_count},
		.first = first,
		.count = 1,
		.rights = rights,
		.frames = (uintptr_t)frame,
	};

	return exo_bind(x, &b, 0, why);
}

static void caps(void)
{
	struct exo_cap c[EXO_MAX_CAPS];
	int slot;

	CHECK(exo_cap_list(alice, c) == 1);
	slot = exo_cap_user(alice);
	NEED(slot >= 0);
	CHECK(c[slot].depth == 2 && c[slot].name[0] == EXO_CAP_NS_UID && c[slot].name[1] == 1000 &&
	      c[slot].rights == EXO_RIGHT_ALL);
	CHECK(exo_cap_admin(alice) == -ENOENT);
	CHECK(exo_cap_admin(admin) >= 0);
	CHECK(exo_facts(alice)->out_frames == FRAMES && exo_facts(alice)->out_env != exo_facts(bob)->out_env);
}

static void disks(uint32_t *disk)
{
	struct exo_disk_info info;
	struct exo_why why;
	uint32_t found;

	CHECK(exo_format(alice, "/dev/a", 0, &why) == -EACCES && *why.text && *why.hint);
	CHECK(exo_attach(admin, "/dev/a", 0, disk, &why) == -EUCLEAN && why.code == EXO_R_NOT_EXO &&
	      why.call == EXO_NR_ATTACH);
	CHECK(exo_format(admin, "/dev/none", 0, &why) && why.code == EXO_R_NOT_BLOCKDEV);
	NEED(!exo_format(admin, "/dev/a", 100, &why));
	NEED(!exo_attach(admin, "/dev/a", 0, disk, &why));
	CHECK(exo_attach(admin, "/dev/a", 0, &found, &why) == -EBUSY && why.code == EXO_R_ATTACHED &&
	      why.detail == *disk);
	CHECK(!exo_disk_info(alice, *disk, &info, &why) && info.out_blocks == BLOCKS && info.out_free < BLOCKS);
	CHECK(exo_disk_info(alice, 9, &info, &why) == -ENOENT && why.code == EXO_R_NO_DISK && why.detail == 9);
	CHECK(!exo_disk_find(bob, "/dev/a", &found) && found == *disk);
	CHECK(!exo_disk_find(bob, "0", &found) && found == *disk);
	CHECK(exo_disk_find(bob, "1", &found) == -ENOENT);
	CHECK(exo_disk_find(bob, "99999999999999999999", &found) == -ENOENT);
	CHECK(exo_disk_find(bob, "/dev/b", &found) == -ENOENT);
	CHECK(exo_disk_find(bob, "", &found) == -ENOENT);
	CHECK(exo_contested(bob, *disk, NULL, 0) == 0);
	CHECK(exo_contested(bob, 9, NULL, 0) == -ENOENT);
}

static void roots(uint32_t disk, struct exo_root_get *r)
{
	const struct exo_freemap_head *m = exo_freemap(alice, disk);
	struct exo_root_add a = {
		.disk = disk, .cap = exo_cap_user(alice), .name = "vol", .start = EXO_NOBLOCK, .count = 40};
	struct exo_why why;
	uint64_t at, had;

	NEED(m);
	CHECK(m->blocks == BLOCKS);
	had = m->free;
	CHECK(exo_root_find(alice, disk, "vol", r, &why) == -ENOENT && why.code == EXO_R_NO_ROOT);
	NEED(!exo_root_add(alice, &a, &why));
	CHECK(m->free == had - 40);
	CHECK(!exo_block_free(m, a.out_start) && !exo_block_free(m, a.out_start + 39));
	CHECK(exo_free_run(m, a.out_start, 1, &at) == 1 && at >= a.out_start + 40);
	CHECK(exo_root_add(alice, &a, &why) == -EEXIST && why.code == EXO_R_ROOT_EXISTS);
	strcpy(a.name, "big");
	a.count = 61;
	CHECK(!exo_root_add(alice, &a, &why) || why.code == EXO_R_QUOTA);
	a.count = 101;
	strcpy(a.name, "bigger");
	CHECK(exo_root_add(alice, &a, &why) == -EDQUOT && why.code == EXO_R_QUOTA);
	NEED(!exo_root_find(bob, disk, "vol", r, &why));
	CHECK(r->out_count == 40 && r->out_owner.name[1] == 1000 && !strcmp(r->name, "vol"));
	CHECK(!exo_root_get(bob, disk, r->root, &(struct exo_root_get){.pad = 0}, NULL));
	CHECK(exo_root_del(bob, disk, exo_cap_user(bob), r->root, &why) == -EACCES && why.code == EXO_R_CAP);
}

static void memory(uint32_t disk, const struct exo_root_get *r)
{
	static uint32_t many[FRAMES + 1]; /* the address is tried before the call is refused */
	const struct exo_view *v = exo_view(alice);
	struct exo_run run = {.start = r->out_start, .count = 2};
	struct exo_why why;
	uint64_t version;
	uint32_t frame, own;

	CHECK(bind_at(bob, r, r->out_start, EXO_RIGHT_READ, &frame, &why) == -EACCES && why.code == EXO_R_CAP);
	CHECK(bind_at(alice, r, r->out_start + 40, EXO_RIGHT_READ, &frame, &why) && why.code != EXO_R_NONE);
	NEED(!bind_at(alice, r, r->out_start, EXO_RIGHT_ALL, &frame, &why));
	CHECK(exo_lookup(v, disk, r->out_start, &version) == frame);
	CHECK(exo_unchanged(v, frame, version) && !(version & 1) && exo_version(v, frame) == version);
	CHECK(exo_lookup(v, disk, r->out_start + 1, NULL) == EXO_NOFRAME);
	strcpy(exo_frame_ptr(v, frame), "written through memory");
	CHECK(exo_write(alice, disk, 1, &run, &why) == 1);
	CHECK(exo_write(alice, disk, 1, &run, &why) == 0);
	CHECK(!exo_flush(alice, disk, &why));
	CHECK(exo_read(alice, disk, 1, &run, &why) >= 0);
	CHECK(exo_read(alice, disk, 1, &(struct exo_run){.start = BLOCKS, .count = 1}, &why) == -EINVAL &&
	      why.code == EXO_R_RANGE);
	CHECK(!exo_unbind(alice, 1, &frame, &why));
	CHECK(exo_unbind(alice, 1, &frame, &why) && why.code == EXO_R_FRAME);

	NEED(!exo_frame_alloc(alice, 1, &own, EXO_FRAME_ANY, &why));
	struct exo_io io = {
		.disk = disk,
		.cap = exo_cap_user(alice),
		.root = r->root,
		.parent = EXO_NOBLOCK,
		.claim = {.start = r->out_start, .count = r->out_count},
		.first = r->out_start,
		.count = 1,
		.frames = (uintptr_t)&own,
	};
	CHECK(!exo_io(alice, &io, 0, &why) && !strcmp(exo_frame_ptr(v, own), "written through memory"));
	strcpy(exo_frame_ptr(v, own), "written directly");
	CHECK(!exo_io(alice, &io, EXO_IO_WRITE, &why));
	NEED(!bind_at(alice, r, r->out_start, EXO_RIGHT_READ, &frame, &why));
	CHECK(!strcmp(exo_frame_ptr(v, frame), "written directly"));
	CHECK(exo_io(alice, &io, EXO_IO_WRITE, &why) == -EBUSY && why.code == EXO_R_CACHED &&
	      why.detail == r->out_start);
	CHECK(!exo_unbind(alice, 1, &frame, NULL));
	CHECK(!exo_frame_free(alice, 1, &own, &why));
	CHECK(exo_frame_free(alice, 1, &own, &why) && why.code == EXO_R_FRAME);
	CHECK(exo_frame_alloc(alice, FRAMES + 1, many, EXO_FRAME_ANY, &why) < 0 && why.code != EXO_R_NONE);
	CHECK(exo_sync_plan(alice, disk, EXO_NOROOT, 1, &run, NULL, 0, &why) >= 0);
	CHECK(exo_sync_runs(alice, disk, 1, &run, &why) >= 0);
	CHECK(exo_sync_plan(alice, disk, EXO_NOROOT, 1, &run, NULL, 0, &why) == 0);
	CHECK(exo_sync_runs(alice, disk, 1, &(struct exo_run){0, 1}, &why) == -EINVAL && why.code == EXO_R_RANGE);
	CHECK(exo_sync(alice, disk, EXO_NOROOT, &why) >= 0);
	CHECK(exo_statistics(alice)->frames_private == 0);
}

static void refusals(uint32_t disk)
{
	static const uint8_t bytes[8];
	struct exo_edit edit = {.block = 5, .version = 2, .len = 8, .bytes = (uintptr_t)bytes};
	struct exo_txn t = {.disk = disk, .cap = exo_cap_user(alice), .nedits = 1, .edits = (uintptr_t)&edit}, two[2];
	struct exo_udf_code code = {.insns = (uint64_t[]){0x85}, .ninsns = 1, .partition = 512, .name = "bad"};
	struct exo_template_get get = {.disk = disk, .template_id = 7};
	struct exo_why why;
	uint32_t id;
	char log[256];

	CHECK(exo_txn(alice, &t, &why) < 0 && why.code != EXO_R_NONE && why.call == EXO_NR_TXN);
	CHECK(!t.ranges && !t.ranges_room);
	CHECK(exo_template_add(alice, disk, exo_cap_user(alice), &code, 0, NULL, &id, log, sizeof(log), &why) ==
	      -EPERM);
	CHECK(why.code == EXO_R_UDF_SCAN);
	CHECK(exo_template_add(alice, disk, 0, &code, EXO_MAX_REFS + 1, &id, &id, NULL, 0, &why) == -EINVAL);
	CHECK(why.code == EXO_R_RANGE);
	CHECK(exo_template_get(alice, &get, &why) == -ENOENT && why.code == EXO_R_NO_TEMPLATE && why.detail == 7);
	CHECK(exo_call_raw(alice, EXO_NR_MAX + 1, &get) == -ENOTTY);
	/* Many at once: each has its own reason, the heads are the library's. */
	two[0] = two[1] = t;
	two[0].head.flags = two[1].head.flags = 99;
	two[1].nedits = 0;
	CHECK(exo_txns(alice, 2, two, 0, &why) == 0);
	CHECK(two[0].head.out_reason == EXO_R_RANGE && two[0].head.out_detail == 5);
	CHECK(two[1].head.out_reason == EXO_R_RANGE && two[1].head.out_detail == 0);
	two[1].head.out_reason = 0;
	CHECK(exo_txns(alice, 2, two, EXO_TXNS_STOP, &why) == 0 && two[0].head.out_reason && !two[1].head.out_reason);
	CHECK(exo_txns(alice, EXO_MAX_TXNS + 1, two, 0, &why) == -EINVAL && why.code == EXO_R_RANGE && why.call == EXO_NR_TXNS);
	CHECK(exo_txns(alice, 2, two, 8, &why) == -EOPNOTSUPP && why.code == EXO_R_FLAGS);
}

static void detach_and_come_back(uint32_t disk)
{
	const struct exo_freemap_head *old = exo_freemap(bob, disk), *m;
	struct exo_why why;
	uint32_t again;

	NEED(old);
	CHECK(exo_detach(bob, disk, 0, &why) == -EACCES);
	NEED(!exo_detach(admin, disk, 0, &why));
	/* Bob made no call: he learns it from the map, which is readable still. */
	CHECK(old->head.magic == 0 && old->blocks == BLOCKS);
	CHECK(!exo_freemap(bob, disk));
	NEED(!exo_format(admin, "/dev/b", 0, &why) && !exo_attach(admin, "/dev/b", 0, &again, &why));
	CHECK(again == disk);
	m = exo_freemap(bob, again);
	NEED(m);
	CHECK(m->blocks == BLOCKS / 2 && m->head.magic == EXO_MAGIC_FREEMAP);
	CHECK(!exo_detach(admin, again, 0, &why));
}

int main(void)
{
	struct sim_disk *a, *b;
	struct exo_root_get r;
	uint32_t disk;

	NEED(!sim_start(FRAMES, 1));
	a = sim_disk_new("/dev/a", BLOCKS, SIM_VOLATILE);
	b = sim_disk_new("/dev/b", BLOCKS / 2, 0);
	NEED(a && b && !exo_core_new(FRAMES, &core));
	admin = open_as(0, true);
	alice = open_as(1000, false);
	bob = open_as(1001, false);
	caps();
	disks(&disk);
	roots(disk, &r);
	memory(disk, &r);
	refusals(disk);
	detach_and_come_back(disk);
	exo_close(alice);
	exo_close(bob);
	exo_close(admin);
	exo_core_free(core);
	sim_disk_free(a);
	sim_disk_free(b);
	sim_stop();
	CHECK(sim_alloc_live() == 0);
	return check_done();
}
