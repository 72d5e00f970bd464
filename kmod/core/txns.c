// SPDX-License-Identifier: GPL-2.0 OR MIT
/* txns.c: the call TXNS: many transactions, each with its own answer. Nothing of them is decided here; txn.c does that one by one. */
#include "internal.h"

#define TXN_SIZE_MAX 4096u

/* One struct of the array, as it came in. */
struct one {
	struct exo_txn q;
	struct exo_ask a;	/* its own reason */
	u32 size;		/* how much of it goes back */
	int err;
};

static u64 address(const struct exo_txns *q, u32 i)
{
	return q->txns + (u64)i * q->txn_size;
}

/*
 * All structs, before anything is decided. What is wrong with one is its own answer; memory that cannot be read, or cannot take
 * the answer, fails the call while nothing has changed. The probe writes back what was just read.
 */
static int read_all(struct exo_ask *a, const struct exo_txns *q, struct one *list)
{
	u32 i;

	for (i = 0; i < q->count; i++) {
		struct one *o = &list[i];

		o->a.c = a->c;
		o->a.e = a->e;
		o->a.env = a->env;
		o->err = exo_call_in(&o->a, EXO_NR_TXN, address(q, i), &o->q, &o->size);
		/* Even a struct that says it is shorter than its head has room for one: txn_size says so. */
		if (o->err == -EINVAL && !o->size && !exo_plat_copy_in(&o->q.head, address(q, i), sizeof(o->q.head)))
			o->size = sizeof(o->q.head);
		if (o->err == -EFAULT || !o->size || exo_plat_copy_out(address(q, i), &o->q, o->size))
			return exo_no(a, -EFAULT, EXO_R_POINTER, address(q, i));
		if (!o->err && o->q.head.size != q->txn_size)
			o->err = exo_no(&o->a, -EINVAL, EXO_R_SIZE, q->txn_size);
	}
	return 0;
}

int exo_do_txns(struct exo_ask *a, void *arg)
{
	struct exo_txns *q = arg;
	struct one *list;
	u32 i;
	int err;

	q->out_done = q->out_refused = 0;
	if (!q->count || q->count > EXO_MAX_TXNS)
		return exo_no(a, -EINVAL, EXO_R_RANGE, q->count);
	if (q->txn_size < sizeof(struct exo_txn) || q->txn_size > TXN_SIZE_MAX || q->txn_size % 8)
		return exo_no(a, -EINVAL, EXO_R_SIZE, sizeof(struct exo_txn));
	if (q->txns > ~0ull - (u64)q->count * q->txn_size)
		return exo_no(a, -EFAULT, EXO_R_POINTER, q->txns);
	list = exo_plat_alloc(q->count * sizeof(*list));
	if (!list)
		return exo_nomem(a);
	err = read_all(a, q, list);
	if (err) {
		exo_plat_free(list);
		return err;
	}
	for (i = 0; i < q->count; i++) {
		struct one *o = &list[i];

		if (!o->err)
			o->err = exo_do_txn(&o->a, &o->q);
		exo_call_result(&o->a, &o->q, o->err);
		/* Memory that held a moment ago: its owner took it away. That undoes nothing and does not keep the others from going on. */
		if (exo_plat_copy_out(address(q, i), &o->q, o->size))
			err = exo_no(a, -EFAULT, EXO_R_POINTER, address(q, i));
		q->out_done++;
		q->out_refused += o->err != 0;
		if (o->err && (q->head.flags & EXO_TXNS_STOP))
			break;
	}
	exo_plat_free(list);
	return err;
}
