// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * loop.c: threads that serve requests. A fixed number of them, each in a read of /dev/fuse; the kernel gives each
 * request to one. Requests that this libfuse has no operation for are served here: TMPFILE.
 */
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <sys/uio.h>
#include <time.h>
#include "bridge.h"

#define THREADS_MAX 64

static struct {
	struct bridge *b;
	pthread_t thread[THREADS_MAX];
	unsigned threads;
	atomic_uint running;
} loop;

static void attr_out(struct fuse_attr *a, const struct stat *st)
{
	*a = (struct fuse_attr){
		.ino = st->st_ino,
		.size = st->st_size,
		.blocks = st->st_blocks,
		.atime = st->st_atim.tv_sec,
		.mtime = st->st_mtim.tv_sec,
		.ctime = st->st_ctim.tv_sec,
		.atimensec = st->st_atim.tv_nsec,
		.mtimensec = st->st_mtim.tv_nsec,
		.ctimensec = st->st_ctim.tv_nsec,
		.mode = st->st_mode,
		.nlink = st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.rdev = st->st_rdev,
		.blksize = st->st_blksize,
	};
}

static void split(double s, uint64_t *sec, uint32_t *nsec)
{
	*sec = s;
	*nsec = (s - *sec) * 1e9;
}

/* Answer a request that libfuse does not know. False: nobody waits for the answer any more. */
static bool answer(struct bridge *b, const struct fuse_in_header *in, int err, void *body, size_t size)
{
	struct fuse_out_header out = {.unique = in->unique, .error = err};
	struct iovec iov[2] = {{&out, sizeof(out)}, {body, err ? 0 : size}};

	out.len = sizeof(out) + iov[1].iov_len;
	return writev(fuse_session_fd(b->session), iov, 2) == (ssize_t)out.len;
}

static void serve_tmpfile(struct bridge *b, const struct fuse_in_header *in, const void *body, size_t size)
{
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out = {.open.fh = 0};
	const struct fuse_create_in *arg = body;
	struct fuse_entry_param e;
	struct exo_file *f;
	int err = size < sizeof(*arg) ? -EIO : 0;

	act_as(in->uid, in->gid);
	atomic_store_explicit(&b->changed, true, memory_order_relaxed);
	if (!err)
		err = make_tmpfile(b, in->nodeid, arg->flags, arg->mode, &e, &f);
	if (!err) {
		out.entry.nodeid = e.ino;
		split(e.entry_timeout, &out.entry.entry_valid, &out.entry.entry_valid_nsec);
		split(e.attr_timeout, &out.entry.attr_valid, &out.entry.attr_valid_nsec);
		attr_out(&out.entry.attr, &e.attr);
		out.open.fh = (uintptr_t)f;
	}
	if (!answer(b, in, err, &out, sizeof(out)) && !err) {
		exo_file_close(f);
		inode_drop(b, e.ino, 1);
	}
}

static void *serve(void *arg)
{
	struct bridge *b = arg;
	struct fuse_buf buf = {.mem = NULL};
	const struct fuse_in_header *in;
	int n;

	while (!fuse_session_exited(b->session)) {
		n = fuse_session_receive_buf(b->session, &buf);
		if (n == -EINTR || n == -EAGAIN)
			continue;
		if (n <= 0)
			break;
		in = buf.mem;
		request_begins(in);
		if ((size_t)n >= sizeof(*in) && in->opcode == FUSE_TMPFILE)
			serve_tmpfile(b, in, in + 1, n - sizeof(*in));
		else
			fuse_session_process_buf(b->session, &buf);
	}
	free(buf.mem);
	if (atomic_fetch_sub(&loop.running, 1) == 1)
		kill(getpid(), SIGUSR1);
	return NULL;
}

static void wake(int sig)
{
}

int loop_start(struct bridge *b, unsigned threads)
{
	/* Ends a read; not restarted. */
	struct sigaction sa = {.sa_handler = wake};
	int err = 0;

	sigaction(SIGUSR2, &sa, NULL);
	loop.b = b;
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	atomic_store(&loop.running, threads);
	for (loop.threads = 0; loop.threads < threads && !err; loop.threads++)
		err = -pthread_create(&loop.thread[loop.threads], NULL, serve, b);
	if (!err)
		return 0;
	loop.threads--;
	atomic_fetch_sub(&loop.running, threads - loop.threads);
	/* Fewer will do, none will not. */
	return loop.threads ? 0 : err;
}

bool loop_over(void)
{
	return !atomic_load(&loop.running);
}

void loop_stop(struct bridge *b)
{
	struct timespec pause = {.tv_nsec = 10000000};
	unsigned i;

	fuse_session_exit(b->session);
	while (!loop_over()) {
		for (i = 0; i < loop.threads; i++)
			pthread_kill(loop.thread[i], SIGUSR2);
		nanosleep(&pause, NULL);
	}
	for (i = 0; i < loop.threads; i++)
		pthread_join(loop.thread[i], NULL);
	loop.threads = 0;
}
