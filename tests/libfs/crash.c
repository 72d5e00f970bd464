// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Power cuts. A random workload of creating, writing, renaming and removing runs with a sync now and then, while the
 *simulated disk logs its writes. Then power goes at random points of that log, pending writes lost, landed or torn as
 *drawn. After each: the disk attaches without quarantine; what the last completed sync covered is there, whole, under
 *its name or, if it was renamed after it, under the old or the new one; and the walk finds nothing to repair.
 *
 *	cffs-crash [SEED [ROUNDS [CUTS]]]	or, to look into one: cffs-crash SEED ROUND CUT DRAW
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "world.h"

#define OPS 160
#define ENTRIES 800
#define PATH 200
#define SYNCS 64
#define POSSIBLE 3000

struct entry {
	char path[PATH];
	char type; /* 'f', 'd', 'l' */
	u32 id, size;
	u32 attr; /* bytes of an extended attribute; 0: it has none */
};

struct model {
	u32 n;
	struct entry e[ENTRIES];
};

enum { OP_CREATE, OP_RENAME, OP_REMOVE, OP_EXCHANGE };
struct done {
	int op;
	char a[PATH], b[PATH];
};

static struct checkpoint {
	size_t log;
	u32 op; /* index of the first operation behind it */
	struct model m;
} at_sync[SYNCS];
static u32 nsyncs;

static struct model now;
static struct done ops[OPS];
static u64 state;
static u32 next_id = 1;
static unsigned long long round_nr;
static u8 content[200000], got[200000];

static u32 below(u32 n)
{
	return (u32)(sim_random(&state) >> 20) % n;
}

static void fill(u32 id, u32 size)
{
	u64 s = id;
	u32 i;

	for (i = 0; i < size; i++)
		content[i] = i % 8 ? content[i - 1] * 5 + 1 : sim_random(&s);
}

static struct entry *find(struct model *m, const char *path)
{
	u32 i;

	for (i = 0; i < m->n; i++)
		if (!strcmp(m->e[i].path, path))
			return &m->e[i];
	return NULL;
}

