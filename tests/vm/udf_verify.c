// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * udf_verify.c: asks the running kernel's verifier about UDF objects the way that the module does: program type
 * SYSCALL, sleepable, one read-only and (owns) one write-only array, and no capability but CAP_BPF. Needs no module; run it as
 * root on the kernel in question. For authors of UDFs, and a test that good ones pass.
 *
 *	udf-verify [-v] FILE.o...		-v: the verifier's log also of those that pass
 *
 * Exit status: 0 all pass, 1 one is refused, 4 cannot ask.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <libexo.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOG_BYTES (4u << 20)

static char log_text[LOG_BYTES];

static int bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int array(uint32_t bytes, uint32_t flags)
{
	union bpf_attr a = {.map_type = BPF_MAP_TYPE_ARRAY,
			    .key_size = 4,
			    .value_size = bytes,
			    .max_entries = 1,
			    .map_flags = flags};

	return bpf(BPF_MAP_CREATE, &a);
}

static int only_cap_bpf(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {0};

	d[CAP_BPF / 32].effective = d[CAP_BPF / 32].permitted = 1u << CAP_BPF % 32;
	return syscall(SYS_capset, &h, d);
}

/* One program: owns has two arrays, acl one. */
static int check_program(const char *path, const char *what, const uint64_t *insns, uint32_t n, uint32_t in_bytes,
			 uint32_t out_bytes, int verbose)
{
	struct timespec t0, t1;
	union bpf_attr a = {0};
	int fds[2] = {-1, -1}, fd, err;

	fds[0] = array(in_bytes, BPF_F_RDONLY_PROG);
	if (out_bytes)
		fds[1] = array(out_bytes, BPF_F_WRONLY_PROG);
	if (fds[0] < 0 || (out_bytes && fds[1] < 0)) {
		perror("udf-verify: maps");
		exit(4);
	}
	a.prog_type = BPF_PROG_TYPE_SYSCALL;
	a.prog_flags = BPF_F_SLEEPABLE;
	a.insns = (uintptr_t)insns;
	a.insn_cnt = n;
	a.license = (uintptr_t) "";
	a.fd_array = (uintptr_t)fds;
	a.log_buf = (uintptr_t)log_text;
	a.log_size = LOG_BYTES;
	a.log_level = verbose ? 2 : 1 | 4;
	log_text[0] = 0;
	clock_gettime(CLOCK_MONOTONIC, &t0);
	fd = bpf(BPF_PROG_LOAD, &a);
	err = errno;
	clock_gettime(CLOCK_MONOTONIC, &t1);
	printf("%s: %s %s, %u instructions, %.1f ms\n%s", path, what, fd < 0 ? strerror(err) : "passes", n,
	       (t1.tv_sec - t0.tv_sec) * 1e3 + (t1.tv_nsec - t0.tv_nsec) / 1e6, log_text);
	close(fds[0]);
	if (fds[1] >= 0)
		close(fds[1]);
	if (fd >= 0)
		close(fd);
	return fd < 0;
}

static int check(const char *path, int verbose)
{
	struct exo_udf_code code;
	struct exo_why why;
	int bad = exo_udf_read(path, &code, &why);

	if (bad) {
		printf("%s: %s\n", path, why.text);
		return 1;
	}
	bad = check_program(path, "owns", code.insns, code.ninsns, code.partition,
			    EXO_MAX_SLOTS * sizeof(struct exo_udf_claim), verbose);
	if (code.acl)
		bad |= check_program(path, "acl", code.acl, code.nacl, EXO_ACL_BYTES(code.partition), 0, verbose);
	exo_udf_free(&code);
	return bad;
}

int main(int argc, char **argv)
{
	int i, bad = 0, verbose = argc > 1 && !strcmp(argv[1], "-v");

	if (only_cap_bpf()) {
		perror("udf-verify: cannot give up all but CAP_BPF");
		return 4;
	}
	for (i = 1 + verbose; i < argc; i++)
		bad |= check(argv[i], verbose);
	return bad;
}
