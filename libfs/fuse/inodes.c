// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * inodes.c: from the kernel's node numbers to handles. An inode lives as long as the kernel holds lookups of it. Inode
 * numbers of a tree are never used again, so one number means one file.
 */
#include "bridge.h"

static size_t slot(const struct bridge *b, uint64_t ino)
{
	return (ino * 0x9E3779B97F4A7C15ull >> 32) & (b->buckets - 1);
}

int inodes_init(struct bridge *b)
{
	struct stat st;
	int err;

	b->buckets = 1024;
	b->bucket = calloc(b->buckets, sizeof(*b->bucket));
	if (!b->bucket)
		return -ENOMEM;
	err = exo_file_open(b->fs, "/", O_PATH | O_DIRECTORY, 0, &b->top.at);
	if (!err)
		err = exo_file_stat(b->top.at, &st);
	if (!err)
		b->top.ino = st.st_ino;
	return err;
}

void inodes_exit(struct bridge *b)
{
	struct inode *i, *next;
	size_t n;

	for (n = 0; b->bucket && n < b->buckets; n++) {
		for (i = b->bucket[n]; i; i = next) {
			next = i->next;
			exo_file_close(i->at);
			free(i);
		}
	}
	exo_file_close(b->top.at);
	free(b->bucket);
	b->bucket = NULL;
}

struct inode *inode_of(struct bridge *b, fuse_ino_t nodeid)
{
	return nodeid == FUSE_ROOT_ID ? &b->top : (struct inode *)(uintptr_t)nodeid;
}

struct exo_file *inode_at(struct bridge *b, fuse_ino_t nodeid)
{
	return inode_of(b, nodeid)->at;
}

/* Without memory the chains get longer, that is all. */
static void grow(struct bridge *b)
{
	size_t old = b->buckets, n;
	struct inode **was = b->bucket, *i, *next;

	b->bucket = calloc(old * 2, sizeof(*b->bucket));
	if (!b->bucket) {
		b->bucket = was;
		return;
	}
	b->buckets = old * 2;
	for (n = 0; n < old; n++) {
		for (i = was[n]; i; i = next) {
			next = i->next;
			i->next = b->bucket[slot(b, i->ino)];
			b->bucket[slot(b, i->ino)] = i;
		}
	}
	free(was);
}

int inode_take(struct bridge *b, struct exo_file *at, struct fuse_entry_param *e)
{
	struct inode *i, *fresh;
	int err;

	memset(e, 0, sizeof(*e));
	err = exo_file_stat(at, &e->attr);
	if (err) {
		exo_file_close(at);
		return err;
	}
	e->attr_timeout = e->entry_timeout = b->timeout;
	if (e->attr.st_ino == b->top.ino) {
		e->ino = FUSE_ROOT_ID;
		exo_file_close(at);
		return 0;
	}
	fresh = calloc(1, sizeof(*fresh));
	pthread_mutex_lock(&b->lock);
	for (i = b->bucket[slot(b, e->attr.st_ino)]; i && i->ino != e->attr.st_ino; i = i->next)
		;
	if (i) {
		i->lookups++;
	} else if (fresh) {
		fresh->ino = e->attr.st_ino;
		fresh->lookups = 1;
		fresh->at = at;
		if (b->count++ > b->buckets)
			grow(b);
		fresh->next = b->bucket[slot(b, fresh->ino)];
		b->bucket[slot(b, fresh->ino)] = fresh;
		i = fresh;
		fresh = NULL;
		at = NULL;
	}
	pthread_mutex_unlock(&b->lock);
	free(fresh);
	exo_file_close(at);
	if (!i)
		return -ENOMEM;
	e->ino = (uintptr_t)i;
	return 0;
}

int inode_lookup(struct bridge *b, fuse_ino_t parent, const char *name, struct fuse_entry_param *e)
{
	struct exo_file *at;
	int err = exo_at_open(b->fs, inode_at(b, parent), name, O_PATH | O_NOFOLLOW, 0, &at);

	return err ? err : inode_take(b, at, e);
}

void inode_drop(struct bridge *b, fuse_ino_t nodeid, uint64_t lookups)
{
	struct inode *i = (struct inode *)(uintptr_t)nodeid, **at;

	if (nodeid == FUSE_ROOT_ID)
		return;
	pthread_mutex_lock(&b->lock);
	i->lookups -= lookups < i->lookups ? lookups : i->lookups;
	if (i->lookups) {
		i = NULL;
	} else {
		for (at = &b->bucket[slot(b, i->ino)]; *at != i; at = &(*at)->next)
			;
		*at = i->next;
		b->count--;
	}
	pthread_mutex_unlock(&b->lock);
	if (i) {
		exo_file_close(i->at);
		free(i);
	}
}

void act_as(uid_t uid, gid_t gid)
{
	struct exo_fs_cred c = {.uid = uid, .gid = gid, .flags = EXO_FS_CHECKED};

	exo_fs_set_cred(&c);
}

static _Thread_local fuse_req_t acting;

fuse_req_t acting_for(void)
{
	return acting;
}

void act_for(fuse_req_t req)
{
	const struct fuse_ctx *c = fuse_req_ctx(req);

	acting = req;
	act_as(c->uid, c->gid);
}
