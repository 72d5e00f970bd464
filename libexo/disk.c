// SPDX-License-Identifier: GPL-2.0 OR MIT
/* disk.c: FORMAT, ATTACH, DETACH, DISK_INFO, CONTESTED, and finding an attached disk by its path. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "handle.h"

/* The calls that need the root of the name space say so themselves; an env without it names slot 0 and is refused. */
static uint32_t admin_slot(struct exo *x)
{
	int slot = exo_cap_admin(x);

	return slot < 0 ? 0 : slot;
}

static int path_length(const char *path, uint32_t call, uint32_t *len, struct exo_why *why)
{
	size_t n = strlen(path);

	if (!n || n > 4095)
		return exo_refuse(why, call, -EINVAL, EXO_R_RANGE, n);
	*len = n;
	return 0;
}

int exo_format(struct exo *x, const char *path, uint64_t user_quota, struct exo_why *why)
{
	struct exo_format f = {.path = (uintptr_t)path, .user_quota = user_quota};
	int err = path_length(path, EXO_NR_FORMAT, &f.path_len, why);

	if (err)
		return err;
	f.cap = admin_slot(x);
	return EXO_DO(x, EXO_NR_FORMAT, &f, 0, why);
}

int exo_attach(struct exo *x, const char *path, uint32_t flags, uint32_t *disk, struct exo_why *why)
{
	struct exo_attach a = {.path = (uintptr_t)path};
	int err = path_length(path, EXO_NR_ATTACH, &a.path_len, why);

	if (err)
		return err;
	a.cap = admin_slot(x);
	err = EXO_DO(x, EXO_NR_ATTACH, &a, flags, why);
	if (err)
		return err;
	exo_freemap_forget(x, a.out_disk);
	*disk = a.out_disk;
	return 0;
}

int exo_detach(struct exo *x, uint32_t disk, uint32_t flags, struct exo_why *why)
{
	struct exo_detach d = {.disk = disk};
	int err;

	d.cap = admin_slot(x);
	err = EXO_DO(x, EXO_NR_DETACH, &d, flags, why);
	if (!err)
		exo_freemap_forget(x, disk);
	return err;
}

int exo_disk_info(struct exo *x, uint32_t disk, struct exo_disk_info *info, struct exo_why *why)
{
	memset(info, 0, sizeof(*info));
	info->disk = disk;
	return EXO_DO(x, EXO_NR_DISK_INFO, info, 0, why);
}

static int find_by_number(struct exo *x, const char *digits, uint32_t *disk)
{
	struct exo_disk_info info;
	unsigned long n;
	int err;

	errno = 0;
	n = strtoul(digits, NULL, 10);
	if (errno || n >= EXO_MAX_DISKS)
		return -ENOENT;
	err = exo_disk_info(x, n, &info, NULL);
	if (!err)
		*disk = n;
	return err;
}

int exo_disk_find(struct exo *x, const char *path_or_number, uint32_t *disk)
{
	struct exo_disk_info info;
	struct stat want, have;
	bool device;

	if (!*path_or_number)
		return -ENOENT;
	if (path_or_number[strspn(path_or_number, "0123456789")] == '\0')
		return find_by_number(x, path_or_number, disk);
	device = !stat(path_or_number, &want) && S_ISBLK(want.st_mode);
	for (uint32_t d = 0; d < EXO_MAX_DISKS; d++) {
		int err = exo_disk_info(x, d, &info, NULL);
		char at[sizeof(info.out_path) + 1] = "";

		if (err == -ENOENT)
			continue;
		if (err)
			return err;
		memcpy(at, info.out_path, sizeof(info.out_path));
		/* A path that was cut short in the answer names nothing, unless by chance another file. */
		if (strlen(at) + 1 < sizeof(info.out_path)) {
			if (!strcmp(at, path_or_number) ||
			    (device && !stat(at, &have) && S_ISBLK(have.st_mode) && have.st_rdev == want.st_rdev)) {
				*disk = d;
				return 0;
			}
		}
	}
	return -ENOENT;
}

int exo_contested(struct exo *x, uint32_t disk, struct exo_range *ranges, uint32_t room)
{
	struct exo_contested c = {.disk = disk, .room = room, .ranges = (uintptr_t)ranges};
	int err = EXO_DO(x, EXO_NR_CONTESTED, &c, 0, NULL);

	return err ? err : (int)c.out_count;
}
