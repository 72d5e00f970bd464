// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * main.c: exo-fuse's life: options, the mount, leaving the terminal, syncing now and then, and the end.
 *
 * The process that was started waits until the mount is up and then exits; its child serves. It forks first, because a
 * handle of libexo does not outlive a fork. The child's main thread only waits for signals; other threads serve, so it
 * may use the mount itself.
 */
#include <getopt.h>
#include <mntent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include "bridge.h"

#define THREADS 8
#define SYNC_SECONDS 5
#define TIMEOUT_SECONDS 1.0

struct settings {
	const char *disk, *root, *where;
	bool foreground, readonly, others, private, debug;
	double timeout;
	unsigned long threads, sync;
	char pass[1024]; /* options for mount(8), ",a,b" */
};

static bool on_terminal = true;
static int ready_fd = -1;

void complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (on_terminal) {
		fputs("exo-fuse: ", stderr);
		vfprintf(stderr, fmt, ap);
		putc('\n', stderr);
	} else {
		vsyslog(LOG_ERR, fmt, ap);
	}
	va_end(ap);
}

static void complain_why(const char *what, int err, const struct exo_why *why)
{
	complain("%s: %s", what, why && *why->text ? why->text : strerror(-err));
	if (why && *why->hint)
		complain("what to do: %s", why->hint);
}

/* ---- options ---- */

static const char help[] =
	"usage: exo-fuse [-f] [-o OPTION[,OPTION]...] DISK ROOT MOUNTPOINT\n"
	"Shows an exo file system at MOUNTPOINT. 'exoctl mount' is the same; exoctl(1) says more.\n"
	"\n"
	"  -f, --foreground  stay, and write messages to standard error\n"
	"  -o OPTION,...     options:\n"
	"     ro             nothing is changed\n"
	"     allow_other    other users may use it (what root mounts, they may)\n"
	"     private        nobody else may use it\n"
	"     timeout=S      seconds that names and attributes are believed (default: 1)\n"
	"     sync=S         seconds after which changes are made durable (default: 5; 0: only when asked)\n"
	"     threads=N      threads that serve (default: 8)\n"
	"     debug          show each request on standard error; implies -f\n"
	"     suid, dev, noexec, noatime, ...  as mount(8); nosuid and nodev are the default\n"
	"  -h, --help        print this\n";

static int number(const char *name, const char *text, double most, double *out)
{
	char *end;

	*out = text && *text >= '0' && *text <= '9' ? strtod(text, &end) : -1;
	if (*out < 0 || *end || *out > most) {
		complain("%s: '%s' is not a number from 0 to %.0f", name, text ? text : "", most);
		return -EINVAL;
	}
	return 0;
}

static int one_option(struct settings *s, char *opt)
{
	static const char *const passed[] = {"rw",     "suid",	"nosuid",  "dev",  "nodev", "exec",
					     "noexec", "atime", "noatime", "sync", "async", "dirsync"};
	char *value = strchr(opt, '=');
	double n;
	size_t i;
	int err;

	if (value)
		*value++ = 0;
	if (!strcmp(opt, "timeout"))
		return number(opt, value, 3600, &s->timeout);
	if (!strcmp(opt, "sync") && value) {
		err = number(opt, value, 3600, &n);
		s->sync = n;
		return err;
	}
	if (!strcmp(opt, "threads")) {
		err = number(opt, value, 64, &n);
		s->threads = n < 1 ? 1 : n;
		return err;
	}
	if (!value && !strcmp(opt, "ro"))
		s->readonly = true;
	else if (!value && !strcmp(opt, "allow_other"))
		s->others = true;
	else if (!value && !strcmp(opt, "private"))
		s->private = true;
	else if (!value && !strcmp(opt, "debug"))
		s->debug = s->foreground = true;
	else if (value || !*opt)
		goto unknown;
	else {
		for (i = 0; i < sizeof(passed) / sizeof(*passed) && strcmp(opt, passed[i]); i++)
			;
		if (i == sizeof(passed) / sizeof(*passed))
			goto unknown;
		if (strlen(s->pass) + strlen(opt) + 2 > sizeof(s->pass))
			return -EINVAL;
		strcat(strcat(s->pass, ","), opt);
	}
	return 0;
unknown:
	complain("there is no option '%s'; 'exo-fuse --help' lists them", opt);
	return -EINVAL;
}

