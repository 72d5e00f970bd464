// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * maps.c: files as memory. A private mapping is a copy. A shared one is the file's own frames (exo_file_map), which a
 * child of fork gets anew; the list of them is the library's.
 */
#include <linux/mman.h>
#include <sys/mman.h>
#include "posix.h"

struct shared {
	struct shared *next;
	uintptr_t addr;
	size_t len;
	struct ofd *o;
	int64_t off;
	int prot;
};

static struct shared *maps;

#define PAGE 4096ul

bool posix_shared_maps(void)
{
	return maps != NULL;
}

/* The address range, before anything is in it. */
static long reserve(struct op *op, int prot)
{
	return raw6(SYS_mmap, op->a[0], op->a[1], prot,
		    MAP_PRIVATE | MAP_ANONYMOUS | (op->a[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_32BIT)), -1, 0);
}

static long map_shared(struct op *op, struct ofd *o, size_t len)
{
	struct shared *s;
	int prot = op->a[2] & (PROT_READ | PROT_WRITE), err;
	long p;

	if (prot & PROT_WRITE && (o->oflags & O_ACCMODE) != O_RDWR)
		return -EACCES;
	s = __wrap_calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	p = reserve(op, PROT_NONE);
	if (p < 0 && p > -4096) {
		__wrap_free(s);
		return p;
	}
	err = exo_file_map(o->f, op->a[5], len, prot ? prot : PROT_READ, (void *)p);
	if (err) {
		raw2(SYS_munmap, p, len);
		__wrap_free(s);
		/* As mmap(2) says it of a file system without mappings: logfs. */
		return err == -EOPNOTSUPP ? -ENODEV : err;
	}
	if (prot != op->a[2])
		raw3(SYS_mprotect, p, len, op->a[2]);
	*s = (struct shared){maps, p, len, o, op->a[5], prot ? prot : PROT_READ};
	o->refs++;
	maps = s;
	return p;
}

/* Pages of which every touch is SIGBUS: those of a file without a byte. */
static long nothing(long at, size_t len, int prot)
{
	long fd = raw2(SYS_memfd_create, "exo-end", 0), p;

	if (fd < 0)
		return fd;
	p = raw6(SYS_mmap, at, len, prot, MAP_PRIVATE | MAP_FIXED, fd, 0);
	raw1(SYS_close, fd);
	return p < 0 && p > -4096 ? p : 0;
}

static long map_private(struct op *op, struct ofd *o, size_t len)
{
	long p = reserve(op, PROT_READ | PROT_WRITE), got = 0;
	size_t done = 0;

	if (p < 0 && p > -4096)
		return p;
	while (done < len) {
		got = exo_file_pread(o->f, (char *)p + done, len - done, op->a[5] + done);
		if (got <= 0)
			break;
		done += got;
	}
	if (got < 0) {
		raw2(SYS_munmap, p, len);
		return got;
	}
	if (op->a[2] != (PROT_READ | PROT_WRITE))
		raw3(SYS_mprotect, p, len, op->a[2]);
	/* What lies wholly behind the end. */
	done = (done + PAGE - 1) & ~(PAGE - 1);
	if (done < len)
		got = nothing(p + done, len - done, op->a[2]);
	if (got < 0) {
		raw2(SYS_munmap, p, len);
		return got;
	}
	return p;
}

static long do_mmap(struct op *op)
{
	struct ofd *o = posix_ofd((int)op->a[4]);
	size_t len = ((size_t)op->a[1] + PAGE - 1) & ~(PAGE - 1);
	int kind = op->a[3] & MAP_TYPE, err;

	if (!o || o->oflags & O_PATH)
		return -EBADF;
	err = posix_ready(o);
	if (err)
		return err;
	if (o->type != S_IFREG)
		return -ENODEV;
	if (!op->a[1] || len < (size_t)op->a[1] || op->a[5] & (PAGE - 1) || op->a[5] < 0)
		return op->a[5] & (PAGE - 1) || !op->a[1] ? -EINVAL : -EOVERFLOW;
	if (o->oflags & O_WRONLY)
		return -EACCES;
	return kind == MAP_PRIVATE ? map_private(op, o, len) : map_shared(op, o, len);
}

int out_mmap(struct regs *r, const struct call *c)
{
	struct op op = {r->rax, {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}, .c = c};

	if (r->r10 & MAP_FIXED)
		posix_unmapped(r->rdi, r->rsi);
	if (r->r10 & MAP_ANONYMOUS || !posix_ofd((int)r->r8))
		return 0;
	return posix_done(r, posix_enter(&op, do_mmap));
}

