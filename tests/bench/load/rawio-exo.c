// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * exo's ways: direct I/O between a raw volume and frames of our own: by ioctl, as an io_uring command with the same
 * struct, and as one through a binding, which needs no struct and no second check of the claim.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <libexo.h>
#include "rawio.h"

#define VOLUME "bench-raw"
#define CMD_OFFSET 48 /* of the command's own bytes in an sqe */

static struct exo *exo;
static struct exo_io ios[RAW_MAX_DEPTH];
static struct exo_io_bind binding;
static struct io_uring ring;
static int bytes;

static int say(const char *what, const struct exo_why *why)
{
	fprintf(stderr, "bench-rawio: %s: %s %s\n", what, why->text, why->hint);
	return why->err ? why->err : -EIO;
}

static int admin(struct exo_why *why)
{
	int slot, err = exo_open(&exo, NULL, why);

	if (err) {
		say("open", why);
		return err;
	}
	slot = exo_cap_admin(exo);
	if (slot < 0)
		fprintf(stderr, "bench-rawio: no administrator's capability; run it as root\n");
	return slot;
}

int raw_exo_prepare(const char *target, uint64_t span)
{
	struct exo_why why = {0};
	struct exo_root_add r = {.name = VOLUME, .start = EXO_NOBLOCK, .count = span};
	uint32_t disk;
	int slot = admin(&why);

	if (slot < 0)
		return slot;
	if (exo_format(exo, target, 0, &why))
		return say("format", &why);
	if (exo_attach(exo, target, 0, &disk, &why))
		return say("attach", &why);
	r.disk = disk;
	r.cap = slot;
	if (exo_root_add(exo, &r, &why))
		return say("volume", &why);
	if (exo_sync(exo, disk, EXO_NOROOT, &why) < 0)
		return say("sync", &why);
	exo_close(exo);
	return 0;
}

int raw_exo_finish(const char *target)
{
	struct exo_why why = {0};
	uint32_t disk;
	int err = admin(&why);

	if (err < 0)
		return err;
	err = exo_disk_find(exo, target, &disk);
	if (err) {
		fprintf(stderr, "bench-rawio: %s is not attached\n", target);
		return err;
	}
	err = exo_detach(exo, disk, 0, &why);
	if (err)
		say("detach", &why);
	exo_close(exo);
	return err;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int open_volume(struct raw_job *job)
{
	uint32_t *frames, count = 2 * job->blocks * job->depth, disk, i, done;
	struct exo_why why = {0};
	struct exo_root_get root;
	const struct exo_view *view;
	int slot = admin(&why), err;

	if (slot < 0)
		return slot;
	err = exo_disk_find(exo, job->target, &disk);
	if (err)
		return err;
	if (exo_root_find(exo, disk, VOLUME, &root, &why))
		return say("volume", &why);
	if (root.out_count < job->span)
		return -ENOSPC;
	frames = calloc(count, sizeof(*frames));
	if (!frames)
		return -ENOMEM;
	for (done = 0; done < count; done += i) {
		i = count - done < EXO_MAX_BIND ? count - done : EXO_MAX_BIND;
		if (exo_frame_alloc(exo, i, frames + done, EXO_FRAME_ANY, &why))
			return say("frames", &why);
	}
	/* No two neighbours, as in rawio-linux.c. */
	qsort(frames, count, sizeof(*frames), by_number);
	for (i = 0; i < count / 2; i++)
		frames[i] = frames[2 * i];
	view = exo_view(exo);
	bytes = job->blocks * RAW_BLOCK;
	for (i = 0; i < job->depth; i++) {
		uint32_t *f = frames + i * job->blocks, k;

		for (k = 0; k < job->blocks; k++)
			job->slots[i].page[k] = exo_frame_ptr(view, f[k]);
		ios[i] = (struct exo_io){
			.head = {.size = sizeof(ios[i]), .flags = job->write ? EXO_IO_WRITE : 0},
			.disk = disk,
			.cap = slot,
			.root = root.root,
			.parent = EXO_NOBLOCK,
			.claim = {.start = root.out_start, .count = root.out_count},
			.count = job->blocks,
			.frames = (uintptr_t)f,
		};
	}
	return 0;
}

static void end_slot(struct raw_job *job, uint64_t i, int err)
{
	job->slots[i].result = err ? err : bytes;
	job->slots[i].ended = true;
}

static int ioctl_queue(struct raw_job *job, uint32_t i)
{
	ios[i].first = ios[i].claim.start + job->slots[i].block;
	end_slot(job, i, exo_io(exo, &ios[i], ios[i].head.flags, NULL));
	return 0;
}

static int cmd_open(struct raw_job *job)
{
	int err = open_volume(job), fd;

	if (err)
		return err;
	err = io_uring_queue_init(job->depth, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	if (err)
		return err;
	fd = exo_fd(exo);
	err = io_uring_register_files(&ring, &fd, 1);
	return err ? err : io_uring_register_ring_fd(&ring) == 1 ? 0 : -EINVAL;
}

static int cmd_queue(struct raw_job *job, uint32_t i)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	uint64_t words[2] = {(uintptr_t)&ios[i], 0};

	if (!sqe)
		return -EBUSY;
	ios[i].first = ios[i].claim.start + job->slots[i].block;
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->fd = 0;
	sqe->off = EXO_NR_IO; /* cmd_op lies here */
	sqe->user_data = i;
	memcpy((char *)sqe + CMD_OFFSET, words, sizeof(words));
	return 0;
}

static int bound_open(struct raw_job *job)
{
	int err = cmd_open(job);
	struct exo_why why = {0};

	if (err)
		return err;
	binding.disk = ios[0].disk;
	binding.cap = ios[0].cap;
	binding.root = ios[0].root;
	binding.parent = ios[0].parent;
	binding.claim = ios[0].claim;
	binding.rights = job->write ? EXO_RIGHT_ALL : EXO_RIGHT_READ;
	return exo_io_bind(exo, &binding, &why) ? say("binding", &why) : 0;
}

static int bound_queue(struct raw_job *job, uint32_t i)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	uint64_t flags = job->write ? EXO_IO_WRITE : 0, frames = ios[i].frames, words[2];

	if (!sqe)
		return -EBUSY;
	if (job->blocks == 1) {
		flags |= EXO_CMD_FRAME;
		frames = *(const uint32_t *)(uintptr_t)frames;
	}
	words[0] = binding.out_binding | flags << 32;
	words[1] = frames;
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->off = EXO_CMD_IO; /* cmd_op lies here */
	sqe->addr = ios[i].claim.start + job->slots[i].block;
	sqe->len = job->blocks;
	sqe->user_data = i;
	memcpy((char *)sqe + CMD_OFFSET, words, sizeof(words));
	return 0;
}

static int cmd_wait(struct raw_job *job)
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

const struct raw_engine raw_exo[] = {
	{"exo-ioctl", 1, open_volume, ioctl_queue, NULL},
	{"exo-uring", RAW_MAX_DEPTH, cmd_open, cmd_queue, cmd_wait},
	{"exo-bound", RAW_MAX_DEPTH, bound_open, bound_queue, cmd_wait},
	{NULL, 0, NULL, NULL, NULL},
};