static int parse(int argc, char **argv, struct settings *s)
{
	static const struct option longs[] = {
		{"foreground", no_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'}, {NULL}};
	char *opt;
	int c;

	while ((c = getopt_long(argc, argv, "fo:h", longs, NULL)) != -1) {
		switch (c) {
		case 'f':
			s->foreground = true;
			break;
		case 'o':
			for (opt = strtok(optarg, ","); opt; opt = strtok(NULL, ","))
				if (one_option(s, opt))
					return 2;
			break;
		case 'h':
			fputs(help, stdout);
			exit(0);
		default:
			fputs(help, stderr);
			return 2;
		}
	}
	if (argc - optind != 3) {
		complain("DISK, ROOT and MOUNTPOINT are needed; see exo-fuse --help");
		return 2;
	}
	s->disk = argv[optind];
	s->root = argv[optind + 1];
	s->where = argv[optind + 2];
	return 0;
}

/* ---- the tree ---- */

static int tree_open(struct bridge *b, const struct settings *s)
{
	struct exo_why why = {.code = EXO_R_NONE};
	char what[512];
	uint32_t disk;
	int err = exo_open(&b->x, NULL, &why);

	if (err) {
		complain_why("/dev/exo", err, &why);
		return err;
	}
	snprintf(what, sizeof(what), "%s:%s", s->disk, s->root);
	err = exo_disk_find(b->x, s->disk, &disk);
	if (err) {
		complain("%s: %s; 'exoctl info' lists the attached disks", s->disk,
			 err == -ENOENT ? "not an attached disk" : strerror(-err));
		return err;
	}
	err = exo_fs_open(&b->fs, b->x, disk, s->root, s->readonly ? EXO_FS_RDONLY : 0, &why);
	if (!err)
		err = inodes_init(b);
	if (err)
		complain_why(what, err, &why);
	return err;
}

static void tree_close(struct bridge *b)
{
	if (b->fs) {
		inodes_exit(b);
		exo_fs_close(b->fs);
	}
	exo_close(b->x);
}

/* 0, or -errno after saying so: a device that fails loses what is told nowhere else. */
static int tree_sync(struct bridge *b)
{
	int err;

	if (b->readonly || !atomic_exchange(&b->changed, false))
		return 0;
	act_as(0, 0);
	err = exo_fs_sync(b->fs);
	if (err) {
		atomic_store(&b->changed, true);
		complain_why("sync", err, exo_fs_why());
	}
	return err;
}

/* ---- the session ---- */

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR);

	on_terminal = false;
	openlog("exo-fuse", LOG_PID, LOG_DAEMON);
	/* Nothing that was mounted elsewhere is kept busy. */
	if (chdir("/") || null < 0)
		return;
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	if (null > 2)
		close(null);
}

static void op_init(void *arg, struct fuse_conn_info *conn)
{
	struct bridge *b = arg;

	/* What is wanted by default stays, but these. */
	conn->want &= ~(FUSE_CAP_SPLICE_READ | FUSE_CAP_ATOMIC_O_TRUNC);
	conn->want |= conn->capable & (FUSE_CAP_IOCTL_DIR | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_DIO |
				       FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
	conn->max_write = MAX_IO;
	conn->time_gran = 1;
	atomic_store(&b->up, true);
	if (ready_fd >= 0) {
		char up = 0;

		leave_terminal();
		while (write(ready_fd, &up, 1) < 0 && errno == EINTR)
			;
		close(ready_fd);
		ready_fd = -1;
	}
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.open = op_open,
	.create = op_create,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.release = op_release,
	.fsync = op_fsync,
	.fallocate = op_fallocate,
	.lseek = op_lseek,
	.copy_file_range = op_copy,
	.ioctl = op_ioctl,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_release,
	.fsyncdir = op_fsync,
	.statfs = op_statfs,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
};

/* A comma would end the option. */
static void add_name(struct fuse_args *args, const struct settings *s, char *opts, size_t size)
{
	const char *name = s->root;
	size_t n = snprintf(opts, size, "default_permissions,subtype=exo,fsname=exo:%.64s:", s->disk);

	for (; *name && n + 3 < size; name++) {
		if (*name == ',' || *name == '\\')
			opts[n++] = '\\';
		opts[n++] = *name;
	}
	opts[n] = 0;
	fuse_opt_add_arg(args, "-o");
	fuse_opt_add_arg(args, opts);
}

static int session_open(struct bridge *b, const struct settings *s)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	char name[512];
	int err = -EIO;

	fuse_opt_add_arg(&args, "exo-fuse");
	add_name(&args, s, name, sizeof(name));
	if (s->readonly)
		fuse_opt_add_arg(&args, "-oro");
	/* Rights are checked, so what root mounts is as open to others as any other file system of root's. */
	if (!s->private && (s->others || !geteuid()))
		fuse_opt_add_arg(&args, "-oallow_other");
	if (s->debug)
		fuse_opt_add_arg(&args, "-odebug");
	if (*s->pass) {
		fuse_opt_add_arg(&args, "-o");
		fuse_opt_add_arg(&args, s->pass + 1);
	}
	b->session = fuse_session_new(&args, &ops, sizeof(ops), b);
	fuse_opt_free_args(&args);
	if (!b->session)
		return err;
	if (fuse_session_mount(b->session, s->where)) {
		complain("%s: not mounted", s->where);
		fuse_session_destroy(b->session);
		b->session = NULL;
		return err;
	}
	return privileges_init(b);
}

