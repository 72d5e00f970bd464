// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Permission bits, as the library checks them for a user, a member of a group and others. What a hostile library could
 * do is the module's business and not tested here.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "world.h"
#include "../../libfs/type.h"

static void act_as(struct exo_fs *fs, uid_t uid, gid_t gid, gid_t also)
{
	fs->cred.uid = uid;
	fs->cred.gid = gid;
	fs->cred.ngroups = 1;
	fs->cred.groups[0] = also;
}

static void touch(struct exo_fs *fs, const char *path, mode_t mode)
{
	struct exo_file *f;

	WANT(exo_file_open(fs, path, O_CREAT | O_EXCL | O_WRONLY, mode, &f), 0);
	exo_file_close(f);
}

static int opens(struct exo_fs *fs, const char *path, int flags)
{
	struct exo_file *f;
	int err = exo_file_open(fs, path, flags, 0, &f);

	if (!err)
		exo_file_close(f);
	return err;
}

int main(void)
{
	struct timespec ts[2] = {{1, 2}, {3, 4}};
	struct exo_fs *fs;
	struct stat st;
	struct world w;
	struct exo_file *f;

	world_start(&w, 512, 8192, 0, 4);
	world_mkfs(&w, "t", 0);
	fs = world_open(&w, w.x, "t");
	act_as(fs, 0, 0, 0);
	WANT(exo_fs_chmod(fs, "/", 0755), 0);
	WANT(exo_fs_mkdir(fs, "tmp", 01777), 0);
	WANT(exo_fs_mkdir(fs, "private", 0700), 0);
	touch(fs, "private/f", 0666);
	touch(fs, "plain", 0644);

	act_as(fs, 1000, 1000, 50);
	WANT(opens(fs, "plain", O_RDONLY), 0);
	WANT(opens(fs, "plain", O_WRONLY), -EACCES);
	WANT(opens(fs, "plain", O_RDONLY | O_TRUNC), -EACCES);
	WANT(opens(fs, "private/f", O_RDONLY), -EACCES);
	WANT(exo_fs_stat(fs, "private/f", 0, &st), -EACCES);
	WANT(exo_fs_stat(fs, "private", 0, &st), 0);
	WANT(exo_fs_mkdir(fs, "here", 0755), -EACCES);
	WANT(exo_fs_mkdir(fs, "plain", 0755), -EEXIST);
	WANT(exo_fs_unlink(fs, "plain"), -EACCES);
	WANT(exo_fs_rename(fs, "plain", "tmp/plain"), -EACCES);
	WANT(exo_fs_chmod(fs, "plain", 0666), -EPERM);
	WANT(exo_fs_chown(fs, "plain", 1000, -1, 0), -EPERM);
	WANT(exo_fs_utimens(fs, "plain", ts, 0), -EPERM);
	WANT(exo_fs_utimens(fs, "plain", NULL, 0), -EACCES);
	touch(fs, "tmp/mine", 0640);
	WANT(exo_fs_stat(fs, "tmp/mine", 0, &st), 0);
	CHECK(st.st_uid == 1000 && st.st_gid == 1000);
	WANT(exo_fs_chown(fs, "tmp/mine", -1, 51, 0), -EPERM);
	WANT(exo_fs_chown(fs, "tmp/mine", -1, 50, 0), 0);
	WANT(exo_fs_chown(fs, "tmp/mine", 1001, -1, 0), -EPERM);
	WANT(exo_fs_chmod(fs, "tmp/mine", 06640), 0);
	/* The descriptor that creates a file may write, whatever the mode. */
	WANT(exo_file_open(fs, "tmp/readonly", O_CREAT | O_WRONLY, 0444, &f), 0);
	WANT(exo_file_pwrite(f, "x", 1, 0), 1);
	exo_file_close(f);
	WANT(opens(fs, "tmp/readonly", O_WRONLY), -EACCES);
	WANT(exo_fs_mkdir(fs, "tmp/group", 02775), 0);
	WANT(exo_fs_chown(fs, "tmp/group", -1, 50, 0), 0);
	WANT(exo_fs_chmod(fs, "tmp/group", 02775), 0);
	/* Set-group-id of a group that one is not in cannot be given. */
	WANT(exo_fs_mkdir(fs, "tmp/foreign", 0755), 0);
	act_as(fs, 0, 0, 0);
	WANT(exo_fs_chown(fs, "tmp/foreign", -1, 77, 0), 0);
	act_as(fs, 1000, 1000, 50);
	WANT(exo_fs_chmod(fs, "tmp/foreign", 02755), 0);
	WANT(exo_fs_stat(fs, "tmp/foreign", 0, &st), 0);
	CHECK(!(st.st_mode & S_ISGID));

	act_as(fs, 1001, 1001, 50);
	WANT(opens(fs, "tmp/mine", O_RDONLY), 0);
	WANT(opens(fs, "tmp/mine", O_WRONLY), -EACCES);
	WANT(exo_fs_unlink(fs, "tmp/mine"), -EPERM);
	touch(fs, "tmp/yours", 0666);
	WANT(exo_fs_rename(fs, "tmp/yours", "tmp/mine"), -EPERM);
	touch(fs, "tmp/group/new", 0644);
	WANT(exo_fs_stat(fs, "tmp/group/new", 0, &st), 0);
	CHECK(st.st_uid == 1001 && st.st_gid == 50);
	WANT(exo_fs_mkdir(fs, "tmp/group/sub", 0755), 0);
	WANT(exo_fs_stat(fs, "tmp/group/sub", 0, &st), 0);
	CHECK(st.st_gid == 50 && (st.st_mode & S_ISGID));
	/* In a directory that the group may write and that is not sticky, a member removes anybody's. */
	WANT(exo_fs_unlink(fs, "tmp/group/new"), 0);

	act_as(fs, 1002, 1002, 1002);
	WANT(opens(fs, "tmp/mine", O_RDONLY), -EACCES);
	WANT(exo_fs_mkdir(fs, "tmp/group/sub2", 0755), -EACCES);

	act_as(fs, 1000, 1000, 50);
	WANT(exo_fs_unlink(fs, "tmp/mine"), 0);
	act_as(fs, 0, 0, 0);
	WANT(exo_fs_unlink(fs, "tmp/yours"), 0);
	WANT(opens(fs, "tmp/readonly", O_RDWR), 0);
	world_check(fs);
	exo_fs_close(fs);
	world_stop(&w);
	return 0;
}
