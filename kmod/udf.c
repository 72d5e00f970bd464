// SPDX-License-Identifier: GPL-2.0
/*
 * udf.c: owns- and acl-UDFs, loaded through the kernel's own verifier in its strict mode and run on two arrays.
 *
 * Loading makes three file descriptors, and for as long as they stand in a table, whoever shares the table can copy them.
 * So a kernel thread loads: its table belongs to the kernel. It borrows the caller's address space, because the
 * verifier writes its log to a user address, and nothing else of the caller's. Its credentials hold CAP_BPF alone; without
 * CAP_PERFMON the verifier refuses whatever would let an address, stale stack or time into the result. For the
 * system-call side the arrays are read-only as well.
 *
 * The input array is read-only to the program and the output array, which an acl-UDF lacks, write-only; the module reads and
 * writes both directly. A program has one pair, so one run at a time: a spinlock, because a run is straight-line code that takes
 * microseconds at most.
 */
#include "module.h"

#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fdtable.h>
#include <linux/filter.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

EXO_IMPORT_NS(BPF_INTERNAL);
int kern_sys_bpf(int cmd, union bpf_attr *attr, unsigned int size); /* exported, but in no header */

struct exo_udf {
	struct bpf_prog *prog;
	struct bpf_map *in, *out;	/* out: NULL when kind.out_bytes is 0 */
	struct exo_udf_kind kind;
	spinlock_t lock;	/* contents of both arrays, from filling `in` until `out` was read */
};

/*
 * One load. The verifier's words go to user memory, which may never answer, so a caller that is killed does not wait for the end;
 * then the thread is the last to know this. Its reference to mm lets the address space go only after that. A caller that is killed
 * also sends the thread SIGKILL: the verifier looks for signals at each instruction, and then gives up.
 */
struct exo_load {
	refcount_t refs;
	const u64 *insns;	/* a copy, freed with this */
	u32 n;
	u64 log;		/* user address in mm, or 0 */
	u32 log_size;
	struct mm_struct *mm;
	struct exo_udf *udf;	/* kind is set; prog, in and out are filled */
	int err;
	struct completion done;
};

static void *exo_map_value(struct bpf_map *map)
{
	return container_of(map, struct bpf_array, map)->value;
}

/* An array of one value. Returns a descriptor of this thread's, and a reference in *map; or -errno. */
static int exo_array_new(const char *name, u32 bytes, u32 access, struct bpf_map **map)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = sizeof(u32),
		.value_size = bytes,
		.max_entries = 1,
		.map_flags = BPF_F_RDONLY | access,
	};
	struct bpf_map *m;
	int fd;

	strscpy(attr.map_name, name, sizeof(attr.map_name));
	fd = kern_sys_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		return fd;
	m = bpf_map_get(fd);
	if (IS_ERR(m)) {
		close_fd(fd);
		return PTR_ERR(m);
	}
	*map = m;
	return fd;
}

static int exo_prog_load(struct exo_load *l, int *fds, u32 log_level)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SYSCALL,
		.prog_flags = BPF_F_SLEEPABLE,
		.insns = (unsigned long)l->insns,
		.insn_cnt = l->n,
		.license = (unsigned long)"Dual MIT/GPL",
		.fd_array = (unsigned long)fds,
		.prog_name = "exo_udf",
	};

	if (log_level) {
		attr.log_level = log_level;
		attr.log_buf = l->log;
		attr.log_size = l->log_size;
	}
	return kern_sys_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

/*
 * The kernel also says -EINVAL when it has no memory for a program, and 524 when the JIT has none. Whether such an answer is about
 * this program shows one that is certainly good: if that does not load either, memory is short.
 */
static bool exo_about_memory(const struct exo_load *l, int *fds)
{
	static const struct bpf_insn good[] = { BPF_MOV64_IMM(BPF_REG_0, 0), BPF_EXIT_INSN() };
	struct exo_load control = *l;
	int fd;

	control.insns = (const u64 *)good;
	control.n = ARRAY_SIZE(good);
	fd = exo_prog_load(&control, fds, 0);
	if (fd < 0)
		return true;
	close_fd(fd);
	return false;
}

/*
 * First without a log, because a log that does not fit turns success into -ENOSPC. After a refusal again, with
 * the log, for the words; the first answer stays the answer, unless the second attempt loads.
 */
static int exo_load_prog(struct exo_load *l, int *fds)
{
	int fd, again, err = 0;

	fd = exo_prog_load(l, fds, 0);
	if (fd == -EINVAL || fd == -ENOTSUPP) {
		if (exo_about_memory(l, fds))
			return -ENOMEM;
		/* Memory may have been short a moment ago: only an answer that stays is about the program. */
		fd = exo_prog_load(l, fds, 0);
	}
	if (fd < 0 && l->log && l->mm) {
		again = exo_prog_load(l, fds, 1);
		if (again >= 0)
			fd = again;
	}
	if (fd < 0)
		return fd;
	l->udf->prog = bpf_prog_get_type_dev(fd, BPF_PROG_TYPE_SYSCALL, false);
	if (IS_ERR(l->udf->prog)) {
		err = PTR_ERR(l->udf->prog);
		l->udf->prog = NULL;
	} else if (l->udf->prog->aux->max_ctx_offset > sizeof(struct exo_udf_ctx)) {
		err = -ERANGE;
	}
	close_fd(fd);
	return err;
}

