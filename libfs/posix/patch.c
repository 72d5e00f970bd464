// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * patch.c: every `syscall` instruction of libc and of the dynamic loader becomes a jump to a trampoline of its own:
 *
 *	lea  1f(%rip), %rcx	a system call destroys rcx anyway
 *	jmp  gate
 *   1:	syscall			the gate comes back here, or behind it with the answer
 *	...			the instructions that had to make room
 *	jmp  back
 *
 * The instruction has two bytes and the jump five, so neighbours move: those behind it if they mean the same elsewhere
 * and nothing jumps to them, else those in front. Where neither works, a two-byte jump leads to a gap between functions
 * within its reach, and a jump there to the trampoline. Functions and gaps come from the unwind table, instruction
 * boundaries from decoding each function from its start, and the targets of all direct jumps of the text are known
 *before the first byte changes.
 *
 * What was found out is the same for every process that runs this libc, so it is kept, as a plan, in a file that only
 * the user can write (see plan_path); without it a process finds out for itself.
 */
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include "insn.h"
#include "posix.h"

#define PLAN_MAGIC 0x316e616c706f7865ull
#define SITES_MAX 1024
#define TRAMP 96

extern char posix_gate_entry[];

struct site {
	uint32_t start; /* first byte that is replaced, from the module's base */
	uint32_t sys;	/* the system call */
	uint32_t gap;	/* where the long jump stands; 0: at start */
	uint8_t len, pad[3];
};

struct plan {
	uint64_t magic, size, ino, mtime;
	uint32_t nsites, missed;
	struct site site[SITES_MAX];
};

struct module {
	uintptr_t base, text, text_end;
	const ElfW(Ehdr) * head;
	const uint8_t *index; /* .eh_frame_hdr */
	char path[PATH_MAX];
};

static struct module modules[2];
static int nmodules;
static struct plan *plan;
static uint8_t *targets; /* bit for each byte of the text that a jump leads to */

static int each(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct module *m = &modules[nmodules];
	const char *name = info->dlpi_name ? strrchr(info->dlpi_name, '/') : NULL;
	int i;

	name = name ? name + 1 : "";
	if (nmodules == 2 || (strncmp(name, "libc.so", 7) && strncmp(name, "ld-linux", 8)))
		return 0;
	m->base = info->dlpi_addr;
	m->text = m->text_end = 0;
	m->index = NULL;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && p->p_flags & PF_X && !m->text) {
			m->text = m->base + p->p_vaddr;
			m->text_end = m->text + p->p_memsz;
		}
		if (p->p_type == PT_GNU_EH_FRAME)
			m->index = (const uint8_t *)(m->base + p->p_vaddr);
	}
	if (!m->text || !m->index || strlen(info->dlpi_name) >= sizeof(m->path))
		return 0;
	strcpy(m->path, info->dlpi_name);
	nmodules++;
	return 0;
}

/* ---- functions: a sorted table of (start, entry), both relative to the table's head ---- */

static int32_t get32(const uint8_t *p)
{
	int32_t v;

	memcpy(&v, p, 4);
	return v;
}

static uint32_t functions(const struct module *m)
{
	/* Version 1, and the encodings that linkers use: pcrel sdata4, udata4, datarel sdata4. */
	if (m->index[0] != 1 || m->index[1] != 0x1b || m->index[2] != 0x03 || m->index[3] != 0x3b)
		return 0;
	return get32(m->index + 8);
}

static uintptr_t function_start(const struct module *m, uint32_t i)
{
	return (uintptr_t)m->index + get32(m->index + 12 + 8 * i);
}

static uintptr_t function_end(const struct module *m, uint32_t i)
{
	const uint8_t *fde = m->index + get32(m->index + 12 + 8 * i + 4);

	return function_start(m, i) + (uint32_t)get32(fde + 12);
}

static bool in_text(const struct module *m, uintptr_t at)
{
	return at >= m->text && at < m->text_end;
}

