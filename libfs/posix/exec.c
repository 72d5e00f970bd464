// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * exec.c: a new image keeps what the old one had. The environment gets the library and its settings back, which the
 * program never sees, and the number of a memory file that lists the open files and the current directory; the new
 * image takes the list and closes it, and opens the files at their first use. A program that lies in a tree is run from
 * a copy in memory; for a script, what its first line names is run.
 */
#include <elf.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include "posix.h"

#define STATE_MAGIC 0x6574617473786f65ull
#define ROOM (256ul << 10)
#define SCRIPTS 5

struct state {
	uint64_t magic;
	uint32_t pid, count;
};

struct item {
	int32_t fd; /* -1: the current directory */
	uint32_t tree, oflags, type;
	uint64_t ino;
	uint32_t len, pad; /* of the path, with its NUL, behind this */
};

struct block {
	char *at, *end;
};

static void *piece(struct block *b, size_t n)
{
	void *p = b->at;

	n = (n + 15) & ~15ul;
	if ((size_t)(b->end - b->at) < n)
		return NULL;
	b->at += n;
	return p;
}

static char *text(struct block *b, const char *one, const char *two)
{
	char *p = piece(b, strlen(one) + strlen(two) + 1);

	if (p)
		strcat(strcpy(p, one), two);
	return p;
}

/* ---- leaving ---- */

/* What has no name and is not kept for the new image cannot be found again: that gets a copy of its bytes instead. */
static long replace(struct ofd *o, int fd)
{
	static char buf[64 << 10];
	int64_t off = posix_offset(o, fd), at = 0;
	long copy = raw2(SYS_memfd_create, "exo-unnamed", 0), got;

	if (copy < 0)
		return copy;
	while ((got = exo_file_pread(o->f, buf, sizeof(buf), at)) > 0) {
		raw4(SYS_pwrite64, copy, buf, got, at);
		at += got;
	}
	raw3(SYS_lseek, copy, off, SEEK_SET);
	raw2(SYS_dup2, copy, fd);
	raw1(SYS_close, copy);
	posix_set(posix_proc(), fd, NULL);
	return 0;
}

static int note(long state, struct ofd *o, int fd, int64_t *at)
{
	static char path[PATH_MAX];
	struct item item = {.fd = fd, .tree = o->t - posix_trees, .oflags = o->oflags, .type = o->type, .ino = o->ino};
	long n = posix_ready(o);

	if (!n)
		n = exo_file_path(o->f, path, sizeof(path));
	/* By its number alone. */
	if (n == -ENOENT && o->f && exo_fs_marks(o->t->fs))
		n = *path = 0;
	if (n < 0)
		return n;
	item.len = n + 1;
	raw4(SYS_pwrite64, state, &item, sizeof(item), *at);
	raw4(SYS_pwrite64, state, path, item.len, *at + sizeof(item));
	*at += sizeof(item) + item.len;
	return 0;
}

static long save(struct proc *p)
{
	struct state head = {STATE_MAGIC, raw1(SYS_getpid, 0), 0};
	int64_t at = sizeof(head);
	long fd = -1;
	int i, j;

	posix_each(exo_fs_flush);
	/* The memory is the parent's, but who runs the new image is this one. */
	if (posix_in_vfork())
		posix_child(raw1(SYS_getpid, 0));
	posix_share_all(p);
	for (i = 0; i < FD_CHUNKS; i++)
		for (j = 0; p->chunk[i] && j < FD_CHUNK; j++) {
			struct ofd *o = p->chunk[i][j];
			int n = i * FD_CHUNK + j;

			if (!o || raw3(SYS_fcntl, n, F_GETFD, 0) & FD_CLOEXEC)
				continue;
			if (fd < 0)
				fd = raw2(SYS_memfd_create, "exo-state", 0);
			if (fd < 0)
				return fd;
			if (!note(fd, o, n, &at))
				head.count++;
			else
				replace(o, n);
		}
	if (p->cwd) {
		if (fd < 0)
			fd = raw2(SYS_memfd_create, "exo-state", 0);
		if (fd < 0)
			return fd;
		if (!note(fd, p->cwd, -1, &at))
			head.count++;
	}
	if (fd >= 0)
		raw4(SYS_pwrite64, fd, &head, sizeof(head), 0);
	return fd;
}

static char *number(char *at, unsigned long v)
{
	char digits[24];
	int n = 0;

	do {
		digits[n++] = '0' + v % 10;
		v /= 10;
	} while (v);
	while (n)
		*at++ = digits[--n];
	*at = 0;
	return at;
}

