// SPDX-License-Identifier: GPL-2.0 OR MIT
/* plat_udf.c: plat.h's UDFs on the interpreter. A run keeps all its state on its stack, so runs need no lock. */
#include "host.h"

struct exo_udf {
	struct sim_prog *prog;
	u32 partition;
};

int exo_plat_udf_load(const u64 *insns, u32 n, u32 partition, u64 log, u32 log_size, struct exo_udf **out)
{
	char msg[128] = "";
	struct exo_udf *u;
	size_t len;
	int err;

	host_unlocked("udf_load");
	u = exo_plat_alloc(sizeof(*u));
	if (!u)
		return -ENOMEM;
	err = sim_prog_load(insns, n, partition, msg, sizeof(msg), &u->prog);
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
	u->partition = partition;
	*out = u;
	return 0;
}

void exo_plat_udf_unload(struct exo_udf *u)
{
	if (!u)
		return;
	sim_prog_free(u->prog);
	exo_plat_free(u);
}

s64 exo_plat_udf_run(struct exo_udf *u, const void *bytes, u32 partition, u32 index, struct exo_udf_claim *out)
{
	if (partition != u->partition)
		host_breach("a UDF runs on a partition of another size than it was loaded for");
	return sim_prog_run(u->prog, bytes, index, out, NULL);
}
