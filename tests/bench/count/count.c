// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * exo-count: a QEMU TCG plugin that counts what a guest executes, per vCPU, in phases cut by marker.h.
 *
 *   qemu-system-x86_64 ... -plugin build/lib/exo-count.so,out=FILE[,profile=FILE]
 *
 * At each marker, and at exit, one JSON line is appended to FILE with what every vCPU did since the marker
 * before, so a machine that is killed keeps all but its last phase. With `profile`, that file gets a line for each
 * translated block that a phase executed: phase, address, instructions and string iterations, of all vCPUs together.
 *
 * How: the first thing each translated block does is to call on_block with the block's totals, found when it was
 * translated. A block left early by a fault is counted whole; faults are rare enough that this stays far below
 * 1 %. User and kernel code are told apart by the half of the address space that the code lies in. QEMU executes each
 * iteration of a repeated string instruction as a block of its own: re-entering the block whose repeat prefix
 * ended the block before is an iteration, not another instruction. A repeat of n is one instruction, n iterations.
 *
 * Ownership: a struct block belongs to the arena and lives until QEMU drops all translations. Each vCPU's counters
 * are written by its own thread; a marker reads those of the others while they run, and is late by a few instructions
 * there.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "insn.h"
#include "qemu-plugin-abi.h"

#define MAX_VCPUS 64
#define ARENA_BLOCKS 4096

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_ABI_VERSION;

/* Index 0 user, 1 kernel. */
struct counts {
	uint64_t insns[2];
	uint64_t iterations[2]; /* of repeated string instructions */
	uint64_t bytes[2];	/* that those moved, set or looked at */
	uint64_t vector[2];	/* among insns: vector register to or from memory */
	uint64_t kinds[INSN_KINDS];
	uint64_t traps; /* entries into the kernel from user code, other than system calls */
};

struct block {
	uint64_t start;
	uint64_t executed; /* since the marker before: instructions and iterations, for the profile */
	uint64_t repeat; /* address of the string instruction that ends the block, or 0 */
	uint16_t insns;
	uint16_t vector;
	uint8_t rep; /* its element bytes */
	uint8_t kernel;
	uint8_t special; /* some kinds[] is not 0 */
	uint8_t kinds[INSN_KINDS];
};

struct marker {
	uint32_t id;
	uint16_t behind; /* instructions of its block from the marker on */
	uint8_t kernel;
};

struct entry {
	bool is_marker;
	union {
		struct block block;
		struct marker marker;
	};
};

struct arena {
	struct arena *next;
	size_t used;
	struct entry entries[ARENA_BLOCKS];
};

static struct vcpu {
	struct counts now, before;
	uint64_t repeat; /* of the block before */
	bool user;	 /* the block before was user code */
	bool asked;	 /* and had a system call */
} __attribute__((aligned(64))) vcpus[MAX_VCPUS];

static unsigned int nvcpus;
static struct arena *arena;
static uint32_t phase;
static uint64_t sequence;
static int out = -1;
static FILE *profile;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* arena, phase, sequence, before, out, profile */

static struct entry *take(bool is_marker)
{
	struct entry *e;
	struct arena *a;

	pthread_mutex_lock(&lock);
	a = arena;
	if (!a || a->used == ARENA_BLOCKS) {
		a = calloc(1, sizeof(*a));
		if (!a) {
			fprintf(stderr, "exo-count: out of memory\n");
			abort();
		}
		a->next = arena;
		arena = a;
	}
	e = &a->entries[a->used++];
	e->is_marker = is_marker;
	pthread_mutex_unlock(&lock);
	return e;
}

/* What other vCPUs execute meanwhile may be lost: counts on a machine whose processors take turns are exact. */
static void put_profile(void)
{
	struct arena *a;
	size_t i;

	for (a = arena; a && profile; a = a->next) {
		for (i = 0; i < a->used; i++) {
			struct block *b = &a->entries[i].block;

			if (a->entries[i].is_marker || !b->executed)
				continue;
			fprintf(profile, "%u %llx %llu\n", phase, (unsigned long long)b->start,
				(unsigned long long)b->executed);
			b->executed = 0;
		}
	}
	if (profile && fflush(profile)) {
		fprintf(stderr, "exo-count: cannot write the profile: %s\n", strerror(errno));
		abort();
	}
}

static void on_flush(qemu_plugin_id_t id)
{
	pthread_mutex_lock(&lock);
	put_profile();
	while (arena) {
		struct arena *next = arena->next;

		free(arena);
		arena = next;
	}
	pthread_mutex_unlock(&lock);
}

static void on_block(unsigned int cpu, void *arg)
{
	struct block *b = arg;
	struct vcpu *v = &vcpus[cpu];
	unsigned int side = b->kernel;
	int i;

	if (b->repeat && b->repeat == b->start && v->repeat == b->start) {
		v->now.iterations[side]++;
		v->now.bytes[side] += b->rep;
		b->executed++;
		return;
	}
	b->executed += b->insns;
	v->now.insns[side] += b->insns;
	v->now.vector[side] += b->vector;
	v->now.traps += v->user && side && !v->asked;
	v->user = !side;
	v->asked = false;
	v->repeat = b->repeat;
	if (!b->special)
		return;
	v->asked = b->kinds[INSN_SYSCALL];
	for (i = 0; i < INSN_KINDS; i++)
		v->now.kinds[i] += b->kinds[i];
}

