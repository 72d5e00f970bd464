// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * udf_read_order.c: sorts the basic blocks of a UDF topologically. Nothing here is trusted by anybody: the module
 * scans and verifies what comes out.
 *
 * Steps: mark where blocks start; search depth first from the entry, the jump's target before the next block; the
 * reverse of the order in which blocks are finished has every edge going forward if there is no cycle, and keeps most
 * blocks ahead of the one that they fall into. Where not, a "goto" is added. Blocks that nothing reaches are left
 * out.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "udf_read.h"

#define LD_IMM64 0x18
#define JA 0x05
#define EXIT 0x95
#define MOST_INSNS 65536

#define NONE UINT32_MAX
#define SECOND (UINT32_MAX - 1) /* in at[]: second half of a 16-byte load, which may look like anything */

struct block {
	uint32_t first, end;   /* instructions [first, end) */
	uint32_t next, target; /* blocks, or NONE */
	uint32_t place;	       /* where it goes in the new code; NONE: not reached */
	uint8_t state;	       /* of the search: 0 new, 1 target being visited, 2 next being visited, 3 finished */
};

struct order {
	const uint64_t *code;
	uint32_t n, nblocks, norder;
	uint32_t *at; /* block that starts at an instruction, NONE, or SECOND */
	struct block *block;
	uint32_t *order; /* blocks as they are finished, last first when read from the end */
};

static uint8_t opcode(uint64_t insn)
{
	return insn & 0xff;
}

/* Has a 16-bit distance: JA, and all comparisons of both widths. */
static bool is_jump(uint64_t insn)
{
	uint8_t code = opcode(insn), class = code & 7, op = code & 0xf0;

	if (code == JA)
		return true;
	return (class == 5 || class == 6) && op >= 0x10 && op <= 0xd0 && op != 0x80 && op != 0x90;
}

/* A jump of a kind that is not known here; such code is left alone. */
static bool is_strange(uint64_t insn)
{
	uint8_t class = opcode(insn) & 7, op = opcode(insn) & 0xf0;

	return (class == 5 || class == 6) && !is_jump(insn) && opcode(insn) != EXIT && op != 0x80;
}

static int64_t target_of(uint32_t i, uint64_t insn)
{
	return (int64_t)i + 1 + (int16_t)(insn >> 16);
}

static bool ends_path(uint64_t insn)
{
	return opcode(insn) == EXIT || opcode(insn) == JA;
}

/* Marks the starts of blocks with 0 in at[]. False: leave this code alone. */
static bool find_starts(struct order *o)
{
	bool backward = false;
	uint32_t i;

	o->at[0] = 0;
	for (i = 0; i < o->n; i++) {
		uint64_t insn = o->code[i];
		int64_t to;

		if (is_strange(insn))
			return false;
		if (opcode(insn) == LD_IMM64) {
			i++;
			continue;
		}
		if ((is_jump(insn) || opcode(insn) == EXIT) && i + 1 < o->n)
			o->at[i + 1] = 0;
		if (!is_jump(insn))
			continue;
		to = target_of(i, insn);
		if (to < 0 || to >= o->n)
			return false;
		backward |= to <= i;
		o->at[to] = 0;
	}
	for (i = 0; i < o->n; i++) {
		if (opcode(o->code[i]) != LD_IMM64)
			continue;
		if (++i >= o->n || o->at[i] != NONE)
			return false;
		o->at[i] = SECOND;
	}
	return backward;
}

/* Fills the blocks and their edges. False: the code's last block falls off the end. */
static bool find_blocks(struct order *o)
{
	uint32_t i, b;

	for (i = 0; i < o->n; i++) {
		if (o->at[i] == NONE || o->at[i] == SECOND)
			continue;
		o->at[i] = o->nblocks;
		if (o->nblocks)
			o->block[o->nblocks - 1].end = i;
		o->block[o->nblocks++] =
			(struct block){.first = i, .end = o->n, .next = NONE, .target = NONE, .place = NONE};
	}
	for (b = 0; b < o->nblocks; b++) {
		struct block *k = &o->block[b];
		uint32_t last = k->end - 1;
		uint64_t insn = o->at[last] == SECOND ? 0 : o->code[last];

		if (is_jump(insn))
			k->target = o->at[target_of(last, insn)];
		if (!ends_path(insn)) {
			if (b + 1 == o->nblocks)
				return false;
			k->next = b + 1;
		}
	}
	return true;
}

/* False: there is a cycle. */
static bool search(struct order *o, uint32_t *stack)
{
	uint32_t depth = 1;

	stack[0] = 0;
	while (depth) {
		struct block *k = &o->block[stack[depth - 1]];
		uint32_t go = k->state == 0 ? k->target : k->state == 1 ? k->next : NONE;

		if (k->state == 2) {
			k->state = 3;
			o->order[o->norder++] = k - o->block;
			depth--;
			continue;
		}
		k->state++;
		if (go == NONE || o->block[go].state == 3)
			continue;
		if (o->block[go].state)
			return false;
		stack[depth++] = go;
	}
	return true;
}

/* out has room for n + nblocks. Length of the new code, or 0 when a distance does not fit. */
static uint32_t emit(struct order *o, uint64_t *out)
{
	uint32_t i, n = 0;

	for (i = o->norder; i-- > 0;) {
		struct block *k = &o->block[o->order[i]];
		uint32_t follows = i ? o->order[i - 1] : NONE;

		k->place = n;
		memcpy(out + n, o->code + k->first, (k->end - k->first) * sizeof(*out));
		n += k->end - k->first;
		/* a goto to what follows anyway is kept: dropping it would not save anything that matters */
		if (k->next != NONE && k->next != follows)
			out[n++] = JA;
	}
	for (i = o->norder; i-- > 0;) {
		struct block *k = &o->block[o->order[i]];
		uint32_t last = k->place + (k->end - k->first) - 1;
		uint32_t follows = i ? o->order[i - 1] : NONE;
		int64_t far;

		if (k->target != NONE) {
			far = (int64_t)o->block[k->target].place - last - 1;
			if (far < 0 || far > INT16_MAX)
				return 0;
			out[last] = (out[last] & ~0xffff0000ull) | (uint64_t)far << 16;
		}
		if (k->next != NONE && k->next != follows) {
			far = (int64_t)o->block[k->next].place - (last + 1) - 1;
			if (far < 0 || far > INT16_MAX)
				return 0;
			out[last + 1] = JA | (uint64_t)far << 16;
		}
	}
	return n;
}

int exo_udf_forward(uint64_t **insns, uint32_t *n)
{
	struct order o = {.code = *insns, .n = *n};
	uint32_t *stack, len = 0;
	uint64_t *out;
	int err = 0;

	if (!o.n || o.n > MOST_INSNS)
		return 0;
	o.at = malloc(o.n * sizeof(*o.at));
	o.order = calloc(o.n, sizeof(*o.order));
	o.block = calloc(o.n, sizeof(*o.block));
	stack = calloc(o.n, sizeof(*stack));
	out = calloc(2 * (size_t)o.n, sizeof(*out));
	if (!o.at || !o.order || !o.block || !stack || !out) {
		err = -ENOMEM;
	} else {
		memset(o.at, 0xff, o.n * sizeof(*o.at));
		if (find_starts(&o) && find_blocks(&o) && search(&o, stack))
			len = emit(&o, out);
	}
	if (len) {
		free(*insns);
		*insns = out;
		*n = len;
		out = NULL;
	}
	free(out);
	free(stack);
	free(o.block);
	free(o.order);
	free(o.at);
	return err;
}
