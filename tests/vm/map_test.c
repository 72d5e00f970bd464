// SPDX-License-Identifier: GPL-2.0 OR MIT
/* map_test DISK: what can be mapped, how, and when it goes away. DISK is the number of an attached disk. */
#define _GNU_SOURCE
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "vm.h"

#define RW (PROT_READ | PROT_WRITE)

static void *map(int fd, size_t bytes, int prot, int flags, uint64_t at)
{
	return mmap(NULL, bytes, prot, flags, fd, (off_t)at);
}

static bool refused(int fd, size_t bytes, int prot, int flags, uint64_t at, int err)
{
	void *p = map(fd, bytes, prot, flags, at);

	if (p != MAP_FAILED) {
		munmap(p, bytes);
		errno = 0;
		return false;
	}
	return errno == err;
}

static void area(int fd, const char *name, uint64_t at, uint64_t magic)
{
	struct exo_map_head *h = map(fd, 4096, PROT_READ, MAP_SHARED, at);
	size_t whole;
	void *p;
	int mem;

	if (!check(h != MAP_FAILED, "%s can be mapped", name))
		return;
	check(h->magic == magic && h->version == 1 && h->bytes >= sizeof(*h), "%s has a head", name);
	whole = (h->bytes + 4095) & ~4095ul;
	p = map(fd, whole, PROT_READ, MAP_SHARED, at);
	check(p != MAP_FAILED && vm_peek((char *)p + whole - 1) >= 0, "%s can be mapped to its last page", name);
	if (p != MAP_FAILED)
		munmap(p, whole);
	check(refused(fd, whole + 4096, PROT_READ, MAP_SHARED, at, EINVAL), "%s: a page more is refused", name);
	check(refused(fd, 4096, RW, MAP_SHARED, at, EACCES), "%s: writable is refused", name);
	check(refused(fd, 4096, PROT_READ, MAP_PRIVATE, at, EINVAL), "%s: private is refused", name);
	check(refused(fd, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, at, EACCES), "%s: executable is refused", name);
	check(refused(fd, 4096, PROT_READ, MAP_SHARED, at + 4096, EINVAL), "%s: from its middle is refused", name);
	check(mprotect(h, 4096, RW) < 0 && errno == EACCES, "%s cannot be made writable later", name);
	check(vm_poke(h, 0) == SIGSEGV, "%s: a store is a signal", name);
	mem = open("/proc/self/mem", O_RDWR);
	need(mem >= 0, "open /proc/self/mem");
	check(pwrite(mem, "x", 1, (off_t)vm_ptr(h)) < 0, "%s: /proc/self/mem cannot write it", name);
	close(mem);
	check(h->magic == magic, "%s is what it was", name);
	munmap(h, 4096);
}

static void pool_forms(int fd)
{
	size_t bytes = vm_frames(fd) * 4096ul;

	check(refused(fd, 4096, RW, MAP_PRIVATE, EXO_MAP_POOL, EINVAL), "pool: private is refused");
	check(refused(fd, 4096, RW | PROT_EXEC, MAP_SHARED, EXO_MAP_POOL, EACCES), "pool: executable is refused");
	check(refused(fd, bytes + 4096, RW, MAP_SHARED, EXO_MAP_POOL, EINVAL), "pool: beyond its end is refused");
	check(refused(fd, 4096, RW, MAP_SHARED, EXO_MAP_POOL + bytes, EINVAL), "pool: behind its end is refused");
	check(refused(fd, 4096, RW, MAP_SHARED, 0x7ffffffffffff000ull, EINVAL), "the largest offset is refused");
	check(refused(fd, 4096, PROT_READ, MAP_SHARED, 0, EINVAL), "offset 0 is refused");
}

/* Tricks to get at a page of the pool by another way than a load or store. */
static void pool_tricks(int fd, char *pool, uint32_t frame)
{
	char *page = pool + frame * 4096ul, *other;
	struct iovec a = { .iov_base = page, .iov_len = 16 }, b = { .iov_base = (char[16]){ 0 }, .iov_len = 16 };
	int pipes[2];

	check(process_vm_readv(getpid(), &b, 1, &a, 1, 0) < 0 && errno == EFAULT, "process_vm_readv cannot reach a frame");
	need(!pipe(pipes), "pipe");
	check(vmsplice(pipes[1], &a, 1, 0) < 0 && errno == EFAULT, "vmsplice cannot take a reference to a frame");
	close(pipes[0]);
	close(pipes[1]);
	check(madvise(page, 4096, MADV_DOFORK) < 0, "the mapping cannot be made to survive fork");
	check(mprotect(page, 4096, RW | PROT_EXEC) < 0 && errno == EACCES, "a frame cannot be made executable");
	other = mremap(page, 4096, 8192, MREMAP_MAYMOVE);
	check(other == MAP_FAILED, "a mapping cannot grow onto its neighbour");
	check(read(fd, page, 0) < 0, "the device is no byte stream");
}

