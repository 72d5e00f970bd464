// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * exo.c: fio's external engine for raw volumes of exo: fio --ioengine=external:fio-exo.so --filename=ROOT --exo_disk=0
 *
 * A "file" is a root of template 0. Every request is one EXO_NR_IO between the volume's blocks and private frames,
 * which are fio's own buffers. exo_mode=uring sends it as an io_uring command, ioctl as a call that waits; auto (the
 * default) takes uring and says on standard error when it cannot. fio_sync and fdatasync are FLUSH. Reads may be
 * answered from exo's cache where blocks of the volume are in it; the engine never puts any there.
 */
#include <liburing.h>

#include <fio.h>
#include <optgroup.h>

#include "engine.h"

enum { MODE_AUTO, MODE_URING, MODE_IOCTL };

struct options {
	void *pad; /* fio wants the first word */
	unsigned int disk;
	unsigned int mode;
};

static struct fio_option options[] = {
	{
		.name = "exo_disk",
		.lname = "exo disk",
		.type = FIO_OPT_INT,
		.off1 = offsetof(struct options, disk),
		.def = "0",
		.help = "Number of the attached disk that holds the volume",
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	{
		.name = "exo_mode",
		.lname = "exo mode",
		.type = FIO_OPT_STR,
		.off1 = offsetof(struct options, mode),
		.def = "auto",
		.help = "How requests reach the module",
		.posval =
			{
				{.ival = "auto",
				 .oval = MODE_AUTO,
				 .help = "uring, or ioctl where that is not to be had"},
				{.ival = "uring", .oval = MODE_URING, .help = "io_uring commands, asynchronous"},
				{.ival = "ioctl", .oval = MODE_IOCTL, .help = "one waiting call a request"},
			},
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	{.name = NULL},
};

/* A volume: one for each of fio's files. */
struct volume {
	struct exo_root_get root;
	uint32_t cap; /* slot that its owner's capability needs */
};

struct engine {
	struct exo *x;
	struct exo_arena arena;
	bool ring_up;
	struct io_uring ring;
	struct exo_io *req;    /* [iodepth]; an io_u's own is request() */
	struct volume *volume; /* [nr_files], by fileno */
	struct io_u **done;    /* [iodepth]: what the last getevents found */
	unsigned int queued;   /* in the submission ring, not submitted */
};

static void complain(const char *what, const struct exo_why *why)
{
	log_err("fio: exo: %s: %s\n", what, why->text);
	if (*why->hint)
		log_err("fio: exo: what to do: %s\n", why->hint);
}

/* ---- before the job's process exists: only sizes ---- */

static int find_volume(struct exo *x, uint32_t disk, const char *name, struct exo_root_get *r)
{
	struct exo_why why;

	if (exo_root_find(x, disk, name, r, &why)) {
		complain(name, &why);
		return 1;
	}
	if (r->out_template) {
		log_err("fio: exo: root %s holds a file system, not a raw volume; make one with 'exoctl root-add'\n",
			name);
		return 1;
	}
	return 0;
}

static int engine_setup(struct thread_data *td)
{
	struct options *o = td->eo;
	struct exo_root_get r;
	struct exo_why why;
	struct fio_file *f;
	struct exo *x;
	unsigned int i;
	int err = 0;

	if (!td->files_index) {
		log_err("fio: exo: name the volume with filename=ROOT\n");
		return 1;
	}
	if (exo_open(&x, NULL, &why)) {
		complain(EXO_DEVICE, &why);
		return 1;
	}
	for_each_file(td, f, i)
	{
		err = find_volume(x, o->disk, f->file_name, &r);
		if (err)
			break;
		f->filetype = FIO_TYPE_BLOCK;
		f->real_file_size = r.out_count * EXO_BLOCK_SIZE;
		fio_file_set_size_known(f);
	}
	exo_close(x);
	return err;
}

/* ---- in the job ---- */

/* The first slot whose capability dominates the owner's; slot 0 when none does, and the module says so. */
static uint32_t slot_for(struct exo *x, const struct exo_cap *owner)
{
	struct exo_cap caps[EXO_MAX_CAPS];

	if (exo_cap_list(x, caps) < 0)
		return 0;
	for (uint32_t s = 0; s < EXO_MAX_CAPS; s++)
		if ((caps[s].rights & owner->rights) == owner->rights && caps[s].rights &&
		    caps[s].depth <= owner->depth &&
		    !memcmp(caps[s].name, owner->name, caps[s].depth * sizeof(owner->name[0])))
			return s;
	return 0;
}

static int check_sizes(struct thread_data *td)
{
	for (int d = 0; d < DDIR_RWDIR_CNT; d++) {
		if (d == DDIR_TRIM)
			continue;
		if (td->o.min_bs[d] % EXO_BLOCK_SIZE || td->o.max_bs[d] % EXO_BLOCK_SIZE || !td->o.min_bs[d] ||
		    td->o.ba[d] % EXO_BLOCK_SIZE) {
			log_err("fio: exo: block sizes and alignment must be multiples of 4096 bytes; set bs= and "
				"blockalign=\n");
			return EINVAL;
		}
		if (td->o.max_bs[d] > (unsigned long long)EXO_MAX_BIND * EXO_BLOCK_SIZE) {
			log_err("fio: exo: one request moves at most %u blocks (4 MiB); lower bs=\n", EXO_MAX_BIND);
			return EINVAL;
		}
	}
	if (td_trim(td)) {
		log_err("fio: exo: there is no trim; use another rw=\n");
		return EOPNOTSUPP;
	}
	return 0;
}

static struct io_uring_sqe *command(struct engine *e, uint32_t nr, void *arg, void *tag)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&e->ring);
	uint64_t words[2] = {(uintptr_t)arg, 0};

