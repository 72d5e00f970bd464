// SPDX-License-Identifier: GPL-2.0 OR MIT
/* transport.c: libexo on the simulator. The transport's ctx is the env, and closing the handle closes it. */
#include "../../libexo/transport.h"
#include "sim.h"

static int call(void *ctx, uint32_t nr, void *arg)
{
	return exo_call(sim_env(ctx), nr, (u64)(uintptr_t)arg);
}

static void *map(void *ctx, uint64_t off, size_t len, int prot)
{
	return sim_map(ctx, off, len, prot);
}

static void unmap(void *ctx, void *addr, size_t len)
{
	sim_unmap(ctx, addr);
}

static void close_env(void *ctx)
{
	sim_env_close(ctx);
}

static const struct exo_transport sim_transport = {.call = call, .map = map, .unmap = unmap, .close = close_env};

int sim_open(struct exo_core *c, const struct exo_cred *cred, struct exo **out, struct sim_env **env)
{
	struct sim_env *e;
	int err = sim_env_open(c, cred, &e);

	if (err)
		return err;
	err = exo_open_with(out, &sim_transport, e, NULL);
	if (err) {
		sim_env_close(e);
		return err;
	}
	if (env)
		*env = e;
	return 0;
}
