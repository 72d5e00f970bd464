// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * flood_test DISK: run as root. A user gives the verifier programs from many threads and envs at once, each of which it looks at for as
 * long as it ever looks at one. At most one of them is with it at a time, so another user's program is answered; and when
 * the first is killed, so is its work.
 */
#define _GNU_SOURCE
#include "vm.h"

#include <dirent.h>
#include <grp.h>
#include <linux/bpf.h>
#include <pthread.h>

#define INSN(c, d, s, o, i) ((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define BITS 60
#define ENVS 2
#define THREADS 4 /* of each env */
#define LOOKS 40

static uint32_t disk;

static void become(uid_t uid)
{
	need(!setgroups(0, NULL) && !setresgid(uid, uid, uid) && !setresuid(uid, uid, uid), "become uid %u", uid);
}

/*
 * r6 counts bits of the input, one unknown branch a bit, and is then used as an offset, so that no two paths look alike to the
 * verifier: 2^BITS of them, and it gives up after a million instructions.
 */
static unsigned int endless(struct bpf_insn *p)
{
	struct bpf_insn *at = p;
	int i;

	*at++ = INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_IDX_VALUE, 0, 0);
	*at++ = INSN(0, 0, 0, 0, 0);
	*at++ = INSN(BPF_LDX | BPF_MEM | BPF_DW, 2, 1, 0, 0);
	*at++ = INSN(BPF_ALU64 | BPF_MOV | BPF_K, 6, 0, 0, 0);
	for (i = 0; i < BITS; i++) {
		*at++ = INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 2, 0, 0);
		*at++ = INSN(BPF_ALU64 | BPF_RSH | BPF_K, 3, 0, 0, i);
		*at++ = INSN(BPF_ALU64 | BPF_AND | BPF_K, 3, 0, 0, 1);
		*at++ = INSN(BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 1, 0);
		*at++ = INSN(BPF_ALU64 | BPF_ADD | BPF_K, 6, 0, 0, i * 7 % 13 + 1);
	}
	*at++ = INSN(BPF_ALU64 | BPF_ADD | BPF_X, 1, 6, 0, 0);
	*at++ = INSN(BPF_LDX | BPF_MEM | BPF_B, 0, 1, 0, 0);
	*at++ = INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	*at++ = INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return at - p;
}

static int add(int fd, const char *name, const struct bpf_insn *p, unsigned int n, uint32_t *reason)
{
	struct exo_template_add t = { .disk = disk, .partition = 512, .insns = vm_ptr(p), .ninsns = n };
	int err;

	snprintf(t.name, sizeof(t.name), "%s", name);
	err = vm_call(fd, EXO_NR_TEMPLATE_ADD, &t);
	*reason = t.head.out_reason;
	return err;
}

static void *flood(void *arg)
{
	struct bpf_insn p[8 * BITS];
	unsigned int n = endless(p);
	uint32_t reason;

	for (;;)
		add((long)arg, "endless", p, n, &reason);
	return NULL;
}

static void attack(void)
{
	pthread_t t;

	become(1000);
	for (int e = 0; e < ENVS; e++) {
		int fd = vm_open();

		for (long i = 0; i < THREADS; i++)
			need(!pthread_create(&t, NULL, flood, (void *)(long)fd), "a thread");
	}
	pause();
}

/* Kernel threads that load. */
static unsigned int loaders(void)
{
	char path[300], name[32];
	struct dirent *e;
	unsigned int n = 0;
	DIR *proc = opendir("/proc");

	while (proc && (e = readdir(proc))) {
		FILE *f;

		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		n += fgets(name, sizeof(name), f) && !strcmp(name, "exo-udf\n");
		fclose(f);
	}
	if (proc)
		closedir(proc);
	return n;
}

int main(int argc, char **argv)
{
	unsigned int most = 0, seen = 0, n, i;
	uint32_t reason = 0;
	pid_t child, other;
	int status;

	disk = argc > 1 ? atoi(argv[1]) : 0;
	child = fork();
	if (!child)
		attack();
	for (i = 0; i < LOOKS || !seen; i++) {
		n = loaders();
		seen += n > 0;
		most = n > most ? n : most;
		usleep(5000);
	}
	check(most == 1, "%u threads of one user have at most %u program with the verifier (%u of %u looks)", ENVS * THREADS, most, seen, i);
	other = fork();
	if (!other) {
		const struct bpf_insn good[] = { INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0) };
		int fd;

		become(1001);
		fd = vm_open();
		_exit(add(fd, "good", good, 2, &reason) != 0);
	}
	check(waitpid(other, &status, 0) == other && !status, "another user's is answered meanwhile");
	check(!waitpid(child, NULL, WNOHANG) && loaders() <= 1, "the first goes on");
	kill(child, SIGKILL);
	check(waitpid(child, &status, 0) == child && WIFSIGNALED(status), "and can be killed");
	while (loaders())
		usleep(2000);
	check(true, "its work ends with it");
	return vm_result();
}
