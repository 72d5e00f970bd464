// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * io_test DISK COMMAND: a device with one bad block. COMMAND is a shell command that is given the bad block's first and
 * last sector as $1 and $2 and makes it bad. The error must name that block, and no other block may suffer.
 */
#include "vm.h"

#define BLOCKS 64u
#define BAD 37u

static char *pool;
static uint32_t mine[BLOCKS];

static int direct(int fd, const struct exo_root_add *r, uint64_t block, uint32_t count, uint32_t flags, uint64_t *detail)
{
	struct exo_io io = {
		.head.flags = flags,
		.disk = r->disk,
		.root = r->out_root,
		.parent = EXO_NOBLOCK,
		.claim = { .start = r->out_start, .count = r->count },
		.first = r->out_start + block,
		.count = count,
		.frames = vm_ptr(mine + block),
	};
	int err = vm_call(fd, EXO_NR_IO, &io);

	*detail = io.head.out_detail;
	return err ? -(int)io.head.out_reason : 0;
}

static void content(int fd, const struct exo_root_add *r)
{
	uint64_t detail;
	uint32_t i, bad = 0;

	for (i = 0; i < BLOCKS; i++)
		memset(pool + mine[i] * 4096ul, 0, 4096);
	check(!direct(fd, r, 0, BAD, 0, &detail) && !direct(fd, r, BAD + 1, BLOCKS - BAD - 1, 0, &detail),
	      "its neighbours can be read");
	for (i = 0; i < BLOCKS; i++)
		bad += i != BAD && (pool[mine[i] * 4096ul] != (char)(i + 1) || pool[mine[i] * 4096ul + 4095] != (char)(i + 1));
	check(!bad, "and hold what was written (%u do not)", bad);
}

int main(int argc, char **argv)
{
	uint32_t disk = argc > 1 ? strtoul(argv[1], NULL, 0) : 0, f[BLOCKS], i;
	int fd = vm_open(), err;
	struct exo_root_add r = vm_volume(fd, disk, "io-test", BLOCKS);
	struct exo_run run = { .start = r.out_start, .count = BLOCKS };
	struct exo_write w = { .disk = disk, .nruns = 1, .runs = vm_ptr(&run) };
	uint64_t detail = 0, bad = r.out_start + BAD;
	char command[512];

	need(argc > 2, "usage");
	vm_catch();
	pool = vm_pool(fd);
	need(!vm_frame_alloc(fd, mine, BLOCKS, EXO_FRAME_ANY), "FRAME_ALLOC");
	for (i = 0; i < BLOCKS; i++)
		memset(pool + mine[i] * 4096ul, (int)i + 1, 4096);
	err = direct(fd, &r, 0, BLOCKS, EXO_IO_WRITE, &detail);
	check(!err, "all blocks can be written (%d)", err);
	snprintf(command, sizeof(command), "set -- %llu %llu; %s", (unsigned long long)bad * 8, (unsigned long long)bad * 8 + 7,
		 argv[2]);
	need(!system(command), "%s", command);
	err = direct(fd, &r, 0, BLOCKS, 0, &detail);
	check(err == -(int)EXO_R_IO && detail == bad, "a read over the bad block fails and names it (reason %d, block %llu of %llu)",
	      -err, (unsigned long long)detail, (unsigned long long)bad);
	content(fd, &r);
	err = direct(fd, &r, 0, BLOCKS, EXO_IO_WRITE, &detail);
	check(err == -(int)EXO_R_IO && detail == bad, "so does a write (reason %d, block %llu)", -err, (unsigned long long)detail);
	check(vm_bind(fd, &r, 0, BLOCKS, EXO_RIGHT_ALL, 0, f) == -EIO, "it cannot be bound");
	err = vm_bind(fd, &r, 0, BAD, EXO_RIGHT_ALL, 0, f);
	check(!err, "its neighbours can");
	for (i = 0; i < BAD; i++)
		need(!vm_poke(pool + f[i] * 4096ul, (unsigned char)(i + 1)), "store");
	err = vm_bind(fd, &r, BAD, 1, EXO_RIGHT_ALL, EXO_BIND_OVERWRITE, f + BAD);
	need(!err && !vm_poke(pool + f[BAD] * 4096ul, 1), "BIND without a read: %d", err);
	err = vm_call(fd, EXO_NR_WRITE, &w);
	check(err == -EIO && w.head.out_reason == EXO_R_IO && w.head.out_detail == bad && w.out_blocks == BAD,
	      "WRITE names it, and writes the others (reason %u, block %llu, %u written)", w.head.out_reason,
	      (unsigned long long)w.head.out_detail, w.out_blocks);
	check(vm_peek(pool + f[BAD] * 4096ul) == 1, "what could not be written is still in core");
	vm_unbind(fd, f, BAD + 1);
	content(fd, &r);
	return vm_result();
}
