// SPDX-License-Identifier: GPL-2.0 OR MIT
/* outcome.c: what an attach found out, and how far it is. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "exoctl.h"
#include "outcome.h"

static const char *walk_words(uint32_t why)
{
	switch (why) {
	case EXO_WALK_NONE:
		return "none";
	case EXO_WALK_ASKED:
		return "asked for";
	case EXO_WALK_UNCLEAN:
		return "the last detach was not clean";
	case EXO_WALK_MAP:
		return "the stored map is damaged";
	case EXO_WALK_ROOTS:
		return "the root catalogue is damaged or does not agree with the stored map";
	case EXO_WALK_TEMPORARY:
		return "a temporary root was dropped";
	}
	return "for a reason that this exoctl does not know";
}

int disk_info_coming(struct exo *x, uint32_t disk, struct exo_disk_info *i)
{
	memset(i, 0, sizeof(*i));
	i->head.size = sizeof(*i);
	i->head.flags = EXO_INFO_COMING;
	i->disk = disk;
	return exo_call_raw(x, EXO_NR_DISK_INFO, i);
}

void walk_text(const struct exo_disk_info *i)
{
	if (i->out_walk_why == EXO_WALK_NONE) {
		printf("%s\n", i->out_flags & EXO_DISK_ATTACHING ? "reading the catalogues"
								 : "as the last detach stored it");
		return;
	}
	if (i->out_flags & EXO_DISK_ATTACHING)
		printf("walking (%s): %" PRIu64 " of %" PRIu64 " known metadata blocks, ", walk_words(i->out_walk_why),
		       (uint64_t)i->out_walk_meta, (uint64_t)i->out_walk_known);
	else
		printf("rebuilt by a walk (%s): %" PRIu64 " metadata blocks, ", walk_words(i->out_walk_why),
		       (uint64_t)i->out_walk_meta);
	printf("%" PRIu64 " blocks owned, %" PRIu64 " reads, %" PRIu32 " thread%s, %.3f s\n", (uint64_t)i->out_walk_owned,
	       (uint64_t)i->out_walk_requests, i->out_walk_threads, i->out_walk_threads == 1 ? "" : "s",
	       i->out_walk_ns / 1e9);
}

void walk_json(const struct exo_disk_info *i)
{
	json_str("walk_why", walk_words(i->out_walk_why));
	json_u64("walk_meta", i->out_walk_meta);
	json_u64("walk_known", i->out_walk_known);
	json_u64("walk_owned", i->out_walk_owned);
	json_u64("walk_requests", i->out_walk_requests);
	json_u64("walk_threads", i->out_walk_threads);
	json_u64("walk_ns", i->out_walk_ns);
}

/* The next quarantined root from *at on. */
static bool next_bad(struct exo *x, uint32_t disk, uint32_t *at, struct exo_root_get *r)
{
	for (; *at < EXO_MAX_ROOTS; ++*at)
		if (!exo_root_get(x, disk, *at, r, NULL) && r->out_quarantine) {
			r->name[sizeof(r->name) - 1] = '\0';
			++*at;
			return true;
		}
	return false;
}

void bad_roots_text(struct exo *x, const struct exo_disk_info *i, FILE *to)
{
	struct exo_root_get r;
	uint32_t at = 0;

	while (i->out_quarantined && next_bad(x, i->disk, &at, &r)) {
		fprintf(to, "    root %" PRIu32 " ", r.root);
		for (const char *c = r.name; *c; c++)
			fputc(*c >= ' ' && *c <= '~' ? *c : '?', to);
		fprintf(to, ": %s (%" PRIu64 ")\n", quarantine_words(r.out_quarantine), (uint64_t)r.out_quarantine_detail);
	}
}

void bad_roots_json(struct exo *x, const struct exo_disk_info *i)
{
	struct exo_root_get r;
	uint32_t at = 0;

	json_open("quarantined_roots", '[');
	while (i->out_quarantined && next_bad(x, i->disk, &at, &r)) {
		json_open(NULL, '{');
		json_u64("root", r.root);
		json_str("name", r.name);
		json_str("quarantine", quarantine_words(r.out_quarantine));
		json_u64("quarantine_detail", r.out_quarantine_detail);
		json_close();
	}
	json_close();
}

