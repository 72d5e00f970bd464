// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_walkers.c [--free] [SEED [IMAGES]]: the walk's threads. What an attach finds out depends on the disk alone: random images, whole and
 * damaged in every way that a walk meets, give the same free map, owners, contested and blind blocks, quarantines and counts with 1,
 * 2, 4 and 8 threads in any order, also when threads are late. And a walk that is cut off, by a signal, memory or device, leaves
 * nothing and harms nothing.
 *
 * --free: the threads do not take turns but run, while another env asks how far the attach is; for the race detector.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "../../kmod/core/internal.h"
#include "../udf/insn.h"
#include "core_kit.h"

#define BLOCKS 8192u
#define ROOTS 4u
#define BIG_SLOTS 24u

static u32 big, bad; /* templates: whole blocks, and one whose program is gone */
static u64 seed;
static bool run_free;

/* A partition of 4096 bytes with BIG_SLOTS slots as core_kit.h has them; the last number is the answer. */
static u32 big_program(u64 *insns)
{
	const u64 open[] = { REGION(1, 0, 0), REGION(2, 1, 0) };
	const u64 end[] = { LDX_(SZ_W, 0, 1, 4088), EXIT };
	u32 n = 0, i;

	for (i = 0; i < sizeof(open) / 8; i++)
		insns[n++] = open[i];
	for (i = 0; i < BIG_SLOTS; i++) {
		insns[n++] = LDX_(SZ_D, 3, 1, i * sizeof(struct slot));
		insns[n++] = STX_(SZ_D, 2, 3, i * 16);
		insns[n++] = LDX_(SZ_D, 3, 1, i * sizeof(struct slot) + 8);
		insns[n++] = STX_(SZ_D, 2, 3, i * 16 + 8);
	}
	for (i = 0; i < sizeof(end) / 8; i++)
		insns[n++] = end[i];
	return n;
}

static u32 add_template(struct kit *k, const char *name, u32 ref)
{
	u64 insns[256];
	struct exo_template_add t = { .disk = k->d, .cap = k->cap, .partition = 4096, .insns = (uintptr_t)insns,
				      .nrefs = ref != 0, .refs = { ref } };

	snprintf(t.name, sizeof(t.name), "%s", name);
	t.ninsns = big_program(insns);
	NEED(!CALL(k, EXO_NR_TEMPLATE_ADD, t));
	return t.out_template;
}

static struct exo_disk *disk(struct kit *k)
{
	return k->core->disks[k->d];
}

/* ---- images ---- */

static u32 rnd(u64 *s, u32 n)
{
	return (u32)(sim_random(s) % n);
}

/*
 * One metadata block. `next` is where untouched blocks begin. One in `harm` claims is a lie; 0: none.
 */
static void scribble(struct kit *k, u64 *s, u64 block, u32 tmpl, u64 *next, u32 wide, u32 harm)
{
	u32 i, slots = tmpl == big ? BIG_SLOTS : SLOTS, n = 1 + rnd(s, 3);

	for (i = 0; i < n; i++) {
		struct slot x = { .count = 1 + rnd(s, wide), .ref = rnd(s, 3) % 2 };
		u32 part = tmpl == big ? 0 : rnd(s, PARTS);

		if (tmpl == big && !rnd(s, 4))
			x.ref = 2;
		x.start = *next;
		if (*next + x.count < BLOCKS - 20)
			*next += x.count;
		else
			x.count = 0;
		if (harm && !rnd(s, harm)) {
			switch (rnd(s, 6)) {
			case 0:
				x.start = BLOCKS - 2;
				x.count = 100;
				break;
			case 1:
				x.ref = 7;
				break;
			case 2:
				x.start = block;
				x.count = 1 + rnd(s, 9);
				break;
			case 3:
				x.start = ~0ull - rnd(s, 50);
				break;
			case 4:
				sim_disk_poke(k->disk, block, tmpl == big ? 4088 : part * PART + 504, "\1", 1);
				break;
			default:
				x.start = 1100 + rnd(s, (u32)*next - 1100);
				x.count = 1 + rnd(s, 40);
			}
		}
		sim_disk_poke(k->disk, block, part * PART + rnd(s, slots) * sizeof(x), &x, sizeof(x));
	}
}

