/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Who owns a block: two ways to know it, under one small application. bench-blockcap drives them; see its usage(). */
#ifndef EXO_BENCH_BLOCKCAP_H
#define EXO_BENCH_BLOCKCAP_H

#include <stdbool.h>
#include <stdint.h>

#define BC_BLOCK 4096u
#define BC_META 64u /* metadata blocks, each 8 lists */
#define BC_PER_BLOCK 8u
#define BC_LISTS (BC_META * BC_PER_BLOCK)
#define BC_ENTRIES 30u
#define BC_MAGIC 0x5453494cu
#define BC_AREA 32768u /* data blocks that can be taken */

/* As udf/example_list.c has it: 512 bytes of metadata. */
struct bc_list {
	uint32_t magic, used;
	uint64_t own;
	struct bc_entry {
		uint64_t first;
		uint32_t blocks, kind;
	} entry[BC_ENTRIES];
	uint64_t pad[2];
};

/* All return 0 or -errno. What take and give did is durable after commit, in an order that never leaves a list naming a
 * block without its data. */
struct bc_store {
	const char *name;
	int (*make)(const char *device);		      /* empty lists; nothing cached afterwards */
	int (*open)(const char *device, unsigned int cached); /* cached: blocks of the capability table */
	const struct bc_list *(*list)(unsigned int i);	      /* in core, and ours; NULL with errno */
	uint64_t (*area)(void);				      /* first of BC_AREA blocks */
	int (*take)(unsigned int i, uint64_t block,
		    uint64_t stamp); /* a free block into list i; its data starts with the stamp */
	int (*give)(unsigned int i); /* list i's last block */
	int (*use)(unsigned int i, unsigned int k, uint64_t *stamp); /* data of entry k, if it is ours */
	int (*commit)(void);
	int (*settle)(void); /* what commit may have put off */
	int (*close)(void);
};

extern const struct bc_store bc_exo;   /* the module, which asks the lists' UDF */
extern const struct bc_store bc_table; /* a capability for each block, in a table on the disk */

#endif
