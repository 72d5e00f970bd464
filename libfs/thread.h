/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * thread.h: what a thread carries from call to call: its last reason, and for whom it acts (cred.c). A pointer to it is
 * all that stands in the static part of the thread's memory, so that every call finds it with one load.
 */
#ifndef EXO_FS_THREAD_H
#define EXO_FS_THREAD_H

#include "type.h"

struct exo_fs_thread {
	struct exo_why why;
	bool said;	  /* somebody may have written to `why` */
	bool acting;	  /* for `other`, not for the process */
	uint64_t cred_id; /* of `other`: two identities with the same number are the same; never 0 */
	struct exo_cred_fs other;
};

extern _Thread_local struct exo_fs_thread *exo_fs_thread_mine __attribute__((tls_model("initial-exec")));
struct exo_fs_thread *exo_fs_thread_first(void);

static inline struct exo_fs_thread *exo_fs_thread(void)
{
	struct exo_fs_thread *t = exo_fs_thread_mine;

	return __builtin_expect(!!t, 1) ? t : exo_fs_thread_first();
}

/* A number for who acts on a tree: 0 for the identity that opened it. Equal numbers, equal rights. */
static inline uint64_t exo_cred_id(void)
{
	const struct exo_fs_thread *t = exo_fs_thread();

	return t->acting ? t->cred_id : 0;
}

#endif