struct outcome {
	struct exo_disk_info info;
	struct exo_root_get root[EXO_MAX_ROOTS];
	u64 *free, *held;
	u32 ncontest, nblind;
	struct exo_contest *contest;
	struct exo_rng *blind;
	u64 runs, reads;
};

static void *copy(const void *p, size_t bytes)
{
	void *to = malloc(bytes + 1);

	NEED(to);
	if (bytes)
		memcpy(to, p, bytes);
	return to;
}

static void forget(struct outcome *o)
{
	free(o->free);
	free(o->held);
	free(o->contest);
	free(o->blind);
}

static struct outcome look(struct kit *k)
{
	const struct exo_disk *d = disk(k);
	struct outcome o;
	u32 i;

	memset(&o, 0, sizeof(o));
	o.info = kit_info(k);
	o.info.out_walk_ns = o.info.out_walk_threads = 0;
	for (i = 0; i < EXO_MAX_ROOTS; i++) {
		o.root[i].disk = k->d;
		o.root[i].root = i;
		CALL(k, EXO_NR_ROOT_GET, o.root[i]);
	}
	o.free = copy(d->free, BLOCKS / 8);
	o.held = copy(d->held, BLOCKS / 8);
	o.ncontest = d->contest_len;
	o.contest = copy(d->contest, d->contest_len * sizeof(*d->contest));
	o.nblind = d->blind.n;
	o.blind = copy(d->blind.r, d->blind.n * sizeof(*d->blind.r));
	return o;
}

static bool blind_same(const struct outcome *a, const struct outcome *b)
{
	u32 i;

	for (i = 0; i < a->nblind && i < b->nblind; i++)
		if (a->blind[i].start != b->blind[i].start || a->blind[i].count != b->blind[i].count)
			return false;
	return a->nblind == b->nblind;
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	return !memcmp(&a->info, &b->info, sizeof(a->info)) && !memcmp(a->root, b->root, sizeof(a->root)) &&
	       !memcmp(a->free, b->free, BLOCKS / 8) && !memcmp(a->held, b->held, BLOCKS / 8) &&
	       a->ncontest == b->ncontest && !memcmp(a->contest, b->contest, a->ncontest * sizeof(*a->contest)) &&
	       blind_same(a, b) && a->runs == b->runs && a->reads == b->reads;
}

/* Attach with `n` threads. The image is not changed by it. */
static int attach(struct kit *k, u32 n, u64 order, u32 late, struct outcome *o)
{
	u64 runs = k->core->stats->udf_runs, reads = k->core->stats->reads;
	int err;

	sim_workers(n, run_free ? 0 : order, late);
	err = kit_attach(k, EXO_ATTACH_WALK | EXO_ATTACH_READONLY);
	if (err)
		return err;
	CHECK(kit_info(k).out_walk_threads <= n);
	if (o) {
		*o = look(k);
		o->runs = k->core->stats->udf_runs - runs;
		o->reads = k->core->stats->reads - reads;
	}
	return 0;
}

/* An attached, empty disk with the templates and roots; *next: the first block that nothing names. */
static void ground(struct kit *k, u64 *next, u64 *tops)
{
	struct exo_layout l;
	u32 i;

	kit_start(k, 64, BLOCKS, SIM_SECTOR_4K);
	big = add_template(k, "big", k->tmpl);
	bad = add_template(k, "bad", 0);
	for (i = 0; i < ROOTS; i++) {
		char name[8];

		snprintf(name, sizeof(name), "r%u", i);
		NEED(!kit_root_add(k, name, i == 3 ? bad : i == 2 ? k->tmpl : big, EXO_NOBLOCK, 1, 0, NULL, &tops[i]));
	}
	*next = tops[3] + 1;
	NEED(!kit_sync(k, EXO_NOROOT) && !kit_detach(k, 0));
	exo_layout(BLOCKS, &l);
	sim_disk_poke(k->disk, l.templates + (u64)bad * EXO_SLOT_BLOCKS + 1, 0, "\377\377\377", 3);
}