void outcome_text(struct exo *x, const char *path, const struct exo_disk_info *i)
{
	char size[32], room[32];

	size_words((uint64_t)i->out_blocks * EXO_BLOCK_SIZE, size);
	size_words((uint64_t)i->out_free * EXO_BLOCK_SIZE, room);
	printf("%s is disk %" PRIu32 ": %s, %s free, %" PRIu32 " roots%s\n", path, i->disk, size, room, i->out_roots,
	       i->out_flags & EXO_DISK_READONLY ? ", read-only" : "");
	printf("free map ");
	walk_text(i);
	if (i->out_quarantined)
		warn("%" PRIu32 " roots are quarantined; delete them, or mend the disk and attach it again", i->out_quarantined);
	bad_roots_text(x, i, stderr);
	if (i->out_held)
		warn("%" PRIu64 " blocks are held back, because a quarantined root may own them", (uint64_t)i->out_held);
	if (i->out_bad_templates)
		warn("%" PRIu32 " templates did not verify; 'exoctl templates %" PRIu32 "' lists them",
		     i->out_bad_templates, i->disk);
	if (i->out_contested)
		warn("%" PRIu64 " blocks have two owners; 'exoctl contested %" PRIu32 "' lists them",
		     (uint64_t)i->out_contested, i->disk);
}

void outcome_json(struct exo *x, const char *path, const struct exo_disk_info *i)
{
	json_open(NULL, '{');
	json_u64("disk", i->disk);
	json_u64("roots", i->out_roots);
	json_u64("quarantined", i->out_quarantined);
	bad_roots_json(x, i);
	json_u64("contested", i->out_contested);
	json_u64("free", i->out_free);
	json_u64("held", i->out_held);
	json_u64("bad_templates", i->out_bad_templates);
	json_bool("walked", i->out_flags & EXO_DISK_WALKED);
	walk_json(i);
	json_close();
}

/* ---- progress ---- */

#define EVERY_NS 200000000ll
#define QUIET_NS 500000000ll

struct progress {
	struct exo *x;
	char path[sizeof(((struct exo_disk_info *)0)->out_path)]; /* as DISK_INFO cuts it */
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool ended; /* under mutex */
	int width;  /* of the line that stands; the thread's */
};

static void show(struct progress *p)
{
	struct exo_disk_info i;
	char line[128];
	int n;

	for (uint32_t d = 0; d < EXO_MAX_DISKS; d++) {
		if (disk_info_coming(p->x, d, &i) || !(i.out_flags & EXO_DISK_ATTACHING) ||
		    memcmp(i.out_path, p->path, sizeof(p->path)))
			continue;
		if (!i.out_walk_known)
			return;
		n = snprintf(line, sizeof(line), "walking: %" PRIu64 " of %" PRIu64 " known metadata blocks, %.0f s",
			     (uint64_t)i.out_walk_meta, (uint64_t)i.out_walk_known, i.out_walk_ns / 1e9);
		fprintf(stderr, "\r%-*s", p->width, line);
		fflush(stderr);
		p->width = n;
		return;
	}
}

static void *tell(void *arg)
{
	struct progress *p = arg;
	long long pause = QUIET_NS;

	pthread_mutex_lock(&p->mutex);
	while (!p->ended) {
		struct timespec at;
		int err = 0;

		clock_gettime(CLOCK_MONOTONIC, &at);
		at.tv_nsec += pause;
		at.tv_sec += at.tv_nsec / 1000000000;
		at.tv_nsec %= 1000000000;
		while (!p->ended && err != ETIMEDOUT)
			err = pthread_cond_timedwait(&p->cond, &p->mutex, &at);
		if (p->ended)
			break;
		pthread_mutex_unlock(&p->mutex);
		show(p);
		pthread_mutex_lock(&p->mutex);
		pause = EVERY_NS;
	}
	pthread_mutex_unlock(&p->mutex);
	return NULL;
}

struct progress *progress_begin(struct exo *x, const char *path)
{
	struct progress *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;

	if (!p)
		return NULL;
	p->x = x;
	for (size_t n = 0; n < sizeof(p->path) - 1 && path[n]; n++)
		p->path[n] = path[n];
	pthread_mutex_init(&p->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->cond, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&p->thread, NULL, tell, p)) {
		free(p);
		return NULL;
	}
	return p;
}

void progress_end(struct progress *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->mutex);
	p->ended = true;
	pthread_cond_signal(&p->cond);
	pthread_mutex_unlock(&p->mutex);
	pthread_join(p->thread, NULL);
	if (p->width)
		fprintf(stderr, "\r%*s\r", p->width, "");
	pthread_cond_destroy(&p->cond);
	pthread_mutex_destroy(&p->mutex);
	free(p);
}
