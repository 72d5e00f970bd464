// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Several threads, each with its own environment and handle as if it were a process, in one tree at once. Every one
 *works in the same few directories; at the end each file that was made and not removed is there with its content, and
 *the tree is consistent.
 *
 *	cffs-shared [THREADS [ROUNDS]]
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include "world.h"

#define DIRS 3

static struct world w;
static int rounds;

static void *work(void *arg)
{
	int me = (int)(intptr_t)arg, i;
	struct exo *x = world_handle(&w);
	struct exo_fs *fs = world_open(&w, x, "t");
	char path[100], to[100], text[100];
	struct exo_file *f;
	struct stat st;
	int err;

	for (i = 0; i < rounds; i++) {
		snprintf(path, sizeof(path), "dir%d/file %d of thread %d", i % DIRS, i, me);
		snprintf(to, sizeof(to), "dir%d/moved %d of thread %d", (i + 1) % DIRS, i, me);
		snprintf(text, sizeof(text), "content %d %d", me, i);
		WANT(exo_file_open(fs, path, O_CREAT | O_EXCL | O_WRONLY, 0644, &f), 0);
		WANT(exo_file_pwrite(f, text, strlen(text), 0), (long long)strlen(text));
		exo_file_close(f);
		if (i % 3 == 0)
			WANT(exo_fs_rename(fs, path, to), 0);
		else if (i % 3 == 1)
			WANT(exo_fs_unlink(fs, path), 0);
		/* One directory that all of them make and remove. */
		err = exo_fs_mkdir(fs, "common", 0755);
		CHECK(!err || err == -EEXIST);
		err = exo_fs_rmdir(fs, "common");
		CHECK(!err || err == -ENOENT);
		err = exo_fs_stat(fs, "common", 0, &st);
		CHECK(!err || err == -ENOENT);
		/* One file that all of them replace: it never is missing. */
		snprintf(path, sizeof(path), "new of thread %d", me);
		WANT(exo_file_open(fs, path, O_CREAT | O_WRONLY, 0644, &f), 0);
		WANT(exo_file_pwrite(f, "whole", 5, 0), 5);
		exo_file_close(f);
		WANT(exo_fs_rename(fs, path, "current"), 0);
		WANT(exo_fs_stat(fs, "current", 0, &st), 0);
		CHECK(st.st_size == 5);
		if (i % 50 == 49)
			WANT(exo_fs_sync(fs), 0);
	}
	exo_fs_close(fs);
	exo_close(x);
	return NULL;
}

static void verify(struct exo_fs *fs, int threads)
{
	char path[100], text[100], got[100];
	struct exo_file *f;
	int me, i;

	for (me = 0; me < threads; me++) {
		for (i = 0; i < rounds; i++) {
			snprintf(path, sizeof(path),
				 i % 3 ? "dir%d/file %d of thread %d" : "dir%d/moved %d of thread %d",
				 i % 3 ? i % DIRS : (i + 1) % DIRS, i, me);
			snprintf(text, sizeof(text), "content %d %d", me, i);
			if (i % 3 == 1) {
				WANT(exo_file_open(fs, path, O_RDONLY, 0, &f), -ENOENT);
				continue;
			}
			WANT(exo_file_open(fs, path, O_RDONLY, 0, &f), 0);
			memset(got, 0, sizeof(got));
			WANT(exo_file_pread(f, got, sizeof(got), 0), (long long)strlen(text));
			CHECK(!strcmp(got, text));
			exo_file_close(f);
		}
	}
}

/* A file without a name that one handle has open survives that another opens the tree; when all are gone, so is it. */
static void unlinked(struct exo_fs *fs)
{
	struct statvfs full, empty;
	struct exo_fs *second;
	struct exo_file *f;
	struct exo *x;
	char back[8];

	WANT(exo_file_open(fs, "unlinked", O_CREAT | O_RDWR, 0600, &f), 0);
	WANT(exo_file_pwrite(f, "content", 7, 0), 7);
	WANT(exo_file_truncate(f, 400 * 4096), 0);
	WANT(exo_file_pwrite(f, "content", 7, 399 * 4096), 7);
	WANT(exo_fs_unlink(fs, "unlinked"), 0);
	WANT(exo_fs_sync(fs), 0);
	x = world_handle(&w);
	second = world_open(&w, x, "t");
	WANT(exo_file_pread(f, back, 7, 0), 7);
	CHECK(!memcmp(back, "content", 7));
	WANT(exo_file_pread(f, back, 7, 399 * 4096), 7);
	CHECK(!memcmp(back, "content", 7));
	WANT(exo_fs_statvfs(fs, &full), 0);
	exo_file_close(f);
	WANT(exo_fs_sync(fs), 0);
	WANT(exo_fs_statvfs(fs, &empty), 0);
	CHECK(empty.f_bfree > full.f_bfree);
	exo_fs_close(second);
	exo_close(x);
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 4, i;
	pthread_t id[64];
	struct exo_fs *fs;
	char path[20];

	rounds = argc > 2 ? atoi(argv[2]) : 150;
	CHECK(threads <= 64);
	world_start(&w, 4096, 60000, SIM_VOLATILE, 5);
	world_mkfs(&w, "t", 0);
	fs = world_open(&w, w.x, "t");
	for (i = 0; i < DIRS; i++) {
		snprintf(path, sizeof(path), "dir%d", i);
		WANT(exo_fs_mkdir(fs, path, 0755), 0);
	}
	for (i = 0; i < threads; i++)
		CHECK(!pthread_create(&id[i], NULL, work, (void *)(intptr_t)i));
	for (i = 0; i < threads; i++)
		pthread_join(id[i], NULL);
	verify(fs, threads);
	world_check(fs);
	unlinked(fs);
	world_check(fs);
	exo_fs_close(fs);
	world_detach(&w, false);
	world_attach(&w);
	world_no_quarantine(&w);
	fs = world_open(&w, w.x, "t");
	verify(fs, threads);
	world_check(fs);
	exo_fs_close(fs);
	world_stop(&w);
	return 0;
}
