// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * known.c: paths that were walked before. A walk depends on the blocks in which it found names and inodes, and on who
 * walks. A path is kept with the versions of those blocks and the number of the identity: while all are the same, a
 * walk would end at the same node, and be allowed to. Versions never come back, so whatever anybody did to a name, a
 * mode or an owner on the way, in this process or another one, makes the path unknown.
 *
 * Only paths of plain names are kept: without ".", "..", symlinks and a slash at the end. The node at the end holds all
 * those above it, and when it goes its path goes; so nothing here holds a node.
 */
#include <unistd.h>
#include "cffs.h"

#define KNOWN_SETS 2048 /* a power of two */
#define KNOWN_SET 4	/* paths in one */
#define KNOWN_LEN 112	/* longer ones are walked each time */
#define KNOWN_WAY 8	/* blocks that a walk may depend on */

struct known {
	struct node *node; /* at the end; NULL: unused */
	const struct node *from;
	u64 cred;
	u16 len;
	u8 blocks;
	u8 readable; /* a file that may be read */
	struct {
		const u64 *at; /* the registry's version of a block */
		u64 version;
	} way[KNOWN_WAY];
	char path[KNOWN_LEN];
};

int known_init(struct cffs *fs)
{
	/* Large, and for the most part never touched. */
	fs->known = calloc(KNOWN_SETS * KNOWN_SET, sizeof(*fs->known));
	return fs->known ? 0 : -ENOMEM;
}

void known_exit(struct cffs *fs)
{
	free(fs->known);
	fs->known = NULL;
}

void known_forget(struct node *node)
{
	if (node->known)
		node->known->node = NULL;
	node->known = NULL;
}

