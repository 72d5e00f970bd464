// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Searching the free map, against a search that looks at one block after the other. */
#include <inttypes.h>
#include <string.h>
#include <libexo.h>
#include "../sim/check.h"

#define MAX_BLOCKS 400

static struct {
	struct exo_freemap_head head;
	uint64_t bits[(MAX_BLOCKS + 63) / 64];
} map;

static uint64_t state = 88172645463325252ull;

static uint64_t draw(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static void make(uint64_t blocks, uint64_t first, unsigned density)
{
	memset(&map, 0, sizeof(map));
	map.head.head = (struct exo_map_head){.magic = EXO_MAGIC_FREEMAP, .version = 1, .bytes = sizeof(map)};
	map.head.blocks = blocks;
	map.head.first = first;
	map.head.bits_off = offsetof(__typeof__(map), bits);
	for (uint64_t b = first; b < blocks; b++)
		if (draw(100) < density)
			map.bits[b / 64] |= 1ull << (b % 64);
	/* Bits behind the end must not be believed, whatever they say. */
	for (uint64_t b = blocks; b < MAX_BLOCKS; b++)
		map.bits[b / 64] |= 1ull << (b % 64);
}

static bool is_free(uint64_t b)
{
	return b < map.head.blocks && (map.bits[b / 64] >> (b % 64) & 1);
}

static uint64_t run_at(uint64_t b, uint64_t want)
{
	uint64_t n = 0;

	while (n < want && is_free(b + n))
		n++;
	return n;
}

/* What the functions promise: the first hit at or after near, and then the first from the beginning. */
static bool slow(uint64_t near, uint64_t want, bool exact, uint64_t *start, uint64_t *len)
{
	uint64_t from = near >= map.head.blocks || near < map.head.first ? map.head.first : near;

	for (uint64_t pass = 0; pass < 2; pass++) {
		uint64_t b = pass ? map.head.first : from, end = pass ? from : map.head.blocks;

		for (; b < end; b++) {
			uint64_t n = run_at(b, want);

			if (exact ? n == want : n > 0) {
				*start = b;
				*len = n;
				return true;
			}
		}
	}
	return false;
}

static void compare(uint64_t near, uint64_t want)
{
	uint64_t start = 0, len = 0, got = 0, n;
	bool found;

	for (uint64_t b = 0; b < MAX_BLOCKS; b++)
		CHECK(exo_block_free(&map.head, b) == is_free(b));
	found = slow(near, want, false, &start, &len);
	n = exo_free_run(&map.head, near, want, &got);
	CHECK_MSG(found ? n == len && got == start : !n, "run near %" PRIu64 " want %" PRIu64 ": %" PRIu64 "+%" PRIu64,
		  near, want, got, n);
	found = slow(near, want, true, &start, &len);
	CHECK_MSG(exo_free_exact(&map.head, near, want, &got) == found && (!found || got == start),
		  "exact near %" PRIu64 " want %" PRIu64 ": %" PRIu64 " for %" PRIu64, near, want, got, start);
}

int main(void)
{
	static const unsigned density[] = {0, 3, 50, 90, 99, 100};
	uint64_t start;

	for (int round = 0; round < 3000; round++) {
		uint64_t blocks = 1 + draw(MAX_BLOCKS);

		make(blocks, draw(blocks + 1), density[round % 6]);
		compare(draw(blocks + 10), 1 + draw(round % 5 ? 12 : 200));
	}
	make(MAX_BLOCKS, 10, 100);
	CHECK(exo_free_run(&map.head, 0, 0, &start) == 0);
	CHECK(!exo_free_exact(&map.head, 0, 0, &start));
	CHECK(!exo_free_exact(&map.head, 0, UINT64_MAX, &start));
	CHECK(exo_free_run(&map.head, UINT64_MAX, UINT64_MAX, &start) == MAX_BLOCKS - 10 && start == 10);
	return check_done();
}
