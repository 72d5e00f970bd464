// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * call.c: the one dispatch. A struct comes in as copy_struct_from_user would do it: a shorter one has a zero tail, a
 * longer one must have one. It goes out again in either case, so that the reason arrives.
 */
#include "internal.h"

#define NO_PAD 0xffffu
#define SIZE_MAX_IN 4096u
#define PAD(type, member) offsetof(struct type, member)

static const struct call {
	u16 size;  /* of this version's struct */
	u16 pad;   /* offset of the reserved 32-bit member, if there is one */
	u32 flags; /* allowed */
	int (*fn)(struct exo_ask *a, void *arg);
	u16 min; /* of the first version's struct; 0: has not grown since */
} calls[EXO_NR_MAX + 1] = {
	[EXO_NR_QUERY] = {sizeof(struct exo_query), PAD(exo_query, pad), 0, exo_do_query,
			  offsetof(struct exo_query, out_user_limit)},
	[EXO_NR_FORMAT] = {sizeof(struct exo_format), NO_PAD, 0, exo_do_format},
	[EXO_NR_ATTACH] = {sizeof(struct exo_attach), PAD(exo_attach, pad), EXO_ATTACH_WALK | EXO_ATTACH_READONLY,
			   exo_do_attach},
	[EXO_NR_DETACH] = {sizeof(struct exo_detach), NO_PAD, EXO_DETACH_DISCARD, exo_do_detach},
	[EXO_NR_DISK_INFO] = {sizeof(struct exo_disk_info), NO_PAD, EXO_INFO_COMING, exo_do_disk_info,
			      offsetof(struct exo_disk_info, out_walk_known)},
	[EXO_NR_CAP_LIST] = {sizeof(struct exo_cap_list), NO_PAD, 0, exo_do_cap_list},
	[EXO_NR_FRAME_ALLOC] = {sizeof(struct exo_frame_alloc), PAD(exo_frame_alloc, pad), EXO_FRAME_ANY,
				exo_do_frame_alloc},
	[EXO_NR_FRAME_FREE] = {sizeof(struct exo_frame_free), PAD(exo_frame_free, pad), 0, exo_do_frame_free},
	[EXO_NR_TEMPLATE_ADD] = {sizeof(struct exo_template_add), PAD(exo_template_add, pad), 0, exo_do_template_add,
				 offsetof(struct exo_template_add, acl_insns)},
	[EXO_NR_TEMPLATE_GET] = {sizeof(struct exo_template_get), PAD(exo_template_get, pad), 0, exo_do_template_get,
				 offsetof(struct exo_template_get, acl_insns)},
	[EXO_NR_TEMPLATE_DEL] = {sizeof(struct exo_template_del), PAD(exo_template_del, pad), 0, exo_do_template_del},
	[EXO_NR_ROOT_ADD] = {sizeof(struct exo_root_add), PAD(exo_root_add, pad), 0, exo_do_root_add},
	[EXO_NR_ROOT_DEL] = {sizeof(struct exo_root_del), PAD(exo_root_del, pad), 0, exo_do_root_del},
	[EXO_NR_ROOT_GET] = {sizeof(struct exo_root_get), PAD(exo_root_get, pad), EXO_ROOT_BY_NAME, exo_do_root_get},
	[EXO_NR_TXN] = {sizeof(struct exo_txn), NO_PAD, 0, exo_do_txn},
	[EXO_NR_BIND] = {sizeof(struct exo_bind), NO_PAD, EXO_BIND_NO_READ | EXO_BIND_OVERWRITE, exo_do_bind,
			 offsetof(struct exo_bind, map)},
	[EXO_NR_UNBIND] = {sizeof(struct exo_unbind), PAD(exo_unbind, pad), 0, exo_do_unbind},
	[EXO_NR_READ] = {sizeof(struct exo_read), PAD(exo_read, pad), 0, exo_do_read},
	[EXO_NR_WRITE] = {sizeof(struct exo_write), PAD(exo_write, pad), 0, exo_do_write},
	[EXO_NR_FLUSH] = {sizeof(struct exo_flush), PAD(exo_flush, pad), 0, exo_do_flush},
	[EXO_NR_SYNC] = {sizeof(struct exo_sync), PAD(exo_sync, pad), EXO_SYNC_RUNS | EXO_SYNC_PLAN, exo_do_sync,
			 offsetof(struct exo_sync, runs)},
	[EXO_NR_IO] = {sizeof(struct exo_io), PAD(exo_io, pad), EXO_IO_WRITE | EXO_IO_FUA | EXO_IO_BOUND, exo_do_io},
	[EXO_NR_IO_BIND] = {sizeof(struct exo_io_bind), NO_PAD, 0, exo_do_io_bind},
	[EXO_NR_IO_UNBIND] = {sizeof(struct exo_io_unbind), PAD(exo_io_unbind, pad), 0, exo_do_io_unbind},
	[EXO_NR_CONTESTED] = {sizeof(struct exo_contested), PAD(exo_contested, pad), 0, exo_do_contested},
	[EXO_NR_TXNS] = {sizeof(struct exo_txns), NO_PAD, EXO_TXNS_STOP, exo_do_txns},
	[EXO_NR_USER_WORDS] = {sizeof(struct exo_user_words), PAD(exo_user_words, pad), 0, exo_do_user_words},
};

