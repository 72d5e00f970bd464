// SPDX-License-Identifier: GPL-2.0 OR MIT
/* dump.c: a tree's metadata in lines. */
#include <stdio.h>
#include "logfs.h"

struct dump {
	exo_fs_line_fn fn;
	void *arg;
	u64 ino; /* only this one; 0: all */
};

static int line(struct dump *d, const char *text)
{
	return d->fn(d->arg, text);
}

static int dump_node(void *arg, const struct lnode *n)
{
	static const char *const kinds[] = {"", "super", "node", "extents", "items"};
	struct dump *d = arg;
	char text[512];
	u32 i;
	int err = 0;

	if (!d->ino) {
		snprintf(text, sizeof(text), "block %llu: %s, level %u, %u records", (unsigned long long)n->block,
			 kinds[n->kind], n->level, n->n);
		err = line(d, text);
	}
	for (i = 0; !err && i < n->n && !n->level; i++) {
		const struct rec *r = &n->rec[i];
		unsigned long long ino = r->ino;

		if (d->ino && d->ino != ino)
			continue;
		if (n->kind == LOGFS_KIND_EXT)
			snprintf(text, sizeof(text), "  inode %llu: blocks %llu to %llu at %llu", ino,
				 (unsigned long long)r->sub, (unsigned long long)r->sub + r->len - 1,
				 (unsigned long long)r->val);
		else if (LOGFS_SUB_TYPE(r->sub) == LOGFS_T_INODE && r->len == LOGFS_N_SIZE)
			snprintf(text, sizeof(text), "  inode %llu: mode %o, links %u, uid %u, gid %u, size %llu", ino,
				 get32(r->data + LOGFS_N_MODE), get32(r->data + LOGFS_N_NLINK),
				 get32(r->data + LOGFS_N_UID), get32(r->data + LOGFS_N_GID),
				 (unsigned long long)get64(r->data + LOGFS_N_BYTES));
		else if (LOGFS_SUB_TYPE(r->sub) == LOGFS_T_NAME && r->len > LOGFS_D_NAME)
			snprintf(text, sizeof(text), "  inode %llu: name \"%.*s\" is inode %llu", ino,
				 (int)(r->len - LOGFS_D_NAME), (const char *)r->data + LOGFS_D_NAME,
				 (unsigned long long)get64(r->data + LOGFS_D_INO));
		else
			snprintf(text, sizeof(text), "  inode %llu: item of type %u, key %llx, %u bytes", ino,
				 LOGFS_SUB_TYPE(r->sub), (unsigned long long)(r->sub & ~(0xffull << 56)), r->len);
		err = line(d, text);
	}
	return err;
}

int logfs_dump(struct exo_fs *xfs, struct exo_node *node, exo_fs_line_fn fn, void *arg)
{
	struct dump d = {fn, arg, node->ino == LOGFS_TOP_INO ? 0 : node->ino};
	struct logfs *fs = logfs_of(xfs);
	u8 super[LOGFS_PART];
	char text[256];
	u64 version;
	int err;

	cache_trim(fs);
	LOGFS_RETRY(err, cache_super(fs, super, &version));
	if (err)
		return err;
	snprintf(text, sizeof(text), "super block %llu: version %u, next inode %llu, %llu transactions",
		 (unsigned long long)fs->root_block, get32(super + LOGFS_SUP_VERSION),
		 (unsigned long long)get64(super + LOGFS_SUP_NEXT_INO),
		 (unsigned long long)get64(super + LOGFS_SUP_COMMITS));
	err = line(&d, text);
	if (!err)
		err = tree_scan(fs, LOGFS_TREE_ITEMS, dump_node, &d);
	if (!err)
		err = tree_scan(fs, LOGFS_TREE_EXTS, dump_node, &d);
	return err == -EAGAIN ? -EBUSY : err;
}
