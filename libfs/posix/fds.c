// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * fds.c: descriptors. Each open file of a tree has a placeholder in the kernel: an empty sealed memory file, whose name
 * says what it stands for. It gives the number, dup, close-on-exec and readiness; its offset is the file's whenever
 * another process may share it, that is, from the first fork or exec on. A program that reaches the placeholder past
 * this library can neither write to it nor read anything from it.
 */
#include <linux/memfd.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include "posix.h"

static struct proc main_proc;
static __thread struct proc *overlay __attribute__((tls_model("initial-exec")));
static __thread long overlay_parent __attribute__((tls_model("initial-exec")));

/* The tables of the calling process: a child of vfork has its own, though it shares the memory. */
struct proc *posix_proc(void)
{
	if (!overlay)
		return &main_proc;
	if (raw1(SYS_getpid, 0) != overlay_parent)
		return overlay;
	/* The child has gone its way, and this is the parent again. */
	if (posix_inside()) {
		posix_drop(overlay);
		overlay = NULL;
	}
	return &main_proc;
}

bool posix_in_vfork(void)
{
	return overlay && posix_proc() == overlay;
}

/* In a child of vfork, its parent frees this. */
void posix_leave(void *p, size_t len)
{
	if (posix_in_vfork()) {
		overlay->left = p;
		overlay->left_len = len;
	}
}

void posix_vforked(void)
{
	overlay_parent = raw1(SYS_getpid, 0);
	overlay = posix_copy(&main_proc);
}

struct ofd *posix_ofd(int fd)
{
	struct proc *p = overlay ? posix_proc() : &main_proc;
	struct ofd **chunk;

	if (fd < 0 || fd >= FD_CHUNK * FD_CHUNKS)
		return NULL;
	chunk = __atomic_load_n(&p->chunk[fd / FD_CHUNK], __ATOMIC_ACQUIRE);
	return chunk ? __atomic_load_n(&chunk[fd % FD_CHUNK], __ATOMIC_ACQUIRE) : NULL;
}

struct ofd *posix_new(struct tree *t, struct exo_file *f, int oflags)
{
	struct ofd *o = __wrap_calloc(1, sizeof(*o));
	struct stat st;

	if (!o)
		return NULL;
	o->refs = 1;
	o->t = t;
	o->f = f;
	o->oflags = oflags & ~(O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC);
	/* With O_TMPFILE it goes on to mean that there will never be a name. */
	if ((oflags & O_TMPFILE) != O_TMPFILE)
		o->oflags &= ~O_EXCL;
	o->lockfd = -1;
	if (!exo_file_stat(f, &st)) {
		o->type = st.st_mode & S_IFMT;
		o->ino = st.st_ino;
	}
	return o;
}

void posix_put(struct ofd *o)
{
	if (!o || --o->refs)
		return;
	if (o->lockfd >= 0)
		raw1(SYS_close, o->lockfd);
	if (o->appender && o->appendfd >= 0)
		raw1(SYS_close, o->appendfd);
	exo_file_close(o->f);
	__wrap_free(o->path);
	__wrap_free(o);
}

void posix_set(struct proc *p, int fd, struct ofd *o)
{
	struct ofd **chunk, *was;

	if (fd < 0 || fd >= FD_CHUNK * FD_CHUNKS)
		return posix_put(o);
	chunk = p->chunk[fd / FD_CHUNK];
	if (!chunk) {
		if (!o)
			return;
		chunk = __wrap_calloc(FD_CHUNK, sizeof(*chunk));
		if (!chunk)
			return posix_put(o);
		__atomic_store_n(&p->chunk[fd / FD_CHUNK], chunk, __ATOMIC_RELEASE);
	}
	was = chunk[fd % FD_CHUNK];
	__atomic_store_n(&chunk[fd % FD_CHUNK], o, __ATOMIC_RELEASE);
	posix_put(was);
}

static char *put_number(char *at, uint64_t v)
{
	char digits[24];
	int n = 0;

	do {
		digits[n++] = '0' + v % 10;
		v /= 10;
	} while (v);
	while (n)
		*at++ = digits[--n];
	return at;
}