static inline u64 word(const char *p)
{
	u64 w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static inline u64 mix(u64 h, u64 w)
{
	return (h ^ h >> 32 ^ w) * 0x9E3779B97F4A7C15ull;
}

/* Not a hash against enemies: whoever makes paths share a place makes his own walks longer. */
static inline struct known *set_of(const struct cffs *fs, const struct node *from, const char *path, size_t len)
{
	u64 h = from->n.ino + len;
	size_t i;

	if (len >= 8) {
		h = mix(h, word(path));
		for (i = 8; i + 8 < len; i += 8)
			h = mix(h, word(path + i));
		h = mix(h, word(path + len - 8));
	} else {
		for (i = 0; i < len; i++)
			h = mix(h, (u8)path[i]);
	}
	return &fs->known[(h >> 52 & (KNOWN_SETS - 1)) * KNOWN_SET];
}

static inline bool same(const char *a, const char *b, size_t len)
{
	size_t i;

	if (len < 8) {
		for (i = 0; i < len; i++)
			if (a[i] != b[i])
				return false;
		return true;
	}
	for (i = 0; i + 8 < len; i += 8)
		if (word(a + i) != word(b + i))
			return false;
	return word(a + len - 8) == word(b + len - 8);
}

static inline bool stands(const struct known *k)
{
	u32 i;

	for (i = 0; i < k->blocks; i++)
		if (__atomic_load_n(k->way[i].at, __ATOMIC_ACQUIRE) != k->way[i].version)
			return false;
	return true;
}

static inline const struct known *find(const struct cffs *fs, struct exo_node *at, const char *path, size_t len)
{
	const struct node *from = at && *path != '/' ? node_of(at) : fs->top;
	const struct known *k, *end;

	if (len > KNOWN_LEN)
		return NULL;
	k = set_of(fs, from, path, len);
	for (end = k + KNOWN_SET; k < end; k++)
		if (k->len == len && k->from == from && k->node && same(k->path, path, len) && k->cred == exo_cred_id())
			return stands(k) ? k : NULL;
	return NULL;
}

struct exo_node *cffs_known(struct exo_fs *xfs, struct exo_node *at, const char *path, size_t len)
{
	const struct known *k = find(cffs_of(xfs), at, path, len);

	return k ? &k->node->n : NULL;
}

struct exo_node *cffs_open_known(struct exo_fs *xfs, struct exo_node *at, const char *path, size_t len)
{
	const struct known *k = find(cffs_of(xfs), at, path, len);

	if (!k || !k->readable)
		return NULL;
	if (!k->node->opens) {
		/* First the mark, then the look. */
		exo_opens_hold(xfs, k->node->n.ino);
		if (!stands(k)) {
			exo_opens_drop(xfs, k->node->n.ino);
			return NULL;
		}
	}
	k->node->n.refs++;
	k->node->opens++;
	return &k->node->n;
}

/* The walk read a block that was `frame` at this version. False: it is not, or there are too many. */
static bool depends(const struct cffs *fs, struct known *k, u32 frame, u64 version)
{
	const u64 *at;
	u32 i;

	if (frame == EXO_NOFRAME || !exo_unchanged(fs->v, frame, version))
		return false;
	at = (const u64 *)&fs->v->bufs[frame].version;
	for (i = 0; i < k->blocks; i++)
		if (k->way[i].at == at)
			return k->way[i].version == version;
	if (k->blocks == KNOWN_WAY)
		return false;
	k->way[k->blocks].at = at;
	k->way[k->blocks++].version = version;
	return true;
}

/* One step up: is the node called as the path ends, and what do its inode and its name depend on? */
static bool step(struct cffs *fs, struct known *k, const struct node *n, const char *path, size_t *len)
{
	size_t end = *len;

	while (end && path[end - 1] == '/')
		end--;
	if (end < n->name_len || memcmp(path + end - n->name_len, n->name, n->name_len) ||
	    (end > n->name_len && path[end - n->name_len - 1] != '/'))
		return false;
	*len = end - n->name_len;
	return depends(fs, k, n->frame, n->version) && (!n->ext || depends(fs, k, n->eframe, n->eversion));
}

/* Where to put a path: in its own place if it is there, in a free one, or in that of one of the others by turns. */
static struct known *room_for(struct cffs *fs, const struct known *new)
{
	struct known *set = set_of(fs, new->from, new->path, new->len);
	u32 i;

	for (i = 0; i < KNOWN_SET; i++)
		if (set[i].len == new->len &&
		    set[i].from == new->from &&set[i].cred == new->cred &&same(set[i].path, new->path, new->len))
			return &set[i];
	for (i = 0; i < KNOWN_SET; i++)
		if (!set[i].node)
			return &set[i];
	return &set[fs->ticks++ % KNOWN_SET];
}

void cffs_learn(struct exo_fs *xfs, struct exo_node *at, const char *path, size_t len, struct exo_node *node)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *from = at && *path != '/' ? node_of(at) : fs->top, *n = node_of(node);
	struct known k = {.node = n, .from = from, .cred = exo_cred_id(), .len = len}, *to;
	struct ref r;
	size_t left = len;

	if (len > KNOWN_LEN || path[len - 1] == '/')
		return;
	/* Copies as new as the versions that are noted: the walk may have gone by older ones. */
	for (; n; n = n == from || !n->n.parent ? NULL : node_of(n->n.parent)) {
		if (node_pin(fs, n, &r))
			return;
		meta_put(fs, &r);
	}
	for (n = node_of(node); n && n != from; n = n->n.parent ? node_of(n->n.parent) : NULL)
		if (!step(fs, &k, n, path, &left) || (n != node_of(node) && exo_node_may(xfs, &n->n, X_OK)))
			return;
	if (n != from || strspn(path, "/") < left || !depends(fs, &k, n->frame, n->version) ||
	    exo_node_may(xfs, &n->n, X_OK))
		return;
	k.readable = S_ISREG(node->mode) && !exo_node_may(xfs, node, R_OK);
	memcpy(k.path, path, len);
	to = room_for(fs, &k);
	if (to->node)
		known_forget(to->node);
	known_forget(node_of(node));
	*to = k;
	node_of(node)->known = to;
}