static void put_line(uint32_t next, bool end)
{
	static char line[MAX_VCPUS * 512 + 256];
	size_t at = 0, done = 0;
	unsigned int i;

	at += snprintf(line + at, sizeof(line) - at, "{\"seq\":%llu,\"phase\":%u,\"next\":%d,\"cpu\":[",
		       (unsigned long long)sequence++, phase, end ? -1 : (int)next);
	for (i = 0; i < nvcpus; i++) {
		struct vcpu *v = &vcpus[i];
		struct counts n = v->now, *b = &v->before;

#define D(field) ((unsigned long long)(n.field - b->field))
		at += snprintf(line + at, sizeof(line) - at,
			       "%s{\"user\":%llu,\"kernel\":%llu,\"string_user\":%llu,\"string_kernel\":%llu,"
			       "\"string_bytes\":%llu,\"vector_user\":%llu,\"vector_kernel\":%llu,\"syscalls\":%llu,"
			       "\"traps\":%llu,\"cr3\":%llu,\"cr\":%llu,\"msr\":%llu,\"port\":%llu,\"halts\":%llu}",
			       i ? "," : "", D(insns[0]), D(insns[1]), D(iterations[0]), D(iterations[1]),
			       D(bytes[0]) + D(bytes[1]), D(vector[0]), D(vector[1]), D(kinds[INSN_SYSCALL]), D(traps),
			       D(kinds[INSN_CR3]), D(kinds[INSN_CR]), D(kinds[INSN_MSR]), D(kinds[INSN_PORT]),
			       D(kinds[INSN_HALT]));
#undef D
		*b = n;
	}
	at += snprintf(line + at, sizeof(line) - at, "]}\n");
	while (done < at) {
		ssize_t n = write(out, line + done, at - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fprintf(stderr, "exo-count: cannot write the counts: %s\n", strerror(errno));
			abort();
		}
		done += n;
	}
}

static void on_marker(unsigned int cpu, void *arg)
{
	const struct marker *m = arg;
	uint64_t *insns = &vcpus[cpu].now.insns[m->kernel];

	pthread_mutex_lock(&lock);
	/* The block was counted when it was entered; what follows the marker belongs to the next phase. */
	*insns -= m->behind;
	put_line(m->id, false);
	put_profile();
	*insns += m->behind;
	phase = m->id;
	pthread_mutex_unlock(&lock);
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb), i;
	struct block *b = &take(false)->block;

	*b = (struct block){.start = qemu_plugin_tb_vaddr(tb), .insns = n};
	b->kernel = b->start >> 63;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *q = qemu_plugin_tb_get_insn(tb, i);
		struct insn insn;

		insn_decode(qemu_plugin_insn_data(q), qemu_plugin_insn_size(q), &insn);
		if (insn.rep && i + 1 == n) {
			b->repeat = qemu_plugin_insn_vaddr(q);
			b->rep = insn.rep;
		}
		if (insn.kind == INSN_VECTOR) {
			b->vector++;
		} else if (insn.kind == INSN_MARKER) {
			struct marker *m = &take(true)->marker;

			*m = (struct marker){.id = insn.marker, .behind = n - i, .kernel = b->kernel};
			qemu_plugin_register_vcpu_insn_exec_cb(q, on_marker, PLUGIN_CB_NO_REGS, m);
		} else if (insn.kind != INSN_PLAIN) {
			b->kinds[insn.kind]++;
			b->special = 1;
		}
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, PLUGIN_CB_NO_REGS, b);
}

static void on_end(qemu_plugin_id_t id, void *arg)
{
	pthread_mutex_lock(&lock);
	put_line(0, true);
	put_profile();
	pthread_mutex_unlock(&lock);
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_plugin_info *info, int argc, char **argv)
{
	const char *path = NULL;
	int i;

	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4)) {
			path = argv[i] + 4;
		} else if (strncmp(argv[i], "profile=", 8)) {
			fprintf(stderr, "exo-count: unknown argument %s; give out=FILE and perhaps profile=FILE\n", argv[i]);
			return -1;
		} else {
			profile = fopen(argv[i] + 8, "ae");
			if (!profile) {
				fprintf(stderr, "exo-count: %s: %s\n", argv[i] + 8, strerror(errno));
				return -1;
			}
		}
	}
	if (!path) {
		fprintf(stderr, "exo-count: give out=FILE\n");
		return -1;
	}
	if (!info->system_emulation || strcmp(info->target_name, "x86_64")) {
		fprintf(stderr, "exo-count: counts x86_64 machines only, not %s\n", info->target_name);
		return -1;
	}
	nvcpus = info->system.smp_vcpus;
	if (nvcpus > MAX_VCPUS) {
		fprintf(stderr, "exo-count: at most %d processors\n", MAX_VCPUS);
		return -1;
	}
	out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (out < 0) {
		fprintf(stderr, "exo-count: %s: %s\n", path, strerror(errno));
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_flush_cb(id, on_flush);
	qemu_plugin_register_atexit_cb(id, on_end, NULL);
	return 0;
}