static bool inside(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

static bool has_children(const char *dir)
{
	u32 i;

	for (i = 0; i < now.n; i++)
		if (inside(now.e[i].path, dir) && strcmp(now.e[i].path, dir))
			return true;
	return false;
}

static void new_path(char *out)
{
	struct entry *dir = now.n ? &now.e[below(now.n)] : NULL;

	if (dir && dir->type == 'd' && strlen(dir->path) < 120)
		snprintf(out, PATH, "%.120s/n%u%s", dir->path, below(40),
			 below(6) ? "" : "-with-a-much-longer-name-than-the-others");
	else
		snprintf(out, PATH, "n%u", below(40));
}

static void drop(struct entry *e)
{
	*e = now.e[--now.n];
}

static void create(struct exo_fs *fs, struct done *d)
{
	struct entry *e = &now.e[now.n];
	struct exo_file *f;
	u32 kind = below(10);

	new_path(e->path);
	if (find(&now, e->path) || now.n == ENTRIES - 1)
		return;
	e->id = next_id++;
	e->size = 0;
	e->attr = 0;
	strcpy(d->a, e->path);
	if (kind < 2) {
		e->type = 'd';
		WANT(exo_fs_mkdir(fs, e->path, 0755), 0);
	} else if (kind < 3) {
		e->type = 'l';
		e->size = 10;
		WANT(exo_fs_symlink(fs, "the target", e->path), 0);
	} else {
		e->type = 'f';
		e->size = kind < 4 ? 0 : kind < 9 ? below(9000) : below(sizeof(content));
		fill(e->id, e->size);
		WANT(exo_file_open(fs, e->path, O_CREAT | O_EXCL | O_WRONLY, 0644, &f), 0);
		if (e->size)
			WANT(exo_file_pwrite(f, content, e->size, 0), e->size);
		exo_file_close(f);
		if (!below(6)) {
			e->attr = 1 + below(below(2) ? 60 : 6000);
			fill(e->id + 1000000, e->attr);
			WANT(exo_at_setxattr(fs, NULL, e->path, "user.x", content, e->attr, 0, 0), 0);
		}
	}
	now.n++;
}

/* A new directory and what is in it, all of that at once. */
static void make(struct exo_fs *fs, struct done *d)
{
	struct exo_make v[40];
	struct entry *dir = &now.e[now.n];
	struct exo_file *at, *f;
	u32 i, n = 1 + below(40);

	new_path(dir->path);
	if (find(&now, dir->path) || now.n + n + 1 >= ENTRIES || strlen(dir->path) > 120)
		return;
	dir->type = 'd';
	dir->id = next_id++;
	dir->size = dir->attr = 0;
	strcpy(d->a, dir->path);
	WANT(exo_fs_mkdir(fs, dir->path, 0755), 0);
	WANT(exo_file_open(fs, dir->path, O_RDONLY | O_DIRECTORY, 0, &at), 0);
	now.n++;
	for (i = 0; i < n; i++) {
		struct entry *e = &now.e[now.n + i];

		snprintf(e->path, PATH, "%.120s/n%u", d->a, i);
		e->type = i % 7 == 3 ? 'd' : i % 7 == 4 ? 'l' : 'f';
		e->id = next_id++;
		e->attr = 0;
		e->size = e->type == 'd' ? 0 : e->type == 'l' ? 10 : below(9) ? below(9000) : below(sizeof(content));
		v[i] = (struct exo_make){
			.name = strrchr(e->path, '/') + 1, .target = "the target", .flags = EXO_MAKE_BLOCKS};
		v[i].st.st_mode = e->type == 'd' ? S_IFDIR | 0755 : e->type == 'l' ? S_IFLNK | 0777 : S_IFREG | 0644;
		v[i].st.st_size = e->size;
	}
	WANT(exo_file_make(at, v, n), 0);
	for (i = 0; i < n; i++) {
		struct entry *e = &now.e[now.n + i];

		WANT(v[i].err, 0);
		if (e->type != 'f')
			continue;
		fill(e->id, e->size);
		WANT(exo_at_open(fs, at, v[i].name, O_WRONLY, 0, &f), 0);
		WANT(exo_file_pwrite(f, content, e->size, 0), e->size);
		exo_file_close(f);
	}
	now.n += n;
	exo_file_close(at);
}

/* A further name of a file; for the model it is another file with the same content. */
static void add_link(struct exo_fs *fs, struct done *d)
{
	struct entry *e = &now.e[now.n], *old = &now.e[below(now.n)];

	new_path(e->path);
	if (old->type == 'd' || find(&now, e->path) || now.n == ENTRIES - 1)
		return;
	strcpy(d->a, e->path);
	WANT(exo_at_link(fs, NULL, old->path, NULL, e->path, 0), 0);
	e->type = old->type;
	e->id = old->id;
	e->size = old->size;
	e->attr = old->attr;
	now.n++;
}

static void swap(struct exo_fs *fs, struct done *d)
{
	struct entry *a = &now.e[below(now.n)], *b = &now.e[below(now.n)];
	char tail[PATH];
	bool in_a;
	u32 i;

	if (inside(a->path, b->path) || inside(b->path, a->path) || strlen(a->path) > 80 || strlen(b->path) > 80)
		return;
	strcpy(d->a, a->path);
	strcpy(d->b, b->path);
	d->op = OP_EXCHANGE;
	WANT(exo_at_rename(fs, NULL, d->a, NULL, d->b, RENAME_EXCHANGE), 0);
	for (i = 0; i < now.n; i++) {
		in_a = inside(now.e[i].path, d->a);
		if (!in_a && !inside(now.e[i].path, d->b))
			continue;
		strcpy(tail, now.e[i].path + strlen(in_a ? d->a : d->b));
		CHECK(snprintf(now.e[i].path, PATH, "%s%s", in_a ? d->b : d->a, tail) < PATH);
	}
}

static void move(struct exo_fs *fs, struct done *d)
{
	struct entry *a, *b;
	char to[PATH];
	u32 i;

	if (!now.n)
		return;
	a = &now.e[below(now.n)];
	if (below(3) || now.n < 2)
		new_path(to);
	else
		strcpy(to, now.e[below(now.n)].path);
	b = find(&now, to);
	if (inside(to, a->path) || inside(a->path, to))
		return;
	/* Two names of one file: nothing happens. */
	if (b && a->id == b->id && a->type != 'd')
		return;
	if (b && ((a->type == 'd') != (b->type == 'd') || has_children(to)))
		return;
	if (strlen(to) > 100 && a->type == 'd')
		return;
	strcpy(d->a, a->path);
	strcpy(d->b, to);
	d->op = OP_RENAME;
	WANT(exo_fs_rename(fs, d->a, d->b), 0);
	if (b)
		drop(b);
	for (i = 0; i < now.n; i++) {
		char tail[PATH];

		if (!inside(now.e[i].path, d->a))
			continue;
		strcpy(tail, now.e[i].path + strlen(d->a));
		CHECK(snprintf(now.e[i].path, PATH, "%s%s", d->b, tail) < PATH);
	}
}

static void take_away(struct exo_fs *fs, struct done *d)
{
	struct entry *e;

	if (!now.n)
		return;
	e = &now.e[below(now.n)];
	if (has_children(e->path))
		return;
	strcpy(d->a, e->path);
	d->op = OP_REMOVE;
	WANT(e->type == 'd' ? exo_fs_rmdir(fs, e->path) : exo_fs_unlink(fs, e->path), 0);
	drop(e);
}

static void note_sync(struct world *w, u32 op)
{
	CHECK(nsyncs < SYNCS);
	at_sync[nsyncs].log = sim_log_len(w->disk);
	at_sync[nsyncs].op = op;
	at_sync[nsyncs].m = now;
	nsyncs++;
}

static bool whole(struct exo_fs *fs, const struct entry *e, const char *path)
{
	struct exo_file *f;
	struct stat st;
	char link[20];
	bool same;

	if (exo_fs_stat(fs, path, EXO_FS_NOFOLLOW, &st))
		return false;
	if (e->type == 'd')
		return S_ISDIR(st.st_mode);
	if (e->attr) {
		fill(e->id + 1000000, e->attr);
		if (exo_at_getxattr(fs, NULL, path, "user.x", got, sizeof(got), EXO_FS_NOFOLLOW) != e->attr ||
		    memcmp(got, content, e->attr))
			return false;
	}
	if (st.st_size != e->size)
		return false;
	if (e->type == 'l')
		return S_ISLNK(st.st_mode) && exo_fs_readlink(fs, path, link, 20) == 10 &&
		       !memcmp(link, "the target", 10);
	if (!S_ISREG(st.st_mode))
		return false;
	fill(e->id, e->size);
	WANT(exo_file_open(fs, path, O_RDONLY, 0, &f), 0);
	same = exo_file_pread(f, got, sizeof(got), 0) == e->size && !memcmp(got, content, e->size);
	exo_file_close(f);
	return same;
}

static char possible[POSSIBLE][PATH];
static u32 npossible;

static void may_be(const char *dir, const char *tail)
{
	char path[2 * PATH];
	u32 k;

	snprintf(path, sizeof(path), "%s%s", dir, tail);
	if (npossible == POSSIBLE)
		return;
	/* Moving directories into each other makes ever longer names out of these rules, but no path here is that long.
	 */
	if (strlen(path) >= PATH)
		return;
	for (k = 0; k < npossible; k++)
		if (!strcmp(possible[k], path))
			return;
	strcpy(possible[npossible++], path);
}

/*
 * Every name that an entry may have after a power cut in operations [from, to), and whether it may be gone. Each rename
 * may have happened on disk or not, also that of a directory into which another one moved the entry.
 */
static void judge(struct exo_fs *fs, const struct entry *e, u32 from, u32 to, const char *where)
{
	bool may_go = false;
	u32 i, k, before;

	npossible = 0;
	may_be(e->path, "");
	do {
		before = npossible;
		for (i = from; i < to; i++) {
			const struct done *d = &ops[i];

			for (k = 0; k < npossible; k++) {
				if (d->op == OP_REMOVE && !strcmp(d->a, possible[k]))
					may_go = true;
				if (d->op == OP_RENAME && !strcmp(d->b, possible[k]))
					may_go = true;
				if (d->op == OP_EXCHANGE) {
					if (inside(possible[k], d->a))
						may_be(d->b, possible[k] + strlen(d->a));
					else if (inside(possible[k], d->b))
						may_be(d->a, possible[k] + strlen(d->b));
				}
				if (d->op != OP_RENAME)
					continue;
				if (inside(possible[k], d->a))
					may_be(d->b, possible[k] + strlen(d->a));
				else if (inside(possible[k], d->b) && strcmp(possible[k], d->b))
					may_be(d->a, possible[k] + strlen(d->b));
			}
		}
	} while (npossible > before);
	for (k = 0; k < npossible; k++)
		if (whole(fs, e, possible[k]))
			return;
	/* Too many to tell (directories moved into each other again and again): nothing is claimed about this one. */
	if (may_go || npossible == POSSIBLE)
		return;
	for (i = from; i < to; i++)
		fprintf(stderr, "op %u: %s '%s' '%s'\n", i,
			(const char *[]){"create", "rename", "remove", "exchange"}[ops[i].op], ops[i].a, ops[i].b);
	FAIL("round %llu, %s: '%s' (type %c, %u bytes) was synced and is lost or damaged", round_nr, where, e->path,
	     e->type, e->size);
}

static int print_problem(void *arg, const struct exo_fs_problem *p)
{
	fprintf(stderr, "%s%s (block %llu)\n", p->text, p->repaired ? " (repaired)" : "", (unsigned long long)p->block);
	return 0;
}

static int print_line(void *arg, const char *line)
{
	fprintf(stderr, "%s\n", line);
	return 0;
}

/* With CFFS_TRACE, for the one cut that is looked into: the tree as power left it. */
static void show(struct exo *x, u32 number)
{
	struct exo_fs *fs;

	if (!getenv("CFFS_TRACE") || exo_fs_open(&fs, x, number, "t", EXO_FS_RDONLY, NULL))
		return;
	exo_fs_dump(fs, NULL, print_line, NULL);
	exo_fs_close(fs);
}

static void cut(struct world *w, size_t at, u64 seed)
{
	static u8 land[100000];
	struct sim_image *img;
	struct exo_root_get root;
	struct exo_why why = {0};
	struct exo_file *f;
	struct sim_disk *d;
	struct exo *x = world_handle(w);
	struct exo_fs *fs;
	char where[100];
	u32 k, i, number;
	size_t n;

	for (k = 0; k + 1 < nsyncs && at_sync[k + 1].log <= at; k++)
		;
	snprintf(where, sizeof(where), "cut %zu of %zu, seed %llu, sync %u", at, sim_log_len(w->disk),
		 (unsigned long long)seed, k);
	n = sim_crash_pending(w->disk, at, NULL, 0);
	CHECK(n < sizeof(land));
	sim_crash_draw(w->disk, at, seed, land, n);
	img = sim_crash_image(w->disk, at, land, n);
	CHECK(img);
	d = sim_disk_from("/dev/crash", img, SIM_VOLATILE);
	CHECK(d);
	sim_image_free(img);
	if (exo_attach(x, "/dev/crash", 0, &number, &why) < 0)
		FAIL("round %llu, %s: attach: %s", round_nr, where, why.text);
	CHECK(!exo_root_find(x, number, "t", &root, NULL));
	if (root.out_quarantine)
		FAIL("round %llu, %s: quarantined, %u, block %llu", round_nr, where, root.out_quarantine,
		     (unsigned long long)root.out_quarantine_detail);
	show(x, number);
	if (exo_fs_open(&fs, x, number, "t", 0, &why))
		FAIL("round %llu, %s: open: %s", round_nr, where, why.text);
	if (exo_contested(x, number, NULL, 0) > 0 && exo_fs_check(fs, EXO_FS_REPAIR, print_problem, NULL, NULL))
		FAIL("round %llu, %s: blocks stayed contested", round_nr, where);
	/* An inode without blocks may have two names here; nothing else may need repair. */
	WANT(exo_fs_check(fs, EXO_FS_REPAIR, getenv("CFFS_TRACE") ? print_problem : NULL, NULL, NULL) < 0, 0);
	if (exo_fs_check(fs, 0, print_problem, NULL, NULL))
		FAIL("round %llu, %s: problems after repair", round_nr, where);
	for (i = 0; i < at_sync[k].m.n; i++)
		judge(fs, &at_sync[k].m.e[i], at_sync[k].op, k + 1 < nsyncs ? at_sync[k + 1].op : OPS, where);
	/* It works on. */
	WANT(exo_file_open(fs, "after the cut", O_CREAT | O_RDWR, 0644, &f), 0);
	fill(1, 100000);
	WANT(exo_file_pwrite(f, content, 100000, 0), 100000);
	exo_file_close(f);
	WANT(exo_fs_sync(fs), 0);
	world_check(fs);
	exo_fs_close(fs);
	if (exo_detach(x, number, 0, &why) < 0)
		FAIL("round %llu, %s: detach: %s", round_nr, where, why.text);
	exo_close(x);
	sim_disk_free(d);
}

int main(int argc, char **argv)
{
	u64 seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 3;
	u32 rounds = argc > 2 ? atoi(argv[2]) : 8, cuts = argc > 3 ? atoi(argv[3]) : 20, i;

	bool makes = !strcmp(world_type(), "cffs");

	if (argc > 4)
		rounds++;

	for (round_nr = 0; round_nr < rounds; round_nr++) {
		struct exo_fs *fs;
		struct world w;

		state = seed * 1000 + round_nr;
		nsyncs = now.n = 0;
		memset(ops, 0, sizeof(ops));
		world_start(&w, 1024, 8192, SIM_VOLATILE, state);
		world_mkfs(&w, "t", 0);
		fs = world_open(&w, w.x, "t");
		WANT(exo_fs_sync(fs), 0);
		CHECK(!sim_log_start(w.disk));
		note_sync(&w, 0);
		for (i = 0; i < OPS; i++) {
			u32 what = below(13);

			if (makes && !below(8))
				make(fs, &ops[i]);
			else if (makes && !below(12))
				WANT(exo_fs_defrag(fs, NULL, NULL, NULL), 0);
			else if (what < 6 || now.n < 10)
				create(fs, &ops[i]);
			else if (what == 10)
				swap(fs, &ops[i]);
			else if (what > 10)
				add_link(fs, &ops[i]);
			else if (what < 9)
				move(fs, &ops[i]);
			else
				take_away(fs, &ops[i]);
			if (!below(12)) {
				WANT(exo_fs_sync(fs), 0);
				note_sync(&w, i + 1);
			}
		}
		world_check(fs);
		WANT(exo_fs_sync(fs), 0);
		if (argc > 4 && round_nr == rounds - 1)
			cut(&w, strtoull(argv[3], NULL, 0), strtoull(argv[4], NULL, 0));
		for (i = 0; i < cuts && argc < 5; i++)
			cut(&w, below(sim_log_len(w.disk) + 1), seed + i);
		exo_fs_close(fs);
		world_stop(&w);
	}
	return 0;
}