#define ARG_MAX_BYTES 512u /* larger than any struct above; checked below */
_Static_assert(sizeof(struct exo_disk_info) <= ARG_MAX_BYTES && sizeof(struct exo_template_get) <= ARG_MAX_BYTES &&
		       sizeof(struct exo_root_get) <= ARG_MAX_BYTES && sizeof(struct exo_txn) <= ARG_MAX_BYTES,
	       "ARG_MAX_BYTES");

void exo_away_locked(struct exo_ask *a)
{
	if (a->away++ || !a->d)
		return;
	a->d->away++;
	exo_plat_wake(a->c->lock);
}

void exo_back_locked(struct exo_ask *a)
{
	if (!--a->away && a->d)
		a->d->away--;
}

void exo_away(struct exo_ask *a)
{
	if (a->away || !a->d) {
		a->away++;
		return;
	}
	exo_lock(a->c);
	exo_away_locked(a);
	exo_unlock(a->c);
}

void exo_back(struct exo_ask *a)
{
	if (a->away > 1 || !a->d) {
		a->away--;
		return;
	}
	exo_lock(a->c);
	exo_back_locked(a);
	exo_unlock(a->c);
}

static int copied(struct exo_ask *a, int err, u64 user)
{
	exo_back(a);
	return err ? exo_no(a, -EFAULT, EXO_R_POINTER, user) : 0;
}

int exo_get(struct exo_ask *a, void *dst, u64 user, size_t bytes)
{
	exo_away(a);
	return copied(a, exo_plat_copy_in(dst, user, bytes), user);
}

int exo_give(struct exo_ask *a, u64 user, const void *src, size_t bytes)
{
	exo_away(a);
	return copied(a, exo_plat_copy_out(user, src, bytes), user);
}

/* The refusal keeps its reason even when the list cannot be delivered. */
int exo_give_ranges(struct exo_ask *a, u64 user, u32 room, const struct exo_range *r, u32 n)
{
	int err;

	if (n > room)
		n = room;
	if (!n || !user)
		return 0;
	exo_away(a);
	err = exo_plat_copy_out(user, r, n * sizeof(*r)) ? -EFAULT : 0;
	exo_back(a);
	return err;
}

/* What a newer caller's struct has behind ours must be zero. */
static int tail_is_zero(struct exo_ask *a, u64 user, u32 bytes)
{
	u8 buf[64];
	u32 i, n;

	for (; bytes; bytes -= n, user += n) {
		n = bytes < sizeof(buf) ? bytes : (u32)sizeof(buf);
		if (exo_get(a, buf, user, n))
			return -EFAULT;
		for (i = 0; i < n; i++)
			if (buf[i])
				return exo_no(a, -E2BIG, EXO_R_SIZE, 0);
	}
	return 0;
}

