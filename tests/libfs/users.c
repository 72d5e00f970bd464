// SPDX-License-Identifier: GPL-2.0 OR MIT
/* users.c: users_run.c on the simulator, with a walk in the middle. */
#include <string.h>
#include "world.h"
#include "users.h"

static void handles(struct world *w, struct users *u)
{
	int i;

	for (i = 0; i < USERS; i++) {
		struct exo_cred c = {.uid = users_uid[i], .ngids = users_ngids[i], .gids = users_gids[i]};

		CHECK(!sim_open(w->core, &c, &u->x[i], NULL));
	}
	u->root = w->x;
	u->disk = w->number;
}

static void close_handles(struct users *u)
{
	int i;

	for (i = 0; i < USERS; i++)
		exo_close(u->x[i]);
}

int main(void)
{
	const char *dir = getenv("EXO_UDF_DIR");
	struct exo_mkfs opt = {.type = "cffs",
			       .name = "all",
			       .root_flags = EXO_ROOT_SHARED,
			       .mode = 0777,
			       .udf_dir = dir ? dir : "build/udf"};
	struct users u = {.name = "all"};
	struct exo_why why = {0};
	struct world w;

	world_start(&w, 1024, 16384, 0, 11);
	/* The module's clock goes with the library's, which world.c begins later. */
	sim_time_advance((1800000000ull - 1795392000 + 5) * 1000000000);
	handles(&w, &u);
	WANT(exo_fs_mkfs(u.x[0], w.number, &opt, &why), 0);
	users_ordinary(&u);
	users_hostile(&u);
	close_handles(&u);
	users_check(&u);
	world_detach(&w, false);
	world_attach(&w);
	world_no_quarantine(&w);
	handles(&w, &u);
	users_hostile(&u);
	close_handles(&u);
	world_stop(&w);
	return 0;
}
