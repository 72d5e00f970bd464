// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * walk_test PATH LEVEL: makes an exo disk whose one root has two levels of LEVEL metadata blocks each, written past the module: the
 * top claims the first as one run, and each block of it one of the second, the last first.
 */
#include "../udf/insn.h"
#include "vm.h"

#define SLOTS 15u

struct slot {
	uint64_t start;
	uint32_t count, ref;
	uint64_t pad[2];
};

static uint32_t program(uint64_t *insns)
{
	const uint64_t open[] = { REGION(1, 0, 0), REGION(2, 1, 0) };
	const uint64_t end[] = { MOV(0, 0), EXIT };
	uint32_t n = 0, i;

	for (i = 0; i < sizeof(open) / 8; i++)
		insns[n++] = open[i];
	for (i = 0; i < SLOTS; i++) {
		insns[n++] = LDX_(SZ_D, 3, 1, i * sizeof(struct slot));
		insns[n++] = STX_(SZ_D, 2, 3, i * 16);
		insns[n++] = LDX_(SZ_D, 3, 1, i * sizeof(struct slot) + 8);
		insns[n++] = STX_(SZ_D, 2, 3, i * 16 + 8);
	}
	for (i = 0; i < sizeof(end) / 8; i++)
		insns[n++] = end[i];
	return n;
}

static void put(int dev, uint64_t block, uint64_t start, uint32_t count)
{
	struct slot s = { .start = start, .count = count, .ref = 1 };

	need(pwrite(dev, &s, sizeof(s), block * 4096) == sizeof(s), "write the image");
}

int main(int argc, char **argv)
{
	uint32_t level = argc > 2 ? strtoul(argv[2], NULL, 0) : 0, i;
	uint64_t insns[128];
	struct exo_template_add t = { .name = "node", .partition = 512, .insns = vm_ptr(insns) };
	struct exo_root_add r = { .name = "one", .start = EXO_NOBLOCK, .count = 1 };
	struct exo_sync s = { .root = EXO_NOROOT };
	struct exo_detach d = { .disk = 0 };
	struct exo_format f = { 0 };
	struct exo_attach a = { 0 };
	int fd, dev;

	if (!level)
		return 2;
	fd = vm_open();
	f.path = a.path = vm_ptr(argv[1]);
	f.path_len = a.path_len = strlen(argv[1]);
	need(!vm_call(fd, EXO_NR_FORMAT, &f) && !vm_call(fd, EXO_NR_ATTACH, &a), "format and attach");
	t.disk = r.disk = s.disk = d.disk = a.out_disk;
	t.ninsns = program(insns);
	need(!vm_call(fd, EXO_NR_TEMPLATE_ADD, &t), "template");
	r.template_id = t.out_template;
	need(!vm_call(fd, EXO_NR_ROOT_ADD, &r) && !vm_call(fd, EXO_NR_SYNC, &s) && !vm_call(fd, EXO_NR_DETACH, &d), "root");
	dev = open(argv[1], O_RDWR | O_CLOEXEC);
	need(dev >= 0, "open %s", argv[1]);
	put(dev, r.out_start, r.out_start + 1, level);
	for (i = 0; i < level; i++)
		put(dev, r.out_start + 1 + i, r.out_start + 2 * level - i, 1);
	need(!fsync(dev) && !close(dev), "fsync");
	printf("%llu\n", (unsigned long long)r.out_start);
	return 0;
}
