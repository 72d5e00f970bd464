// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * udf_thief DISK SECONDS: while one thread installs templates, others look for the descriptors of the program and its
 * arrays: in this process's table, and in those of the kernel threads that load. One that is ever seen could be copied.
 * Runs as a plain user. The templates are refused at the end (they claim a block of an empty partition), so that they are
 * loaded each time and the catalogue stays empty.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include "vm.h"

#define TABLE 64	/* descriptors watched */
#define INSN(c, d, s, o, i) ((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })

static volatile bool stop;
static volatile unsigned long looks, foreign, kernel_looks, stolen, bad;
static char seen[256];

/* Is this descriptor's target one of the kernel's programs or arrays? */
static void judge(const char *path, unsigned long *denied)
{
	char to[128] = "";
	ssize_t n = readlink(path, to, sizeof(to) - 1);

	if (n < 0) {
		if (errno == EACCES || errno == EPERM)
			(*denied)++;
		return;
	}
	if (strstr(to, "bpf")) {
		bad++;
		snprintf(seen, sizeof(seen), "%s -> %s", path, to);
	}
}

/* Copies whatever stands in a slot that this process left empty. */
static void *copier(void *arg)
{
	bool mine[TABLE] = { false };
	unsigned long ignored = 0;
	char path[64];
	int fd, copy;

	for (fd = 0; fd < TABLE; fd++)
		mine[fd] = fcntl(fd, F_GETFD) >= 0;
	while (!stop)
		for (fd = 3; fd < TABLE; fd++) {
			looks++;
			if (mine[fd] || fcntl(fd, F_GETFD) < 0)
				continue;
			copy = fcntl(fd, F_DUPFD_CLOEXEC, 512 + 64 * (long)arg);
			foreign++;
			snprintf(path, sizeof(path), "/proc/self/fd/%d", copy >= 0 ? copy : fd);
			judge(path, &ignored);
			if (copy >= 0)
				close(copy);
		}
	return NULL;
}

/* Goes through the kernel threads named like the loader: their links, and pidfd_getfd. */
static void *spy(void *arg)
{
	unsigned long denied = 0;
	char path[300], name[32];
	struct dirent *e;
	int f, fd, pidfd, got;
	ssize_t n;
	DIR *proc;

	while (!stop) {
		proc = opendir("/proc");
		while (proc && (e = readdir(proc)) && !stop) {
			if (e->d_name[0] < '1' || e->d_name[0] > '9' || atoi(e->d_name) < (int)getpid())
				continue;
			snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
			f = open(path, O_RDONLY | O_CLOEXEC);
			n = f < 0 ? 0 : read(f, name, sizeof(name) - 1);
			if (f >= 0)
				close(f);
			if (n < 4 || strncmp(name, "exo-", 4))
				continue;
			kernel_looks++;
			pidfd = syscall(SYS_pidfd_open, atoi(e->d_name), 0);
			for (fd = 0; fd < 8; fd++) {
				snprintf(path, sizeof(path), "/proc/%s/fd/%d", e->d_name, fd);
				judge(path, &denied);
				got = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
				if (got >= 0) {
					stolen++;
					close(got);
				}
			}
			if (pidfd >= 0)
				close(pidfd);
		}
		if (proc)
			closedir(proc);
	}
	return NULL;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct bpf_insn code[2 + 2 + 512] = {
		INSN(0x18, 2, 6, 0, 1), INSN(0, 0, 0, 0, 0),	/* r2 = claims */
		INSN(0xb4, 3, 0, 0, 100),			/* w3 = 100 */
		INSN(0x7b, 2, 3, 0, 0),				/* claim[0].start = r3 */
	};
	char words[4096];
	struct exo_template_add t = {
		.name = "thief", .partition = 512, .insns = vm_ptr(code), .log = vm_ptr(words), .log_size = sizeof(words),
	};
	pthread_t thread[4];
	unsigned long loads = 0, other = 0;
	double end;
	int fd = vm_open(), err = 0, i, n;

	t.disk = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	/* Length makes the verifier take its time while the descriptors of the arrays stand. */
	for (n = 4; n < 4 + 256; n++)
		code[n] = INSN(0x63, 2, 3, 8, 0);		/* claim[0].count = w3 */
	code[n++] = INSN(0xb7, 0, 0, 0, 0);			/* r0 = 0 */
	code[n++] = INSN(0x95, 0, 0, 0, 0);
	t.ninsns = n;
	for (i = 0; i < 3; i++)
		need(!pthread_create(&thread[i], NULL, copier, (void *)(long)i), "thread");
	need(!pthread_create(&thread[3], NULL, spy, NULL), "thread");
	end = now() + (argc > 2 ? atof(argv[2]) : 5);
	/* On a slow machine longer, until there was a fair number of tries. */
	while (now() < end || (loads < 30 && now() < end + 60)) {
		err = vm_call(fd, EXO_NR_TEMPLATE_ADD, &t);
		loads++;
		other += err != -EPERM || t.head.out_reason != EXO_R_UDF_ZERO;
	}
	stop = true;
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	check(loads > 20 && !other, "%lu templates were loaded and then refused (%lu ended otherwise; last: %d, reason %u)", loads,
	      other, err, t.head.out_reason);
	check(looks > loads, "the thieves looked %lu times into the table", looks);
	printf("# %lu looks met a descriptor of a fellow thread, %lu met a loading thread\n", foreign, kernel_looks);
	check(!bad && !stolen, "no descriptor of a program or array was ever seen (%lu were, %lu copied: %s)", bad, stolen, seen);
	return vm_result();
}
