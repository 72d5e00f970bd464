// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * hostile_stall.c: user memory that never answers. A page whose fault its owner does not serve (userfaultfd here; a file of a FUSE
 * mount does the same to the kernel) stops a call in the middle. Meanwhile everybody else goes on, and the administrator's
 * DETACH gets an answer.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "../udf/insn.h"
#include "core_kit.h"

#define FRAMES 256
#define BLOCKS 8192

static int uffd;
static u8 *slow;	/* one page that does not answer */

struct stalled {
	struct kit k;
	u32 nr;
	union {
		struct exo_head head;
		struct exo_txn txn;
		struct exo_bind bind;
		struct exo_read read;
		struct exo_write write;
		struct exo_io io;
		struct exo_template_add tadd;
		struct exo_template_get tget;
		struct exo_contested con;
		struct exo_cap_list caps;
	} q;
	u32 size;
	int err;
};

static void *stalled_call(void *arg)
{
	struct stalled *s = arg;

	s->err = kit_call(&s->k, s->nr, &s->q.head, s->size);
	return NULL;
}

static void slow_start(void)
{
	struct uffdio_register r = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	madvise(slow, 4096, MADV_DONTNEED);
	r.range.start = (uintptr_t)slow;
	r.range.len = 4096;
	NEED(!ioctl(uffd, UFFDIO_REGISTER, &r));
}

/* Until somebody stands at the page; false: nobody came within a second. */
static bool slow_wait(void)
{
	struct uffd_msg m;
	u32 i;

	for (i = 0; i < 1000; i++) {
		if (read(uffd, &m, sizeof(m)) == sizeof(m))
			return true;
		usleep(1000);
	}
	return false;
}

static void slow_end(void)
{
	struct uffdio_zeropage z = { .range = { (uintptr_t)slow, 4096 } };
	struct uffdio_range r = { (uintptr_t)slow, 4096 };

	ioctl(uffd, UFFDIO_ZEROPAGE, &z);
	ioctl(uffd, UFFDIO_UNREGISTER, &r);
}

static void *detach(void *arg)
{
	struct kit *k = arg;

	return (void *)(intptr_t)kit_detach(k, 0);
}

static void try(struct kit *k, const char *what, u32 nr, const void *q, size_t size)
{
	static struct stalled s;
	pthread_t caller, admin;
	struct timespec until;
	void *ret = (void *)1;
	/* BIND touches the caller's memory before it looks at a disk, and behind all that it does. */
	int want = nr == EXO_NR_BIND ? 0 : -EBUSY;

	memset(&s, 0, sizeof(s));
	s.k = kit_as(k, &kit_user);
	s.nr = nr;
	memcpy(&s.q, q, size);
	s.size = (u32)size;
	slow_start();
	NEED(!pthread_create(&caller, NULL, stalled_call, &s));
	CHECK_MSG(slow_wait(), "%s did not touch the page", what);
	/* others are served */
	CHECK(kit_info(k).out_blocks == BLOCKS);
	NEED(!pthread_create(&admin, NULL, detach, k));
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 3;
	if (pthread_timedjoin_np(admin, &ret, &until)) {
		CHECK_MSG(!"in time", "DETACH waits for %s", what);
		slow_end();
		pthread_join(admin, &ret);
	} else {
		CHECK_MSG((intptr_t)ret == want && (!want || k->reason == EXO_R_IN_USE), "%s: %ld", what, (long)(intptr_t)ret);
		slow_end();
	}
	pthread_join(caller, NULL);
	if (!ret) {
		CHECK_MSG(s.err == -ENOENT && s.k.reason == EXO_R_NO_DISK, "%s goes on without its disk: %d", what, s.err);
		NEED(!kit_attach(k, 0));
	}
	sim_env_close(s.k.senv);
}

static int open_uffd(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		return -1;
	return fd;
}

