/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The few calls that bench-smallfile makes, over the kernel's file systems or over one in a library. */
#ifndef EXO_BENCH_SMALLFILE_H
#define EXO_BENCH_SMALLFILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* All return 0, a handle, or -errno; open gives a handle for read and close. */
struct files {
	const char *name;
	int (*mount)(const char *where);
	int (*mkdir)(const char *path);
	int (*create)(const char *path, const void *data, size_t size); /* open, write, close */
	void *(*open)(const char *path);				/* NULL with errno */
	ssize_t (*read)(void *file, void *data, size_t size, off_t at);
	void (*close)(void *file);
	int64_t (*size)(const char *path); /* stat */
	int (*unlink)(const char *path);
	int (*sync)(void);
	int (*removed)(void); /* wait for what removing left to be done behind the caller's back; NULL: nothing is */
};

extern const struct files files_posix; /* where: a folder */
extern const struct files files_exo;   /* where: DEVICE,ROOT */

#endif
