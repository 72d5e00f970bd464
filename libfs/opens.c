// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * opens.c: see opens.h. Who opens an inode sets its mark and then looks at the slots' `going`; who removes one sets
 * `going` and then looks at the marks. Between the two steps of each stands a full barrier, so at least one of them
 * sees the other.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "opens.h"
#include "type.h"

#define MAGIC 0x31736e65706f7865ull
#define LEFT 0x656e6f676f7865ull /* in its place: the last one takes the file away */
#define TAKING UINT32_MAX	 /* a slot's pid while it is being emptied */
#define FULL UINT8_MAX		 /* a cell that is not counted any more */
#define TRIES 100

static int64_t uptime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static uint32_t cell_of(uint64_t ino)
{
	return (ino * 0x9E3779B97F4A7C15ull >> 32) % OPENS_CELLS;
}

/* When a process began, in ns since the machine did; -1: nobody says. */
static int64_t began(uint32_t pid)
{
	char path[32], text[1024], *at;
	unsigned long long ticks;
	ssize_t n = -1;
	int fd, i;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n <= 0)
		return -1;
	text[n] = 0;
	/* The name may hold anything; behind it, the 20th word. */
	at = strrchr(text, ')');
	for (i = 0; at && i < 20; i++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, " %llu", &ticks) != 1)
		return -1;
	return ticks * (1000000000 / sysconf(_SC_CLK_TCK));
}

/* Not when its process has ended, also if another one has its number by now. */
static bool alive(const struct opens_slot *s, uint32_t pid)
{
	if (pid == (uint32_t)getpid())
		return true;
	if (kill((pid_t)pid, 0) && errno == ESRCH)
		return false;
	return began(pid) <= s->since + 2000000000;
}