/* Trees over most of the disk, where a level is large. */
static void grow(struct kit *k, u64 *s, u64 next, const u64 *tops, u32 harm)
{
	struct slot wide = { .start = next, .count = 513 + rnd(s, 500), .ref = 1 };
	u32 i, some = 40 + rnd(s, 400);

	/* The first root has one large level of its own kind, others hang small trees below theirs. */
	next += wide.count;
	sim_disk_poke(k->disk, tops[0], BIG_SLOTS / 2 * sizeof(wide), &wide, sizeof(wide));
	for (i = 0; i < 3; i++)
		scribble(k, s, tops[i], i == 2 ? k->tmpl : big, &next, 20, harm);
	for (i = 0; i < some; i++)
		scribble(k, s, wide.start + rnd(s, wide.count), big, &next, 12, harm);
	/* What was claimed as metadata by chance gets content as well, in the format of one of its readers. */
	for (i = 0; i < some; i++)
		scribble(k, s, wide.start + wide.count + rnd(s, (u32)(next - wide.start - wide.count) + 1),
			 rnd(s, 3) ? big : k->tmpl, &next, 5, harm);
}

/* A level of many blocks that each have a child: more is found while it is read. */
static void broad(struct kit *k, u64 *s, u64 next, const u64 *tops)
{
	struct slot wide = { .start = next, .count = 1500 + rnd(s, 1500), .ref = 1 };
	u32 i;

	sim_disk_poke(k->disk, tops[0], 0, &wide, sizeof(wide));
	for (i = 0; i < wide.count; i++) {
		struct slot x = { .start = next + 2 * wide.count - 1 - i, .count = 1, .ref = 1 };

		sim_disk_poke(k->disk, next + i, 0, &x, sizeof(x));
	}
}

static u32 damaged, doubled, threaded;

static void image(u64 nr)
{
	const u32 threads[] = { nr % 2 ? 2 : 4, 8 };
	u64 s = seed * 1000003 + nr, next, tops[ROOTS];
	struct outcome first, o;
	struct kit k;
	u32 i;

	ground(&k, &next, tops);
	if (nr % 10 == 4)
		broad(&k, &s, next, tops);
	else
		grow(&k, &s, next, tops, nr % 4 ? 1 + rnd(&s, 30) : 0);
	if (!(nr % 3))
		sim_disk_fail(k.disk, SIM_FAIL_READ, next + rnd(&s, 2000), 1 + rnd(&s, 40), 0, 0);
	NEED(!attach(&k, 1, 1, 0, &first));
	NEED(!kit_detach(&k, 0));
	damaged += first.info.out_quarantined > 1;
	doubled += first.info.out_contested != 0;
	for (i = 0; i < sizeof(threads) / 4; i++) {
		NEED(!attach(&k, threads[i], nr * 7 + i + 1, i && !(nr % 4) ? 1 + rnd(&s, 7) : 0, &o));
		threaded += disk(&k)->walk_threads == threads[i];
		CHECK(same(&first, &o));
		if (!same(&first, &o))
			fprintf(stderr, "replay: core_walkers %llu, image %llu, %u threads\n", (unsigned long long)seed,
				(unsigned long long)nr, threads[i]);
		forget(&o);
		NEED(!kit_detach(&k, 0));
	}
	forget(&first);
	kit_stop(&k);
}

/* ---- cut off ---- */

