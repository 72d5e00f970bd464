// SPDX-License-Identifier: GPL-2.0 OR MIT
/* uring_test DISK: IO, WRITE, SYNC and FLUSH as io_uring commands, good and bad, many at once, and killed in the middle. */
#define _GNU_SOURCE
#include "ring.h"

static struct exo_io request(const struct exo_root_add *r, uint64_t block, uint32_t count, uint32_t *frames, uint32_t flags)
{
	return (struct exo_io){
		.head = { .size = sizeof(struct exo_io), .flags = flags },
		.disk = r->disk,
		.root = r->out_root,
		.parent = EXO_NOBLOCK,
		.claim = { .start = r->out_start, .count = r->count },
		.first = r->out_start + block,
		.count = count,
		.frames = vm_ptr(frames),
	};
}

static void fill(char *pool, const uint32_t *f, uint32_t n, unsigned int seed)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		memset(pool + f[i] * 4096ul, (int)(seed + i) & 0xff, 4096);
}

static bool holds(const char *pool, const uint32_t *f, uint32_t n, unsigned int seed)
{
	uint32_t i, b;

	for (i = 0; i < n; i++)
		for (b = 0; b < 4096; b++)
			if (pool[f[i] * 4096ul + b] != (char)(seed + i))
				return false;
	return true;
}

static void basic(struct ring *r, int fd, char *pool, const struct exo_root_add *v)
{
	uint32_t f[ENTRIES];
	struct exo_io io;
	struct exo_flush flush = { .head.size = sizeof(flush), .disk = v->disk };
	struct exo_sync sync = { .head.size = sizeof(sync), .disk = v->disk, .root = v->out_root };
	struct exo_run run = { v->out_start, v->count };
	int err;

	need(!vm_frame_alloc(fd, f, ENTRIES, EXO_FRAME_ANY), "FRAME_ALLOC");
	fill(pool, f, ENTRIES, 5);
	io = request(v, 0, ENTRIES, f, EXO_IO_WRITE);
	err = one(r, fd, EXO_NR_IO, &io, 0);
	check(!err, "IO writes %u blocks (%d, reason %u)", ENTRIES, err, io.head.out_reason);
	fill(pool, f, ENTRIES, 99);
	io = request(v, 0, ENTRIES, f, 0);
	err = one(r, fd, EXO_NR_IO, &io, 0);
	check(!err && holds(pool, f, ENTRIES, 5), "IO reads them back (%d, reason %u)", err, io.head.out_reason);
	io = request(v, 3, 1, f, EXO_IO_WRITE | EXO_IO_FUA);
	check(!one(r, fd, EXO_NR_IO, &io, 0), "IO writes through the device's cache");
	check(!one(r, fd, EXO_NR_FLUSH, &flush, 0), "FLUSH");
	check(!one(r, fd, EXO_NR_SYNC, &sync, 0), "SYNC");
	sync = (struct exo_sync){ .head = { .size = sizeof(sync), .flags = EXO_SYNC_RUNS }, .disk = v->disk, .root = EXO_NOROOT,
				  .runs = (uintptr_t)&run, .nruns = 1 };
	check(!one(r, fd, EXO_NR_SYNC, &sync, 0), "SYNC of one run (reason %u)", sync.head.out_reason);
	sync.head.flags |= EXO_SYNC_PLAN;
	check(!one(r, fd, EXO_NR_SYNC, &sync, 0) && !sync.out_nranges, "its plan is empty (reason %u)", sync.head.out_reason);
	sync.runs = 8;
	check(one(r, fd, EXO_NR_SYNC, &sync, 0) == -EFAULT && sync.head.out_reason == EXO_R_POINTER, "runs at a bad address");
	sync.runs = (uintptr_t)&run;
	sync.nruns = EXO_MAX_RUNS + 1;
	check(one(r, fd, EXO_NR_SYNC, &sync, 0) == -EINVAL && sync.head.out_reason == EXO_R_RANGE, "too many runs");
	sync.nruns = 1;
	run.count = ~0ull;
	check(one(r, fd, EXO_NR_SYNC, &sync, 0) == -EINVAL && sync.head.out_reason == EXO_R_RANGE, "a run that overflows");
	io = request(v, v->count, 1, f, 0);
	err = one(r, fd, EXO_NR_IO, &io, 0);
	check(err < 0 && io.head.out_reason, "IO behind the claim is refused, and the struct says why (%d, reason %u)", err,
	      io.head.out_reason);
	io = request(v, 0, 1, f, 0);
	io.claim.count++;
	err = one(r, fd, EXO_NR_IO, &io, 0);
	check(err == -EPERM && io.head.out_reason == EXO_R_NOT_CLAIMED,
	      "IO with a claim that the root does not make is refused (%d, reason %u)", err, io.head.out_reason);
	check(one(r, fd, EXO_NR_IO, (void *)8, 0) == -EFAULT, "a bad address is a fault");
	check(one(r, fd, EXO_NR_IO, &io, 1) == -EINVAL, "the second word must be zero");
	check(one(r, fd, EXO_NR_TXN, &io, 0) == -EOPNOTSUPP, "a call that has no command is refused");
	check(one(r, fd, 0xffffffffu, &io, 0) == -EOPNOTSUPP, "and so is a number beyond all calls");
	vm_frame_free(fd, f, ENTRIES);
	io = request(v, 0, 1, f, 0);
	err = one(r, fd, EXO_NR_IO, &io, 0);
	check(err < 0 && io.head.out_reason == EXO_R_FRAME, "IO into a frame given back is refused (%d)", err);
}

