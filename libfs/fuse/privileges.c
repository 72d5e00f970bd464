// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * privileges.c: set-id bits and file capabilities go when a file is changed. A kernel that leaves this to the server
 * (FUSE_HANDLE_KILLPRIV_V2) does not ask for "security.capability" before each write; without it, that is a request
 * more for every one. libfuse 3.14 does not know the flag, so it is put into the answer to INIT on its way out, and
 * what the kernel says with a request is read from the request itself.
 */
#include <linux/fuse.h>
#include <sys/uio.h>
#include "bridge.h"

static _Thread_local const struct fuse_in_header *now; /* the request that this thread serves */

void request_begins(const struct fuse_in_header *in)
{
	now = in;
}

static ssize_t send_parts(int fd, struct iovec *iov, int count, void *userdata)
{
	struct bridge *b = userdata;
	const struct fuse_init_in *asked = (const void *)(now + 1);
	const struct fuse_out_header *out = iov[0].iov_base;
	struct fuse_init_out init;
	struct iovec mine[2];

	if (!now || now->opcode != FUSE_INIT || count != 2 || out->error || !(asked->flags & FUSE_HANDLE_KILLPRIV_V2) ||
	    iov[1].iov_len > sizeof(init) || iov[1].iov_len < offsetof(struct fuse_init_out, max_background))
		return writev(fd, iov, count);
	memcpy(&init, iov[1].iov_base, iov[1].iov_len);
	init.flags |= FUSE_HANDLE_KILLPRIV_V2;
	mine[0] = iov[0];
	mine[1] = (struct iovec){&init, iov[1].iov_len};
	b->killpriv = true;
	return writev(fd, mine, 2);
}

static ssize_t receive(int fd, void *buf, size_t size, void *userdata)
{
	return read(fd, buf, size);
}

int privileges_init(struct bridge *b)
{
	static const struct fuse_custom_io io = {.writev = send_parts, .read = receive};

	return fuse_session_custom_io(b->session, &io, fuse_session_fd(b->session));
}

/* Does the request itself say that set-id bits go? */
static bool asked_to_kill(void)
{
	const struct fuse_write_in *w = (const void *)(now + 1);
	const struct fuse_setattr_in *s = (const void *)(now + 1);

	switch (now->opcode) {
	case FUSE_WRITE:
		return w->write_flags & FUSE_WRITE_KILL_SUIDGID;
	case FUSE_SETATTR:
		return s->valid & FATTR_KILL_SUIDGID;
	default:
		/* Others have no room for it: whoever is not root. */
		return now->uid;
	}
}

/* Set-gid without the right to execute for the group stays for its members. The request names one group. */
static bool member(gid_t gid)
{
	gid_t groups[64];
	int n;

	if (now->gid == gid)
		return true;
	n = fuse_req_getgroups(acting_for(), 64, groups);
	for (n = n < 64 ? n : 64; n > 0; n--)
		if (groups[n - 1] == gid)
			return true;
	return false;
}

int drop_privileges(struct bridge *b, struct exo_file *at)
{
	struct stat st;
	mode_t lost;
	int err;

	if (!b->killpriv)
		return 0;
	if (exo_at_getxattr(b->fs, at, "", "security.capability", NULL, 0, EXO_FS_EMPTY) >= 0) {
		err = exo_at_removexattr(b->fs, at, "", "security.capability", EXO_FS_EMPTY);
		if (err && err != -ENODATA)
			return err;
	}
	if (!asked_to_kill())
		return 0;
	err = exo_file_stat(at, &st);
	if (err || !S_ISREG(st.st_mode))
		return err;
	lost = st.st_mode & S_ISUID;
	if (st.st_mode & S_ISGID && (st.st_mode & S_IXGRP || !member(st.st_gid)))
		lost |= S_ISGID;
	return lost ? exo_at_chmod(b->fs, at, "", st.st_mode & 07777 & ~lost, EXO_FS_EMPTY) : 0;
}