/* The kernel writes back what was stored into mappings; other threads take it. */
static void sync_kernel(const struct settings *s)
{
	int fd = open(s->where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	syncfs(fd);
	close(fd);
}

/* Takes the mount out of the name space while it is served on. libfuse's own way closes the device first, under the
 * threads. */
static int detach(const struct settings *s)
{
	int status;
	pid_t pid;

	if (!umount2(s->where, MNT_DETACH | UMOUNT_NOFOLLOW))
		return 0;
	if (errno != EPERM)
		return -errno;
	pid = fork();
	if (!pid) {
		execlp("fusermount3", "fusermount3", "-u", "-q", "-z", "--", s->where, NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status ? 0 : -EPERM;
}

/* libfuse unmounts at the end unless the device says that this was done; a pipe without a reader says the same for it.
 */
static void forget_device(struct bridge *b)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return;
	close(fds[0]);
	dup2(fds[1], fuse_session_fd(b->session));
	close(fds[1]);
}

static int session_end(struct bridge *b, const struct settings *s, bool asked)
{
	struct timespec pause = {.tv_nsec = 20000000};
	bool detached = false;
	int err, i;

	if (asked) {
		sync_kernel(s);
		detached = !detach(s);
		/* It is gone from the name space; give users of it that are about to end their time. */
		for (i = 0; i < 25 && !loop_over(); i++)
			nanosleep(&pause, NULL);
	}
	loop_stop(b);
	if (detached)
		forget_device(b);
	atomic_store(&b->changed, true);
	err = tree_sync(b);
	fuse_session_unmount(b->session);
	return err;
}

static int serve(const struct settings *s)
{
	struct bridge b = {.timeout = s->timeout, .readonly = s->readonly, .lock = PTHREAD_MUTEX_INITIALIZER};
	struct timespec wait = {.tv_sec = s->sync ? s->sync : 3600};
	sigset_t set;
	int sig = SIGUSR1, err;

	umask(0);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	err = tree_open(&b, s);
	if (!err)
		err = session_open(&b, s);
	if (err) {
		tree_close(&b);
		return err;
	}
	err = loop_start(&b, s->threads);
	while (!err && !loop_over()) {
		sig = sigtimedwait(&set, NULL, &wait);
		if (sig > 0 && sig != SIGUSR1)
			break;
		if (s->sync && sig < 0 && errno == EAGAIN)
			tree_sync(&b);
	}
	err = session_end(&b, s, !loop_over()) ?: err;
	if (!atomic_load(&b.up) && !err)
		err = -EPROTO;
	fuse_session_destroy(b.session);
	tree_close(&b);
	return err;
}

/* The process that was started: 0 once the mount is up, else what the child exits with, which has said why. */
static int wait_for(int fd, pid_t child)
{
	char up;
	ssize_t n;
	int status;

	while ((n = read(fd, &up, 1)) < 0 && errno == EINTR)
		;
	if (n == 1)
		return 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		complain("ended by signal %d", WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
}

/* The same tree on top of itself: the second mount would hide the first, and outlive an unmount of it. */
static bool mounted_already(const struct settings *s)
{
	FILE *table = setmntent("/proc/self/mounts", "re");
	char name[512];
	struct mntent *m;
	bool found = false;

	if (!table)
		return false;
	snprintf(name, sizeof(name), "exo:%.64s:%s", s->disk, s->root);
	while (!found && (m = getmntent(table)))
		found = !strcmp(m->mnt_type, "fuse.exo") && !strcmp(m->mnt_fsname, name) && !strcmp(m->mnt_dir, s->where);
	endmntent(table);
	return found;
}

int main(int argc, char **argv)
{
	struct settings s = {.timeout = TIMEOUT_SECONDS, .threads = THREADS, .sync = SYNC_SECONDS};
	int status = parse(argc, argv, &s), fds[2];
	char *where;
	pid_t child;

	if (status)
		return status;
	where = realpath(s.where, NULL);
	if (!where) {
		complain("%s: %s%s", s.where, strerror(errno),
			 errno == ENOTCONN ? "; what served it has died: 'exoctl umount' takes the mount away" : "");
		return 1;
	}
	s.where = where;
	if (mounted_already(&s)) {
		complain("%s: %s:%s is mounted there already", where, s.disk, s.root);
		return 1;
	}
	if (!s.foreground) {
		if (pipe2(fds, O_CLOEXEC) || (child = fork()) < 0) {
			complain("%s", strerror(errno));
			return 1;
		}
		if (child) {
			close(fds[1]);
			return wait_for(fds[0], child);
		}
		close(fds[0]);
		ready_fd = fds[1];
		setsid();
	}
	status = serve(&s) ? 1 : 0;
	free(where);
	return status;
}