/* Signal, memory and device, at each moment: refused with the reason, nothing kept, and then the outcome is the same as ever. */
static void cut_off(void)
{
	u64 s = seed, next, tops[ROOTS], n, all;
	struct outcome first, o;
	struct kit k;
	s64 live;
	int err;

	ground(&k, &next, tops);
	grow(&k, &s, next, tops, 9);
	NEED(!attach(&k, 4, 1, 0, &first));
	NEED(!kit_detach(&k, 0));
	live = sim_alloc_live();
	all = sim_kill_asked();
	NEED(!attach(&k, 4, 1, 0, NULL) && !kit_detach(&k, 0));
	all = sim_kill_asked() - all;
	CHECK(all > 60);
	for (n = 1; n <= all; n += 1 + n / 16) {
		sim_kill(n);
		CHECK(attach(&k, 4, n, 0, NULL) == -EINTR && k.reason == EXO_R_KILLED);
		CHECK(!sim_disk_opened(k.disk) && sim_alloc_live() == live && k.core->stats->udfs == 0);
	}
	sim_kill(0);
	/* A program for each thread is a convenience, so the walk may succeed although one allocation failed. */
	all = sim_alloc_count();
	NEED(!attach(&k, 4, 1, 0, NULL) && !kit_detach(&k, 0));
	all = sim_alloc_count() - all;
	for (n = 1; n <= all; n++) {
		sim_alloc_fail(n);
		err = attach(&k, 4, n, 0, NULL);
		sim_alloc_fail(0);
		if (err) {
			CHECK(err == -ENOMEM && k.reason == EXO_R_NOMEM);
		} else {
			o = look(&k);
			o.runs = first.runs;
			o.reads = first.reads;
			CHECK(same(&first, &o));
			forget(&o);
			NEED(!kit_detach(&k, 0));
		}
		CHECK(!sim_disk_opened(k.disk) && sim_alloc_live() == live && k.core->stats->udfs == 0);
	}
	NEED(!attach(&k, 4, 1, 0, &o));
	CHECK(same(&first, &o));
	forget(&o);
	forget(&first);
	NEED(!kit_detach(&k, 0));
	kit_stop(&k);
}

/* ---- asked while it goes on ---- */

static struct kit asker;
static atomic_bool stop;
static u64 asked, coming, forward, wrong; /* of the thread, until it has ended */

/* Whatever it is told, it must be of one moment, and the walk goes forward. */
static void *ask(void *arg)
{
	u64 meta = 0;

	while (!atomic_load(&stop)) {
		struct exo_disk_info i = { .head.flags = EXO_INFO_COMING, .disk = asker.d };
		int err = CALL(&asker, EXO_NR_DISK_INFO, i);

		asked++;
		if (err) {
			wrong += (err != -ENOENT && err != -EBUSY) || i.out_flags || i.out_blocks || i.out_walk_known;
			meta = 0;
			continue;
		}
		wrong += i.out_blocks != BLOCKS || strcmp((char *)i.out_path, asker.path);
		wrong += i.out_walk_meta > i.out_walk_known || i.out_walk_known > i.out_walk_owned;
		if (!(i.out_flags & EXO_DISK_ATTACHING))
			continue;
		wrong += i.out_free || i.out_roots || i.out_contested;
		coming++;
		forward += i.out_walk_meta > meta;
		meta = i.out_walk_meta;
	}
	return NULL;
}

static void watched(u64 rounds)
{
	u64 s = seed, next, tops[ROOTS], i;
	pthread_t thread;
	struct kit k;

	ground(&k, &next, tops);
	broad(&k, &s, next, tops);
	asker = kit_as(&k, &kit_other);
	atomic_store(&stop, false);
	NEED(!pthread_create(&thread, NULL, ask, NULL));
	for (i = 0; i < rounds; i++) {
		if (i % 4 == 3)
			sim_kill(1 + i);
		CHECK(attach(&k, 4, 1, 0, NULL) == (i % 4 == 3 ? -EINTR : 0));
		sim_kill(0);
		NEED(i % 4 == 3 || !kit_detach(&k, 0));
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	printf("asked %llu times, %llu while attaching, %llu times further\n", (unsigned long long)asked,
	       (unsigned long long)coming, (unsigned long long)forward);
	CHECK(coming && forward && !wrong);
	sim_env_close(asker.senv);
	kit_stop(&k);
}

int main(int argc, char **argv)
{
	u64 i, images;

	run_free = argc > 1 && !strcmp(argv[1], "--free");
	argc -= run_free;
	argv += run_free;
	images = argc > 2 ? strtoull(argv[2], NULL, 0) : run_free ? 12 : 200;
	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	if (run_free)
		watched(16);
	for (i = 0; i < images; i++)
		image(i);
	printf("%llu images: %u damaged, %u with contested blocks, %u attaches with all threads\n", (unsigned long long)images,
	       damaged, doubled, threaded);
	CHECK(images < 100 || (damaged > images / 3 && doubled > images / 3 && threaded > images));
	cut_off();
	return check_done();
}
