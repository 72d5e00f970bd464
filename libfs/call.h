/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* call.h: the frame around every public call. Internal to libfs. */
#ifndef EXO_FS_CALL_H
#define EXO_FS_CALL_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "thread.h"

static inline void exo_fs_forget(void)
{
	struct exo_fs_thread *t = exo_fs_thread();

	if (!t->said)
		return;
	t->why.code = EXO_R_NONE;
	t->why.text[0] = t->why.hint[0] = 0;
	t->said = false;
}

/* Take the tree's lock and forget the thread's last reason. */
static inline void exo_fs_enter(struct exo_fs *fs)
{
	exo_fs_lock(&fs->lock);
	exo_fs_forget();
}

/* Give the lock back; a refusal that was overcome inside is no reason. Returns the result. */
static inline ssize_t exo_fs_leave(struct exo_fs *fs, ssize_t result)
{
	if (result >= 0)
		exo_fs_forget();
	exo_fs_unlock(&fs->lock);
	return result;
}

/*
 * Between finding a name and using what it names, another process may have replaced it: the type says -ESTALE, and the
 * name is looked up again. A path, unlike an open file, means whatever stands there now.
 */
#define STALE_TRIES 20
#define BY_PATH(err, call)                                                                                             \
	do {                                                                                                           \
		int tries_ = 0;                                                                                        \
		do {                                                                                                   \
			(err) = (call);                                                                                \
		} while ((err) == -ESTALE && ++tries_ < STALE_TRIES);                                                  \
	} while (0)

/* The usual frame: lock, try, unlock. */
#define CALL_BY_PATH(fs, call)                                                                                         \
	do {                                                                                                           \
		ssize_t result_;                                                                                       \
		exo_fs_enter(fs);                                                                                      \
		BY_PATH(result_, call);                                                                                \
		return exo_fs_leave(fs, result_);                                                                      \
	} while (0)

void exo_files_free(struct exo_fs *fs); /* the handles that files.c keeps */

/* Where a path starts; NULL: the top. */
static inline struct exo_node *at_node(struct exo_file *at)
{
	return at ? at->node : NULL;
}

#endif