/* Everything in the submission: no struct to read or to write. */
static void put_cmd(struct ring *r, int fd, uint32_t binding, uint64_t first, uint32_t count, uint32_t flags, uint64_t frames)
{
	struct io_uring_sqe *s = &r->sqes[*r->tail & *r->mask];

	put(r, fd, EXO_CMD_IO, (void *)(uintptr_t)(binding | (uint64_t)flags << 32), frames, 0);
	s->addr = first;
	s->len = count;
}

static int one_cmd(struct ring *r, int fd, uint32_t binding, uint64_t first, uint32_t count, uint32_t flags, uint64_t frames)
{
	put_cmd(r, fd, binding, first, count, flags, frames);
	submit(r, 1, 1);
	return take(r, NULL);
}

static void bound(struct ring *r, int fd, char *pool, const struct exo_root_add *v)
{
	struct exo_io_bind b = {
		.disk = v->disk,
		.root = v->out_root,
		.parent = EXO_NOBLOCK,
		.claim = { .start = v->out_start, .count = v->count },
		.rights = EXO_RIGHT_ALL,
	};
	struct exo_io_unbind u = { 0 };
	struct exo_root_del del = { .disk = v->disk, .root = v->out_root };
	uint64_t at = v->out_start;
	uint32_t f[ENTRIES], i;
	int bad = 0;

	need(!vm_frame_alloc(fd, f, ENTRIES, EXO_FRAME_ANY), "FRAME_ALLOC");
	check(!vm_call(fd, EXO_NR_IO_BIND, &b) && b.out_binding, "IO_BIND");
	fill(pool, f, ENTRIES, 31);
	for (i = 0; i < ENTRIES; i++)
		bad += !!one_cmd(r, fd, b.out_binding, at + i, 1, EXO_IO_WRITE | EXO_CMD_FRAME, f[i]);
	fill(pool, f, ENTRIES, 0);
	bad += !!one_cmd(r, fd, b.out_binding, at, ENTRIES, 0, vm_ptr(f));
	check(!bad && holds(pool, f, ENTRIES, 31), "blocks written one by one through a binding are read as one (%d refused)", bad);
	check(one_cmd(r, fd, b.out_binding, at + v->count, 1, EXO_CMD_FRAME, f[0]) == -EINVAL &&
		      one_cmd(r, fd, b.out_binding, at - 1, 2, 0, vm_ptr(f)) == -EINVAL,
	      "blocks outside the claim are refused");
	check(one_cmd(r, fd, b.out_binding + 1, at, 1, EXO_CMD_FRAME, f[0]) == -EINVAL, "a binding that is not there is refused");
	check(one_cmd(r, fd, b.out_binding, at, 1, 0, 8) == -EFAULT, "bad frames are a fault");
	check(one_cmd(r, fd, b.out_binding, at, 1, EXO_CMD_FRAME, ~0ull) == -EINVAL, "a frame that is not there is refused");
	check(one_cmd(r, fd, b.out_binding, at, 1, 0x8000, 0) == -EOPNOTSUPP, "an unknown flag is refused");
	check(!vm_call(fd, EXO_NR_ROOT_DEL, &del), "ROOT_DEL under a binding");
	check(one_cmd(r, fd, b.out_binding, at, 1, EXO_CMD_FRAME, f[0]) == -ENOENT, "ends what the binding was good for");
	u.binding = b.out_binding;
	check(!vm_call(fd, EXO_NR_IO_UNBIND, &u) && vm_call(fd, EXO_NR_IO_UNBIND, &u) == -EINVAL, "IO_UNBIND, once");
	vm_frame_free(fd, f, ENTRIES);
}

