// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * udf_read.c: reads an eBPF object made with exo_udf.h into instructions for TEMPLATE_ADD. The contract of such an
 * object is in udf/README.md. The file may be anything: every offset in it is checked against its length.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "handle.h"
#include "udf_read.h"

#define MOST_BYTES (16u << 20)
#define MOST_INSNS 65536u /* more than any module takes; it says what its limit is */
#define META_VERSION 1
#define RELOC_64_64 1 /* R_BPF_64_64: a 16-byte load of an address */
#define LD_IMM64 0x18
#define SRC_IDX_VALUE (6ull << 12)

struct meta {
	uint32_t version;
	uint32_t partition;
	char name[EXO_NAME_MAX];
};

/* One program of the object, while it is read. */
struct program {
	uint64_t *insns;
	uint32_t n;
};

struct elf {
	const uint8_t *data;
	size_t bytes;
	Elf64_Ehdr h;
	Elf64_Shdr names;
	struct exo_why *why;
};

static int refuse(struct elf *e, int err, const char *hint, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static int refuse(struct elf *e, int err, const char *hint, const char *fmt, ...)
{
	va_list ap;

	if (e->why) {
		exo_why_fill(e->why, EXO_NR_TEMPLATE_ADD, err, EXO_R_NONE, 0);
		va_start(ap, fmt);
		vsnprintf(e->why->text, sizeof(e->why->text), fmt, ap);
		va_end(ap);
		snprintf(e->why->hint, sizeof(e->why->hint), "%s", hint);
	}
	return err;
}

static int damaged(struct elf *e, const char *what)
{
	return refuse(e, -ENOEXEC, "compile it again", "the eBPF object is damaged: %s", what);
}

/* Bytes [off, off + len) of the file, or NULL. */
static const void *part(const struct elf *e, uint64_t off, uint64_t len)
{
	return off <= e->bytes && len <= e->bytes - off ? e->data + off : NULL;
}

static bool section(const struct elf *e, uint32_t i, Elf64_Shdr *s)
{
	const void *p;

	if (i >= e->h.e_shnum || e->h.e_shoff > e->bytes)
		return false;
	p = part(e, e->h.e_shoff + (uint64_t)i * sizeof(*s), sizeof(*s));
	if (!p)
		return false;
	memcpy(s, p, sizeof(*s));
	return s->sh_type == SHT_NOBITS || s->sh_type == SHT_NULL || part(e, s->sh_offset, s->sh_size);
}

/* A NUL-terminated string of a string section, or NULL. */
static const char *string(const struct elf *e, const Elf64_Shdr *strings, uint64_t off)
{
	const char *base = part(e, strings->sh_offset, strings->sh_size);

	if (!base || strings->sh_type != SHT_STRTAB || off >= strings->sh_size)
		return NULL;
	return memchr(base + off, '\0', strings->sh_size - off) ? base + off : NULL;
}

/* Number of the only section of that name; 0: none. -ENOEXEC when the table is damaged or has two. */
static int find_section(struct elf *e, const char *name, Elf64_Shdr *out)
{
	int found = 0;

	for (uint32_t i = 1; i < e->h.e_shnum; i++) {
		Elf64_Shdr s;
		const char *n;

		if (!section(e, i, &s) || !(n = string(e, &e->names, s.sh_name)))
			return damaged(e, "a section lies outside the file");
		if (strcmp(n, name))
			continue;
		if (found)
			return damaged(e, "two sections of one name");
		found = i;
		*out = s;
	}
	return found;
}

static int read_header(struct elf *e)
{
	static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB};

	if (e->bytes < sizeof(e->h) || memcmp(e->data, ident, sizeof(ident)))
		return refuse(e, -ENOEXEC, "compile it with: clang -target bpf -mcpu=v3 -O2 -c",
			      "this is no eBPF object");
	memcpy(&e->h, e->data, sizeof(e->h));
	if (e->h.e_type != ET_REL || e->h.e_machine != EM_BPF)
		return refuse(e, -ENOEXEC, "compile it with: clang -target bpf -mcpu=v3 -O2 -c",
			      "this object is for another machine than eBPF, or linked already");
	if (e->h.e_shentsize != sizeof(Elf64_Shdr) || !section(e, e->h.e_shstrndx, &e->names))
		return damaged(e, "it has no section names");
	return 0;
}

static int read_meta(struct elf *e, struct exo_udf_code *code)
{
	Elf64_Shdr s;
	struct meta m;
	int found = find_section(e, ".exo.udf", &s);

	if (found <= 0)
		return found;
	if (s.sh_type != SHT_PROGBITS || s.sh_size != sizeof(m))
		return damaged(e, "its EXO_UDF() record has another length");
	memcpy(&m, e->data + s.sh_offset, sizeof(m));
	if (m.version != META_VERSION)
		return refuse(e, -ENOEXEC, "compile it with the exo_udf.h that belongs to this library",
			      "this UDF was made for version %u of exo_udf.h; the library knows %u", m.version,
			      META_VERSION);
	if (!m.name[0] || !memchr(m.name, '\0', sizeof(m.name)))
		return damaged(e, "its name is empty or has no end");
	code->partition = m.partition;
	memcpy(code->name, m.name, sizeof(m.name));
	return 0;
}

static int relocate(struct elf *e, const Elf64_Shdr *syms, const Elf64_Shdr *strings, const Elf64_Rel *r,
		    struct program *p)
{
	uint64_t nsyms = syms->sh_size / sizeof(Elf64_Sym), at = r->r_offset / 8, which, offset;
	const char *name;
	Elf64_Sym sym;