int main(void)
{
	struct exo_edit edit = { .block = 2000, .version = 2, .len = 8 };
	struct exo_decl decl = { EXO_DECL_ALLOC, 0, 3000, 1 };
	struct exo_run run = { 1200, 1 };
	u64 insns[256], top;
	u32 root, frames[4];
	struct kit k;

	uffd = open_uffd();
	if (uffd < 0) {
		fprintf(stderr, "skipped: this machine has no userfaultfd for us\n");
		return 4;
	}
	slow = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(slow != MAP_FAILED);
	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, 1200, 1, EXO_ROOT_PUBLIC_READ, &root, &top));
	NEED(!kit_sync(&k, EXO_NOROOT));
#define TRY(what, nr, type, ...)                                                                                       \
	do {                                                                                                           \
		struct type q_ = { .disk = k.d, __VA_ARGS__ };                                                         \
		try(&k, what, nr, &q_, sizeof(q_));                                                                    \
	} while (0)
	TRY("edits", EXO_NR_TXN, exo_txn, .nedits = 1, .edits = (uintptr_t)slow);
	edit.bytes = (uintptr_t)slow;
	TRY("an edit's bytes", EXO_NR_TXN, exo_txn, .nedits = 1, .edits = (uintptr_t)&edit);
	edit.bytes = (uintptr_t)insns;
	TRY("declarations", EXO_NR_TXN, exo_txn, .nedits = 1, .edits = (uintptr_t)&edit, .ndecls = 1,
	    .decls = (uintptr_t)slow);
	TRY("versions", EXO_NR_TXN, exo_txn, .nedits = 1, .edits = (uintptr_t)&edit, .ndecls = 1, .decls = (uintptr_t)&decl,
	    .versions = (uintptr_t)slow);
	TRY("frames of BIND", EXO_NR_BIND, exo_bind, .root = root, .parent = EXO_NOBLOCK, .claim = { top, 1, k.tmpl, 0 },
	    .first = top, .count = 1, .rights = EXO_RIGHT_READ, .frames = (uintptr_t)slow);
	TRY("runs of READ", EXO_NR_READ, exo_read, .nruns = 1, .runs = (uintptr_t)slow);
	TRY("runs of WRITE", EXO_NR_WRITE, exo_write, .nruns = 1, .runs = (uintptr_t)slow);
	kit_program(insns);
	TRY("code", EXO_NR_TEMPLATE_ADD, exo_template_add, .name = "x", .partition = 512, .ninsns = 64,
	    .insns = (uintptr_t)slow);
	insns[0] = EXIT;
	TRY("the verifier's log", EXO_NR_TEMPLATE_ADD, exo_template_add, .name = "y", .partition = 512, .ninsns = 1,
	    .insns = (uintptr_t)insns, .log = (uintptr_t)slow, .log_size = 4096);
	TRY("room for code", EXO_NR_TEMPLATE_GET, exo_template_get, .template_id = k.tmpl, .insns = (uintptr_t)slow,
	    .max_insns = 64);
	/* what WRITE answers: a node over data that was never written must wait */
	{
		static struct txn t;
		struct slot x = { 2000, 1, 0, 1, 0 };

		txn_slot(&t, top, kit_version(&k, top), 0, 0, x);
		txn_decl(&t, EXO_DECL_ALLOC, 0, 2000, 1);
		if (!kit_version(&k, top)) {
			NEED(!kit_bind(&k, root, EXO_NOBLOCK, 0, (struct exo_claim){ top, 1, k.tmpl, 0 }, EXO_RIGHT_READ, 0, frames));
			NEED(!kit_unbind(&k, frames[0]));
			t.edits[0].version = kit_version(&k, top);
		}
		NEED(!txn_go(&k, &t));
	}
	TRY("ranges of WRITE", EXO_NR_WRITE, exo_write, .nruns = 1, .runs = (uintptr_t)&run, .ranges = (uintptr_t)slow,
	    .ranges_room = 16);
	kit_stop(&k);
	return check_done();
}
