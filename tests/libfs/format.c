// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Entries of a partition against a model, then the same functions on partitions whose bytes were damaged: they may
 * refuse, but never read or write outside (the sanitizers watch), and what they accept must be in range.
 */
#include <stdio.h>
#include "../../libfs/cffs/cffs.h"

#define CHECK(cond)                                                                                                    \
	do {                                                                                                           \
		if (!(cond)) {                                                                                         \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond);                             \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

#define OWNER 77

static const struct inode owner = {.ino = OWNER, .mode = S_IFDIR | 0755};

struct entry {
	bool used;
	char name[CFFS_NAME_MAX + 1], target[CFFS_PART];
	struct inode di;
};

static u64 state = 1;

static u32 below(u32 n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)(state >> 33) % n;
}

static void random_name(char *name, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		name[i] = 'a' + below(26);
	name[len] = 0;
}

static void random_inode(struct inode *di, u64 ino)
{
	memset(di, 0, sizeof(*di));
	di->mode = S_IFREG | below(07777);
	di->nlink = 1;
	di->uid = below(70000);
	di->gid = below(70000);
	di->ino = ino;
	di->size = below(1 << 30);
	di->time[T_MTIME] = below(1 << 30) * 1000000001ll;
	di->time[T_CTIME] = -5;
	di->hash = below(1u << 30);
	if (below(2)) {
		di->ext[0] = (struct extent){100 + below(1000), 1 + below(10), below(5)};
		di->blocks = di->ext[0].count;
	}
	if (!inode_owns(di) && below(2)) {
		di->mode = S_IFLNK | 0777;
		di->extra = 1 + below(60);
		di->flags = CFFS_F_INLINE;
		di->size = di->extra;
	}
}

static u32 room_used(const struct entry *e)
{
	u32 i, top = 0, sum = 0;

	for (i = 0; i < CFFS_SLOTS; i++) {
		if (!e[i].used)
			continue;
		top = i;
		sum += strlen(e[i].name) + e[i].di.extra;
	}
	return CFFS_SLOT(top + 1) + sum;
}

static void compare(const u8 *part, const struct entry *e)
{
	struct inode di;
	const char *name;
	u32 i, any = 0;

	CHECK(part_kind(part) == CFFS_KIND_DIR && get32(part + CFFS_H_FROM) == 9 &&
	      get64(part + CFFS_H_OWNER) == OWNER);

	for (i = 0; i < CFFS_SLOTS; i++) {
		any += e[i].used;
		if (!e[i].used)
			continue;
		CHECK(part_kind(part) == CFFS_KIND_DIR);
		CHECK(part_used(part, i));
		CHECK(!entry_get(part, i, &di, &name));
		CHECK(di.name_len == strlen(e[i].name) && !memcmp(name, e[i].name, di.name_len));
		CHECK(di.extra == e[i].di.extra && !memcmp(name + di.name_len, e[i].target, di.extra));
		CHECK(di.ino == e[i].di.ino && di.mode == e[i].di.mode && di.uid == e[i].di.uid &&
		      di.gid == e[i].di.gid && di.size == e[i].di.size && di.blocks == e[i].di.blocks &&
		      di.hash == e[i].di.hash && !memcmp(di.time, e[i].di.time, sizeof(di.time)) &&
		      !memcmp(di.ext, e[i].di.ext, sizeof(di.ext)));
		CHECK(entry_find(part, OWNER, di.hash, e[i].name, strlen(e[i].name), &di) == (int)i);
		CHECK(entry_find(part, OWNER + 1, di.hash, e[i].name, strlen(e[i].name), &di) == -EUCLEAN);
	}
	if (!any)
		for (i = CFFS_SLOTS_AT; i < CFFS_PART; i++)
			CHECK(part[i] == 0);
}

