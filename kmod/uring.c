// SPDX-License-Identifier: GPL-2.0
/*
 * uring.c: IORING_OP_URING_CMD on /dev/exo. sqe->cmd_op is an EXO_NR_*; the first 8 bytes of sqe->cmd are the user address
 * of its struct, the next 8 are zero. The completion's res is 0 or -errno; reason and results are in the struct.
 *
 * IO runs asynchronously. READ, WRITE, FLUSH and SYNC sleep, so they run in io_uring's worker.
 */
#include "module.h"

#include <linux/io_uring/cmd.h>
#include <linux/slab.h>

/* One IO under way. Freed by the completion, which runs in the submitter's context. */
struct exo_uring_io {
	struct exo_batch batch;
	struct exo_ioreq *req;
	struct io_uring_cmd *cmd;
};

struct exo_uring_pdu {
	struct exo_uring_io *io;
};

static int exo_uring_end(struct exo_uring_io *io)
{
	struct exo_batch *b = &io->batch;
	int err;

	err = exo_io_done(io->req, exo_batch_failed(b) ? -EIO : 0, atomic64_read(&b->bad));
	kfree(io);
	return err;
}

static void exo_uring_complete(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	int err = exo_uring_end(io_uring_cmd_to_pdu(cmd, struct exo_uring_pdu)->io);

	io_uring_cmd_done(cmd, err, 0, issue_flags);
}

/* Any context: the rest needs a process, and the submitter's address space for the results. */
static void exo_uring_done(struct exo_batch *b)
{
	struct exo_uring_io *io = container_of(b, struct exo_uring_io, batch);

	io_uring_cmd_complete_in_task(io->cmd, exo_uring_complete);
}

static int exo_uring_io(struct io_uring_cmd *cmd, struct exo_env *env, u64 arg)
{
	struct exo_uring_io *io;
	struct exo_ioreq *req;
	int err;

	io = kzalloc(sizeof(*io), GFP_KERNEL_ACCOUNT);
	if (!io)
		return -ENOMEM;
	err = exo_io_begin(env, arg, &req);
	if (err) {
		kfree(io);
		return err;
	}
	io->req = req;
	io->cmd = cmd;
	if (!req->nsegs) {
		atomic64_set(&io->batch.bad, EXO_NOBLOCK);
		return exo_uring_end(io);
	}
	io->batch.done = exo_uring_done;
	io_uring_cmd_to_pdu(cmd, struct exo_uring_pdu)->io = io;
	/* From here on the command belongs to its completion. */
	exo_bio_submit(req->dev, req->op, req->segs, req->nsegs, &io->batch);
	return -EIOCBQUEUED;
}

int exo_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct exo_env *env = cmd->file->private_data;
	const u64 *words = io_uring_sqe_cmd(cmd->sqe);
	u64 arg = READ_ONCE(words[0]);

	if (READ_ONCE(words[1]))
		return -EINVAL;
	switch (cmd->cmd_op) {
	case EXO_NR_IO:
		return exo_uring_io(cmd, env, arg);
	case EXO_NR_READ:
	case EXO_NR_WRITE:
	case EXO_NR_FLUSH:
	case EXO_NR_SYNC:
		if (issue_flags & IO_URING_F_NONBLOCK)
			return -EAGAIN;
		return exo_call(env, cmd->cmd_op, arg);
	default:
		return -EOPNOTSUPP;
	}
}
