// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Process 1 of the development VM. scripts/vm builds it, puts it into the
 * initramfs and starts it; it is of no use elsewhere.
 *
 * It sees to four things that a shell would do slowly or not at all: the
 * guest's file system is the host's one, read-only over virtiofs, below an
 * overlay on tmpfs; the command's output goes through a pipe and not through a
 * terminal; every byte of that output reaches the host before the VM ends; and
 * the exit status travels on a channel of its own.
 *
 * The initramfs holds, beside this program as /init:
 *   /modules/NN-NAME.ko   loaded in the order of their names
 *   /job                  NUL-terminated strings: KEY=VALUE settings, then an
 *                         empty string, then the command and its arguments
 *
 * Settings: tree, build (paths kept visible as they are, "" for none),
 * moddir (becomes /lib/modules/RELEASE), cwd, share (virtiofs tag that goes to
 * /share), env (NAME=VALUE for the command; may come more than once).
 *
 * Ports: exo.out takes the output, exo.status takes "ready" when the command
 * is about to start and "exit N" when it has ended.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* glibc's <sys/mount.h> and <linux/mount.h> of some versions exclude each other. */
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);

#define MS_RDONLY_   1
#define MS_NOSUID_   2
#define MS_NODEV_    4
#define MS_NOEXEC_   8
#define MS_MOVE_     8192
#define MAX_MODULES  64
#define MAX_ENV      64
#define RELAY_BYTES  65536
#define DRAIN_MS     2000 /* how long processes that do not die are waited for */

static int kmsg = -1;
static char *env[MAX_ENV + 1];
static int envs;

static void say(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n, m;

	/* Level 3 is printed on the console however quiet the kernel is. */
	n = snprintf(line, sizeof(line), "<3>vm-init: ");
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	if (m < 0)
		return;
	n = n + m < (int)sizeof(line) ? n + m : (int)sizeof(line) - 1;
	if (kmsg < 0 || write(kmsg, line, n) != n)
		return;
}

/*
 * A kernel without ACPI, such as the debug kernel, cannot switch the power off and would halt for ever. A reset ends the
 * machine as well, because QEMU is told not to reboot.
 */
static void power_off(void)
{
	sync();
	reboot(access("/sys/firmware/acpi", F_OK) ? RB_AUTOBOOT : RB_POWER_OFF);
	for (;;)
		pause();
}

static void die(const char *what)
{
	say("%s: %s", what, strerror(errno));
	power_off();
}

static void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		say("%s: %s", path, strerror(errno));
	close(fd);
}

static void make_path(const char *path, mode_t mode)
{
	char part[4096];
	char *slash;

	snprintf(part, sizeof(part), "%s", path);
	for (slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(part, 0755);
		*slash = '/';
	}
	mkdir(part, mode);
}

