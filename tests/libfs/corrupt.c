// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Damaged metadata. Bytes of a good tree's metadata are overwritten on the disk, at random or with values that a
 * decoder may stumble over; then everything is listed, read, changed, rearranged and checked. Any error is fine, a
 *crash or a loop is not (the sanitizers and an alarm watch), and a second tree on the same disk, whose blocks were left
 *alone, still works.
 *
 *	cffs-corrupt [SEED [ROUNDS]]; logfs-corrupt
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "world.h"
#include "../../libfs/cffs/format.h"
#include "../../libfs/logfs/format.h"

#define BLOCKS 8192

static u64 state;
static unsigned long long seen_errors, seen_good, quarantined;
static char data[100000];

static u32 below(u32 n)
{
	return (u32)(sim_random(&state) >> 20) % n;
}

static void put(struct exo_fs *fs, const char *path, size_t n)
{
	struct exo_file *f;

	WANT(exo_file_open(fs, path, O_CREAT | O_WRONLY, 0644, &f), 0);
	WANT(exo_file_pwrite(f, data, n, 0), (long long)n);
	exo_file_close(f);
}

static void build(struct exo_fs *fs)
{
	struct exo_file *f;
	char path[300];
	u32 i;

	for (i = 0; i < 120; i++) {
		snprintf(path, sizeof(path), "file %u", i);
		put(fs, path, below(20000));
	}
	WANT(exo_fs_mkdir(fs, "a", 0755), 0);
	WANT(exo_fs_mkdir(fs, "a/b", 0755), 0);
	put(fs, "a/b/c", 5000);
	WANT(exo_fs_symlink(fs, "a/b", "link"), 0);
	memset(path, 'x', 299);
	path[299] = 0;
	WANT(exo_fs_symlink(fs, path, "long link"), 0);
	WANT(exo_file_open(fs, "holes", O_CREAT | O_WRONLY, 0644, &f), 0);
	for (i = 0; i < 400; i++)
		WANT(exo_file_pwrite(f, "x", 1, i * 8192), 1);
	exo_file_close(f);
	WANT(exo_at_link(fs, NULL, "a/b/c", NULL, "second name", 0), 0);
	WANT(exo_at_setxattr(fs, NULL, "file 7", "user.small", "value", 5, 0, 0), 0);
	WANT(exo_at_setxattr(fs, NULL, "a", "user.large", data, 3000, 0, 0), 0);
	WANT(exo_at_mknod(fs, NULL, "fifo", S_IFIFO | 0644, 0), 0);
	WANT(exo_fs_sync(fs), 0);
}

/* Whether a block's first bytes say that it is metadata of the type under test. */
static bool is_meta(const void *block)
{
	u32 magic;

	memcpy(&magic, block, sizeof(magic));
	return magic == (strcmp(world_type(), "logfs") ? CFFS_MAGIC : LOGFS_MAGIC);
}

/* Numbers that are likely to be taken for something. */
static u64 nasty(void)
{
	static const u64 values[] = {0,
				     1,
				     2,
				     3,
				     255,
				     256,
				     496,
				     511,
				     512,
				     4095,
				     4096,
				     0xffffffffull,
				     0x80000000ull,
				     ~0ull,
				     1ull << 63,
				     (1ull << 63) - 1,
				     BLOCKS,
				     BLOCKS - 1,
				     LOGFS_MAGIC,
				     0x32464643};

	return below(2) ? values[below(sizeof(values) / sizeof(*values))] : below(BLOCKS);
}

static void damage(struct sim_disk *d, const u64 *meta, u32 n)
{
	u32 times = 1 + below(5), i, k;

	for (i = 0; i < times; i++) {
		u64 block = meta[below(n)], value = nasty();
		u32 bytes = 1u << below(4), at = below(4096) & ~(bytes - 1);

		/* Mostly where something is: a header, a slot or an extent. */
		if (below(3))
			at = (at & ~511u) + (below(2) ? below(16) & ~(bytes - 1) : (16 + below(336)) & ~(bytes - 1));
		if (!below(8)) {
			u8 junk[64];

			for (k = 0; k < sizeof(junk); k++)
				junk[k] = below(256);
			sim_disk_poke(d, block, at & ~63u, junk, sizeof(junk));
		} else if (!below(10)) {
			u8 part[512];

			/* A whole partition from elsewhere. */
			sim_disk_peek(d, meta[below(n)], below(8) * 512, part, 512);
			sim_disk_poke(d, block, below(8) * 512, part, 512);
		} else {
			sim_disk_poke(d, block, at, &value, bytes);
		}
	}
}