static int exo_load_all(struct exo_load *l)
{
	struct exo_udf *u = l->udf;
	int fds[2] = { -1, -1 }, err = 0;

	fds[0] = exo_array_new("exo_in", u->kind.in_bytes, BPF_F_RDONLY_PROG, &u->in);
	if (fds[0] < 0)
		return fds[0];
	if (u->kind.out_bytes) {
		fds[1] = exo_array_new("exo_out", u->kind.out_bytes, BPF_F_WRONLY_PROG, &u->out);
		err = fds[1] < 0 ? fds[1] : 0;
	}
	if (!err)
		err = exo_load_prog(l, fds);
	if (fds[1] >= 0)
		close_fd(fds[1]);
	close_fd(fds[0]);
	return err;
}

static struct cred *exo_bpf_cred(void)
{
	struct cred *c = prepare_kernel_cred(&init_task);

	if (c) {
		cap_clear(c->cap_inheritable);
		cap_clear(c->cap_permitted);
		cap_clear(c->cap_effective);
		cap_clear(c->cap_bset);
		cap_clear(c->cap_ambient);
		cap_raise(c->cap_permitted, CAP_BPF);
		cap_raise(c->cap_effective, CAP_BPF);
	}
	return c;
}

static void exo_load_put(struct exo_load *l)
{
	if (!refcount_dec_and_test(&l->refs))
		return;
	exo_plat_udf_unload(l->udf);
	kvfree(l->insns);
	kfree(l);
}

/* The thread's whole life. It has a reference to the module, and ends inside the kernel proper. */
static int exo_load_thread(void *arg)
{
	struct exo_load *l = arg;
	struct mm_struct *mm = l->mm;
	const struct cred *old;
	struct cred *c;

	allow_kernel_signal(SIGKILL);
	c = exo_bpf_cred();
	if (!c) {
		l->err = -ENOMEM;
	} else {
		old = override_creds(c);
		if (mm)
			kthread_use_mm(mm);
		l->err = exo_load_all(l);
		if (mm)
			kthread_unuse_mm(mm);
		revert_creds(old);
		put_cred(c);
	}
	complete(&l->done);
	exo_load_put(l);
	if (mm)
		mmput(mm);
	module_put_and_kthread_exit(0);
}

static struct exo_load *exo_load_new(const u64 *insns, u32 n, const struct exo_udf_kind *kind)
{
	struct exo_load *l = kzalloc(sizeof(*l), GFP_KERNEL_ACCOUNT);

	if (!l)
		return NULL;
	refcount_set(&l->refs, 1);
	init_completion(&l->done);
	l->n = n;
	l->insns = kvmemdup(insns, n * sizeof(*insns), GFP_KERNEL_ACCOUNT);
	l->udf = kzalloc(sizeof(*l->udf), GFP_KERNEL_ACCOUNT);
	if (!l->insns || !l->udf) {
		exo_load_put(l);
		return NULL;
	}
	l->udf->kind = *kind;
	spin_lock_init(&l->udf->lock);
	return l;
}

/*
 * The thread works at the caller's nice value. It is in no cgroup of the caller's: core has at most one for each user. Without a log no
 * user memory is touched, and the end is near as soon as the thread was told to stop: it is waited for.
 */
static int exo_load_run(struct exo_load *l)
{
	struct task_struct *t;
	int err;

	if (l->log) {
		l->mm = current->mm;
		mmget(l->mm);
	}
	__module_get(THIS_MODULE);
	refcount_inc(&l->refs);
	t = kthread_create(exo_load_thread, l, "exo-udf");
	if (IS_ERR(t)) {
		refcount_dec(&l->refs);
		module_put(THIS_MODULE);
		if (l->mm)
			mmput(l->mm);
		return PTR_ERR(t) == -EINTR ? -EINTR : -ENOMEM;
	}
	get_task_struct(t);
	set_user_nice(t, task_nice(current));
	wake_up_process(t);
	err = wait_for_completion_killable(&l->done);
	if (err) {
		send_sig(SIGKILL, t, 1);
		if (!l->log)
			wait_for_completion(&l->done);
	}
	put_task_struct(t);
	return err ? -EINTR : l->err;
}

/* A load that was cut off says -EINTR: nothing is known of the program. */
int exo_plat_udf_load(const u64 *insns, u32 n, const struct exo_udf_kind *kind, u64 log, u32 log_size,
		      struct exo_udf **out)
{
	struct exo_load *l = exo_load_new(insns, n, kind);
	int err;

	if (!l)
		return -ENOMEM;
	if (log && log_size && current->mm) {
		l->log = log;
		l->log_size = log_size;
	}
	err = exo_load_run(l);
	if (!err) {
		*out = l->udf;
		l->udf = NULL;
	}
	exo_load_put(l);
	/* 524 means nothing in user space. */
	return err == -ENOTSUPP ? -EOPNOTSUPP : err;
}

void exo_plat_udf_unload(struct exo_udf *u)
{
	if (!u)
		return;
	if (u->prog)
		bpf_prog_put(u->prog);
	if (u->out)
		bpf_map_put(u->out);
	if (u->in)
		bpf_map_put(u->in);
	kfree(u);
}

/* The program's lock is held from here to exo_plat_udf_done: `out` is what this run wrote. */
s64 exo_plat_udf_run(struct exo_udf *u, const void *in, u32 index, const void **out)
{
	struct exo_udf_ctx ctx = { .partition = u->kind.partition, .index = index };
	u32 ret;

	spin_lock(&u->lock);
	memcpy(exo_map_value(u->in), in, u->kind.in_bytes);
	if (u->out) {
		*out = exo_map_value(u->out);
		memset(exo_map_value(u->out), 0, u->kind.out_bytes);
	}
	/* No RCU section: the program calls nothing, and the references held here keep it and its arrays. */
	migrate_disable();
	ret = bpf_prog_run(u->prog, &ctx);
	migrate_enable();
	return ret;
}

void exo_plat_udf_done(struct exo_udf *u)
{
	spin_unlock(&u->lock);
}