static void find_targets(const struct module *m)
{
	uint32_t n = functions(m), i;
	struct insn in;

	for (i = 0; i < n; i++) {
		uintptr_t at = function_start(m, i), end = function_end(m, i);

		if (!in_text(m, at) || end > m->text_end)
			continue;
		while (at < end && insn_decode((const uint8_t *)at, end - at, &in)) {
			if (in.branches && in_text(m, at + in.to))
				targets[(at + in.to - m->text) / 8] |= 1 << (at + in.to - m->text) % 8;
			at += in.len;
		}
	}
}

static bool is_target(const struct module *m, uintptr_t at)
{
	return targets[(at - m->text) / 8] >> (at - m->text) % 8 & 1;
}

/* Bytes between functions, never run: what is left of the gap behind function i. */
static uint8_t *gaps; /* used bytes, by function */

static uint32_t find_gap(const struct module *m, uintptr_t sys, uint32_t around)
{
	uint32_t n = functions(m), lo = around > 8 ? around - 8 : 0, i;

	for (i = lo; i + 1 < n && i < around + 8; i++) {
		uintptr_t at = function_end(m, i) + gaps[i], next = function_start(m, i + 1), p;
		int64_t far = (int64_t)at - (int64_t)(sys + 2);

		if (next < at || next - at < 5 || next - at > 64 || far < -128 || far > 127)
			continue;
		for (p = at; p < at + 5 && !is_target(m, p); p++)
			;
		if (p < at + 5)
			continue;
		gaps[i] += 5;
		return at - m->base;
	}
	return 0;
}

static void plan_site(const struct module *m, uint32_t fn, uintptr_t begin, uintptr_t end, uintptr_t sys)
{
	struct site *s = &plan->site[plan->nsites];
	uintptr_t at = sys, last[8] = {0};
	struct insn in;
	unsigned room = 0, n = 0, i;

	if (plan->nsites == SITES_MAX) {
		plan->missed++;
		return;
	}
	*s = (struct site){.start = sys - m->base, .sys = sys - m->base};
	/* Behind it. */
	while (room < 5) {
		if (at >= end || !insn_decode((const uint8_t *)at, end - at, &in) ||
		    (at != sys && (in.here || in.syscall)) || (at != sys && is_target(m, at)))
			break;
		room += in.len;
		at += in.len;
	}
	if (room >= 5) {
		s->len = room;
		plan->nsites++;
		return;
	}
	/* In front: the last instructions before it, as decoded from the function's start. */
	for (at = begin; at < sys && insn_decode((const uint8_t *)at, end - at, &in); at += in.len) {
		memmove(last + 1, last, sizeof(last) - sizeof(*last));
		last[0] = at;
		n++;
	}
	for (i = 0; at == sys && i < n && i < 8; i++) {
		insn_decode((const uint8_t *)last[i], end - last[i], &in);
		if (in.here || in.syscall || is_target(m, last[i] + in.len))
			break;
		if (sys + 2 - last[i] >= 5) {
			s->start = last[i] - m->base;
			s->len = sys + 2 - last[i];
			plan->nsites++;
			return;
		}
	}
	s->gap = find_gap(m, sys, fn);
	s->len = 2;
	if (s->gap)
		plan->nsites++;
	else
		plan->missed++;
}

static void make_plan(const struct module *m)
{
	uint32_t n = functions(m), i;
	struct insn in;

	find_targets(m);
	for (i = 0; i < n; i++) {
		uintptr_t begin = function_start(m, i), at = begin, end = function_end(m, i), p;

		if (!in_text(m, at) || end > m->text_end)
			continue;
		for (p = at; p + 1 < end && !(*(uint8_t *)p == 0x0f && *(uint8_t *)(p + 1) == 0x05); p++)
			;
		if (p + 1 >= end)
			continue;
		for (; at < end && insn_decode((const uint8_t *)at, end - at, &in); at += in.len) {
			/* The way back from a signal handler has its stack pointer where the kernel wants it. */
			if (in.syscall && !(at >= begin + 7 && !memcmp((void *)(at - 7), "\x48\xc7\xc0\x0f\0\0\0", 7)))
				plan_site(m, i, begin, end, at);
		}
	}
}