static void count(long long result)
{
	if (result < 0)
		seen_errors++;
	else
		seen_good++;
}

struct names {
	u32 n;
	char name[300][256];
};

static int note(void *arg, const struct exo_dirent *d)
{
	struct names *l = arg;

	CHECK(strlen(d->name) <= d->len);
	if (l->n == 300)
		return 1;
	memcpy(l->name[l->n++], d->name, d->len + 1);
	return 0;
}

static int ignore_extent(void *arg, const struct exo_file_extent *e)
{
	return 0;
}

static int ignore_entry(void *arg, const struct exo_entry *e)
{
	CHECK(e);
	return 0;
}

static void visit(struct exo_fs *fs, const char *dir, int depth)
{
	struct names *l = calloc(1, sizeof(*l));
	char path[5000], link[5000];
	static char got[100000];
	const void *peek;
	struct exo_file *f;
	struct stat st;
	u32 i;

	if (!exo_file_open(fs, dir, O_RDONLY, 0, &f)) {
		count(exo_file_readdir(f, 0, note, l));
		count(exo_file_scan(f, 0, ignore_entry, NULL));
		exo_file_close(f);
	}
	for (i = 0; i < l->n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, l->name[i]);
		if (exo_fs_stat(fs, path, EXO_FS_NOFOLLOW, &st)) {
			seen_errors++;
			continue;
		}
		seen_good++;
		if (S_ISLNK(st.st_mode))
			count(exo_fs_readlink(fs, path, link, sizeof(link)));
		count(exo_at_listxattr(fs, NULL, path, link, sizeof(link), EXO_FS_NOFOLLOW));
		count(exo_at_getxattr(fs, NULL, path, below(2) ? "user.small" : "user.large", got, sizeof(got),
				      EXO_FS_NOFOLLOW));
		if (!below(8))
			count(exo_at_setxattr(fs, NULL, path, "user.new", data, below(4000), 0, EXO_FS_NOFOLLOW));
		if (!below(8))
			count(exo_at_removexattr(fs, NULL, path, "user.large", EXO_FS_NOFOLLOW));
		if (S_ISDIR(st.st_mode) && depth < 6)
			visit(fs, path, depth + 1);
		if (S_ISREG(st.st_mode) && !exo_file_open(fs, path, O_RDWR, 0, &f)) {
			count(exo_file_pread(f, got, sizeof(got), 0));
			count(exo_file_pread(f, got, sizeof(got), st.st_size / 2));
			count(exo_file_peek(f, 0, &peek));
			if (!below(4))
				count(exo_file_pwrite(f, data, 6000, below(100000)));
			if (!below(8))
				count(exo_file_truncate(f, below(100000)));
			if (!below(8))
				count(exo_file_fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, below(50000),
							 1 + below(50000)));
			count(exo_file_extents(f, 0, st.st_size, 0, ignore_extent, NULL));
			count(exo_file_seek(f, 0, SEEK_HOLE));
			exo_file_close(f);
		}
		if (!below(6))
			count(S_ISDIR(st.st_mode) ? exo_fs_rmdir(fs, path) : exo_fs_unlink(fs, path));
		if (!below(6)) {
			snprintf(link, sizeof(link), "%s/linked %u", dir, below(100));
			count(exo_at_link(fs, NULL, path, NULL, link, 0));
		}
		if (!below(6)) {
			snprintf(link, sizeof(link), "%s/renamed %u", dir, below(100));
			count(exo_fs_rename(fs, path, link));
		}
		if (!below(6)) {
			snprintf(link, sizeof(link), "%s/made %u", dir, below(1000));
			count(exo_fs_mkdir(fs, link, 0755));
		}
	}
	free(l);
}

