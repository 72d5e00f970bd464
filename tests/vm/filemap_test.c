// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * filemap_test DISK: files of a cffs tree as memory, in two processes that share it. Run as root; formats DISK.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libexo-fs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#define PAGES 20

static struct exo_why why;
static sigjmp_buf back;
static uint32_t disk;
static int failed;

static void check(bool good, const char *name)
{
	printf("%sok - %s\n", good ? "" : "not ", name);
	if (!good)
		printf("# %s: %s\n", exo_reason_name(exo_fs_why()->code), exo_fs_why()->text);
	failed += !good;
}

static void need(bool good, const char *what)
{
	if (good)
		return;
	printf("not ok - cannot go on: %s: %s\n", what, why.text);
	exit(1);
}

static void on_bus(int sig)
{
	siglongjmp(back, sig);
}

/* Does a look at the byte end in SIGBUS? */
static bool bus(const char *at)
{
	if (sigsetjmp(back, 1))
		return true;
	(void)*(const volatile char *)at;
	return false;
}

static char *room(size_t pages)
{
	char *p = mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(p != MAP_FAILED, "address space");
	return p;
}

static struct exo_fs *open_tree(struct exo **x)
{
	struct exo_fs *fs;

	need(!exo_open(x, NULL, &why), "open the device");
	need(!exo_fs_open(&fs, *x, disk, "t", 0, &why), "open the tree");
	return fs;
}

/* The other process: sees what the first stored, and answers in the next page. */
static int other(int in, int out)
{
	struct exo *x;
	struct exo_fs *fs = open_tree(&x);
	struct exo_file *f;
	char *p = room(PAGES), c;
	int bad;

	need(read(in, &c, 1) == 1, "wait");
	need(!exo_file_open(fs, "shared", O_RDWR, 0, &f), "open the file");
	need(!exo_file_map(f, 0, PAGES * PAGE, PROT_READ | PROT_WRITE, p), "map it");
	exo_file_close(f);
	bad = strcmp(p + 3 * PAGE, "from the first") != 0;
	strcpy(p + 4 * PAGE, "from the second");
	need(write(out, "x", 1) == 1, "tell");
	need(read(in, &c, 1) == 1, "wait");
	bad |= strcmp(p + 5 * PAGE, "again") != 0;
	exo_file_unmap(fs, p, PAGES * PAGE);
	exo_fs_close(fs);
	exo_close(x);
	return bad;
}

static void shared(struct exo_fs *fs)
{
	struct exo_file *f;
	char *p = room(PAGES), got[32] = {0}, c;
	int to[2], from[2], status;
	pid_t pid;

	need(!pipe(to) && !pipe(from), "pipes");
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(other(to[0], from[1]));
	need(!exo_file_open(fs, "shared", O_CREAT | O_RDWR, 0644, &f), "make a file");
	need(!exo_file_truncate(f, PAGES * PAGE), "its size");
	check(!exo_file_map(f, 0, PAGES * PAGE, PROT_READ | PROT_WRITE, p), "a file of holes is mapped for writing");
	strcpy(p + 3 * PAGE, "from the first");
	check(exo_file_pread(f, got, sizeof(got), 3 * PAGE) == sizeof(got) && !strcmp(got, "from the first"),
	      "what is stored is read");
	need(write(to[1], "x", 1) == 1 && read(from[0], &c, 1) == 1, "the other process");
	check(!strcmp(p + 4 * PAGE, "from the second"), "what another process stores is seen at once");
	need(exo_file_pwrite(f, "again", 6, 5 * PAGE) == 6, "write");
	check(!strcmp(p + 5 * PAGE, "again"), "and what is written");
	need(write(to[1], "x", 1) == 1 && waitpid(pid, &status, 0) == pid, "the other process");
	check(WIFEXITED(status) && !WEXITSTATUS(status), "the other process saw both");
	check(!exo_file_sync(f), "sync");
	check(!exo_file_unmap(fs, p + 4 * PAGE, PAGE) && !strcmp(p + 5 * PAGE, "again") &&
		      !strcmp(p + 3 * PAGE, "from the first"),
	      "a page in the middle goes, the others stay");
	need(!exo_fs_unlink(fs, "shared"), "unlink");
	exo_file_close(f);
	strcpy(p, "still here");
	check(!strcmp(p, "still here"), "a mapping outlives the name and the descriptor");
	check(!exo_file_unmap(fs, p, PAGES * PAGE), "unmap");
}

static void ends(struct exo_fs *fs)
{
	struct exo_file *f;
	char *p = room(4);

	need(!exo_file_open(fs, "short", O_CREAT | O_RDWR, 0644, &f), "make a file");
	need(exo_file_pwrite(f, "abc", 3, PAGE) == 3, "write");
	check(exo_file_map(f, 0, 4 * PAGE, PROT_READ | PROT_EXEC, p) == -EINVAL &&
		      exo_file_map(f, 1, PAGE, PROT_READ, p) == -EINVAL,
	      "odd requests are refused");
	need(!exo_file_map(f, 0, 4 * PAGE, PROT_READ | PROT_WRITE, p), "map");
	check(!p[0] && !memcmp(p + PAGE, "abc", 4) && bus(p + 2 * PAGE), "a page behind the end is SIGBUS");
	strcpy(p + PAGE + 3, "junk behind the end");
	need(!exo_file_truncate(f, 3 * PAGE), "grow");
	check(!p[PAGE + 3], "what was stored behind the end is not in the file when it grows");
	need(!exo_file_unmap(fs, p, 4 * PAGE), "unmap");
	exo_file_close(f);
	need(!exo_file_open(fs, "short", O_RDONLY, 0, &f), "open");
	check(exo_file_map(f, 0, PAGE, PROT_READ | PROT_WRITE, p) == -EACCES,
	      "no writable mapping of a file open for reading");
	check(!exo_file_map(f, 0, PAGE, PROT_READ, p) && !p[7], "a hole reads as zeroes");
	need(!exo_file_unmap(fs, p, PAGE), "unmap");
	exo_file_close(f);
}

int main(int argc, char **argv)
{
	struct exo_mkfs opt = {.type = "cffs", .name = "t"};
	struct exo_fs *fs;
	struct exo *x;

	if (argc != 2) {
		fprintf(stderr, "usage: filemap_test DISK\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGBUS, on_bus);
	need(!exo_open(&x, NULL, &why) && !exo_format(x, argv[1], 0, &why) && !exo_attach(x, argv[1], 0, &disk, &why),
	     "a disk");
	need(!exo_fs_mkfs(x, disk, &opt, &why), "mkfs");
	need(!exo_fs_open(&fs, x, disk, "t", 0, &why), "open the tree");
	shared(fs);
	ends(fs);
	check(!exo_fs_check(fs, 0, NULL, NULL, NULL), "the tree is sound");
	exo_fs_close(fs);
	need(!exo_detach(x, disk, 0, &why), "detach");
	exo_close(x);
	return failed != 0;
}
