// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cred.c: who acts, and what the mode bits allow them. A tree remembers the identity of the process that opened it; a
 * thread may act for somebody else (exo_fs_set_cred), on any tree, from its next call on.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "thread.h"

EXO_PUBLIC int exo_fs_set_cred(const struct exo_fs_cred *cred)
{
	struct exo_fs_thread *t = exo_fs_thread();
	static uint64_t ids;
	struct exo_cred_fs is;

	if (cred &&
	    (cred->ngroups > EXO_FS_GROUPS || (cred->ngroups && !cred->groups) || cred->flags & ~EXO_FS_CHECKED))
		return -EINVAL;
	t->acting = cred;
	if (!cred)
		return 0;
	memset(&is, 0, sizeof(is));
	is.uid = cred->uid;
	is.gid = cred->gid;
	is.checked = cred->flags & EXO_FS_CHECKED;
	is.ngroups = cred->ngroups;
	if (cred->ngroups)
		memcpy(is.groups, cred->groups, cred->ngroups * sizeof(gid_t));
	/* Who acts for the same one again keeps the number, and what was learned under it. */
	if (!t->cred_id || memcmp(&is, &t->other, sizeof(is))) {
		t->other = is;
		t->cred_id = __atomic_add_fetch(&ids, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

void exo_cred_fill(struct exo_cred_fs *c)
{
	c->uid = geteuid();
	c->gid = getegid();
	c->ngroups = getgroups(EXO_FS_GROUPS, c->groups);
	/* More groups than fit: none counts, which can only refuse. */
	if (c->ngroups < 0)
		c->ngroups = 0;
}

const struct exo_cred_fs *exo_cred(const struct exo_fs *fs)
{
	const struct exo_fs_thread *t = exo_fs_thread();

	return t->acting ? &t->other : &fs->cred;
}

bool exo_cred_member(const struct exo_fs *fs, gid_t gid)
{
	const struct exo_cred_fs *c = exo_cred(fs);
	int i;

	if (c->gid == gid)
		return true;
	for (i = 0; i < c->ngroups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

int exo_node_may(const struct exo_fs *fs, const struct exo_node *node, int mask)
{
	const struct exo_cred_fs *c = exo_cred(fs);
	int bits = node->mode & 7;

	if (c->checked)
		return 0;
	if (c->uid == 0)
		return (mask & X_OK) && !S_ISDIR(node->mode) && !(node->mode & 0111) ? -EACCES : 0;
	if (c->uid == node->uid)
		bits = node->mode >> 6 & 7;
	else if (exo_cred_member(fs, node->gid))
		bits = node->mode >> 3 & 7;
	return (bits & mask) == mask ? 0 : -EACCES;
}

int exo_node_may_remove(const struct exo_fs *fs, const struct exo_node *dir, const struct exo_node *node)
{
	const struct exo_cred_fs *c = exo_cred(fs);
	int err = exo_node_may(fs, dir, W_OK | X_OK);

	if (err)
		return err;
	if ((dir->mode & S_ISVTX) && !exo_cred_all(fs) && c->uid != dir->uid && c->uid != node->uid)
		return -EPERM;
	return 0;
}

bool exo_cred_all(const struct exo_fs *fs)
{
	const struct exo_cred_fs *c = exo_cred(fs);

	return !c->uid || c->checked;
}

bool exo_node_owner(const struct exo_fs *fs, const struct exo_node *node)
{
	return exo_cred_all(fs) || exo_cred(fs)->uid == node->uid;
}

/* Set-gid without the right to execute for the group stays for the group's members only. */
mode_t exo_setid_lost(const struct exo_fs *fs, mode_t mode, gid_t gid)
{
	bool group = mode & S_IXGRP || (!exo_cred_all(fs) && !exo_cred_member(fs, gid));

	return mode & (S_ISUID | (group ? S_ISGID : 0));
}
