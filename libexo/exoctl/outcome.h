/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* outcome.h: what an attach found out, and how far it is. */
#ifndef EXOCTL_OUTCOME_H
#define EXOCTL_OUTCOME_H

#include <stdio.h>
#include <libexo.h>

/* DISK_INFO, also of a disk whose attach is under way. 0 or -errno. */
int disk_info_coming(struct exo *x, uint32_t disk, struct exo_disk_info *i);

/* Where the free map comes from: a line, or members of the object that is open. */
void walk_text(const struct exo_disk_info *i);
void walk_json(const struct exo_disk_info *i);

/* Quarantined roots, why, and the number that goes with it: lines, or the member quarantined_roots. */
void bad_roots_text(struct exo *x, const struct exo_disk_info *i, FILE *to);
void bad_roots_json(struct exo *x, const struct exo_disk_info *i);

/* After an attach of `path`. */
void outcome_text(struct exo *x, const char *path, const struct exo_disk_info *i);
void outcome_json(struct exo *x, const char *path, const struct exo_disk_info *i);

/*
 * A line on standard error that says how far the walk of `path` is, kept up to date by a thread; nothing in the first half
 * second. end removes it; NULL is fine, and is what begin returns when there can be no thread.
 */
struct progress;
struct progress *progress_begin(struct exo *x, const char *path);
void progress_end(struct progress *p);

#endif
