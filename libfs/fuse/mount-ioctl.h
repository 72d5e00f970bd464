/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * mount-ioctl.h: what `exoctl umount` asks a mount, by ioctl on its top directory.
 *
 * EXO_MOUNT_SYNC makes everything durable that reached the mount (fails as exo_fs_sync does) and tells the process that
 * serves it, as seen from its own pid namespace.
 */
#ifndef EXO_MOUNT_IOCTL_H
#define EXO_MOUNT_IOCTL_H

#include <stdint.h>
#include <sys/ioctl.h>

struct exo_mount_sync {
	uint32_t pid;
	uint32_t pad; /* 0 */
};
#define EXO_MOUNT_SYNC _IOR('x', 0x65, struct exo_mount_sync)

#endif