static void private_frames(int fd, char *pool)
{
	uint32_t f[2] = { 0, 0 };
	char *page;
	pid_t child;
	int status;

	need(!vm_frame_alloc(fd, f, 2, EXO_FRAME_ANY), "FRAME_ALLOC");
	page = pool + f[0] * 4096ul;
	check(vm_peek(page) == 0 && vm_peek(page + 4095) == 0, "a new frame is zero");
	check(!vm_poke(page, 77) && vm_peek(page) == 77, "a store to it is seen");
	pool_tricks(fd, pool, f[0]);
	check(vm_peek(page) == 77, "and is still there");
	child = fork();
	if (!child)
		_exit(vm_peek(page) == -SIGSEGV ? 0 : 1);
	waitpid(child, &status, 0);
	check(!status, "a forked child does not have the mapping");
	check(!vm_frame_free(fd, f, 1) && vm_peek(page) == -SIGBUS, "a freed frame is gone from the mapping");
	check(vm_poke(page, 1) == SIGBUS, "and cannot be written");
	need(!vm_frame_alloc(fd, f, 1, 0), "FRAME_ALLOC by number");
	check(vm_peek(page) == 0, "allocated again, it is zero");
	vm_frame_free(fd, f, 2);
}

/* The parent frees; the child, which mapped the same open file, and through a node of its own, must lose it. */
static void zap_everywhere(int fd, char *pool)
{
	uint32_t f = 0;
	int to[2], from[2], status;
	char c, *mine;
	pid_t child;

	need(!vm_frame_alloc(fd, &f, 1, EXO_FRAME_ANY) && !pipe(to) && !pipe(from), "frame and pipes");
	need(!vm_poke(pool + f * 4096ul, 9), "store");
	child = fork();
	if (!child) {
		mine = vm_pool(fd) + f * 4096ul;
		c = vm_peek(mine) == 9 && !vm_poke(mine + 1, 8);
		if (write(from[1], &c, 1) != 1 || read(to[0], &c, 1) != 1)
			_exit(2);
		_exit(vm_peek(mine) == -SIGBUS && vm_poke(mine, 1) == SIGBUS ? 0 : 1);
	}
	need(read(from[0], &c, 1) == 1, "child");
	check(c && vm_peek(pool + f * 4096ul + 1) == 8, "two processes with one environment share its frames");
	need(!vm_frame_free(fd, &f, 1), "FRAME_FREE");
	need(write(to[1], &c, 1) == 1, "child");
	waitpid(child, &status, 0);
	check(!status, "a freed frame is gone from both");
	close(to[0]);
	close(to[1]);
	close(from[0]);
	close(from[1]);
}

static void strangers(char *pool, int fd)
{
	uint32_t f = 0;
	int other = vm_open();
	char *theirs = vm_pool(other);

	need(!vm_frame_alloc(fd, &f, 1, EXO_FRAME_ANY) && !vm_poke(pool + f * 4096ul, 5), "frame");
	check(vm_peek(theirs + f * 4096ul) == -SIGBUS, "another environment cannot see it");
	check(vm_frame_free(other, &f, 1) < 0, "nor free it");
	check(vm_frame_alloc(other, &f, 1, 0) == -EBUSY, "nor take it by number");
	close(other);
	munmap(theirs, vm_frames(fd) * 4096ul);
	check(vm_peek(pool + f * 4096ul) == 5, "and its end changes nothing");
	vm_frame_free(fd, &f, 1);
}

