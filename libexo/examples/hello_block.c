// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * hello_block: a disk without a file system. Makes a raw volume of one block, binds the block, stores into it, makes it
 * durable, reads it back, and shows what a refusal looks like. Copy it and start from there.
 *
 *	cc hello_block.c $(pkg-config --cflags --libs libexo) -o hello_block
 *	./hello_block DISK		a number or a device path that `exoctl info` shows
 */
#include <libexo.h>
#include <stdio.h>
#include <string.h>

static int refused(const char *what, const struct exo_why *why)
{
	fprintf(stderr, "%s: %s\n  what to do: %s\n", what, why->text, *why->hint ? why->hint : "see exo_why(3)");
	return 1;
}

/* The right to see block `first` of a root, as a frame. The extent of the root itself is the claim. */
static int bind_block(struct exo *x, const struct exo_root_get *r, int cap, uint64_t first, uint32_t rights,
		      uint32_t *frame, struct exo_why *why)
{
	struct exo_bind b = {
		.disk = r->disk,
		.cap = cap,
		.root = r->root,
		.parent = EXO_NOBLOCK,
		.claim = {.start = r->out_start, .count = r->out_count, .template_id = 0},
		.first = first,
		.count = 1,
		.rights = rights,
		.frames = (uintptr_t)frame,
	};

	return exo_bind(x, &b, 0, why);
}

static int hello(struct exo *x, uint32_t disk, int cap)
{
	struct exo_root_add add = {.disk = disk, .cap = cap, .name = "hello", .start = EXO_NOBLOCK, .count = 1};
	struct exo_root_get root;
	struct exo_why why;
	uint32_t frame;
	char *text;

	/* 1. A volume: the module takes the first free block and remembers that it is ours. */
	if (exo_root_add(x, &add, &why) && why.code != EXO_R_ROOT_EXISTS)
		return refused("root_add", &why);
	if (exo_root_find(x, disk, "hello", &root, &why))
		return refused("root_find", &why);

	/* 2. Rights are checked once, here; from now on the block is memory. */
	if (bind_block(x, &root, cap, root.out_start, EXO_RIGHT_ALL, &frame, &why))
		return refused("bind", &why);
	text = exo_frame_ptr(exo_view(x), frame);
	printf("block %llu said: '%.40s'\n", (unsigned long long)root.out_start, text);
	strcpy(text, "hello, block");

	/* 3. Durable when this returns. */
	if (exo_sync(x, disk, root.root, &why) < 0)
		return refused("sync", &why);
	if (exo_unbind(x, 1, &frame, &why))
		return refused("unbind", &why);

	/* 4. And back. */
	if (bind_block(x, &root, cap, root.out_start, EXO_RIGHT_READ, &frame, &why))
		return refused("bind again", &why);
	text = exo_frame_ptr(exo_view(x), frame);
	printf("block %llu says: '%.40s'\n", (unsigned long long)root.out_start, text);
	if (strcmp(text, "hello, block"))
		return 1;

	/* 5. A block that is not ours is refused, with the reason and what to do. */
	if (!bind_block(x, &root, cap, root.out_start + root.out_count, EXO_RIGHT_READ, &frame, &why))
		return 1;
	refused("as it should be, the next block", &why);
	return 0;
}

int main(int argc, char **argv)
{
	struct exo_why why;
	struct exo *x;
	uint32_t disk;
	int cap, status = 1;

	if (argc != 2)
		return fprintf(stderr, "usage: hello_block DISK\n"), 2;
	if (exo_open(&x, NULL, &why))
		return refused("open", &why);
	cap = exo_cap_user(x);
	if (exo_disk_find(x, argv[1], &disk) || cap < 0)
		fprintf(stderr, "%s is not an attached disk; see 'exoctl info'\n", argv[1]);
	else
		status = hello(x, disk, cap);
	exo_close(x);
	return status;
}