/* ---- the plan's file ---- */

static bool number(char **at, unsigned long v)
{
	char digits[24];
	int n = 0;

	do {
		digits[n++] = '0' + v % 10;
		v /= 10;
	} while (v);
	while (n)
		*(*at)++ = digits[--n];
	return true;
}

/* /dev/shm/exo-UID: a folder of the user's own. -1: there is none. */
int posix_folder(void)
{
	char path[64] = "/dev/shm/exo-", *at = path + strlen(path);
	long uid = raw1(SYS_geteuid, 0), fd;
	struct stat st;

	number(&at, uid);
	*at = 0;
	raw2(SYS_mkdir, path, 0711);
	fd = raw3(SYS_open, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (raw2(SYS_fstat, fd, &st) || st.st_uid != (uid_t)uid || st.st_mode & 022) {
		raw1(SYS_close, fd);
		return -1;
	}
	return fd;
}

static void plan_name(const struct module *m, char *name)
{
	char *at = name;

	strcpy(at, m == modules ? "plan1-" : "plan2-");
	at += 6;
	number(&at, plan->ino);
	*at++ = '-';
	number(&at, plan->mtime);
	*at = 0;
}

static bool load(int folder, const char *name)
{
	struct plan *have;
	struct stat st;
	long fd = raw4(SYS_openat, folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0), n = -1;

	if (fd < 0)
		return false;
	have = (struct plan *)((char *)plan + sizeof(*plan));
	if (!raw2(SYS_fstat, fd, &st) && st.st_uid == (uid_t)raw1(SYS_geteuid, 0) && !(st.st_mode & 022))
		n = raw4(SYS_pread64, fd, have, sizeof(*have), 0);
	raw1(SYS_close, fd);
	if (n < (long)offsetof(struct plan, site) || have->magic != PLAN_MAGIC || have->size != plan->size ||
	    have->ino != plan->ino || have->mtime != plan->mtime || have->nsites > SITES_MAX ||
	    n != (long)(offsetof(struct plan, site) + have->nsites * sizeof(struct site)))
		return false;
	plan = have;
	return true;
}

static void store(int folder, const char *name)
{
	char temp[64], *at = temp + 4;
	size_t len = offsetof(struct plan, site) + plan->nsites * sizeof(struct site);
	long fd;

	memcpy(temp, "new-", 4);
	number(&at, raw1(SYS_getpid, 0));
	*at = 0;
	fd = raw4(SYS_openat, folder, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (raw4(SYS_pwrite64, fd, plan, len, 0) == (long)len)
		raw4(SYS_renameat, folder, temp, folder, name);
	else
		raw3(SYS_unlinkat, folder, temp, 0);
	raw1(SYS_close, fd);
}

/* ---- putting it in place ---- */

static void jump(uint8_t *from, const uint8_t *to)
{
	int32_t rel = to - (from + 5);

	from[0] = 0xe9;
	memcpy(from + 1, &rel, 4);
}

static uint8_t *trampoline(uint8_t *t, const struct site *s, uint8_t *text)
{
	static const uint8_t lea[] = {0x48, 0x8d, 0x0d};
	uint8_t *start = text + s->start, *sys = text + s->sys, *end = start + s->len, *fix;
	uint64_t gate = (uintptr_t)posix_gate_entry;
	int32_t rel;

	memcpy(t, start, sys - start);
	t += sys - start;
	/* lea 1f(%rip), %rcx; movabs $gate, %r11; jmp *%r11 */
	memcpy(t, lea, 3);
	fix = t + 3;
	t += 7;
	*t++ = 0x49;
	*t++ = 0xbb;
	memcpy(t, &gate, 8);
	t += 8;
	*t++ = 0x41;
	*t++ = 0xff;
	*t++ = 0xe3;
	rel = t - (fix + 4);
	memcpy(fix, &rel, 4);
	memcpy(t, sys, end - sys);
	t += end - sys;
	jump(t, end);
	return t + 5;
}

/* Memory within reach of a jump. */
static uint8_t *near_memory(const struct module *m, size_t bytes)
{
	uintptr_t step, at;
	long p;

	for (step = 1ul << 20; step < 1ul << 30; step += 1ul << 22) {
		at = (m->base - step - bytes) & ~4095ul;
		p = raw6(SYS_mmap, at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			 -1, 0);
		if (p == (long)at)
			return (uint8_t *)p;
		if (p > 0)
			raw2(SYS_munmap, p, bytes);
	}
	return NULL;
}

static int apply(const struct module *m)
{
	size_t bytes = ((size_t)plan->nsites * TRAMP + 4095) & ~4095ul;
	uint8_t *t = near_memory(m, bytes), *memory = t, *text = (uint8_t *)m->base;
	uintptr_t from = m->text & ~4095ul, len = ((m->text_end + 4095) & ~4095ul) - from;
	uint32_t i;

	if (!t || raw3(SYS_mprotect, from, len, PROT_READ | PROT_WRITE | PROT_EXEC))
		return -1;
	for (i = 0; i < plan->nsites; i++) {
		const struct site *s = &plan->site[i];
		uint8_t *mine = t;

		/* A plan of another file with the same name would not fit. */
		if (s->len > 24 || s->sys < s->start || m->base + s->start < m->text ||
		    m->base + s->start + s->len > m->text_end || text[s->sys] != 0x0f || text[s->sys + 1] != 0x05)
			continue;
		t = trampoline(t, s, text);
		if (s->gap) {
			jump(text + s->gap, mine);
			text[s->start] = 0xeb;
			text[s->start + 1] = (int8_t)((int64_t)s->gap - (s->start + 2));
		} else {
			jump(text + s->start, mine);
			memset(text + s->start + 5, 0x90, s->len - 5);
		}
	}
	raw3(SYS_mprotect, memory, bytes, PROT_READ | PROT_EXEC);
	raw3(SYS_mprotect, from, len, PROT_READ | PROT_EXEC);
	return 0;
}

int posix_patch(void)
{
	size_t room = 2 * sizeof(*plan), bits, fns;
	struct plan *first;
	int missed = 0, i, folder;
	char name[64];
	struct stat st;

	dl_iterate_phdr(each, NULL);
	folder = posix_folder();
	for (i = 0; i < nmodules; i++) {
		struct module *m = &modules[i];
		long p = raw6(SYS_mmap, 0, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p < 0 && p > -4096)
			return -1;
		first = plan = (struct plan *)p;
		if (raw2(SYS_stat, m->path, &st))
			memset(&st, 0, sizeof(st));
		plan->magic = PLAN_MAGIC;
		plan->size = st.st_size;
		plan->ino = st.st_ino;
		plan->mtime = st.st_mtim.tv_sec;
		plan_name(m, name);
		if (folder < 0 || !st.st_ino || !load(folder, name)) {
			bits = ((m->text_end - m->text) / 8 + 4096) & ~4095ul;
			fns = (functions(m) + 4096) & ~4095ul;
			p = raw6(SYS_mmap, 0, bits + fns, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (p < 0 && p > -4096)
				return -1;
			targets = (uint8_t *)p;
			gaps = targets + bits;
			make_plan(m);
			raw2(SYS_munmap, targets, bits + fns);
			if (folder >= 0 && st.st_ino)
				store(folder, name);
		}
		missed += plan->missed;
		if (apply(m))
			missed++;
		raw2(SYS_munmap, first, room);
	}
	if (folder >= 0)
		raw1(SYS_close, folder);
	return nmodules == 2 ? missed : -1;
}
