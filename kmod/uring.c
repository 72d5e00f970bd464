// SPDX-License-Identifier: GPL-2.0
/*
 * uring.c: IORING_OP_URING_CMD on /dev/exo. sqe->cmd_op is an EXO_NR_*; the first 8 bytes of sqe->cmd are the user
 * address of its struct, the next 8 are zero. The completion's res is 0 or -errno; reason and results are in the
 * struct.
 *
 * EXO_CMD_IO has no struct: exo.h says where its words are.
 *
 * IO runs asynchronously. READ, WRITE, FLUSH and SYNC sleep, so they run in io_uring's worker.
 */
#include "module.h"

#include <linux/io_uring/cmd.h>

/* One IO under way: in the room that core's request has for the platform, and gone with it. */
struct exo_uring_io {
	struct exo_batch batch;
	struct io_uring_cmd *cmd;
};

struct exo_uring_pdu {
	struct exo_ioreq *req;
};

static struct exo_uring_io *exo_uring_of(struct exo_ioreq *req)
{
	BUILD_BUG_ON(sizeof(struct exo_uring_io) > sizeof(req->plat));
	return (struct exo_uring_io *)req->plat;
}

static void exo_uring_complete(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct exo_ioreq *req = io_uring_cmd_to_pdu(cmd, struct exo_uring_pdu)->req;
	struct exo_batch *b = &exo_uring_of(req)->batch;
	u64 why;
	int err;

	err = exo_io_done(req, exo_batch_failed(b) ? -EIO : 0, exo_batch_bad(b), &why);
	io_uring_cmd_done(cmd, err, why, issue_flags);
}

/* Any context: the rest needs a process, and the submitter's address space for the results. */
static void exo_uring_done(struct exo_batch *b)
{
	io_uring_cmd_complete_in_task(container_of(b, struct exo_uring_io, batch)->cmd, exo_uring_complete);
}

static int exo_uring_start(struct io_uring_cmd *cmd, struct exo_ioreq *req, unsigned int issue_flags)
{
	struct exo_uring_io *io = exo_uring_of(req);
	u64 why;
	int err;

	if (!req->nsegs) {
		err = exo_io_done(req, 0, EXO_NOBLOCK, &why);
		io_uring_cmd_done(cmd, err, why, issue_flags);
		return -EIOCBQUEUED;
	}
	io->cmd = cmd;
	io->batch.done = exo_uring_done;
	io_uring_cmd_to_pdu(cmd, struct exo_uring_pdu)->req = req;
	/* From here on the command belongs to its completion. */
	exo_bio_submit(req->dev, req->op, req->segs, req->nsegs, &io->batch);
	return -EIOCBQUEUED;
}

static int exo_uring_io(struct io_uring_cmd *cmd, struct exo_env *env, u64 arg, unsigned int issue_flags)
{
	struct exo_ioreq *req;
	int err;

	err = exo_io_begin(env, arg, &req);
	return err ? err : exo_uring_start(cmd, req, issue_flags);
}

/* The submission may be memory that the caller changes meanwhile: each word is read once. */
static int exo_uring_cmd_io(struct io_uring_cmd *cmd, struct exo_env *env, unsigned int issue_flags)
{
	const struct io_uring_sqe *sqe = cmd->sqe;
	const u64 *words = io_uring_sqe_cmd(sqe);
	u64 word = READ_ONCE(words[0]), why = 0;
	struct exo_io_cmd c = {
		.first = READ_ONCE(sqe->addr),
		.count = READ_ONCE(sqe->len),
		.binding = (u32)word,
		.flags = word >> 32,
		.frames = READ_ONCE(words[1]),
	};
	struct exo_ioreq *req;
	int err;

	err = exo_io_begin_cmd(env, &c, &req, &why);
	if (!err)
		return exo_uring_start(cmd, req, issue_flags);
	io_uring_cmd_done(cmd, err, why, issue_flags);
	return -EIOCBQUEUED;
}

int exo_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct exo_env *env = cmd->file->private_data;
	const u64 *words = io_uring_sqe_cmd(cmd->sqe);
	u64 arg = READ_ONCE(words[0]);

	if (cmd->cmd_op == EXO_CMD_IO)
		return exo_uring_cmd_io(cmd, env, issue_flags);
	if (READ_ONCE(words[1]))
		return -EINVAL;
	switch (cmd->cmd_op) {
	case EXO_NR_IO:
		return exo_uring_io(cmd, env, arg, issue_flags);
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
