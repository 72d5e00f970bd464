/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * failnth.h: put failures into calls of exo, one after the other, until a call runs without one.
 *
 * /proc/self/fail-nth makes the n-th thing that can fail in this task fail: a memory allocation, or a copy from or to
 * user memory. The filters of the kernel's fault injection decide which of the two count, and that only what happens
 * below a function of exo.ko does.
 *
 * exo tries a failed block request again, block by block, so one failure says little. Here the device dies: from some
 * byte of its traffic on every request fails.
 *
 * Nobody can set a kernel thread's fail-nth in time. For what one does on a caller's behalf (loading a program) the
 * attribute itself is set: every `interval`-th allocation below the thread's function, whoever makes it, once.
 */
#ifndef TESTS_VM_FAILNTH_H
#define TESTS_VM_FAILNTH_H

#include "vm.h"

#define FN_DEBUG "/sys/kernel/debug/"
#define FN_DEPTH 32  /* stack frames that the filter looks at; the kernel has no more */
#define FN_MOST 2000 /* more failures than any call has places for */
#define FN_DISK "vda"

#define FN_TIMES 1000000

enum fn_kind { FN_MEMORY, FN_COPY, FN_DEVICE_DIES };

static int fn_nth = -1;
static uint64_t fn_text, fn_text_end; /* of exo.ko */
static uint64_t fn_own, fn_own_end;   /* of kmemleak's, which can do without memory and would double each sweep */

__attribute__((format(printf, 3, 4))) static inline void fn_set(const char *dir, const char *name, const char *fmt, ...)
{
	char path[160], text[64];
	va_list ap;
	int fd, n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	need(fd >= 0 && write(fd, text, n) == n, "write %s to %s", text, path);
	close(fd);
}

static inline long fn_get(const char *dir, const char *name)
{
	char path[160], text[64] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	need(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "read %s", path);
	close(fd);
	return strtol(text, NULL, 0);
}

/* /proc/modules: name, bytes, users, their names, state, address. The bytes are those of all sections, so too many. */
static inline void fn_find_module(void)
{
	unsigned long bytes, base;
	char line[512], name[64];
	FILE *f = fopen("/proc/modules", "re");

	need(f != NULL, "open /proc/modules");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %lu %*s %*s %*s %lx", name, &bytes, &base) == 3 && !strcmp(name, "exo")) {
			fn_text = base;
			fn_text_end = base + bytes;
		}
	fclose(f);
	need(fn_text != 0, "exo.ko is loaded and its address is readable");
}

/* One pass over all functions: the address of one, or the lowest one above `above`; 0: there is none. */
static inline uint64_t fn_symbol(const char *wanted, uint64_t above)
{
	char line[512], name[256];
	unsigned long at, found = 0;
	FILE *f = fopen("/proc/kallsyms", "re");

	need(f != NULL, "open /proc/kallsyms");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx %*c %255s", &at, name) != 2)
			continue;
		if (wanted ? !strcmp(name, wanted) : at > above && (!found || at < found))
			found = at;
	}
	fclose(f);
	return found;
}

static inline void fn_find_function(const char *wanted, uint64_t *first, uint64_t *end)
{
	*first = fn_symbol(wanted, 0);
	*end = *first ? fn_symbol(NULL, *first) : 0;
	need(*end != 0, "find %s in /proc/kallsyms", wanted);
}

/* Counts what happens below [first, end); first = 1, end = 1: nothing. */
static inline void fn_filter(const char *attribute, uint64_t first, uint64_t end)
{
	char dir[80];

	snprintf(dir, sizeof(dir), FN_DEBUG "%s", attribute);
	fn_set(dir, "stacktrace-depth", "%d", FN_DEPTH);
	fn_set(dir, "require-start", "0x%llx", (unsigned long long)first);
	fn_set(dir, "require-end", "0x%llx", (unsigned long long)end);
	fn_set(dir, "reject-start", "0x%llx", (unsigned long long)fn_own);
	fn_set(dir, "reject-end", "0x%llx", (unsigned long long)fn_own_end);
	fn_set(dir, "verbose", "0");
	fn_set(dir, "probability", "0");
}