static bool touches(const struct shared *s, uintptr_t addr, size_t len)
{
	return s->addr < addr + len && addr < s->addr + s->len;
}

static bool any(uintptr_t addr, size_t len)
{
	const struct shared *s;

	for (s = maps; s; s = s->next)
		if (touches(s, addr, len))
			return true;
	return false;
}

static long do_munmap(struct op *op)
{
	uintptr_t addr = op->a[0], end = addr + ((op->a[1] + PAGE - 1) & ~(PAGE - 1));
	struct shared **at, *s, *rest;

	for (at = &maps; (s = *at);) {
		uintptr_t from = s->addr > addr ? s->addr : addr, to = s->addr + s->len < end ? s->addr + s->len : end;

		if (from >= to) {
			at = &s->next;
			continue;
		}
		exo_file_unmap(s->o->t->fs, (void *)from, to - from);
		if (to < s->addr + s->len && from > s->addr) {
			rest = __wrap_calloc(1, sizeof(*rest));
			if (rest) {
				*rest = (struct shared){
					s->next, to, s->addr + s->len - to, s->o, s->off + (to - s->addr), s->prot};
				s->o->refs++;
				s->next = rest;
			}
			s->len = from - s->addr;
			at = &s->next;
		} else if (from > s->addr) {
			s->len = from - s->addr;
			at = &s->next;
		} else if (to < s->addr + s->len) {
			s->off += to - s->addr;
			s->len -= to - s->addr;
			s->addr = to;
			at = &s->next;
		} else {
			*at = s->next;
			posix_put(s->o);
			__wrap_free(s);
		}
	}
	return posix_raw(op);
}

int out_munmap(struct regs *r, const struct call *c)
{
	struct op op = {r->rax, {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}, .c = c};

	posix_unmapped(r->rdi, r->rsi);
	if (!maps || !any(r->rdi, r->rsi))
		return 0;
	if (r->rax == SYS_mremap)
		return posix_done(r, -ENOMEM);
	return posix_done(r, posix_enter(&op, do_munmap));
}

int out_mprotect(struct regs *r, const struct call *c)
{
	const struct shared *s;

	posix_unmapped(r->rdi, r->rsi);
	for (s = maps; s && r->rdx & PROT_WRITE; s = s->next)
		if (touches(s, r->rdi, r->rsi) && (s->o->oflags & O_ACCMODE) != O_RDWR)
			return posix_done(r, -EACCES);
	return 0;
}

/* The pages are the file's whatever is advised; the kernel does not take advice about memory of a device. */
int out_madvise(struct regs *r, const struct call *c)
{
	if (!maps || !any(r->rdi, r->rsi) || r->rdi & (PAGE - 1) || r->rdx > MADV_DONTNEED)
		return 0;
	return posix_done(r, 0);
}

static long do_msync(struct op *op)
{
	struct shared *s;
	int err = 0, one;

	for (s = maps; s; s = s->next)
		if (touches(s, op->a[0], op->a[1]) && op->a[2] & MS_SYNC) {
			one = exo_file_datasync(s->o->f);
			if (one)
				err = one;
		}
	return err;
}

int out_msync(struct regs *r, const struct call *c)
{
	struct op op = {r->rax, {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}, .c = c};

	if (!maps || !any(r->rdi, r->rsi))
		return 0;
	if (r->rdi & (PAGE - 1) || r->rdx & ~(MS_SYNC | MS_ASYNC | MS_INVALIDATE) ||
	    (r->rdx & (MS_SYNC | MS_ASYNC)) == (MS_SYNC | MS_ASYNC))
		return posix_done(r, -EINVAL);
	return posix_done(r, posix_enter(&op, do_msync));
}

/* In a child of fork: the same frames, under its own environment. */
void posix_remap(void)
{
	struct shared *s;

	for (s = maps; s; s = s->next)
		exo_file_map(s->o->f, s->off, s->len, s->prot, (void *)s->addr);
}

void posix_maps_resized(struct ofd *o)
{
	struct shared *s;

	for (s = maps; s; s = s->next) {
		if (s->o->t != o->t || s->o->ino != o->ino)
			continue;
		exo_file_unmap(s->o->t->fs, (void *)s->addr, s->len);
		exo_file_map(s->o->f, s->off, s->len, s->prot, (void *)s->addr);
	}
}