	if (ELF64_R_SYM(r->r_info) >= nsyms || r->r_offset % 8 || at >= p->n)
		return damaged(e, "a relocation points outside");
	memcpy(&sym, e->data + syms->sh_offset + ELF64_R_SYM(r->r_info) * sizeof(sym), sizeof(sym));
	name = string(e, strings, sym.st_name);
	if (!name)
		return damaged(e, "a symbol has no name");
	if (ELF64_R_TYPE(r->r_info) != RELOC_64_64)
		return refuse(e, -EINVAL,
			      "make the function static and __attribute__((always_inline)); there is no libc",
			      "the UDF calls '%s' at instruction %llu; a UDF cannot call",
			      *name ? name : "(static function)", (unsigned long long)at);
	if (sym.st_shndx != SHN_UNDEF || (strcmp(name, "exo_udf_in") && strcmp(name, "exo_udf_out")))
		return refuse(
			e, -EINVAL, "use local variables and constants only",
			"the UDF uses the variable or table '%s' at instruction %llu; a UDF has no memory of its own",
			*name ? name : "(unnamed)", (unsigned long long)at);
	if (at + 1 >= p->n || (p->insns[at] & 0xf0ff) != LD_IMM64)
		return damaged(e, "a relocation is not at a 16-byte load");
	which = strcmp(name, "exo_udf_out") == 0;
	/* the compiler leaves the offset in the region where the address will go */
	offset = p->insns[at] >> 32;
	p->insns[at] = (p->insns[at] & 0x0fffull) | SRC_IDX_VALUE | which << 32;
	p->insns[at + 1] = offset << 32;
	return 0;
}

static int relocate_all(struct elf *e, uint32_t target, struct program *p)
{
	for (uint32_t i = 1; i < e->h.e_shnum; i++) {
		Elf64_Shdr s, syms, strings;

		if (!section(e, i, &s))
			return damaged(e, "a section lies outside the file");
		if (s.sh_type == SHT_RELA && s.sh_info == target)
			return damaged(e, "its relocations are of another kind");
		if (s.sh_type != SHT_REL || s.sh_info != target)
			continue;
		if (!section(e, s.sh_link, &syms) || syms.sh_type != SHT_SYMTAB || !section(e, syms.sh_link, &strings))
			return damaged(e, "its relocations have no symbols");
		for (uint64_t k = 0; k < s.sh_size / sizeof(Elf64_Rel); k++) {
			Elf64_Rel r;
			int err;

			memcpy(&r, e->data + s.sh_offset + k * sizeof(r), sizeof(r));
			err = relocate(e, &syms, &strings, &r, p);
			if (err)
				return err;
		}
	}
	return 0;
}

/* insns NULL: there is no such section. */
static int read_program(struct elf *e, const char *name, struct program *p)
{
	Elf64_Shdr s;
	int err, found = find_section(e, name, &s);

	if (found <= 0)
		return found;
	/* An empty one is not the same as none: its author thinks that there is a program. */
	if (s.sh_type != SHT_PROGBITS || !s.sh_size || s.sh_size % 8 || s.sh_size / 8 > MOST_INSNS)
		return damaged(e, "its code has an odd length, is empty, or is far too long");
	p->insns = malloc(s.sh_size);
	if (!p->insns)
		return -ENOMEM;
	memcpy(p->insns, e->data + s.sh_offset, s.sh_size);
	p->n = s.sh_size / 8;
	err = relocate_all(e, found, p);
	return err ? err : exo_udf_forward(&p->insns, &p->n);
}

int exo_udf_parse(const void *elf, size_t bytes, struct exo_udf_code *code, struct exo_why *why)
{
	struct elf e = {.data = elf, .bytes = bytes, .why = why};
	struct program owns = {0}, acl = {0};
	int err;

	memset(code, 0, sizeof(*code));
	err = read_header(&e);
	if (!err)
		err = read_meta(&e, code);
	if (!err)
		err = read_program(&e, ".exo.owns", &owns);
	if (!err && !owns.insns)
		err = refuse(&e, -ENOEXEC, "write the UDF with EXO_UDF() of exo_udf.h", "this object has no UDF in it");
	if (!err)
		err = read_program(&e, ".exo.acl", &acl);
	code->insns = owns.insns;
	code->ninsns = owns.n;
	code->acl = acl.insns;
	code->nacl = acl.n;
	if (err) {
		if (err == -ENOMEM && why)
			exo_why_fill(why, EXO_NR_TEMPLATE_ADD, err, EXO_R_NONE, 0);
		exo_udf_free(code);
	}
	return err;
}

static int file_failed(struct exo_why *why, const char *path, int err)
{
	struct elf e = {.why = why};

	return refuse(&e, err, "", "cannot read the UDF '%s': %s", path, strerrordesc_np(-err));
}

int exo_udf_read(const char *path, struct exo_udf_code *code, struct exo_why *why)
{
	size_t got = 0;
	struct stat st;
	uint8_t *data;
	ssize_t n;
	int fd, err;

	memset(code, 0, sizeof(*code));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return file_failed(why, path, -errno);
	if (fstat(fd, &st)) {
		err = file_failed(why, path, -errno);
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > MOST_BYTES) {
		err = file_failed(why, path, S_ISREG(st.st_mode) ? -EFBIG : -EINVAL);
		goto out;
	}
	data = malloc(st.st_size ? st.st_size : 1);
	if (!data) {
		err = file_failed(why, path, -ENOMEM);
		goto out;
	}
	do {
		n = read(fd, data + got, st.st_size - got);
		if (n > 0)
			got += n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	err = n < 0 ? file_failed(why, path, -errno) : exo_udf_parse(data, got, code, why);
	free(data);
out:
	close(fd);
	return err;
}

void exo_udf_free(struct exo_udf_code *code)
{
	free(code->insns);
	free(code->acl);
	memset(code, 0, sizeof(*code));
}
