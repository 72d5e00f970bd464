// SPDX-License-Identifier: GPL-2.0
/* util.c: hash, random bytes and clock for core. */
#include "module.h"

#include <crypto/sha2.h>
#include <linux/ktime.h>
#include <linux/random.h>

void exo_plat_sha256(const void *data, size_t bytes, u8 out[32])
{
	sha256(data, bytes, out);
}

void exo_plat_random(void *buf, size_t bytes)
{
	get_random_bytes(buf, bytes);
}

u64 exo_plat_now_ns(void)
{
	return ktime_get_ns();
}

u64 exo_plat_wall_ns(void)
{
	return ktime_get_real_ns();
}