/* Mounts that the guest can do without only leave a line in the log. */
static int attach(const char *type, const char *where, unsigned long flags, const char *options)
{
	make_path(where, 0755);
	if (!mount(type, where, type, flags, options))
		return 0;
	say("mount %s on %s: %s", type, where, strerror(errno));
	return -1;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void load_modules(void)
{
	char *names[MAX_MODULES], path[512];
	struct dirent *entry;
	int count = 0, fd, i;
	DIR *dir = opendir("/modules");

	if (!dir)
		return;
	while (count < MAX_MODULES && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			names[count++] = strdup(entry->d_name);
	closedir(dir);
	qsort(names, count, sizeof(*names), by_name);
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/modules/%s", names[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
			die(path);
		close(fd);
		unlink(path);
	}
}

static char *read_job(size_t *bytes)
{
	struct stat st;
	size_t got = 0;
	ssize_t n;
	char *job;
	int fd = open("/job", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		die("/job");
	job = malloc(st.st_size + 1);
	if (!job)
		die("/job");
	while (got < (size_t)st.st_size && (n = read(fd, job + got, st.st_size - got)) > 0)
		got += n;
	close(fd);
	job[got] = '\0';
	*bytes = got;
	return job;
}

/* Finds the virtio serial port that the host named NAME. */
static int open_port(const char *name, int flags)
{
	char path[300], found[64];
	struct dirent *entry;
	int fd = -1, tries;
	ssize_t n;
	DIR *dir;

	/* The host announces the ports' names some time after the device appears. */
	for (tries = 0; tries < 500; tries++) {
		dir = opendir("/sys/class/virtio-ports");
		while (dir && (entry = readdir(dir))) {
			snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				continue;
			n = read(fd, found, sizeof(found) - 1);
			close(fd);
			found[n > 0 ? n : 0] = '\0';
			found[strcspn(found, "\n")] = '\0';
			if (strcmp(found, name))
				continue;
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			closedir(dir);
			fd = open(path, flags | O_CLOEXEC);
			if (fd < 0)
				die(path);
			return fd;
		}
		if (dir)
			closedir(dir);
		usleep(10000);
	}
	errno = ENODEV;
	die(name);
	return -1;
}

/* A detached copy of the mount at PATH, to be attached again once it is covered. */
static int keep_mount(const char *path)
{
	return syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
}

static void put_mount(int fd, const char *path)
{
	if (fd < 0)
		return;
	make_path(path, 0755);
	if (syscall(SYS_move_mount, fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH))
		say("%s: %s", path, strerror(errno));
	close(fd);
}

static int below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (path[n] == '/' || !path[n]);
}

/* The folders that get a fresh tmpfs and so hide what the host has there. */
static int is_hidden(const char *path)
{
	return below(path, "/tmp") || below(path, "/run") || below(path, "/dev/shm");
}

/* Other users must be able to reach the tree, wherever a developer keeps it. */
static void open_the_way(const char *path)
{
	char part[4096];
	struct stat st;
	char *slash;

	snprintf(part, sizeof(part), "%s/", path);
	for (slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (!stat(part, &st) && (st.st_mode & 0011) != 0011)
			chmod(part, (st.st_mode & 07777) | 0011);
		*slash = '/';
	}
}

static void build_root(const char *tree, const char *moddir, const char *share)
{
	int tree_fd = -1, mod_fd = -1;
	struct utsname uts;
	char path[512];

	make_path("/host", 0755);
	make_path("/rw", 0755);
	make_path("/root", 0755);
	if (mount("exo-root", "/host", "virtiofs", MS_RDONLY_, NULL))
		die("virtiofs of the host's root");
	if (mount("tmpfs", "/rw", "tmpfs", 0, "mode=0755,size=75%"))
		die("tmpfs");
	mkdir("/rw/upper", 0755);
	mkdir("/rw/work", 0755);
	if (mount("overlay", "/root", "overlay", 0, "lowerdir=/host,upperdir=/rw/upper,workdir=/rw/work"))
		die("overlay");
	if (chdir("/root") || mount(".", "/", NULL, MS_MOVE_, NULL) || chroot(".") || chdir("/"))
		die("new root");

	open_the_way(tree);
	if (is_hidden(tree))
		tree_fd = keep_mount(tree);
	if (moddir[0])
		mod_fd = keep_mount(moddir);

	attach("devtmpfs", "/dev", MS_NOSUID_, "mode=0755");
	attach("proc", "/proc", MS_NOSUID_ | MS_NODEV_ | MS_NOEXEC_, NULL);
	attach("sysfs", "/sys", MS_NOSUID_ | MS_NODEV_ | MS_NOEXEC_, NULL);
	attach("tmpfs", "/tmp", MS_NOSUID_ | MS_NODEV_, "mode=1777");
	attach("tmpfs", "/run", MS_NOSUID_ | MS_NODEV_, "mode=0755");
	attach("tmpfs", "/dev/shm", MS_NOSUID_ | MS_NODEV_, "mode=1777");
	attach("devpts", "/dev/pts", MS_NOSUID_ | MS_NOEXEC_, "mode=0620,gid=5,ptmxmode=0666");
	attach("debugfs", "/sys/kernel/debug", 0, NULL);
	attach("tracefs", "/sys/kernel/tracing", 0, NULL);
	attach("bpf", "/sys/fs/bpf", 0, "mode=0700");
	attach("cgroup2", "/sys/fs/cgroup", 0, NULL);
	mkdir("/run/lock", 01777);
	if (symlink("/proc/self/fd", "/dev/fd") || symlink("/proc/self/fd/0", "/dev/stdin") ||
	    symlink("/proc/self/fd/1", "/dev/stdout") || symlink("/proc/self/fd/2", "/dev/stderr"))
		say("/dev/fd: %s", strerror(errno));
	/* What udev would do. */
	chmod("/dev/fuse", 0666);
	chmod("/dev/net/tun", 0666);

	put_mount(tree_fd, tree);
	if (mod_fd >= 0 && !uname(&uts)) {
		snprintf(path, sizeof(path), "/lib/modules/%s", uts.release);
		put_mount(mod_fd, path);
	}
	if (share[0]) {
		make_path("/share", 0755);
		if (mount(share, "/share", "virtiofs", 0, NULL))
			die("/share");
	}
}

static void settle(void)
{
	struct rlimit files = { 1024, 1048576 }, core = { 0, RLIM_INFINITY };
	struct ifreq ifr = { .ifr_name = "lo" };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (s >= 0) {
		ifr.ifr_flags = IFF_UP | IFF_RUNNING;
		if (ioctl(s, SIOCSIFFLAGS, &ifr))
			say("lo: %s", strerror(errno));
		close(s);
	}
	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_CORE, &core);
	sethostname("exo-vm", 6);
	/* Tests cut the power with /proc/sysrq-trigger. */
	put_file("/proc/sys/kernel/sysrq", "1");
	/* From here on the log holds everything but debug messages. */
	put_file("/proc/sys/kernel/printk", "7 4 1 7");
	put_file("/proc/sys/kernel/printk_devkmsg", "on\n");
}