	if (!sqe)
		return NULL;
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, exo_fd(e->x), NULL, 0, 0);
	sqe->cmd_op = nr;
	memcpy(sqe->cmd, words, sizeof(words));
	io_uring_sqe_set_data(sqe, tag);
	return sqe;
}

/* Does the module take commands? An empty READ is refused either way, but not in the same manner. 0 or -errno. */
static int probe_ring(struct engine *e)
{
	struct exo_read nothing = {.head.size = sizeof(nothing)};
	struct io_uring_cqe *cqe;
	int err, res;

	if (!command(e, EXO_NR_READ, &nothing, NULL))
		return -EBUSY;
	err = io_uring_submit(&e->ring);
	if (err < 0)
		return err;
	do {
		err = io_uring_wait_cqe(&e->ring, &cqe);
	} while (err == -EINTR);
	if (err)
		return err;
	res = cqe->res;
	io_uring_cqe_seen(&e->ring, cqe);
	return nothing.head.out_reason != EXO_R_NONE ? 0 : res ? res : -EPROTO;
}

static int start_ring(struct thread_data *td, struct engine *e)
{
	struct options *o = td->eo;
	int err;

	if (o->mode == MODE_IOCTL)
		return 0;
	err = io_uring_queue_init(td->o.iodepth, &e->ring, 0);
	if (!err) {
		err = probe_ring(e);
		if (err)
			io_uring_queue_exit(&e->ring);
	}
	e->ring_up = !err;
	if (!err)
		return 0;
	log_err("fio: exo: io_uring commands cannot be used (%s)%s\n", strerror(-err),
		o->mode == MODE_AUTO ? "; falling back to exo_mode=ioctl, which has one request in flight a job" : "");
	return o->mode == MODE_AUTO ? 0 : -err;
}

static void engine_cleanup(struct thread_data *td)
{
	struct engine *e = td->io_ops_data;

	if (!e)
		return;
	if (e->ring_up)
		io_uring_queue_exit(&e->ring);
	exo_arena_free(&e->arena);
	exo_close(e->x);
	free(e->req);
	free(e->volume);
	free(e->done);
	free(e);
	td->io_ops_data = NULL;
}