static void empty(struct opens_slot *s, uint32_t pid)
{
	if (!__atomic_compare_exchange_n(&s->pid, &pid, TAKING, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&s->going, 0, __ATOMIC_RELAXED);
	s->told = 0;
	memset(s->cells, 0, sizeof(s->cells));
	__atomic_store_n(&s->pid, 0, __ATOMIC_RELEASE);
}

/* Is it somebody's? A dead one's is emptied on the way. */
static bool taken(struct opens_slot *s)
{
	uint32_t pid = __atomic_load_n(&s->pid, __ATOMIC_ACQUIRE);

	if (!pid || pid == TAKING || alive(s, pid))
		return pid;
	empty(s, pid);
	return false;
}

static struct opens_slot *claim(struct opens_area *a)
{
	uint32_t pid = getpid(), i, used, none;

	for (i = 0; i < 2 * OPENS_SLOTS; i++) {
		struct opens_slot *s = &a->slot[i % OPENS_SLOTS];

		/* Those of killed processes only when there is no other: to tell takes system calls. */
		if (__atomic_load_n(&s->pid, __ATOMIC_RELAXED) && (i < OPENS_SLOTS || taken(s)))
			continue;
		none = 0;
		if (!__atomic_compare_exchange_n(&s->pid, &none, pid, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			continue;
		s->since = uptime();
		used = __atomic_load_n(&a->head.used, __ATOMIC_RELAXED);
		while (used < i % OPENS_SLOTS + 1 &&
		       !__atomic_compare_exchange_n(&a->head.used, &used, i % OPENS_SLOTS + 1, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_RELAXED))
			;
		return s;
	}
	return NULL;
}

/* ---- the file ---- */

static void names(struct exo_fs *fs, char dir[64], char path[128])
{
	struct exo_opens *o = &fs->opens;

	snprintf(dir, 64, "/dev/shm/exo-%u", o->owner);
	/* A simulated disk is this process's alone. */
	if (exo_fd(fs->x) < 0)
		snprintf(path, 128, "%s/opens-%u-%016llx-%d", dir, fs->disk, (unsigned long long)o->key, getpid());
	else
		snprintf(path, 128, "%s/opens-%u-%016llx", dir, fs->disk, (unsigned long long)o->key);
}

/* Made in the owner's own folder, as the owner's, also by root. */
static int make_file(struct exo_fs *fs, const char *dir, const char *path)
{
	uid_t owner = fs->opens.owner;
	struct stat st;
	int folder, fd;

	if (!mkdir(dir, 0711) && geteuid() != owner && lchown(dir, owner, -1))
		return -1;
	folder = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return -1;
	fd = -1;
	if (!fstat(folder, &st) && st.st_uid == owner && !(st.st_mode & 022))
		fd = openat(folder, path + strlen(dir) + 1, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	close(folder);
	if (fd >= 0 && geteuid() != owner && fchown(fd, owner, -1)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static struct opens_area *area_of(struct exo_fs *fs, bool make, int *out)
{
	char dir[64], path[128];
	void *p = MAP_FAILED;
	struct stat st;
	int fd;

	names(fs, dir, path);
	fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && make)
		fd = make_file(fs, dir, path);
	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == fs->opens.owner &&
	    (st.st_size >= (off_t)sizeof(struct opens_area) || !ftruncate(fd, sizeof(struct opens_area))))
		p = mmap(NULL, sizeof(struct opens_area), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		close(fd);
		return NULL;
	}
	*out = fd;
	return p;
}

static bool anybody(struct opens_area *a)
{
	uint32_t i;

	for (i = 0; i < OPENS_SLOTS; i++)
		if (taken(&a->slot[i]))
			return true;
	return false;
}

/*
 * Take the file away if nobody has a slot in it. One at a time decides; who claims a slot meanwhile finds LEFT, gives
 * it back, and comes here to wait.
 */
static void remove_file(struct exo_fs *fs)
{
	char dir[64], path[128];
	struct opens_area *a;
	struct stat st;
	int fd;

	a = area_of(fs, false, &fd);
	if (!a)
		return;
	flock(fd, LOCK_EX);
	if (!fstat(fd, &st) && st.st_nlink) {
		__atomic_store_n(&a->head.magic, LEFT, __ATOMIC_SEQ_CST);
		names(fs, dir, path);
		if (anybody(a) || unlink(path))
			__atomic_store_n(&a->head.magic, MAGIC, __ATOMIC_SEQ_CST);
	}
	close(fd);
	munmap(a, sizeof(*a));
}

/* 1: the file is on its way out. */
static int join_once(struct exo_fs *fs)
{
	uint64_t none = 0, magic;
	struct opens_slot *mine;
	struct opens_area *a;
	int fd;

	a = area_of(fs, true, &fd);
	if (!a)
		return -1;
	close(fd);
	__atomic_compare_exchange_n(&a->head.magic, &none, MAGIC, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	mine = claim(a);
	magic = __atomic_load_n(&a->head.magic, __ATOMIC_SEQ_CST);
	if (mine && magic == MAGIC) {
		fs->opens.area = a;
		fs->opens.mine = mine;
		return 0;
	}
	if (mine)
		empty(mine, getpid());
	munmap(a, sizeof(*a));
	if (magic != LEFT)
		return -1;
	remove_file(fs);
	return 1;
}

static bool join_slowly(struct exo_fs *fs)
{
	struct exo_opens *o = &fs->opens;
	uid_t uid = geteuid();
	int err = -1, i;

	if (!o->failed && o->owner != (uid_t)-1 && (!uid || uid == o->owner))
		for (i = 0; i < TRIES && (err = join_once(fs)) > 0; i++)
			;
	/* For good: what is open by then has no mark. */
	o->failed = err;
	return !err;
}

uid_t exo_opens_owner(const struct exo_cap *owner)
{
	return !owner->depth ? 0 : owner->depth > 1 && owner->name[0] == EXO_CAP_NS_UID ? owner->name[1] : (uid_t)-1;
}

bool exo_opens_join(struct exo_fs *fs)
{
	if (fs->opens.mine)
		return true;
	if (fs->opens.failed || !join_slowly(fs))
		return false;
	if (fs->opens.execed)
		exo_opens_execed(fs);
	return true;
}

void exo_opens_leave(struct exo_fs *fs)
{
	struct exo_opens *o = &fs->opens;
	struct opens_area *a = o->area;

	if (!a)
		return;
	if (o->mine)
		empty(o->mine, getpid());
	o->mine = NULL;
	o->area = NULL;
	if (!anybody(a))
		remove_file(fs);
	munmap(a, sizeof(*a));
}

/* ---- marks ---- */

static void mark(struct exo_opens *o, uint32_t cell)
{
	uint8_t *c = &o->mine->cells[cell];

	if (*c == FULL)
		return;
	__atomic_store_n(c, *c + 1, __ATOMIC_RELAXED);
	o->full |= *c == FULL;
}

/* Until a removal of that inode is through. A slot whose process ended in the middle is emptied. */
static void wait_for(struct opens_slot *s, uint64_t ino)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	uint32_t i;

	for (i = 1; __atomic_load_n(&s->going, __ATOMIC_ACQUIRE) == ino; i++) {
		if (i % 64)
			sched_yield();
		else if (!taken(s))
			return;
		else
			nanosleep(&pause, NULL);
	}
}

void exo_opens_hold(struct exo_fs *fs, uint64_t ino)
{
	struct exo_opens *o = &fs->opens;
	uint32_t i, used;

	if (!exo_opens_join(fs))
		return;
	mark(o, cell_of(ino));
	o->held++;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	used = __atomic_load_n(&o->area->head.used, __ATOMIC_RELAXED);
	for (i = 0; i < used && i < OPENS_SLOTS; i++)
		if (__atomic_load_n(&o->area->slot[i].going, __ATOMIC_RELAXED) == ino && &o->area->slot[i] != o->mine)
			wait_for(&o->area->slot[i], ino);
}

bool exo_opens_drop(struct exo_fs *fs, uint64_t ino)
{
	struct exo_opens *o = &fs->opens;
	uint32_t cell = cell_of(ino);

	if (!o->mine)
		return false;
	o->held--;
	if (o->mine->cells[cell] != FULL)
		__atomic_store_n(&o->mine->cells[cell], o->mine->cells[cell] - 1, __ATOMIC_RELAXED);
	if (o->full && !o->held) {
		memset(o->mine->cells, 0, sizeof(o->mine->cells));
		o->full = false;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&o->mine->told, __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&o->mine->told, 0, __ATOMIC_RELAXED);
	return true;
}

/* The next slot of another from *i on that marks the cell. */
static struct opens_slot *marked(const struct exo_opens *o, uint32_t cell, uint32_t *i)
{
	uint32_t used = __atomic_load_n(&o->area->head.used, __ATOMIC_SEQ_CST);

	for (; *i < used && *i < OPENS_SLOTS; ++*i) {
		struct opens_slot *s = &o->area->slot[*i];

		if (__atomic_load_n(&s->cells[cell], __ATOMIC_RELAXED) && s != o->mine && taken(s)) {
			++*i;
			return s;
		}
	}
	return NULL;
}

bool exo_opens_elsewhere(struct exo_fs *fs, uint64_t ino)
{
	uint32_t i = 0;

	return exo_opens_join(fs) && marked(&fs->opens, cell_of(ino), &i);
}

bool exo_opens_going(struct exo_fs *fs, uint64_t ino)
{
	if (!exo_opens_join(fs))
		return false;
	__atomic_store_n(&fs->opens.mine->going, ino, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return exo_opens_elsewhere(fs, ino);
}

void exo_opens_gone(struct exo_fs *fs)
{
	if (fs->opens.mine)
		__atomic_store_n(&fs->opens.mine->going, 0, __ATOMIC_RELEASE);
}

bool exo_opens_others_go(struct exo_fs *fs, uint64_t ino)
{
	struct exo_opens *o = &fs->opens;
	struct opens_slot *s;

	for (s = o->area->slot; s < o->mine; s++)
		if (__atomic_load_n(&s->going, __ATOMIC_SEQ_CST) == ino && taken(s))
			return true;
	return false;
}

void exo_opens_park(struct exo_fs *fs)
{
	if (exo_opens_join(fs))
		__atomic_fetch_add(&fs->opens.area->head.parked, 1, __ATOMIC_SEQ_CST);
}

void exo_opens_tell(struct exo_fs *fs, uint64_t ino)
{
	struct opens_slot *s;
	uint32_t i = 0;

	while ((s = marked(&fs->opens, cell_of(ino), &i)))
		__atomic_store_n(&s->told, 1, __ATOMIC_SEQ_CST);
}

uint32_t exo_opens_parked(const struct exo_fs *fs)
{
	return fs->opens.mine ? __atomic_load_n(&fs->opens.area->head.parked, __ATOMIC_SEQ_CST) : 0;
}

void exo_opens_none_parked(struct exo_fs *fs, uint32_t was)
{
	__atomic_compare_exchange_n(&fs->opens.area->head.parked, &was, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* ---- children ---- */

void exo_opens_forking(struct exo_fs *fs)
{
	struct exo_opens *o = &fs->opens;

	/* A child of vfork that ended without a word. */
	if (o->child)
		empty(o->child, o->parent);
	o->child = NULL;
	if (!o->mine || !o->held)
		return;
	o->child = claim(o->area);
	o->parent = getpid();
	if (!o->child)
		return;
	memcpy(o->child->cells, o->mine->cells, sizeof(o->child->cells));
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Both, the child and its parent, do it, in any order. False: the slot is another's by now. */
static bool hand_over(struct opens_slot *s, uint32_t parent, uint32_t child)
{
	uint32_t pid = parent;

	return __atomic_compare_exchange_n(&s->pid, &pid, child, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ||
	       pid == child;
}

void exo_opens_fork_end(struct exo_fs *fs, pid_t child)
{
	struct exo_opens *o = &fs->opens;
	struct opens_slot *s = o->child;

	o->child = NULL;
	if (!s)
		return;
	if (child > 0)
		hand_over(s, o->parent, child);
	else
		empty(s, o->parent);
}

void exo_opens_forked(struct exo_fs *fs)
{
	struct exo_opens *o = &fs->opens;

	o->mine = o->child && hand_over(o->child, o->parent, getpid()) ? o->child : NULL;
	o->child = NULL;
	if (o->mine)
		return;
	/* Without a slot: what is open has no mark. */
	o->failed = o->failed || o->held;
	o->held = 0;
	if (o->area)
		munmap(o->area, sizeof(*o->area));
	o->area = NULL;
}

void exo_opens_execed(struct exo_fs *fs)
{
	struct exo_opens *o = &fs->opens;
	uint32_t i, pid = getpid();

	o->execed = !o->area;
	for (i = 0; o->area && i < OPENS_SLOTS; i++)
		if (&o->area->slot[i] != o->mine && __atomic_load_n(&o->area->slot[i].pid, __ATOMIC_RELAXED) == pid)
			empty(&o->area->slot[i], pid);
}

/* The mapping stays: another thread may be at something yet. */
void exo_opens_exiting(struct exo_fs *fs)
{
	struct opens_slot *s = fs->opens.mine;

	if (!s)
		return;
	fs->opens.mine = NULL;
	fs->opens.failed = true;
	empty(s, getpid());
}
