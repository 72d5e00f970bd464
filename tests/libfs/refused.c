// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * refused.c: what cffs does when the module refuses a transaction because the order of writes would be circular, and then for a while
 * refuses the SYNC that would end it, because direct transfers run. The operation must go on as if nothing had been.
 */
#include <errno.h>
#include <fcntl.h>
#include "../../libexo/handle.h"
#include "world.h"

static const struct exo_transport *real;
static u32 cycles, busy, syncs;

static int refuse(void *arg, u32 reason)
{
	((struct exo_head *)arg)->out_reason = reason;
	((struct exo_head *)arg)->out_detail = 0;
	return -EBUSY;
}

static int call(void *ctx, uint32_t nr, void *arg)
{
	if (nr == EXO_NR_TXN && cycles) {
		cycles--;
		busy = 12;
		return refuse(arg, EXO_R_CYCLE);
	}
	if (nr == EXO_NR_SYNC) {
		syncs++;
		if (busy) {
			busy--;
			return refuse(arg, EXO_R_BUSY);
		}
	}
	return real->call(ctx, nr, arg);
}

int main(void)
{
	struct exo_transport t;
	struct exo_file *f;
	struct exo_fs *fs;
	struct stat st;
	struct world w;
	struct exo *x;

	world_start(&w, 1024, 8192, 0, 31);
	world_mkfs(&w, "t", 0);
	x = world_handle(&w);
	real = x->t;
	t = *real;
	t.call = call;
	x->t = &t;
	fs = world_open(&w, x, "t");
	WANT(exo_fs_mkdir(fs, "a", 0755), 0);
	WANT(exo_fs_mkdir(fs, "b", 0755), 0);
	cycles = 1;
	WANT(exo_file_open(fs, "a/f", O_CREAT | O_WRONLY, 0644, &f), 0);
	WANT(exo_file_pwrite(f, "text", 4, 0), 4);
	exo_file_close(f);
	CHECK(!cycles && !busy && syncs == 13);
	cycles = 3;
	WANT(exo_fs_rename(fs, "a/f", "b/g"), 0);
	CHECK(!cycles && !busy);
	WANT(exo_fs_stat(fs, "b/g", 0, &st), 0);
	CHECK(st.st_size == 4);
	/* fsync waits in the same way. */
	busy = 12;
	WANT(exo_fs_sync(fs), 0);
	CHECK(!busy);
	world_check(fs);
	exo_fs_close(fs);
	x->t = real;
	exo_close(x);
	world_stop(&w);
	return 0;
}
