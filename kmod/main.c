// SPDX-License-Identifier: GPL-2.0
/*
 * main.c: load and unload. Order of loading: pool, mapping, block requests, core, and the device last, so that nobody
 * can call before everything stands. Unloading is the reverse; it cannot start while an env is open, because each
 * open file holds the module.
 */
#include "module.h"

#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>

#define EXO_POOL_MB_MIN 4u
#define EXO_FRAMES_PER_MB ((1u << 20) / EXO_BLOCK_SIZE)

static unsigned int pool_mb = 64;
module_param(pool_mb, uint, 0444);
MODULE_PARM_DESC(pool_mb, "memory of the frame pool in MiB (default 64; 4 to half of the machine's memory)");

struct exo_core *exo_the_core;

static int __init exo_pool_frames(u32 *frames)
{
	unsigned long most = totalram_pages() / 2 / EXO_FRAMES_PER_MB;

	if (pool_mb < EXO_POOL_MB_MIN || pool_mb > most) {
		pr_err("pool_mb=%u refused: give a number from %u to %lu (half of this machine's memory)\n", pool_mb,
		       EXO_POOL_MB_MIN, most);
		return -EINVAL;
	}
	*frames = pool_mb * EXO_FRAMES_PER_MB;
	return 0;
}

static int __init exo_init(void)
{
	u32 frames = 0;
	int err;

	err = exo_pool_frames(&frames);
	if (err)
		return err;
	err = exo_frame_pool_new(frames);
	if (err) {
		pr_err("no memory for a pool of %u MiB; load with a smaller pool_mb\n", pool_mb);
		return err;
	}
	err = exo_map_init();
	if (err)
		goto pool;
	err = exo_bio_init();
	if (err)
		goto map;
	err = exo_core_new(frames, &exo_the_core);
	if (err)
		goto bio;
	err = exo_shrink_init();
	if (err)
		goto core;
	err = exo_dev_register();
	if (err) {
		pr_err("cannot register %s: error %d\n", EXO_DEVICE, err);
		goto shrink;
	}
	pr_info("loaded, ABI %u, pool of %u frames (%u MiB)\n", EXO_ABI_VERSION, frames, pool_mb);
	return 0;

shrink:
	exo_shrink_exit();
core:
	exo_core_free(exo_the_core);
bio:
	exo_bio_exit();
map:
	exo_map_exit();
pool:
	exo_frame_pool_free();
	return err;
}

static void __exit exo_exit(void)
{
	exo_dev_unregister();
	exo_shrink_exit();
	exo_core_shutdown(exo_the_core);
	exo_core_free(exo_the_core);
	exo_bio_exit();
	exo_map_exit();
	exo_frame_pool_free();
	pr_info("unloaded\n");
}

module_init(exo_init);
module_exit(exo_exit);
MODULE_DESCRIPTION("exo: an exokernel's protection, for user-space operating system libraries");
MODULE_LICENSE("GPL");
MODULE_VERSION("1");