/* Data: read-only without the write right; the first store after each write makes it dirty again. */
static void data(int fd, char *pool, uint32_t disk)
{
	struct exo_root_add r = vm_volume(fd, disk, "map-test", 8);
	const struct exo_reg_head *reg = map(fd, 4096, PROT_READ, MAP_SHARED, EXO_MAP_REGISTRY);
	const volatile struct exo_buf *buf;
	struct exo_run run = { .start = r.out_start, .count = 1 };
	struct exo_write w = { .disk = disk, .nruns = 1, .runs = vm_ptr(&run) };
	uint32_t f = 0;
	size_t bytes;
	char *page;

	need(reg != MAP_FAILED, "map the registry");
	bytes = reg->head.bytes;
	reg = map(fd, bytes, PROT_READ, MAP_SHARED, EXO_MAP_REGISTRY);
	need(reg != MAP_FAILED, "map the whole registry");
	need(!vm_bind(fd, &r, 0, 1, EXO_RIGHT_READ, 0, &f), "BIND for reading");
	page = pool + f * 4096ul;
	buf = (const struct exo_buf *)((const char *)reg + reg->bufs_off) + f;
	check(vm_peek(page) == 0, "a block never written reads as zero");
	check(vm_poke(page, 1) == SIGBUS, "a store without the write right is a signal");
	check(!(buf->flags & EXO_BUF_DIRTY), "and dirties nothing");
	need(!vm_bind(fd, &r, 0, 1, EXO_RIGHT_ALL, 0, &f), "BIND for writing");
	check(!vm_poke(page, 3) && vm_peek(page) == 3, "with the right the same mapping takes a store");
	check(buf->flags & EXO_BUF_DIRTY, "and the buffer is dirty");
	need(!vm_call(fd, EXO_NR_WRITE, &w), "WRITE: reason %u", w.head.out_reason);
	check(w.out_blocks == 1 && !(buf->flags & EXO_BUF_DIRTY), "written, it is clean");
	check(vm_peek(page) == 3 && !(buf->flags & EXO_BUF_DIRTY), "a load leaves it clean");
	check(!vm_poke(page, 4) && buf->flags & EXO_BUF_DIRTY, "the next store makes it dirty again");
	check(!vm_unbind(fd, &f, 1) && vm_peek(page) == -SIGBUS, "unbound, it is gone");
	need(!vm_bind(fd, &r, 0, 1, EXO_RIGHT_READ, 0, &f), "BIND again");
	check(vm_peek(pool + f * 4096ul) == 4, "and its content was kept");
	check(vm_poke(pool + f * 4096ul, 5) == SIGBUS, "bound for reading only, the old write right is gone");
	vm_unbind(fd, &f, 1);
}

static int bind_at(int fd, const struct exo_root_add *r, uint32_t count, uint32_t rights, uint32_t flags, uint32_t *frames,
		   uint64_t at)
{
	struct exo_bind b = {
		.head.flags = flags,
		.disk = r->disk,
		.root = r->out_root,
		.parent = EXO_NOBLOCK,
		.claim = { .start = r->out_start, .count = r->count },
		.first = r->out_start,
		.count = count,
		.rights = rights,
		.frames = vm_ptr(frames),
		.map = at,
	};

	return vm_call(fd, EXO_NR_BIND, &b);
}

#define BLOCKS 8u

/* How many faults do these loads, or stores, take? */
static uint64_t touch(const volatile struct exo_stats *s, char *pool, const uint32_t *f, uint32_t n, bool store)
{
	uint64_t before = s->faults;
	uint32_t i;

	for (i = 0; i < n; i++) {
		volatile char *p = pool + f[i] * 4096ul;

		if (store)
			*p = (char)(10 + i);
		else
			(void)*p;
	}
	return s->faults - before;
}