static inline void fn_choose(enum fn_kind kind)
{
	uint64_t first = kind == FN_MEMORY ? fn_text : 1, end = kind == FN_MEMORY ? fn_text_end : 1;

	fn_filter("failslab", first, end);
	fn_filter("fail_page_alloc", first, end);
	first = kind == FN_COPY ? fn_text : 1;
	end = kind == FN_COPY ? fn_text_end : 1;
	fn_filter("fail_usercopy", first, end);
	fn_filter("fail_make_request", 0, ~0ull); /* all of them, from whoever */
	fn_set("/sys/block/" FN_DISK, "make-it-fail", "%d", kind == FN_DEVICE_DIES);
}

/* By default allocations that may wait, which is all of them here, are left alone. */
static inline void fn_init(void)
{
	fn_find_function("__alloc_object", &fn_own, &fn_own_end);
	fn_set(FN_DEBUG "failslab", "ignore-gfp-wait", "N");
	fn_set(FN_DEBUG "fail_page_alloc", "ignore-gfp-wait", "N");
	fn_set(FN_DEBUG "fail_page_alloc", "ignore-gfp-highmem", "N");
	fn_set(FN_DEBUG "fail_page_alloc", "min-order", "0");
	fn_nth = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	need(fn_nth >= 0, "open /proc/self/fail-nth");
}

static inline void fn_arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	need(pwrite(fn_nth, text, len, 0) == len, "arm");
}

/* Whether something was made to fail since fn_arm(). */
static inline bool fn_disarm(void)
{
	char text[16] = "";

	need(pread(fn_nth, text, sizeof(text) - 1, 0) > 0 && pwrite(fn_nth, "0", 1, 0) == 1, "disarm");
	return !strtoul(text, NULL, 10);
}

/*
 * The same for all tasks, for one attribute, failslab or fail_page_alloc. The kernel counts
 * candidates only while the probability is not 0, and fails those whose number `interval` divides, except that an
 * interval of 1 does not count. *counted starts as 0, which is true once after boot.
 */
static inline void fn_arm_all(const char *attribute, unsigned int n, unsigned long *counted)
{
	char dir[80];

	snprintf(dir, sizeof(dir), FN_DEBUG "%s", attribute);
	fn_set(dir, "interval", "%lu", *counted + n);
	fn_set(dir, "times", "1");
	fn_set(dir, "probability", "100");
}

static inline bool fn_disarm_all(const char *attribute, unsigned int n, unsigned long *counted)
{
	char dir[80];
	bool fired;

	snprintf(dir, sizeof(dir), FN_DEBUG "%s", attribute);
	fn_set(dir, "probability", "0");
	fired = !fn_get(dir, "times");
	if (fired && *counted + n > 1)
		*counted += n;
	return fired;
}

/* The device serves `bytes` more, then nothing. A request fails that begins behind them, or reaches behind them. */
static inline void fn_die_after(uint64_t bytes)
{
	fn_set(FN_DEBUG "fail_make_request", "interval", "1");
	fn_set(FN_DEBUG "fail_make_request", "times", "%d", FN_TIMES);
	fn_set(FN_DEBUG "fail_make_request", "space", "%llu", (unsigned long long)bytes);
	fn_set(FN_DEBUG "fail_make_request", "probability", "100");
}

/* How many requests have failed, and how many of the bytes were not used up. */
static inline unsigned int fn_dead(uint64_t *left)
{
	*left = fn_get(FN_DEBUG "fail_make_request", "space");
	return FN_TIMES - fn_get(FN_DEBUG "fail_make_request", "times");
}

static inline void fn_revive(void)
{
	fn_set(FN_DEBUG "fail_make_request", "probability", "0");
}

#endif
