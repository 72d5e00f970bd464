// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * maps.c: files as memory. A type gives the frames of a file's blocks; here they are mapped one behind the other.
 * Neighbouring frames share a mapping. The tree keeps a record for each stretch, sorted in no way: there are few.
 */
#include <stdint.h>
#include <sys/mman.h>
#include "call.h"

#define PAGE ((size_t)EXO_BLOCK_SIZE)
#define CHUNK 256 /* blocks that a type is asked for at a time */

struct exo_mapping {
	struct exo_mapping *next;
	struct exo_node *node; /* the type holds it once for each page */
	char *addr;
	uint32_t pages;
	bool write;
	uint32_t frame[]; /* EXO_NOFRAME: none */
};

/* Memory of which every touch is SIGBUS: a file without a byte. */
static int nothing(void *addr, size_t len)
{
	int fd = memfd_create("exo-end", MFD_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (mmap(addr, len, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		err = -errno;
	close(fd);
	return err;
}

static int place(struct exo_fs *fs, char *addr, uint32_t n, uint32_t frame, int prot)
{
	void *p;

	if (frame == EXO_NOFRAME)
		p = mmap(addr, n * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	else
		p = mmap(addr, n * PAGE, prot, MAP_SHARED | MAP_FIXED, exo_fd(fs->x), EXO_MAP_POOL + frame * PAGE);
	return p != MAP_FAILED ? 0 : errno == EMFILE ? -ENOMEM : -errno;
}

static int place_all(struct exo_fs *fs, const struct exo_mapping *m, int prot)
{
	uint32_t i, n;
	int err = 0;

	for (i = 0; !err && i < m->pages; i += n) {
		uint32_t f = m->frame[i];

		for (n = 1; i + n < m->pages; n++)
			if (m->frame[i + n] != (f == EXO_NOFRAME ? f : f + n))
				break;
		err = place(fs, m->addr + i * PAGE, n, f, prot);
	}
	return err;
}

static struct exo_mapping *record(struct exo_node *node, char *addr, uint32_t pages, bool write)
{
	struct exo_mapping *m = malloc(sizeof(*m) + pages * sizeof(*m->frame));

	if (m) {
		m->node = node;
		m->addr = addr;
		m->pages = pages;
		m->write = write;
	}
	return m;
}

static int map_stretch(struct exo_file *f, uint64_t first, uint32_t pages, int prot, char *addr)
{
	bool write = prot & PROT_WRITE;
	struct exo_mapping *m = record(f->node, addr, pages, write);
	struct exo_fs *fs = f->fs;
	int err;

	if (!m)
		return -ENOMEM;
	err = fs->type->map(fs, f, first, pages, write, m->frame);
	if (err) {
		free(m);
		return err;
	}
	m->next = fs->maps;
	fs->maps = m;
	return place_all(fs, m, prot);
}

/* The record without pages [from, to): what is left behind it becomes one of its own. */
static int cut(struct exo_fs *fs, struct exo_mapping **at, uint32_t from, uint32_t to)
{
	struct exo_mapping *m = *at, *rest = NULL;

	if (from && to < m->pages) {
		rest = record(m->node, m->addr + to * PAGE, m->pages - to, m->write);
		if (!rest)
			return -ENOMEM;
		memcpy(rest->frame, m->frame + to, rest->pages * sizeof(*rest->frame));
	}
	munmap(m->addr + from * PAGE, (to - from) * PAGE);
	if (rest) {
		rest->next = m->next;
		m->next = rest;
	}
	fs->type->unmap(fs, m->node, to - from, m->frame + from, m->write);
	if (from) {
		m->pages = from;
	} else if (to < m->pages) {
		memmove(m->frame, m->frame + to, (m->pages - to) * sizeof(*m->frame));
		m->addr += to * PAGE;
		m->pages -= to;
	} else {
		*at = m->next;
		free(m);
	}
	return 0;
}

static int unmap_range(struct exo_fs *fs, char *addr, size_t len)
{
	struct exo_mapping **at = &fs->maps;
	int err;

	while (*at) {
		struct exo_mapping *m = *at;
		char *end = m->addr + m->pages * PAGE, *low = addr > m->addr ? addr : m->addr;
		char *high = addr + len < end ? addr + len : end;

		if (low < high) {
			err = cut(fs, at, (low - m->addr) / PAGE, (high - m->addr) / PAGE);
			if (err)
				return err;
			/* The same place: the record is gone, or what is left of it lies outside. */
			if (*at != m)
				continue;
		}
		at = &(*at)->next;
	}
	return 0;
}

static int map_file(struct exo_file *f, uint64_t off, size_t len, int prot, char *addr)
{
	uint64_t first = off / PAGE, have;
	size_t pages = len / PAGE, inside, done, n;
	struct stat st;
	int err = f->fs->type->getattr(f->fs, f->node, &st);

	if (!err)
		err = unmap_range(f->fs, addr, len);
	if (err)
		return err;
	have = ((uint64_t)st.st_size + PAGE - 1) / PAGE;
	inside = have <= first ? 0 : have - first < pages ? have - first : pages;
	for (done = 0; !err && done < inside; done += n) {
		n = inside - done < CHUNK ? inside - done : CHUNK;
		err = map_stretch(f, first + done, n, prot, addr + done * PAGE);
	}
	if (!err && inside < pages)
		err = nothing(addr + inside * PAGE, (pages - inside) * PAGE);
	if (err) {
		unmap_range(f->fs, addr, len);
		munmap(addr, len);
	}
	return err;
}

EXO_PUBLIC int exo_file_map(struct exo_file *f, off_t off, size_t len, int prot, void *addr)
{
	if (off < 0 || !len || off % PAGE || len % PAGE || (uintptr_t)addr % PAGE || len > INT64_MAX - (uint64_t)off ||
	    prot & ~(PROT_READ | PROT_WRITE) || !prot)
		return -EINVAL;
	if (f->oflags & O_PATH)
		return -EBADF;
	if (f->oflags & O_WRONLY || (prot & PROT_WRITE && (f->oflags & O_ACCMODE) != O_RDWR))
		return -EACCES;
	if (!S_ISREG(f->node->mode))
		return -ENODEV;
	if (!f->fs->type->map || exo_fd(f->fs->x) < 0)
		return -EOPNOTSUPP;
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, map_file(f, off, len, prot, addr));
}

EXO_PUBLIC int exo_file_unmap(struct exo_fs *fs, void *addr, size_t len)
{
	int err;

	if (!len || len % PAGE || (uintptr_t)addr % PAGE)
		return -EINVAL;
	exo_fs_enter(fs);
	err = unmap_range(fs, addr, len);
	if (!err && munmap(addr, len))
		err = -errno;
	return exo_fs_leave(fs, err);
}