/* BIND enters what it binds into the caller's mapping; where it is told a lie, it enters nothing, and says nothing. */
static void entered(int fd, char *pool, uint32_t disk)
{
	struct exo_root_add r = vm_volume(fd, disk, "map-at-bind", BLOCKS);
	const volatile struct exo_stats *s = map(fd, 4096, PROT_READ, MAP_SHARED, EXO_MAP_STATS);
	size_t bytes = vm_frames(fd) * 4096ul;
	struct exo_run run = { .start = r.out_start, .count = BLOCKS };
	struct exo_write w = { .disk = disk, .nruns = 1, .runs = vm_ptr(&run) };
	char *plain = mmap(NULL, bytes, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *none, *theirs;
	uint32_t f[BLOCKS], g[BLOCKS], i;
	int other = vm_open();

	need(s != MAP_FAILED && plain != MAP_FAILED, "mmap");
	need(!bind_at(fd, &r, BLOCKS, EXO_RIGHT_READ, 0, f, vm_ptr(pool)), "BIND for reading, entered");
	check(touch(s, pool, f, BLOCKS, false) == 0, "what BIND entered takes no fault");
	check(vm_poke(pool + f[0] * 4096ul, 1) == SIGBUS, "a store without the right is still a signal");
	need(!vm_unbind(fd, f, BLOCKS), "UNBIND");
	check(vm_peek(pool + f[0] * 4096ul) == -SIGBUS && vm_peek(pool + f[7] * 4096ul) == -SIGBUS, "unbound, all is gone");

	need(!bind_at(fd, &r, BLOCKS, EXO_RIGHT_ALL, 0, f, vm_ptr(pool)), "BIND for writing, entered");
	check(touch(s, pool, f, BLOCKS, false) == 0 && touch(s, pool, f, BLOCKS, true) == BLOCKS,
	      "the first store to what is clean is a fault");
	need(!vm_call(fd, EXO_NR_WRITE, &w) && w.out_blocks == BLOCKS, "all of them were dirty, and WRITE cleans them");
	check(touch(s, pool, f, BLOCKS, true) == BLOCKS, "and so is the first after a WRITE");
	need(!vm_unbind(fd, f, BLOCKS), "UNBIND");
	need(!bind_at(fd, &r, BLOCKS, EXO_RIGHT_ALL, EXO_BIND_OVERWRITE, f, vm_ptr(pool)), "BIND what is dirty");
	check(touch(s, pool, f, BLOCKS, true) == 0, "what is dirty already is entered for stores");
	need(!vm_unbind(fd, f, BLOCKS), "UNBIND");

	need(!bind_at(fd, &r, BLOCKS, EXO_RIGHT_READ, 0, f, vm_ptr(plain)), "BIND with the address of other memory");
	for (i = 0; i < BLOCKS; i++)
		if (plain[f[i] * 4096ul])
			break;
	check(i == BLOCKS, "leaves that memory alone");
	check(touch(s, pool, f, BLOCKS, false) == BLOCKS, "and enters nothing");
	need(!vm_unbind(fd, f, BLOCKS), "UNBIND");
	/* Somebody else's mapping: in this process, but of another environment. */
	theirs = vm_pool(other);
	need(!bind_at(fd, &r, BLOCKS, EXO_RIGHT_READ, 0, f, vm_ptr(theirs)), "BIND with another environment's mapping");
	check(vm_peek(theirs + f[0] * 4096ul) == -SIGBUS, "enters nothing there");
	check(bind_at(other, &r, BLOCKS, EXO_RIGHT_READ, 0, g, vm_ptr(pool)) == 0 && !memcmp(f, g, sizeof(f)), "and the other way round");
	need(!vm_unbind(fd, f, BLOCKS), "UNBIND");
	check(vm_peek(pool + f[0] * 4096ul) == -SIGBUS, "another's BIND gives this one's mapping nothing");
	close(other);
	munmap(theirs, bytes);
	/* A frame's address a page off, half a page, around the end of the address space, in the kernel, and the registry's mapping. */
	none = map(fd, 4096, PROT_READ, MAP_SHARED, EXO_MAP_REGISTRY);
	{
		const uint64_t lies[] = { vm_ptr(pool) + 4096, vm_ptr(pool) - 4096, vm_ptr(pool) + 2048, 4096, ~0ull, ~0xfffull,
					  0xffff888000000000ull, vm_ptr(none) - f[0] * 4096ul };

		for (i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
			need(!bind_at(fd, &r, 1, EXO_RIGHT_READ, 0, g, lies[i]), "BIND with a wrong address");
			check(touch(s, pool, g, 1, false) == 1, "enters nothing");
			need(!vm_unbind(fd, g, 1), "UNBIND");
		}
	}
	munmap(none, 4096);
	/* Mapped, but not to be read. */
	none = map(fd, bytes, PROT_NONE, MAP_SHARED, EXO_MAP_POOL);
	need(none != MAP_FAILED, "map the pool without a right");
	need(!bind_at(fd, &r, BLOCKS, EXO_RIGHT_READ, 0, f, vm_ptr(none)), "BIND with its address");
	check(vm_peek(none + f[0] * 4096ul) == -SIGSEGV, "it stays unreadable");
	need(!vm_unbind(fd, f, BLOCKS), "UNBIND");
	munmap(none, bytes);
	munmap(plain, bytes);
}

int main(int argc, char **argv)
{
	int fd = vm_open();
	uint32_t disk = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	char *pool = vm_pool(fd);

	vm_catch();
	area(fd, "registry", EXO_MAP_REGISTRY, EXO_MAGIC_REGISTRY);
	area(fd, "statistics", EXO_MAP_STATS, EXO_MAGIC_STATS);
	area(fd, "free map", EXO_MAP_FREEMAP(disk), EXO_MAGIC_FREEMAP);
	check(refused(fd, 4096, PROT_READ, MAP_SHARED, EXO_MAP_FREEMAP(EXO_MAX_DISKS), EINVAL), "no free map of disk MAX");
	check(refused(fd, 4096, PROT_READ, MAP_SHARED, EXO_MAP_FREEMAP(EXO_MAX_DISKS - 1), EINVAL), "nor of one not attached");
	pool_forms(fd);
	private_frames(fd, pool);
	zap_everywhere(fd, pool);
	strangers(pool, fd);
	data(fd, pool, disk);
	entered(fd, pool, disk);
	return vm_result();
}
