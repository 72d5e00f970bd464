// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * gone_test DISK COMMAND: a disk is pulled out while data of it is dirty. COMMAND is a shell command that pulls it.
 * Calls must end, and with an error; nothing may hang; what is in core stays readable; the disk can be detached.
 */
#include "vm.h"

int main(int argc, char **argv)
{
	uint32_t disk = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	int fd = vm_open(), err;
	char *pool = vm_pool(fd);
	struct exo_root_add r = vm_volume(fd, disk, "gone-test", 8);
	struct exo_run run = { .start = r.out_start, .count = 1 };
	struct exo_write w = { .disk = disk, .nruns = 1, .runs = vm_ptr(&run) };
	struct exo_sync s = { .disk = disk, .root = EXO_NOROOT };
	struct exo_flush fl = { .disk = disk };
	struct exo_disk_info info = { .disk = disk };
	struct exo_detach d = { .disk = disk };
	uint32_t f[2];

	need(argc > 2, "usage");
	vm_catch();
	need(!vm_bind(fd, &r, 0, 2, EXO_RIGHT_ALL, 0, f), "BIND");
	need(!vm_poke(pool + f[0] * 4096ul, 1), "store");
	need(!vm_call(fd, EXO_NR_SYNC, &s), "SYNC");
	need(!vm_poke(pool + f[0] * 4096ul, 2), "store");
	need(!system(argv[2]), "%s", argv[2]);
	check(vm_peek(pool + f[0] * 4096ul) == 2, "what is in core can still be read");
	err = vm_call(fd, EXO_NR_WRITE, &w);
	check(err == -EIO && w.head.out_reason == EXO_R_IO, "WRITE fails (%d, reason %u)", err, w.head.out_reason);
	err = vm_call(fd, EXO_NR_SYNC, &s);
	check(err == -EIO, "SYNC fails (%d, reason %u)", err, s.head.out_reason);
	err = vm_call(fd, EXO_NR_FLUSH, &fl);
	check(err == -EIO, "FLUSH fails (%d, reason %u)", err, fl.head.out_reason);
	err = vm_call(fd, EXO_NR_DISK_INFO, &info);
	check(!err && info.out_flags & EXO_DISK_FAILED, "DISK_INFO says that it is gone (%d, flags %x)", err, info.out_flags);
	vm_unbind(fd, f, 2);
	err = vm_call(fd, EXO_NR_DETACH, &d);
	check(err < 0 && d.head.out_reason == EXO_R_DIRTY, "DETACH will not lose the dirty block by itself (%d, reason %u)",
	      err, d.head.out_reason);
	d.head.flags = EXO_DETACH_DISCARD;
	err = vm_call(fd, EXO_NR_DETACH, &d);
	check(!err, "DETACH with DISCARD lets it go (%d, reason %u)", err, d.head.out_reason);
	return vm_result();
}
