// SPDX-License-Identifier: GPL-2.0 OR MIT
/* plat_udf.c: plat.h's UDFs on the interpreter. */
#include <pthread.h>
#include <stdatomic.h>
#include "host.h"

static atomic_uint loads, most_loads;

u32 sim_most_loads(void)
{
	u32 n = atomic_load(&most_loads);

	atomic_store(&most_loads, 0);
	return n;
}

/* Others get on while the verifier works. */
static void load_takes_long(void)
{
	u32 n = atomic_fetch_add(&loads, 1) + 1;

	if (n > atomic_load(&most_loads))
		atomic_store(&most_loads, n);
	for (n = 0; n < 8; n++)
		sched_point();
	atomic_fetch_sub(&loads, 1);
}

struct exo_udf {
	struct sim_prog *prog;
	struct exo_udf_kind kind;
	pthread_mutex_t lock; /* from a run to its end: `out` */
	void *out;
};

int exo_plat_udf_load(const u64 *insns, u32 n, const struct exo_udf_kind *kind, u64 log, u32 log_size,
		      struct exo_udf **out)
{
	char msg[128] = "";
	struct exo_udf *u;
	size_t len;
	int err;

	host_unlocked("udf_load");
	load_takes_long();
	u = exo_plat_alloc(sizeof(*u));
	if (!u)
		return -ENOMEM;
	err = sim_prog_load_kind(insns, n, kind, msg, sizeof(msg), &u->prog);
	len = strlen(msg) + 1;
	if (err) {
		if (log && log_size) {
			if (len > log_size)
				len = log_size;
			msg[len - 1] = 0;
			if (exo_plat_copy_out(log, msg, len))
				err = -EFAULT;
		}
		exo_plat_free(u);
		return err;
	}
	u->kind = *kind;
	if (kind->out_bytes) {
		u->out = exo_plat_alloc(kind->out_bytes);
		if (!u->out) {
			sim_prog_free(u->prog);
			exo_plat_free(u);
			return -ENOMEM;
		}
	}
	pthread_mutex_init(&u->lock, NULL);
	*out = u;
	return 0;
}

void exo_plat_udf_unload(struct exo_udf *u)
{
	if (!u)
		return;
	sim_prog_free(u->prog);
	pthread_mutex_destroy(&u->lock);
	exo_plat_free(u->out);
	exo_plat_free(u);
}

s64 exo_plat_udf_run(struct exo_udf *u, const void *in, u32 index, const void **out)
{
	s64 r;

	if (!u->kind.out_bytes != !out)
		host_breach("a UDF runs with another output than it was loaded for");
	pthread_mutex_lock(&u->lock);
	r = sim_prog_run(u->prog, in, index, u->out, NULL);
	if (r < 0)
		pthread_mutex_unlock(&u->lock);
	else if (out)
		*out = u->out;
	return r;
}

void exo_plat_udf_done(struct exo_udf *u)
{
	pthread_mutex_unlock(&u->lock);
}
