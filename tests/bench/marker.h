/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Marker instruction: a 7-byte NOP, `nopl disp32(%rax)`, whose displacement is the magic byte and a 24-bit id. On any
 * processor it does nothing; under QEMU the plugin exo-count ends a phase there and starts the phase `id`.
 * Id 0 means "outside any phase".
 *
 * EXO_MARK(id) for a constant; exo_mark_make() for an id that is known at run time only. The latter allocates,
 * so call it before what is measured; the function that it returns costs three instructions.
 */
#ifndef EXO_MARKER_H
#define EXO_MARKER_H

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define EXO_MARK_MODRM 0x80
#define EXO_MARK_MAGIC 0x45u
#define EXO_MARK_MAX 0xffffffu

#if defined(__x86_64__)
#define EXO_MARK(id)                                                                                                   \
	__asm__ volatile(".byte 0x0f, 0x1f, 0x80\n\t.long %c0" : : "i"(EXO_MARK_MAGIC << 24 | (id)) : "memory")
#else
#define EXO_MARK(id) __asm__ volatile("" : : : "memory")
#endif

typedef void exo_mark_fn(void);

/* A function that executes the marker `id`; it is never freed. NULL with errno set on failure. */
static inline exo_mark_fn *exo_mark_make(uint32_t id)
{
	uint8_t code[8] = {0x0f, 0x1f, EXO_MARK_MODRM, id, id >> 8, id >> 16, EXO_MARK_MAGIC, 0xc3};
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	exo_mark_fn *fn;

	if (page == MAP_FAILED)
		return NULL;
	memcpy(page, code, sizeof(code));
	if (mprotect(page, 4096, PROT_READ | PROT_EXEC)) {
		munmap(page, 4096);
		return NULL;
	}
	memcpy(&fn, &page, sizeof(fn));
	return fn;
}

#endif