static int ignore(void *arg, const char *line)
{
	CHECK(line);
	return 0;
}

int main(int argc, char **argv)
{
	u32 rounds = argc > 2 ? atoi(argv[2]) : 150, round, n = 0;
	static u64 meta[BLOCKS];
	struct sim_image *img;
	struct exo_fs *fs;
	struct world w;
	u64 b;

	state = argc > 1 ? strtoull(argv[1], NULL, 0) : 11;
	alarm(900);
	for (b = 0; b < sizeof(data); b++)
		data[b] = b * 3;
	world_start(&w, 1024, BLOCKS, 0, state);
	world_mkfs(&w, "other", 0);
	fs = world_open(&w, w.x, "other");
	put(fs, "kept", 50000);
	WANT(exo_fs_sync(fs), 0);
	exo_fs_close(fs);
	world_detach(&w, false);
	/* What is metadata from here on belongs to the tree that gets damaged. */
	static bool before[BLOCKS];
	img = sim_disk_image(w.disk);
	for (b = 0; b < BLOCKS; b++)
		before[b] = is_meta(sim_image_block(img, b));
	sim_image_free(img);
	world_attach(&w);
	world_mkfs(&w, "t", 0);
	fs = world_open(&w, w.x, "t");
	build(fs);
	exo_fs_close(fs);
	world_detach(&w, false);
	img = sim_disk_image(w.disk);
	for (b = 0; b < BLOCKS; b++)
		if (!before[b] && is_meta(sim_image_block(img, b)))
			meta[n++] = b;
	CHECK(n > 6);
	world_attach(&w);
	for (round = 0; round < rounds; round++) {
		struct exo_root_get root;
		struct exo_why why = {0};
		struct exo_fs_count c;
		struct exo_file *f;
		struct sim_disk *d;
		static char got[50000];
		u32 number;
		struct exo *x;
		int err;

		/* A handle keeps the free map of every disk that it ever saw, so each round has its own. */
		x = world_handle(&w);
		d = sim_disk_from("/dev/bad", img, 0);
		CHECK(d);
		damage(d, meta, n);
		if (getenv("CFFS_TRACE"))
			fprintf(stderr, "round %u\n", round);
		if (exo_attach(x, "/dev/bad", EXO_ATTACH_WALK, &number, &why) < 0)
			FAIL("round %u: attach: %s", round, why.text);
		CHECK(!exo_root_find(x, number, "t", &root, NULL));
		quarantined += !!root.out_quarantine;
		if (!exo_fs_open(&fs, x, number, "t", below(3) ? 0 : EXO_FS_RDONLY, &why)) {
			count(exo_fs_check(fs, 0, NULL, NULL, &c));
			count(exo_fs_dump(fs, NULL, ignore, NULL));
			visit(fs, ".", 0);
			if (!below(4))
				count(exo_fs_defrag(fs, below(2) ? NULL : "a", NULL, NULL));
			count(exo_fs_check(fs, 0, NULL, NULL, &c));
			count(exo_fs_sync(fs));
			exo_fs_close(fs);
		} else {
			seen_errors++;
		}
		err = exo_fs_open(&fs, x, number, "other", 0, &why);
		if (err)
			FAIL("round %u: the other tree does not open: %s; %s", round, strerror(-err), why.text);
		WANT(exo_file_open(fs, "kept", O_RDONLY, 0, &f), 0);
		WANT(exo_file_pread(f, got, sizeof(got), 0), sizeof(got));
		CHECK(!memcmp(got, data, sizeof(got)));
		exo_file_close(f);
		exo_fs_close(fs);
		if (exo_detach(x, number, EXO_DETACH_DISCARD, &why) < 0)
			FAIL("round %u: detach: %s", round, why.text);
		exo_close(x);
		sim_disk_free(d);
	}
	sim_image_free(img);
	world_stop(&w);
	/* Neither branch was idle. */
	CHECK(seen_errors > rounds / 4 && seen_good > 50 * rounds);
	if (getenv("CFFS_TRACE"))
		fprintf(stderr, "%llu errors, %llu good, %llu quarantined\n", seen_errors, seen_good, quarantined);
	return 0;
}
