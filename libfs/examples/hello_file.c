// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * hello_file.c: the least that a program needs to have a file system of its own. Makes the tree unless it is there, writes
 * a file, makes it durable and reads it back.
 *
 *	hello_file DISK NAME [TYPE]	DISK: number or device of an attached disk; TYPE: cffs or logfs
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <libexo-fs.h>

static int fail(const char *what, int err, const struct exo_why *why)
{
	fprintf(stderr, "hello_file: %s: %s\n", what, why->text[0] ? why->text : strerror(-err));
	return 1;
}

static int hello(struct exo_fs *fs)
{
	char back[64] = "";
	struct exo_file *f;
	ssize_t n;
	int err = exo_file_open(fs, "hello", O_CREAT | O_RDWR | O_TRUNC, 0644, &f);

	if (err)
		return fail("hello", err, exo_fs_why());
	n = exo_file_pwrite(f, "hello, exokernel\n", 17, 0);
	err = n < 0 ? n : exo_file_sync(f);
	if (!err)
		n = exo_file_pread(f, back, sizeof(back) - 1, 0);
	exo_file_close(f);
	if (err || n < 0)
		return fail("hello", err ? err : n, exo_fs_why());
	fputs(back, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct exo_mkfs make = {.type = argc == 4 ? argv[3] : "cffs"};
	struct exo_why why = {0};
	struct exo_fs *fs;
	struct exo *x;
	uint32_t disk;
	int err;

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: hello_file DISK NAME [TYPE]\n");
		return 2;
	}
	make.name = argv[2];
	err = exo_open(&x, NULL, &why);
	if (err)
		return fail(EXO_DEVICE, err, &why);
	err = exo_disk_find(x, argv[1], &disk);
	if (!err) {
		err = exo_fs_open(&fs, x, disk, make.name, 0, &why);
		if (why.code == EXO_R_NO_ROOT) {
			err = exo_fs_mkfs(x, disk, &make, &why);
			if (!err)
				err = exo_fs_open(&fs, x, disk, make.name, 0, &why);
		}
	}
	if (err) {
		exo_close(x);
		return fail(argv[2], err, &why);
	}
	err = hello(fs);
	exo_fs_close(fs);
	exo_close(x);
	return err;
}