static int open_volumes(struct thread_data *td, struct engine *e)
{
	struct options *o = td->eo;
	struct fio_file *f;
	unsigned int i;

	for_each_file(td, f, i)
	{
		struct volume *v = &e->volume[i];

		if (find_volume(e->x, o->disk, f->file_name, &v->root))
			return ENOENT;
		v->cap = slot_for(e->x, &v->root.out_owner);
	}
	return 0;
}

static int engine_init(struct thread_data *td)
{
	struct engine *e;
	struct exo_why why;
	int err = check_sizes(td);

	if (err)
		return err;
	e = calloc(1, sizeof(*e));
	if (!e)
		return ENOMEM;
	td->io_ops_data = e;
	e->req = calloc(td->o.iodepth, sizeof(*e->req));
	e->done = calloc(td->o.iodepth, sizeof(*e->done));
	e->volume = calloc(td->files_index, sizeof(*e->volume));
	if (!e->req || !e->done || !e->volume) {
		err = ENOMEM;
	} else if (exo_open(&e->x, NULL, &why)) {
		complain(EXO_DEVICE, &why);
		err = EIO;
	} else {
		err = open_volumes(td, e);
		if (!err)
			err = start_ring(td, e);
	}
	if (err)
		engine_cleanup(td);
	return err;
}

static int engine_iomem_alloc(struct thread_data *td, size_t bytes)
{
	struct engine *e = td->io_ops_data;
	struct exo_why why;

	if (exo_arena_new(&e->arena, e->x, bytes, &why)) {
		complain("buffers", &why);
		return 1;
	}
	td->orig_buffer = e->arena.base;
	return 0;
}

static void engine_iomem_free(struct thread_data *td)
{
	struct engine *e = td->io_ops_data;

	if (e)
		exo_arena_free(&e->arena);
}

/* ---- a request ---- */

/* Set once by io_u_init; fio leaves the member alone. (Its engine_data shares memory with its index.) */
static struct exo_io *request(struct io_u *io_u)
{
	return io_u->mmap_data;
}

static int fill(struct engine *e, struct io_u *io_u)
{
	const struct volume *v = &e->volume[io_u->file->fileno];
	const uint32_t *frames = exo_arena_frames(&e->arena, io_u->xfer_buf, io_u->xfer_buflen);
	struct exo_io *io = request(io_u);

	if (!frames || io_u->offset % EXO_BLOCK_SIZE || io_u->xfer_buflen % EXO_BLOCK_SIZE || !io_u->xfer_buflen) {
		log_err("fio: exo: offset, length and buffer must lie on 4096-byte boundaries; "
			"leave iomem_align= and offset_align= alone and set bs= to a multiple of 4096\n");
		return EINVAL;
	}
	*io = (struct exo_io){
		.head = {.size = sizeof(*io), .flags = io_u->ddir == DDIR_WRITE ? EXO_IO_WRITE : 0},
		.disk = v->root.disk,
		.cap = v->cap,
		.root = v->root.root,
		.parent = EXO_NOBLOCK,
		.claim = {.start = v->root.out_start, .count = v->root.out_count},
		.first = v->root.out_start + io_u->offset / EXO_BLOCK_SIZE,
		.count = io_u->xfer_buflen / EXO_BLOCK_SIZE,
		.frames = (uintptr_t)frames,
	};
	return 0;
}

static enum fio_q_status finished(struct io_u *io_u, int err)
{
	io_u->error = err;
	return FIO_Q_COMPLETED;
}

static enum fio_q_status engine_queue(struct thread_data *td, struct io_u *io_u)
{
	struct engine *e = td->io_ops_data;
	int err;

	fio_ro_check(td, io_u);
	if (ddir_sync(io_u->ddir)) {
		const struct volume *v = &e->volume[io_u->file->fileno];
		struct exo_why why;

		err = exo_flush(e->x, v->root.disk, &why);
		if (err)
			complain("flush", &why);
		return finished(io_u, -err);
	}
	if (!ddir_rw(io_u->ddir))
		return finished(io_u, EOPNOTSUPP);
	err = fill(e, io_u);
	if (err)
		return finished(io_u, err);
	if (!e->ring_up)
		return finished(io_u, -exo_call_raw(e->x, EXO_NR_IO, request(io_u)));
	if (!command(e, EXO_NR_IO, request(io_u), io_u))
		return FIO_Q_BUSY;
	e->queued++;
	return FIO_Q_QUEUED;
}

