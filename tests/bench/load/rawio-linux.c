// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The opponents: Linux's own ways to do direct I/O on a block device, each as its manual advises. io_uring gets the
 * flags that spare it interrupts between processors (single issuer, deferred task work), and so does exo's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/aio_abi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "rawio.h"

static int fd = -1;
static size_t bytes; /* of one operation */
static char *area;

/*
 * Memory no two pages of which are neighbours in the machine, as after some use of it: a page of a second area is taken
 * between any two. Left to luck, what is longer than a page would sometimes be one segment and sometimes several, and
 * cost a tenth more or less.
 */
static char *scattered(size_t size)
{
	char *two = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t at;

	if (two == MAP_FAILED)
		return two;
	(void)madvise(two, 2 * size, MADV_NOHUGEPAGE); /* a kernel that has none says so */
	for (at = 0; at < size; at += RAW_BLOCK) {
		((volatile char *)two)[at] = 0;
		((volatile char *)two)[size + at] = 0;
	}
	return two;
}

static int open_device(struct raw_job *job)
{
	uint32_t i, k;

	bytes = (size_t)job->blocks * RAW_BLOCK;
	fd = open(job->target, (job->write ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	area = scattered(bytes * job->depth);
	if (area == MAP_FAILED)
		return -errno;
	for (i = 0; i < job->depth; i++)
		for (k = 0; k < job->blocks; k++)
			job->slots[i].page[k] = area + i * bytes + (size_t)k * RAW_BLOCK;
	return 0;
}

static void end_slot(struct raw_job *job, uint64_t i, int result)
{
	job->slots[i].result = result;
	job->slots[i].ended = true;
}

/* ---- pread and pwrite -------------------------------------------------- */

static int psync_queue(struct raw_job *job, uint32_t i)
{
	struct raw_slot *s = &job->slots[i];
	off_t at = s->block * RAW_BLOCK;
	ssize_t n = job->write ? pwrite(fd, s->page[0], bytes, at) : pread(fd, s->page[0], bytes, at);

	end_slot(job, i, n < 0 ? -errno : (int)n);
	return 0;
}

/* ---- libaio's system calls, without the library around them ------------ */

static aio_context_t aio;
static struct iocb iocbs[RAW_MAX_DEPTH], *queued[RAW_MAX_DEPTH];
static struct io_event events[RAW_MAX_DEPTH];
static long nqueued;

static int aio_open(struct raw_job *job)
{
	int err = open_device(job);

	if (err)
		return err;
	return syscall(SYS_io_setup, job->depth, &aio) ? -errno : 0;
}

static int aio_queue(struct raw_job *job, uint32_t i)
{
	struct raw_slot *s = &job->slots[i];

	iocbs[i] = (struct iocb){
		.aio_data = i,
		.aio_lio_opcode = job->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
		.aio_fildes = fd,
		.aio_buf = (uintptr_t)s->page[0],
		.aio_nbytes = bytes,
		.aio_offset = s->block * RAW_BLOCK,
	};
	queued[nqueued++] = &iocbs[i];
	return 0;
}

static int aio_wait(struct raw_job *job)
{
	long n, i, at = 0;

	while (at < nqueued) {
		n = syscall(SYS_io_submit, aio, nqueued - at, queued + at);
		if (n < 0)
			return -errno;
		at += n;
	}
	nqueued = 0;
	n = syscall(SYS_io_getevents, aio, 1, job->depth, events, NULL);
	if (n < 0)
		return -errno;
	for (i = 0; i < n; i++)
		end_slot(job, events[i].data, events[i].res);
	return 0;
}

/* ---- io_uring ---------------------------------------------------------- */

static struct io_uring ring;
static bool fixed;

static int uring_setup(struct raw_job *job, unsigned int flags)
{
	int err = open_device(job);

	return err ? err : io_uring_queue_init(job->depth, &ring, flags);
}

static int uring_open(struct raw_job *job)
{
	return uring_setup(job, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
}

static int uring_register(struct raw_job *job)
{
	struct iovec whole = {area, bytes * job->depth};
	int err = io_uring_register_buffers(&ring, &whole, 1);

	fixed = true;
	if (!err)
		err = io_uring_register_files(&ring, &fd, 1);
	return err ? err : io_uring_register_ring_fd(&ring) == 1 ? 0 : -EINVAL;
}

static int fixed_open(struct raw_job *job)
{
	int err = uring_open(job);

	return err ? err : uring_register(job);
}

static int poll_open(struct raw_job *job)
{
	int err = uring_setup(job, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_IOPOLL);

	return err ? err : uring_register(job);
}

static int uring_queue(struct raw_job *job, uint32_t i)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct raw_slot *s = &job->slots[i];
	uint64_t at = s->block * RAW_BLOCK;

	if (!sqe)
		return -EBUSY;
	if (!fixed && job->write)
		io_uring_prep_write(sqe, fd, s->page[0], bytes, at);
	else if (!fixed)
		io_uring_prep_read(sqe, fd, s->page[0], bytes, at);
	else if (job->write)
		io_uring_prep_write_fixed(sqe, 0, s->page[0], bytes, at, 0);
	else
		io_uring_prep_read_fixed(sqe, 0, s->page[0], bytes, at, 0);
	if (fixed)
		io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	sqe->user_data = i;
	return 0;
}

static int uring_wait(struct raw_job *job)
{
	int err = io_uring_submit_and_wait(&ring, 1);
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;

	if (err < 0)
		return err;
	io_uring_for_each_cqe(&ring, head, cqe)
	{
		end_slot(job, cqe->user_data, cqe->res);
		n++;
	}
	io_uring_cq_advance(&ring, n);
	return 0;
}

const struct raw_engine raw_linux[] = {
	{"psync", 1, open_device, psync_queue, NULL},
	{"libaio", RAW_MAX_DEPTH, aio_open, aio_queue, aio_wait},
	{"uring", RAW_MAX_DEPTH, uring_open, uring_queue, uring_wait},
	{"uring-fixed", RAW_MAX_DEPTH, fixed_open, uring_queue, uring_wait},
	{"uring-poll", RAW_MAX_DEPTH, poll_open, uring_queue, uring_wait},
	{NULL, 0, NULL, NULL, NULL},
};