/*
 * The struct, or as much of it as the caller's version has, and its size. Most callers have this version's: then, or when more lies
 * behind a shorter one, one copy brings all of it, and the rest goes.
 */
static int copy_struct(struct exo_ask *a, const struct call *k, u64 arg, void *mem, u32 *bytes)
{
	struct exo_head *h = mem;
	int err;

	if (!exo_plat_copy_in(mem, arg, k->size)) {
		*bytes = h->size;
	} else {
		err = exo_get(a, bytes, arg, sizeof(*bytes));
		if (err)
			return err;
		if (*bytes >= sizeof(*h))
			err = exo_get(a, mem, arg, *bytes < k->size ? *bytes : k->size);
		if (err)
			return err;
	}
	if (*bytes < k->size)
		memset((u8 *)mem + *bytes, 0, k->size - *bytes);
	return 0;
}

/* *size: how much of the caller's struct may be written back; 0 when not even that is known. */
int exo_call_in(struct exo_ask *a, u32 nr, u64 arg, void *mem, u32 *size)
{
	const struct call *k = &calls[nr];
	struct exo_head *h = mem;
	u32 bytes, pad, min = k->min ? k->min : k->size;
	int err;

	*size = 0;
	err = copy_struct(a, k, arg, mem, &bytes);
	if (err)
		return err;
	if (bytes < sizeof(*h))
		return exo_no(a, -EINVAL, EXO_R_SIZE, min);
	if (bytes > SIZE_MAX_IN)
		bytes = SIZE_MAX_IN + 1;
	*size = bytes < k->size ? bytes : k->size;
	if (bytes < min)
		return exo_no(a, -EINVAL, EXO_R_SIZE, min);
	if (bytes > SIZE_MAX_IN)
		return exo_no(a, -E2BIG, EXO_R_SIZE, k->size);
	h->size = bytes;
	if (bytes > k->size) {
		err = tail_is_zero(a, arg + k->size, bytes - k->size);
		if (err)
			return err;
	}
	if (h->flags & ~k->flags)
		return exo_no(a, -EOPNOTSUPP, EXO_R_FLAGS, h->flags & ~k->flags);
	pad = h->pad;
	if (k->pad != NO_PAD)
		pad |= *(u32 *)((u8 *)mem + k->pad);
	return pad ? exo_no(a, -EOPNOTSUPP, EXO_R_RESERVED, 0) : 0;
}

void exo_call_result(struct exo_ask *a, void *mem, int err)
{
	struct exo_head *h = mem;

	h->out_reason = err ? a->reason : EXO_R_NONE;
	h->out_detail = err ? a->detail : 0;
}

void exo_count_locked(struct exo_ask *a, int err)
{
	a->c->stats->calls += a->count;
	a->c->stats->refusals += a->count && err;
	a->count = false;
}

/* EFAULT here does not undo a call that has succeeded; the caller's memory held at the way in, so its owner changed it.
 */
int exo_call_out(struct exo_ask *a, u32 nr, u64 arg, void *mem, u32 size, int err)
{
	if (a->count) {
		exo_lock(a->c);
		exo_count_locked(a, err);
		exo_unlock(a->c);
	}
	exo_plat_trace_call(a->env, nr, err, err ? a->reason : EXO_R_NONE, err ? a->detail : 0);
	if (!size)
		return err;
	exo_call_result(a, mem, err);
	if (exo_plat_copy_out(arg, mem, size))
		return -EFAULT;
	return err;
}

int exo_call(struct exo_env *e, u32 nr, u64 arg)
{
	struct exo_ask a = {.c = e->c, .e = e, .env = e->id, .count = true};
	u64 mem[ARG_MAX_BYTES / 8];
	u32 size;
	int err;

	if (!nr || nr > EXO_NR_MAX || !calls[nr].fn)
		return -ENOTTY;
	err = exo_call_in(&a, nr, arg, mem, &size);
	if (!err)
		err = calls[nr].fn(&a, mem);
	return exo_call_out(&a, nr, arg, mem, size, err);
}