static long placeholder(struct ofd *o, int cloexec)
{
	char name[64] = "exo-", *at;
	long fd;

	at = put_number(name + 4, o->t - posix_trees);
	*at++ = '-';
	*put_number(at, o->ino) = 0;
	if (o->oflags & O_PATH)
		return raw3(SYS_open, "/dev/null", O_PATH | (cloexec ? O_CLOEXEC : 0), 0);
	fd = raw2(SYS_memfd_create, name, MFD_ALLOW_SEALING | (cloexec ? MFD_CLOEXEC : 0));
	if (fd < 0)
		return fd;
	raw3(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	if (o->oflags & (O_APPEND | O_NONBLOCK))
		raw3(SYS_fcntl, fd, F_SETFL, O_RDWR | (o->oflags & (O_APPEND | O_NONBLOCK)));
	return fd;
}

int posix_install(struct ofd *o, int cloexec)
{
	long fd = placeholder(o, cloexec);

	if (fd < 0) {
		posix_put(o);
		return fd;
	}
	posix_set(posix_proc(), fd, o);
	return fd;
}

struct proc *posix_copy(const struct proc *p)
{
	struct proc *q = __wrap_calloc(1, sizeof(*q));
	int i, j;

	for (i = 0; q && i < FD_CHUNKS; i++) {
		if (!p->chunk[i])
			continue;
		q->chunk[i] = __wrap_malloc(FD_CHUNK * sizeof(*q->chunk[i]));
		if (!q->chunk[i])
			break;
		memcpy(q->chunk[i], p->chunk[i], FD_CHUNK * sizeof(*q->chunk[i]));
		for (j = 0; j < FD_CHUNK; j++)
			if (q->chunk[i][j])
				q->chunk[i][j]->refs++;
	}
	if (q) {
		q->cwd = p->cwd;
		if (q->cwd)
			q->cwd->refs++;
	}
	return q;
}

void posix_drop(struct proc *p)
{
	int i, j;

	for (i = 0; i < FD_CHUNKS; i++) {
		for (j = 0; p->chunk[i] && j < FD_CHUNK; j++)
			posix_put(p->chunk[i][j]);
		__wrap_free(p->chunk[i]);
	}
	posix_put(p->cwd);
	if (p->left)
		raw2(SYS_munmap, p->left, p->left_len);
	__wrap_free(p);
}

int64_t posix_offset(struct ofd *o, int fd)
{
	return o->shared ? raw3(SYS_lseek, fd, 0, SEEK_CUR) : o->off;
}

void posix_set_offset(struct ofd *o, int fd, int64_t off)
{
	if (o->shared)
		raw3(SYS_lseek, fd, off, SEEK_SET);
	else
		o->off = off;
}

/* From now on other processes have these descriptors, too. */
void posix_share_all(struct proc *p)
{
	int i, j;

	for (i = 0; i < FD_CHUNKS; i++) {
		for (j = 0; p->chunk[i] && j < FD_CHUNK; j++) {
			struct ofd *o = p->chunk[i][j];

			if (!o || o->shared)
				continue;
			o->shared = true;
			if (!(o->oflags & O_PATH))
				raw3(SYS_lseek, i * FD_CHUNK + j, o->off, SEEK_SET);
		}
	}
}

bool posix_internal(int fd)
{
	int i;

	for (i = 0; i < posix_ntrees; i++)
		if (posix_trees[i].dev == fd && fd >= 0)
			return true;
	return false;
}

int posix_high(int fd)
{
	long want[2], high;

	if (raw4(SYS_prlimit64, 0, 7 /* RLIMIT_NOFILE */, NULL, want) || want[0] > 65536)
		want[0] = 65536;
	high = raw3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, want[0] > 64 ? want[0] - 32 : want[0] / 2);
	if (high < 0)
		return fd;
	raw1(SYS_close, fd);
	return high;
}

mode_t posix_umask(void)
{
	mode_t mask = raw1(SYS_umask, 0);

	raw1(SYS_umask, mask);
	return mask;
}

/* A number of its own for each tree, which no device of the kernel has. */
void posix_fix_stat(const struct tree *t, struct stat *st)
{
	st->st_dev = makedev(0xe50, st->st_dev >> 16 << 8 | (st->st_dev & 255));
}
