// SPDX-License-Identifier: GPL-2.0 OR MIT
/* doctor.c: exoctl doctor: is everything there that exo needs, and if not, what to do. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "exoctl.h"

enum verdict { V_OK, V_WARN, V_FAIL };

struct findings {
	bool json;
	unsigned count[3];
};

static void say(struct findings *f, enum verdict v, const char *what, const char *todo, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

static void say(struct findings *f, enum verdict v, const char *what, const char *todo, const char *fmt, ...)
{
	static const char *const words[] = {"OK", "WARN", "FAIL"};
	char seen[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(seen, sizeof(seen), fmt, ap);
	va_end(ap);
	f->count[v]++;
	if (f->json) {
		json_open(NULL, '{');
		json_str("verdict", words[v]);
		json_str("what", what);
		json_str("seen", seen);
		json_str("todo", v == V_OK ? "" : todo);
		json_close();
		return;
	}
	printf("%-4s  %-12s ", words[v], what);
	print_escaped(seen);
	putchar('\n');
	if (v != V_OK && *todo)
		printf("      %-12s what to do: %s\n", "", todo);
}

/* First line of a small file, without its newline. 0 or -errno. */
static int read_line(const char *path, char *out, size_t room)
{
	FILE *f = fopen(path, "re");
	int err = 0;

	if (!f)
		return -errno;
	if (!fgets(out, room, f))
		err = -EIO;
	fclose(f);
	if (!err)
		out[strcspn(out, "\n")] = '\0';
	return err;
}

static void check_kernel(struct findings *f)
{
	struct utsname u;
	char lockdown[128];
	int major = 0, minor = 0;

	uname(&u);
	if (sscanf(u.release, "%d.%d", &major, &minor) == 2 && major == 6 && minor == 12)
		say(f, V_OK, "kernel", "", "%s", u.release);
	else
		say(f, V_WARN, "kernel",
		    "the module is made for Linux 6.12: boot one, or use the development VM (scripts/vm)", "%s",
		    u.release);
	if (!read_line("/sys/kernel/security/lockdown", lockdown, sizeof(lockdown)) && !strstr(lockdown, "[none]"))
		say(f, V_WARN, "lockdown",
		    "sign the module with a key that the kernel trusts, or boot without Secure Boot",
		    "%s: the kernel loads signed modules only", lockdown);
}

static void check_module(struct findings *f)
{
	char version[64] = "";
	struct stat st;

	if (stat("/sys/module/exo", &st)) {
		say(f, V_FAIL, "module", "load it: modprobe exo, or insmod exo.ko from the build",
		    "exo is not among the loaded modules");
		return;
	}
	if (read_line("/sys/module/exo/version", version, sizeof(version)))
		strcpy(version, "of no stated version");
	say(f, V_OK, "module", "", "loaded, %s", version);
}

static bool check_device(struct findings *f)
{
	struct stat st;
	int fd;

	if (stat(EXO_DEVICE, &st)) {
		say(f, V_FAIL, "device",
		    "it appears when the module is loaded; without udev make it with mknod from "
		    "/sys/class/misc/exo/dev",
		    "%s: %s", EXO_DEVICE, strerror(errno));
		return false;
	}
	if (!S_ISCHR(st.st_mode)) {
		say(f, V_FAIL, "device", "remove it and load the module again", "%s is not a character device",
		    EXO_DEVICE);
		return false;
	}
	fd = open(EXO_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		say(f, V_FAIL, "device",
		    errno == EACCES ? "ask for access: chmod 666 is safe, every call checks capabilities" : "see dmesg",
		    "%s (mode %04o, owner %u:%u): %s", EXO_DEVICE, st.st_mode & 07777, st.st_uid, st.st_gid,
		    strerror(errno));
		return false;
	}
	close(fd);
	say(f, V_OK, "device", "", "%s can be opened (mode %04o, owner %u:%u)", EXO_DEVICE, st.st_mode & 07777,
	    st.st_uid, st.st_gid);
	return true;
}

static void check_versions(struct findings *f, const struct exo_query *q)
{
	uint64_t want = 0, missing;

	for (unsigned n = 1; n <= EXO_NR_MAX; n++)
		want |= 1ull << n;
	missing = want & ~(uint64_t)q->out_calls;
	if (q->out_abi != EXO_ABI_VERSION)
		say(f, V_FAIL, "contract", "install module and tools from one build", "module %" PRIu32 ", tools %u",
		    q->out_abi, EXO_ABI_VERSION);
	else if (missing)
		say(f, V_FAIL, "contract", "install module and tools from one build",
		    "version %" PRIu32 ", but the module lacks calls (mask 0x%" PRIx64 ")", q->out_abi, missing);
	else
		say(f, V_OK, "contract", "", "version %" PRIu32 ", all %u calls", q->out_abi, EXO_NR_MAX);
}