static void model(void)
{
	struct entry e[CFFS_SLOTS] = {0};
	u8 part[CFFS_PART] = {0};
	u64 ino = 10;
	int round;

	part_init(part, &owner, 9);
	for (round = 0; round < 200000; round++) {
		u32 at = below(CFFS_SLOTS), len = below(4) ? 1 + below(60) : 1 + below(255);
		struct entry one = {.used = true};
		int slot;

		random_name(one.name, len);
		switch (below(3)) {
		case 0:
			random_inode(&one.di, ino++);
			random_name(one.target, one.di.extra);
			for (slot = 0; slot < CFFS_SLOTS && e[slot].used; slot++)
				;
			if (slot < CFFS_SLOTS) {
				struct entry with[CFFS_SLOTS];

				memcpy(with, e, sizeof(with));
				with[slot] = one;
				/* A name longer than the rest of the partition is refused exactly then. */
				CHECK(entry_fits(part, len + one.di.extra) == (room_used(with) <= CFFS_PART));
			}
			slot = entry_add(part, &one.di, one.name, len, one.target);
			if (slot >= 0)
				e[slot] = one;
			else
				CHECK(slot == -ENOSPC);
			break;
		case 1:
			if (!e[at].used)
				break;
			entry_del(part, at);
			e[at].used = false;
			break;
		case 2:
			if (!e[at].used)
				break;
			slot = entry_rename(part, at, 4711, one.name, len);
			memcpy(one.target, e[at].name, sizeof(e[at].name));
			if (slot) {
				CHECK(slot == -ENOSPC);
				break;
			}
			memcpy(e[at].name, one.name, sizeof(one.name));
			e[at].di.hash = 4711;
			CHECK(room_used(e) <= CFFS_PART);
			break;
		}
		compare(part, e);
	}
}

static void damage(void)
{
	u8 part[CFFS_PART];
	u64 refused = 0, taken = 0;
	int round, i, n;

	for (round = 0; round < 300000; round++) {
		u8 *exact = malloc(CFFS_PART);
		struct inode di;
		const char *name;
		char text[256];

		part_init(part, &owner, 9);
		for (i = 0; i < CFFS_SLOTS; i++) {
			struct inode fresh;
			char target[CFFS_PART];

			random_inode(&fresh, 5 + i);
			random_name(target, fresh.extra);
			random_name(text, 1 + below(50));
			entry_add(part, &fresh, text, strlen(text), target);
		}
		n = 1 + below(6);
		for (i = 0; i < n; i++)
			part[below(CFFS_PART)] = below(256);
		if (!below(20))
			for (i = CFFS_H_SIZE; i < CFFS_PART; i++)
				part[i] = below(256);
		memcpy(exact, part, CFFS_PART);
		if (part_kind(exact) == CFFS_KIND_DIR) {
			for (i = 0; i < CFFS_SLOTS; i++) {
				if (!part_used(exact, i))
					continue;
				if (entry_get(exact, i, &di, &name)) {
					refused++;
					continue;
				}
				taken++;
				CHECK((const u8 *)name >= exact &&
				      (const u8 *)name + di.name_len + di.extra <= exact + CFFS_PART);
				CHECK(di.level <= CFFS_LEVEL_MAX && di.ref <= 1 && di.name_len);
			}
		}
		entry_find(exact, OWNER, below(1u << 30), "abc", 3, &di);
		if (part_kind(exact) == CFFS_KIND_DIR) {
			bool good = true;

			for (i = 0; i < CFFS_SLOTS; i++)
				good &= !part_used(exact, i) || !entry_get(exact, i, &di, NULL);
			entry_fits(exact, 30);
			/* Changes are made only to partitions all of whose entries were readable. */
			if (good && part_used(exact, 1))
				entry_del(exact, 1);
		}
		free(exact);
	}
	/* Both happened often, so neither check was idle. */
	CHECK(refused > 1000 && taken > 1000);
}

static void hash(void)
{
	struct cffs fs = {.seed = {0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull}};
	struct cffs other = {.seed = {1, 2}};
	char in[64];
	u32 seen[64], i, k;

	for (i = 0; i < 64; i++) {
		in[i] = i;
		seen[i] = name_hash(&fs, in, i);
		CHECK(seen[i] != name_hash(&other, in, i));
		for (k = 0; k < i; k++)
			CHECK(seen[k] != seen[i]);
	}
}

int main(void)
{
	model();
	damage();
	hash();
	return 0;
}
