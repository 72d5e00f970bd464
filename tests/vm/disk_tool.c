// SPDX-License-Identifier: GPL-2.0 OR MIT
/* disk_tool format PATH | attach PATH [FLAGS] | detach DISK [FLAGS] | sync DISK: by system calls alone; says the reason. */
#include "vm.h"

static int format(int fd, const char *path)
{
	struct exo_format f = { .path = vm_ptr(path), .path_len = strlen(path) };
	int err = vm_call(fd, EXO_NR_FORMAT, &f);

	printf("format %s: %d reason %u detail %llu, blocks %llu, free %llu\n", path, err, f.head.out_reason,
	       (unsigned long long)f.head.out_detail, (unsigned long long)f.out_blocks, (unsigned long long)f.out_free);
	return err;
}

static int attach(int fd, const char *path, uint32_t flags)
{
	struct exo_attach a = { .head.flags = flags, .path = vm_ptr(path), .path_len = strlen(path) };
	int err = vm_call(fd, EXO_NR_ATTACH, &a);

	printf("attach %s: %d reason %u detail %llu, disk %u\n", path, err, a.head.out_reason,
	       (unsigned long long)a.head.out_detail, a.out_disk);
	return err;
}

static int detach(int fd, uint32_t disk, uint32_t flags)
{
	struct exo_detach d = { .head.flags = flags, .disk = disk };
	int err = vm_call(fd, EXO_NR_DETACH, &d);

	printf("detach %u: %d reason %u detail %llu\n", disk, err, d.head.out_reason, (unsigned long long)d.head.out_detail);
	return err;
}

static int sync_disk(int fd, uint32_t disk)
{
	struct exo_sync s = { .disk = disk, .root = EXO_NOROOT };
	int err = vm_call(fd, EXO_NR_SYNC, &s);

	printf("sync %u: %d reason %u detail %llu, blocks %u\n", disk, err, s.head.out_reason,
	       (unsigned long long)s.head.out_detail, s.out_blocks);
	return err;
}

int main(int argc, char **argv)
{
	uint32_t flags = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;
	int fd;

	if (argc < 3)
		return 2;
	fd = vm_open();
	if (!strcmp(argv[1], "format"))
		return !!format(fd, argv[2]);
	if (!strcmp(argv[1], "attach"))
		return !!attach(fd, argv[2], flags);
	if (!strcmp(argv[1], "detach"))
		return !!detach(fd, strtoul(argv[2], NULL, 0), flags);
	if (!strcmp(argv[1], "sync"))
		return !!sync_disk(fd, strtoul(argv[2], NULL, 0));
	return 2;
}