static char **environment(struct block *b, char **env, long state)
{
	static const char *const ours[] = {"EXO_POSIX=", "EXO_POSIX_LIB=", "EXO_POSIX_STATE=", "LD_PRELOAD="};
	char **out, **to, *preload = NULL, digits[24];
	size_t n = 0, i;

	while (env && env[n])
		n++;
	to = out = piece(b, (n + 5) * sizeof(*out));
	if (!out)
		return NULL;
	for (; env && *env; env++) {
		for (i = 0; i < 4 && strncmp(*env, ours[i], strlen(ours[i])); i++)
			;
		if (i == 4)
			*to++ = *env;
		else if (i == 3)
			preload = *env + 11;
	}
	number(digits, state < 0 ? 0 : state);
	if (preload && *preload && !strstr(preload, posix_library)) {
		char *with = text(b, "LD_PRELOAD=", posix_library), *more = with ? text(b, ":", preload) : NULL;

		*to = more ? text(b, with, more) : NULL;
	} else {
		*to = text(b, "LD_PRELOAD=", preload && *preload ? preload : posix_library);
	}
	if (!*to++ || !(*to++ = text(b, "EXO_POSIX=", posix_config)) ||
	    !(*to++ = text(b, "EXO_POSIX_LIB=", posix_library)))
		return NULL;
	if (state >= 0 && !(*to++ = text(b, "EXO_POSIX_STATE=", digits)))
		return NULL;
	*to = NULL;
	return out;
}

struct run {
	struct op *op;
	struct block b;
	int dirfd;
	const char *path;
	char **argv;
	int flags;
	long program; /* a memory file, or -1: dirfd and path are the kernel's */
};

