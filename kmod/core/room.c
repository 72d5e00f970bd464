// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "room.h"

#define ALIGN 16u

#ifdef __SANITIZE_ADDRESS__
#define APART 1
#define CHUNK 0u
#else
#define APART 0
#define CHUNK 16384u /* bytes at least */
#endif

struct exo_chunk {
	struct exo_chunk *next; /* taken before it */
	u64 pad;		/* what follows is aligned */
};

void exo_room_open(struct exo_room *r, void *mem, size_t bytes)
{
	r->at = mem;
	r->end = r->at + (APART ? 0 : bytes);
	r->chunks = NULL;
}

void *exo_room_get(struct exo_room *r, size_t bytes)
{
	void *p;

	bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
	if (APART || bytes > (size_t)(r->end - r->at)) {
		size_t size = bytes > CHUNK ? bytes : CHUNK;
		struct exo_chunk *k = exo_plat_alloc(sizeof(*k) + size);

		if (!k)
			return NULL;
		k->next = r->chunks;
		r->chunks = k;
		r->at = (u8 *)(k + 1);
		r->end = r->at + size;
	}
	p = r->at;
	r->at += bytes;
	return p;
}

void exo_room_keep(struct exo_room *r, void *piece, size_t bytes)
{
	if (!APART)
		r->at = (u8 *)piece + (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

void exo_room_back(struct exo_room *r, const struct exo_room *was)
{
	while (r->chunks != was->chunks) {
		struct exo_chunk *k = r->chunks;

		r->chunks = k->next;
		exo_plat_free(k);
	}
	r->at = was->at;
	r->end = was->end;
}