static void many(struct ring *r, int fd, char *pool, const struct exo_root_add *v)
{
	struct exo_io io[ENTRIES];
	uint32_t f[ENTRIES], i;
	uint64_t tag, tags = 0;
	int bad = 0, round;

	need(!vm_frame_alloc(fd, f, ENTRIES, EXO_FRAME_ANY), "FRAME_ALLOC");
	for (round = 0; round < 20; round++) {
		fill(pool, f, ENTRIES, round);
		for (i = 0; i < ENTRIES; i++) {
			io[i] = request(v, i, 1, &f[i], EXO_IO_WRITE);
			put(r, fd, EXO_NR_IO, &io[i], 0, i);
		}
		submit(r, ENTRIES, 0);
		for (i = 0; i < ENTRIES; i++) {
			bad += !!take(r, &tag);
			tags += tag;
		}
		fill(pool, f, ENTRIES, 200);
		for (i = 0; i < ENTRIES; i++) {
			io[i].head.flags = 0;
			put(r, fd, EXO_NR_IO, &io[i], 0, i);
		}
		submit(r, ENTRIES, 0);
		for (i = 0; i < ENTRIES; i++)
			bad += !!take(r, NULL);
		bad += !holds(pool, f, ENTRIES, round);
	}
	check(!bad, "%u at once, 40 times, all well (%d were not)", ENTRIES, bad);
	check(tags == 20ull * ENTRIES * (ENTRIES - 1) / 2, "each completed once");
	vm_frame_free(fd, f, ENTRIES);
}

/* A process dies with requests under way: its frames must come back when they end. */
static void killed(const struct exo_root_add *v, const struct exo_stats *st)
{
	int round, left, status;

	for (round = 0; round < 20; round++) {
		pid_t child = fork();

		if (!child) {
			struct ring r = ring_open(0);
			int fd = vm_open();
			struct exo_io io[ENTRIES];
			uint32_t f[ENTRIES], i;

			need(!vm_frame_alloc(fd, f, ENTRIES, EXO_FRAME_ANY), "FRAME_ALLOC");
			for (i = 0; i < ENTRIES; i++) {
				io[i] = request(v, i, 1, &f[i], i & 1 ? EXO_IO_WRITE : 0);
				put(&r, fd, EXO_NR_IO, &io[i], 0, i);
			}
			submit(&r, ENTRIES, 0);
			kill(getpid(), SIGKILL);
		}
		waitpid(child, &status, 0);
		if (!WIFSIGNALED(status))
			check(false, "child ended with status %x", status);
	}
	/* The ring's own end is asynchronous. */
	for (left = 500; left && (st->envs != 1 || st->frames_private); left--)
		usleep(10000);
	check(st->envs == 1 && !st->frames_private, "20 processes killed with I/O under way left nothing (%llu envs, %llu frames)",
	      (unsigned long long)st->envs, (unsigned long long)st->frames_private);
}

int main(int argc, char **argv)
{
	uint32_t disk = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	int fd = vm_open();
	char *pool = vm_pool(fd);
	struct exo_root_add v = vm_volume(fd, disk, "uring-test", ENTRIES);
	struct ring plain = ring_open(0), defer = ring_open(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);

	basic(&plain, fd, pool, &v);
	many(&plain, fd, pool, &v);
	many(&defer, fd, pool, &v);
	killed(&v, vm_stats(fd));
	bound(&defer, fd, pool, &v);
	return vm_result();
}