static pid_t start(char **argv, const char *cwd, int out)
{
	sigset_t none;
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	if (null > 2)
		close(null);
	if (chdir(cwd))
		dprintf(2, "vm: %s: %s\n", cwd, strerror(errno));
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	execvpe(argv[0], argv, env);
	dprintf(2, "vm: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void pass_on(int port, const char *data, ssize_t n)
{
	ssize_t done;

	while (n > 0) {
		done = write(port, data, n);
		if (done < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (done <= 0)
			return; /* nobody listens; the command goes on */
		data += done;
		n -= done;
	}
}

/* Runs until the command has ended; returns its status as a shell would say it. */
static int relay(pid_t child, int in, int port, int signals)
{
	struct pollfd fds[2] = { { .fd = in, .events = POLLIN }, { .fd = signals, .events = POLLIN } };
	static char buffer[RELAY_BYTES];
	struct signalfd_siginfo info;
	int status, code = -1;
	ssize_t n;
	pid_t pid;

	while (code < 0) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents) {
			n = read(in, buffer, sizeof(buffer));
			if (n > 0)
				pass_on(port, buffer, n);
			else if (!n)
				fds[0].fd = -1;
		}
		if (!fds[1].revents)
			continue;
		if (read(signals, &info, sizeof(info)) < 0)
			continue;
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == child)
				code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	return code;
}

/* Ends what the command left running and hands over what is still in the pipe. */
static void drain(int in, int port)
{
	struct pollfd fd = { .fd = in, .events = POLLIN };
	static char buffer[RELAY_BYTES];
	int left = DRAIN_MS;
	ssize_t n;

	kill(-1, SIGKILL);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (poll(&fd, 1, 10) > 0) {
			n = read(in, buffer, sizeof(buffer));
			if (n <= 0)
				return;
			pass_on(port, buffer, n);
		} else if ((left -= 10) <= 0) {
			say("a process of the command survived SIGKILL");
			return;
		}
	}
}

int main(void)
{
	const char *tree = "", *moddir = "", *cwd = "/", *share = "";
	int out, status, signals, code, fds[2];
	char *job, *end, *p, **argv;
	char line[32];
	size_t bytes;
	sigset_t set;
	int argc = 0;
	pid_t child;

	mkdir("/dev", 0755);
	mkdir("/sys", 0755);
	/* An initramfs may come with /dev/console only; EBUSY says that /dev is mounted. */
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) && errno != EBUSY)
		power_off();
	kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (mount("sysfs", "/sys", "sysfs", 0, NULL))
		die("sysfs");

	load_modules();
	job = read_job(&bytes);
	end = job + bytes;
	for (p = job; p < end && *p; p += strlen(p) + 1) {
		if (!strncmp(p, "tree=", 5))
			tree = p + 5;
		else if (!strncmp(p, "moddir=", 7))
			moddir = p + 7;
		else if (!strncmp(p, "cwd=", 4))
			cwd = p + 4;
		else if (!strncmp(p, "share=", 6))
			share = p + 6;
		else if (!strncmp(p, "env=", 4) && envs < MAX_ENV)
			env[envs++] = p + 4;
	}
	p++;
	argv = calloc(bytes + 1, sizeof(*argv));
	if (!argv || p >= end) {
		errno = EINVAL;
		die("/job");
	}
	for (; p < end; p += strlen(p) + 1)
		argv[argc++] = p;

	status = open_port("exo.status", O_WRONLY);
	out = open_port("exo.out", O_WRONLY);
	build_root(tree, moddir, share);
	settle();

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0 || pipe2(fds, O_CLOEXEC))
		die("pipe");
	pass_on(status, "ready\n", 6);
	child = start(argv, cwd, fds[1]);
	close(fds[1]);
	if (child < 0)
		die("fork");
	code = relay(child, fds[0], out, signals);
	drain(fds[0], out);
	pass_on(status, line, snprintf(line, sizeof(line), "exit %d\n", code));
	power_off();
}