/* "#! interpreter argument": what is run becomes the interpreter, and the script its last argument. */
static long script(struct run *run, char *head, long got, const char *prefix, const char *rest)
{
	char *name = head + 2, *arg, *end, **argv, *full;
	size_t n = 0, i = 0;

	head[got] = 0;
	end = strchr(name, '\n');
	if (!end)
		return -ENOEXEC;
	*end = 0;
	while (end > name && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = 0;
	name += strspn(name, " \t");
	arg = name + strcspn(name, " \t");
	if (*arg) {
		*arg++ = 0;
		arg += strspn(arg, " \t");
	}
	if (!*name)
		return -ENOEXEC;
	full = text(&run->b, prefix, rest);
	while (run->argv && run->argv[n])
		n++;
	argv = piece(&run->b, (n + 4) * sizeof(*argv));
	name = text(&run->b, name, "");
	arg = text(&run->b, arg, "");
	if (!full || !argv || !name || !arg)
		return -E2BIG;
	argv[i++] = name;
	if (*arg)
		argv[i++] = arg;
	argv[i++] = full;
	for (size_t k = 1; k < n; k++)
		argv[i++] = run->argv[k];
	argv[i] = NULL;
	run->argv = argv;
	run->path = name;
	run->dirfd = AT_FDCWD;
	run->flags = 0;
	return 1;
}

static long load(struct run *run, struct exo_file *f)
{
	static char buf[64 << 10];
	const char *base = strrchr(run->path, '/');
	int64_t at = 0;
	long fd, got;

	base = base ? base + 1 : run->path;
	fd = raw2(SYS_memfd_create, strlen(base) < 200 && *base ? base : "exo", MFD_CLOEXEC);
	if (fd < 0)
		return fd;
	while ((got = exo_file_pread(f, buf, sizeof(buf), at)) > 0) {
		if (raw4(SYS_pwrite64, fd, buf, got, at) != got) {
			got = -ENOMEM;
			break;
		}
		at += got;
	}
	if (got < 0) {
		raw1(SYS_close, fd);
		return got;
	}
	raw2(SYS_fchmod, fd, 0755);
	/* Open for writing, it could not be run. */
	{
		char link[40] = "/proc/self/fd/";
		long ro;

		number(link + strlen(link), fd);
		ro = raw3(SYS_open, link, O_RDONLY | O_CLOEXEC, 0);
		raw1(SYS_close, fd);
		fd = ro;
	}
	return fd;
}

/* What the path names in a tree: 1: look at run->path again, 0: run->program or the kernel's path is it. */
static long step(struct run *run)
{
	static char copy[PATH_MAX], out[2 * PATH_MAX], head[260];
	struct where w;
	struct exo_file *f;
	struct stat st;
	int tries;
	long err, got;

	if (!posix_resolve(run->dirfd, run->path, &w))
		return 0;
	if (w.self)
		run->flags |= AT_EMPTY_PATH;
	for (tries = 0;; tries++) {
		err = posix_attach(w.t);
		if (!err && w.at)
			err = posix_ready(w.at);
		if (err)
			return err;
		err = exo_at_access(w.t->fs, w.at ? w.at->f : NULL, w.path, X_OK,
				    run->flags & AT_EMPTY_PATH ? EXO_FS_EMPTY : 0);
		if (err != -EXO_ESCAPED)
			break;
		if (tries == LINKS_MAX)
			return -ELOOP;
		err = posix_escaped(&w, out);
		if (err)
			return err;
		if (!w.t) {
			strcpy(copy, w.path);
			run->path = text(&run->b, copy, "");
			run->dirfd = AT_FDCWD;
			return run->path ? 0 : -E2BIG;
		}
	}
	if (!err)
		err = exo_at_stat(w.t->fs, w.at ? w.at->f : NULL, w.path, run->flags & AT_EMPTY_PATH ? EXO_FS_EMPTY : 0,
				  &st);
	if (err)
		return err;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	if (run->flags & AT_EMPTY_PATH && !*w.path) {
		f = w.at->f;
		err = exo_file_reopen(w.at->f, O_RDONLY, &f);
	} else {
		/* To run a file is not to read it, for the library as little as for the kernel. */
		struct exo_fs_cred c = {
			.uid = raw1(SYS_geteuid, 0), .gid = raw1(SYS_getegid, 0), .flags = EXO_FS_CHECKED};

		exo_fs_set_cred(&c);
		err = exo_at_open(w.t->fs, w.at ? w.at->f : NULL, w.path, O_RDONLY, 0, &f);
		posix_as_before();
	}
	if (err)
		return err;
	got = exo_file_pread(f, head, 256, 0);
	if (got >= 2 && head[0] == '#' && head[1] == '!') {
		static char whole[2 * PATH_MAX];
		long n = exo_file_path(f, whole, sizeof(whole));

		/* As it was called, unless that was by a descriptor. */
		if (run->dirfd == AT_FDCWD || *run->path == '/')
			err = script(run, head, got < 255 ? got : 255, "", run->path);
		else
			err = n < 0 ? n : script(run, head, got < 255 ? got : 255, w.t->prefix, whole);
	} else if (got >= (long)sizeof(Elf64_Ehdr) && !memcmp(head, ELFMAG, SELFMAG)) {
		run->program = load(run, f);
		err = run->program < 0 ? run->program : 0;
	} else {
		err = got < 0 ? got : -ENOEXEC;
	}
	exo_file_close(f);
	return err;
}

static struct run *running;

static long prepare(struct op *op)
{
	struct run *run = running;
	char **env;
	long err = 1, state;
	int i;

	for (i = 0; err == 1 && i < SCRIPTS; i++)
		err = step(run);
	if (err)
		return err == 1 ? -ELOOP : err;
	state = save(posix_proc());
	env = environment(&run->b, (char **)(op->nr == SYS_execve ? op->a[2] : op->a[3]), state);
	op->ret = state;
	op->a[5] = (long)env;
	return env ? 0 : -E2BIG;
}

static long prepare_locked(struct op *op)
{
	running = (struct run *)op->o;
	return prepare(op);
}

int out_execve(struct regs *r, const struct call *c)
{
	struct op op = {r->rax, {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}, .c = c, .ret = -1};
	struct run run = {.program = -1};
	const char *path = (const char *)(r->rax == SYS_execve ? r->rdi : r->rsi);
	long p, err;

	if (!posix_string(path))
		return posix_done(r, -EFAULT);
	p = raw6(SYS_mmap, 0, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p < 0 && p > -4096)
		return posix_done(r, p);
	run.b = (struct block){(char *)p, (char *)p + ROOM};
	if (r->rax == SYS_execve) {
		run.dirfd = AT_FDCWD;
		run.path = (const char *)op.a[0];
		run.argv = (char **)op.a[1];
	} else {
		run.dirfd = op.a[0];
		run.path = (const char *)op.a[1];
		run.argv = (char **)op.a[2];
		run.flags = op.a[4];
	}
	op.o = (struct ofd *)&run;
	err = posix_enter(&op, prepare_locked);
	if (!err) {
		char **env = (char **)op.a[5];

		/* A child of vfork leaves this memory to its parent, who gives it back. */
		posix_leave((void *)p, ROOM);
		if (run.program >= 0)
			err = raw5(SYS_execveat, run.program, "", run.argv, env, AT_EMPTY_PATH);
		else if (r->rax == SYS_execve || run.dirfd == AT_FDCWD)
			err = raw5(SYS_execveat, AT_FDCWD, run.path, run.argv, env, 0);
		else
			err = raw5(SYS_execveat, run.dirfd, run.path, run.argv, env, run.flags);
	}
	posix_leave(NULL, 0);
	if (op.ret >= 0)
		raw1(SYS_close, op.ret);
	if (run.program >= 0)
		raw1(SYS_close, run.program);
	raw2(SYS_munmap, p, ROOM);
	return posix_done(r, err);
}

/* ---- arriving: runs before main, with nobody else about ---- */

void posix_inherit(const char *number_)
{
	struct state head;
	struct item item;
	struct ofd *o;
	int64_t at = sizeof(head);
	long fd = 0;
	uint32_t i;

	if (!number_ || !*number_)
		return;
	for (; *number_ >= '0' && *number_ <= '9' && fd < INT_MAX / 16; number_++)
		fd = fd * 10 + *number_ - '0';
	if (raw4(SYS_pread64, fd, &head, sizeof(head), 0) != sizeof(head) || head.magic != STATE_MAGIC ||
	    head.pid != (uint32_t)raw1(SYS_getpid, 0))
		return;
	for (i = 0; i < head.count; i++) {
		if (raw4(SYS_pread64, fd, &item, sizeof(item), at) != sizeof(item) || item.len == 0 ||
		    item.len > PATH_MAX || item.tree >= (uint32_t)posix_ntrees)
			break;
		o = __wrap_calloc(1, sizeof(*o));
		if (!o)
			break;
		*o = (struct ofd){.refs = 1,
				  .t = &posix_trees[item.tree],
				  .oflags = item.oflags,
				  .shared = item.fd >= 0,
				  .lockfd = -1,
				  .type = item.type,
				  .ino = item.ino,
				  .path = __wrap_malloc(item.len)};
		if (!o->path || raw4(SYS_pread64, fd, o->path, item.len, at + sizeof(item)) != item.len) {
			posix_put(o);
			break;
		}
		o->path[item.len - 1] = 0;
		at += sizeof(item) + item.len;
		if (item.fd < 0)
			posix_proc()->cwd = o;
		else
			posix_set(posix_proc(), item.fd, o);
	}
	raw1(SYS_close, fd);
}

/* An inherited file is opened when it is used. Its rights were checked when it was opened first. */
int posix_ready(struct ofd *o)
{
	struct exo_fs_cred c = {.flags = EXO_FS_CHECKED};
	struct exo_file *f;
	int err, oflags;
	struct stat st;

	if (o->f)
		return 0;
	err = posix_attach(o->t);
	if (err)
		return err;
	c.uid = raw1(SYS_geteuid, 0);
	c.gid = raw1(SYS_getegid, 0);
	exo_fs_set_cred(&c);
	oflags = (o->oflags & ~O_NOFOLLOW) | (o->oflags & O_PATH ? O_NOFOLLOW : 0);
	if ((oflags & O_TMPFILE) == O_TMPFILE)
		oflags &= ~O_TMPFILE;
	err = *o->path ? exo_file_open(o->t->fs, o->path, oflags, 0, &f) : -ENOENT;
	if (!err) {
		err = exo_file_stat(f, &st);
		if (!err && st.st_ino != o->ino)
			err = -ESTALE;
		if (err)
			exo_file_close(f);
	}
	/* It was renamed or removed meanwhile, or had no name before. */
	if (err && err != -EOPNOTSUPP)
		err = exo_file_by_ino(o->t->fs, o->ino, oflags, &f);
	posix_as_before();
	if (err)
		return err;
	o->f = f;
	__wrap_free(o->path);
	o->path = NULL;
	return 0;
}

/* What was inherited counts as open here before the image that is gone counts no more. */
void posix_arrived(struct tree *t)
{
	struct proc *p = posix_proc();
	int i, j;

	for (i = 0; i < FD_CHUNKS; i++)
		for (j = 0; p->chunk[i] && j < FD_CHUNK; j++)
			if (p->chunk[i][j] && p->chunk[i][j]->t == t)
				posix_ready(p->chunk[i][j]);
	exo_fs_execed(t->fs);
}