static void check_memory(struct findings *f, const struct exo *x)
{
	const struct exo_query *q = exo_facts(x);
	const struct exo_stats *s = exo_statistics(x);
	uint64_t free_now = __atomic_load_n(&s->frames_free, __ATOMIC_RELAXED);
	uint64_t cached = __atomic_load_n(&s->frames_cached, __ATOMIC_RELAXED);
	uint64_t dirty = __atomic_load_n(&s->frames_dirty, __ATOMIC_RELAXED);
	char size[32];

	size_words((uint64_t)q->out_frames * EXO_BLOCK_SIZE, size);
	if (dirty * 4 > (uint64_t)q->out_frames * 3)
		say(f, V_WARN, "pool", "'exoctl sync DISK' writes them; a larger pool is a module parameter (pool_mb)",
		    "%s; %" PRIu64 " of %" PRIu32 " frames are dirty", size, dirty, q->out_frames);
	else
		say(f, V_OK, "pool", "",
		    "%s; frames: %" PRIu64 " free, %" PRIu64 " hold blocks, %" PRIu64 " of them dirty", size, free_now,
		    cached, dirty);
}

static void check_bpf(struct findings *f)
{
	char line[64];

	if (access("/sys/kernel/btf/vmlinux", R_OK))
		say(f, V_WARN, "bpf", "use a kernel with CONFIG_BPF_SYSCALL and CONFIG_DEBUG_INFO_BTF, as Debian's",
		    "no type information in /sys/kernel/btf; the verifier may be missing");
	if (read_line("/proc/sys/net/core/bpf_jit_enable", line, sizeof(line)))
		say(f, V_OK, "bpf jit", "", "its switch cannot be read by this user");
	else if (!strcmp(line, "0"))
		say(f, V_WARN, "bpf jit", "sysctl net.core.bpf_jit_enable=1 makes UDFs several times faster",
		    "off: UDFs are interpreted");
	else
		say(f, V_OK, "bpf jit", "", "on");
	if (!read_line("/proc/sys/kernel/io_uring_disabled", line, sizeof(line)) && strcmp(line, "0"))
		say(f, V_WARN, "io_uring", "sysctl kernel.io_uring_disabled=0, or use fio's exo_mode=ioctl",
		    "disabled (%s): asynchronous I/O is not to be had", line);
}

static void check_disk(struct findings *f, uint32_t disk, const struct exo_disk_info *i)
{
	char what[24], path[65];

	snprintf(what, sizeof(what), "disk %" PRIu32, disk);
	memcpy(path, i->out_path, 64);
	path[64] = '\0';
	if (i->out_flags & EXO_DISK_FAILED) {
		say(f, V_FAIL, what, "see dmesg; 'exoctl detach --discard' lets it go", "%s: the device is gone", path);
		return;
	}
	if (i->out_quarantined)
		say(f, V_FAIL, what, "'exoctl roots' says why; copy the device, then 'exoctl root-del'",
		    "%s: %" PRIu32 " of %" PRIu32 " roots are quarantined", path, i->out_quarantined, i->out_roots);
	if (i->out_bad_templates)
		say(f, V_FAIL, what, "'exoctl templates' lists them; their roots are quarantined",
		    "%s: %" PRIu32 " templates did not verify", path, i->out_bad_templates);
	if (i->out_contested)
		say(f, V_WARN, what, "'exoctl contested' lists them; delete one of the two owners",
		    "%s: %" PRIu64 " blocks have two owners", path, (uint64_t)i->out_contested);
	if (i->out_flags & EXO_DISK_READONLY)
		say(f, V_WARN, what, "detach it and attach it without --readonly to write", "%s is attached read-only",
		    path);
	if (i->out_free < i->out_blocks / 50)
		say(f, V_WARN, what, "delete something, or remove a root", "%s: less than 2 %% is free", path);
	if (!i->out_quarantined && !i->out_bad_templates)
		say(f, V_OK, what, "", "%s: %" PRIu32 " roots, %" PRIu64 " of %" PRIu64 " blocks free", path,
		    i->out_roots, (uint64_t)i->out_free, (uint64_t)i->out_blocks);
}

static void check_disks(struct findings *f, struct exo *x)
{
	struct exo_disk_info info;
	uint32_t n = 0;

	for (uint32_t d = 0; d < EXO_MAX_DISKS; d++) {
		int err = exo_disk_info(x, d, &info, NULL);

		if (err == -ENOENT)
			continue;
		n++;
		if (err)
			say(f, V_FAIL, "disks", "see dmesg", "disk %" PRIu32 ": %s", d, strerror(-err));
		else
			check_disk(f, d, &info);
	}
	if (!n)
		say(f, V_WARN, "disks", "exoctl attach DEVICE; an empty device first needs exoctl format DEVICE",
		    "no disk is attached");
}

static int run(const struct args *a)
{
	struct findings f = {.json = a->json};
	struct exo_why why;
	struct exo *x;

	if (a->json)
		json_open(NULL, '[');
	check_kernel(&f);
	check_module(&f);
	check_bpf(&f);
	if (check_device(&f)) {
		if (exo_open(&x, NULL, &why)) {
			say(&f, V_FAIL, "contract", why.hint, "%s", why.text);
		} else {
			check_versions(&f, exo_facts(x));
			check_memory(&f, x);
			check_disks(&f, x);
			exo_close(x);
		}
	}
	if (a->json)
		json_close();
	else
		printf("%u ok, %u warnings, %u failed\n", f.count[V_OK], f.count[V_WARN], f.count[V_FAIL]);
	return f.count[V_FAIL] ? EXIT_REFUSED : EXIT_OK;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.usage = "",
	.summary = "is everything there that exo needs, and if not, what to do",
	.json = true,
	.run = run,
};