static int engine_commit(struct thread_data *td)
{
	struct engine *e = td->io_ops_data;

	while (e->queued) {
		int n = io_uring_submit(&e->ring);

		if (n == -EINTR || n == -EAGAIN || n == -EBUSY)
			continue;
		if (n < 0) {
			td_verror(td, -n, "io_uring_submit");
			return n;
		}
		io_u_mark_submit(td, n);
		e->queued -= n;
	}
	return 0;
}

static unsigned int reap(struct engine *e, unsigned int have, unsigned int max)
{
	struct io_uring_cqe *cqe;

	while (have < max && !io_uring_peek_cqe(&e->ring, &cqe)) {
		struct io_u *io_u = io_uring_cqe_get_data(cqe);

		io_u->error = cqe->res < 0 ? -cqe->res : 0;
		io_uring_cqe_seen(&e->ring, cqe);
		e->done[have++] = io_u;
	}
	return have;
}

static int engine_getevents(struct thread_data *td, unsigned int min, unsigned int max, const struct timespec *t)
{
	struct engine *e = td->io_ops_data;
	struct io_uring_cqe *cqe;
	unsigned int n;
	int err;

	(void)t;
	if (!e->ring_up)
		return 0;
	n = reap(e, 0, max);
	while (n < min) {
		err = io_uring_wait_cqe(&e->ring, &cqe);
		if (err && err != -EINTR && err != -EAGAIN)
			return err;
		n = reap(e, n, max);
	}
	return n;
}

static struct io_u *engine_event(struct thread_data *td, int event)
{
	struct engine *e = td->io_ops_data;

	return e->done[event];
}

/* What fio prints behind "io_u error": the module's sentence. Freed by fio. */
static char *engine_errdetails(struct io_u *io_u)
{
	/* fio gives no thread_data here. */
	const struct exo_io *io = request(io_u);
	struct exo_why why;
	char *words;

	if (!io || io->head.out_reason == EXO_R_NONE)
		return NULL;
	exo_why_fill(&why, EXO_NR_IO, -(int)io_u->error, io->head.out_reason, io->head.out_detail);
	return asprintf(&words, "exo: %s; %s", why.text, why.hint) < 0 ? NULL : words;
}

static int engine_io_u_init(struct thread_data *td, struct io_u *io_u)
{
	struct engine *e = td->io_ops_data;

	io_u->mmap_data = &e->req[io_u->index];
	return 0;
}

/* ---- files: everything was opened with the engine ---- */

static int engine_open_file(struct thread_data *td, struct fio_file *f)
{
	(void)td;
	(void)f;
	return 0;
}

static int engine_close_file(struct thread_data *td, struct fio_file *f)
{
	(void)td;
	(void)f;
	return 0;
}

static int engine_invalidate(struct thread_data *td, struct fio_file *f)
{
	(void)td;
	(void)f;
	return 0;
}

__attribute__((visibility("default"))) struct ioengine_ops ioengine = {
	.name = "exo",
	.version = FIO_IOOPS_VERSION,
	.flags = FIO_DISKLESSIO | FIO_NOEXTEND | FIO_NODISKUTIL | FIO_RAWIO | FIO_MEMALIGN,
	.setup = engine_setup,
	.init = engine_init,
	.queue = engine_queue,
	.commit = engine_commit,
	.getevents = engine_getevents,
	.event = engine_event,
	.errdetails = engine_errdetails,
	.cleanup = engine_cleanup,
	.open_file = engine_open_file,
	.close_file = engine_close_file,
	.invalidate = engine_invalidate,
	.iomem_alloc = engine_iomem_alloc,
	.iomem_free = engine_iomem_free,
	.io_u_init = engine_io_u_init,
	.options = options,
	.option_struct_size = sizeof(struct options),
};
