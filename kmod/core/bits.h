/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* bits.h: bitmaps of blocks, 64 to a word, bit b % 64 of word b / 64. */
#ifndef EXO_CORE_BITS_H
#define EXO_CORE_BITS_H

#include "plat.h"

static inline u64 exo_bit_words(u64 bits)
{
	return bits / 64 + (bits % 64 != 0);
}

static inline bool exo_bit(const u64 *map, u64 b)
{
	return map[b / 64] >> (b % 64) & 1;
}

/* Words are stored whole: the free map is read by user space while it changes. */
static inline void exo_bit_set(u64 *map, u64 b)
{
	__atomic_store_n(&map[b / 64], map[b / 64] | 1ull << (b % 64), __ATOMIC_RELAXED);
}

static inline void exo_bit_clear(u64 *map, u64 b)
{
	__atomic_store_n(&map[b / 64], map[b / 64] & ~(1ull << (b % 64)), __ATOMIC_RELAXED);
}

/* Bits [from, from + count), word by word. */
static inline void exo_bit_fill(u64 *map, u64 from, u64 count)
{
	u64 end = from + count;

	while (from < end) {
		u64 n = 64 - from % 64 < end - from ? 64 - from % 64 : end - from;
		u64 ones = ~0ull >> (64 - n) << (from % 64);

		__atomic_store_n(&map[from / 64], map[from / 64] | ones, __ATOMIC_RELAXED);
		from += n;
	}
}

static inline void exo_bit_wipe(u64 *map, u64 from, u64 count)
{
	u64 end = from + count;

	while (from < end) {
		u64 n = 64 - from % 64 < end - from ? 64 - from % 64 : end - from;
		u64 ones = ~0ull >> (64 - n) << (from % 64);

		__atomic_store_n(&map[from / 64], map[from / 64] & ~ones, __ATOMIC_RELAXED);
		from += n;
	}
}

/* First bit in [from, end) that is `value`, or end. */
static inline u64 exo_bit_next(const u64 *map, u64 from, u64 end, bool value)
{
	while (from < end) {
		u64 w = map[from / 64];

		if (!value)
			w = ~w;
		w >>= from % 64;
		if (w) {
			from += __builtin_ctzll(w);
			return from < end ? from : end;
		}
		from += 64 - from % 64;
	}
	return end;
}

/* How many ones in [from, from + count). */
static inline u64 exo_bit_count(const u64 *map, u64 from, u64 count)
{
	u64 end = from + count, n = 0;

	while (from < end) {
		u64 stop;

		from = exo_bit_next(map, from, end, true);
		stop = exo_bit_next(map, from, end, false);
		n += stop - from;
		from = stop;
	}
	return n;
}

#endif
