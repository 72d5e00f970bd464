// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * main.c: the gate's C side, the lock, and the start. posix_gate runs on the caller's stack and decides without the
 * lock whether a call is ours; most are not.
 */
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "posix.h"

#define STACK (512ul << 10)

int posix_gate(struct regs *r);
long posix_on_stack(long (*fn)(void *), void *arg, void *top);

unsigned char posix_wanted[512];
bool posix_handlers;
char posix_library[PATH_MAX];
char posix_config[4096];

bool posix_identity;
static __thread bool inside __attribute__((tls_model("initial-exec")));
static unsigned *alive; /* a page that reads as zeroes in a child of fork */
static char *stack_top;
static int lock;

int posix_done(struct regs *r, long ret)
{
	r->rax = ret;
	return 1;
}

long posix_raw(const struct op *op)
{
	return raw6(op->nr, op->a[0], op->a[1], op->a[2], op->a[3], op->a[4], op->a[5]);
}

int posix_gate(struct regs *r)
{
	const struct call *c = &posix_calls[r->rax];

	return inside || !c->outer ? 0 : c->outer(r, c);
}

static void take(void)
{
	int was = 0;

	if (__atomic_compare_exchange_n(&lock, &was, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&lock, 2, __ATOMIC_ACQUIRE))
		raw6(SYS_futex, (long)&lock, FUTEX_WAIT_PRIVATE, 2, 0, 0, 0);
}

static void give(void)
{
	if (__atomic_exchange_n(&lock, 0, __ATOMIC_RELEASE) == 2)
		raw6(SYS_futex, (long)&lock, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

struct ran {
	struct op *op;
	long (*fn)(struct op *op);
};

bool posix_inside(void)
{
	return inside;
}

long posix_fork(struct op *op)
{
	long pid;

	take();
	pid = posix_raw(op);
	/* The child's is made new at its next call. */
	if (pid) {
		posix_child(pid);
		give();
	}
	return pid;
}

/* Permissions are checked against whoever the process is now. */
void posix_identify(void)
{
	struct exo_fs_cred c = {.uid = raw1(SYS_setfsuid, -1), .gid = raw1(SYS_setfsgid, -1)};
	gid_t groups[64];
	long n = raw2(SYS_getgroups, 64, groups);

	c.ngroups = n > 0 ? n : 0;
	c.groups = groups;
	exo_fs_set_cred(&c);
}

void posix_as_before(void)
{
	if (posix_identity)
		posix_identify();
	else
		exo_fs_set_cred(NULL);
}

static long run(void *arg)
{
	struct ran *r = arg;
	int err = *alive ? 0 : posix_after_fork();

	*alive = 1;
	if (posix_identity)
		posix_identify();
	return err ? err : r->fn(r->op);
}

long posix_enter(struct op *op, long (*fn)(struct op *op))
{
	/* Not those that a fault in here raises. */
	uint64_t all = ~(1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1) | 1ull << (SIGFPE - 1) | 1ull << (SIGILL - 1)),
		 old;
	bool blocked = posix_handlers;
	struct ran r = {op, fn};
	long ret;

	if (blocked)
		raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
	/* A child of fork finds the lock as its parent's thread held it. */
	if (!*alive)
		lock = 0;
	take();
	inside = true;
	ret = posix_on_stack(run, &r, stack_top);
	inside = false;
	give();
	if (blocked)
		raw4(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
	return ret;
}

/* Take a variable out of the environment: the program sees it as if this library were not there. */
static const char *take_env(char **env, const char *name)
{
	size_t len = strlen(name);
	const char *found = NULL;
	char **to = env;

	for (; *env; env++) {
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			found = *env + len + 1;
		else
			*to++ = *env;
	}
	*to = NULL;
	return found;
}

/* What is left of LD_PRELOAD without us goes back. */
static void clean_preload(char **env)
{
	char **at;

	for (at = env; *at; at++) {
		char *value = *at + 11, *to = value, *p, *end;

		if (strncmp(*at, "LD_PRELOAD=", 11))
			continue;
		for (p = value; *p; p = end) {
			size_t n = strcspn(p, ": ");

			end = p + n + (p[n] ? 1 : 0);
			if (n == strlen(posix_library) && !strncmp(p, posix_library, n))
				continue;
			memmove(to, p, n);
			to += n;
			*to++ = ':';
		}
		if (to > value)
			*--to = 0;
		else
			take_env(env, "LD_PRELOAD");
		return;
	}
}

__attribute__((constructor)) static void start(int argc, char **argv, char **env)
{
	const char *config = take_env(env, "EXO_POSIX"), *state = take_env(env, "EXO_POSIX_STATE"),
		   *library = take_env(env, "EXO_POSIX_LIB");
	long p;
	int i;

	if (!config || !library || strlen(library) >= sizeof(posix_library) || strlen(config) >= sizeof(posix_config))
		return;
	strcpy(posix_library, library);
	strcpy(posix_config, config);
	clean_preload(env);
	if (posix_parse(config) || !posix_ntrees)
		return;
	p = raw6(SYS_mmap, 0, STACK + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p < 0 && p > -4096)
		return;
	alive = (unsigned *)p;
	if (raw3(SYS_madvise, alive, 4096, MADV_WIPEONFORK))
		return;
	*alive = 1;
	stack_top = (char *)p + STACK + 4096;
	posix_inherit(state);
	for (i = 0; i < 512; i++)
		posix_wanted[i] = posix_calls[i].outer != NULL;
	posix_patch();
}
