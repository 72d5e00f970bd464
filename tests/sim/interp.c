// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * interp.c: an interpreter of straight-line eBPF as UDFs use it, written from the instruction set's description
 * and not from kmod/core/scan.c: it is an oracle for the kernel's JIT and a stand-in for its verifier.
 *
 * A value carries what it is: a number, or an offset into one of four regions (ctx, stack, input, output). So every
 * access is checked for bounds and rights, and no address can become a number. The kernel's strict mode decides that
 * for all paths before the first run; here a load tries some inputs, and a later run that breaks a rule is an error
 * of that run.
 */
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "interp.h"

#define STACK 512
#define SPILLS (STACK / 8)
#define IDX_VALUE 6 /* BPF_PSEUDO_MAP_IDX_VALUE; older headers lack it */

enum kind { UNSET, NUMBER, CTX, FRAME, IN, OUT };

struct value {
	enum kind kind;
	u64 n; /* number, or byte offset in the region; FRAME: offset from the stack's low end */
};

struct sim_prog {
	u32 n;
	struct exo_udf_kind kind;
	struct bpf_insn insn[];
};

struct run {
	const struct sim_prog *p;
	struct value r[11];
	u8 stack[STACK];
	u8 set[STACK];		    /* byte has been written */
	struct value spill[SPILLS]; /* kind != UNSET: an address lies in this 8-byte slot */
	struct exo_udf_ctx ctx;
	const u8 *in;
	u8 *out;
};

static int say(char *msg, size_t bytes, int err, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static int say(char *msg, size_t bytes, int err, const char *fmt, ...)
{
	va_list ap;

	if (msg && bytes) {
		va_start(ap, fmt);
		vsnprintf(msg, bytes, fmt, ap);
		va_end(ap);
	}
	return err;
}

/* ---- load: form of the program ---- */

static bool is_lddw(const struct bpf_insn *i)
{
	return i->code == (BPF_LD | BPF_IMM | BPF_DW);
}

static bool jumps(const struct bpf_insn *i)
{
	int class = BPF_CLASS(i->code);

	return (class == BPF_JMP || class == BPF_JMP32) && BPF_OP(i->code) != BPF_EXIT && BPF_OP(i->code) != BPF_CALL;
}

static const char *form_alu(const struct bpf_insn *i)
{
	bool wide = BPF_CLASS(i->code) == BPF_ALU64, reg = i->code & BPF_X;
	int op = BPF_OP(i->code), bits = wide ? 64 : 32;

	if (op > BPF_END)
		return "unknown arithmetic";
	if (i->off)
		return "arithmetic with an offset";
	if (i->dst_reg == 10)
		return "frame pointer is read only";
	if (op == BPF_END) {
		if (wide || i->src_reg || (i->imm != 16 && i->imm != 32 && i->imm != 64))
			return "unknown byte swap";
		return NULL;
	}
	if (op == BPF_NEG)
		return reg || i->src_reg || i->imm ? "negation with an operand" : NULL;
	if (reg ? i->imm != 0 : i->src_reg != 0)
		return "arithmetic with two operands";
	if (!reg && (op == BPF_DIV || op == BPF_MOD) && !i->imm)
		return "division by zero";
	if (!reg && (op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH) && (u32)i->imm >= bits)
		return "invalid shift";
	return NULL;
}

static const char *form_jump(const struct bpf_insn *i)
{
	bool wide = BPF_CLASS(i->code) == BPF_JMP, reg = i->code & BPF_X;
	int op = BPF_OP(i->code);

	if (op == BPF_CALL)
		return "calls are not known here";
	if (op == BPF_EXIT)
		return !wide || reg || i->dst_reg || i->src_reg || i->off || i->imm ? "exit with operands" : NULL;
	if (op > BPF_JSLE)
		return "unknown jump";
	if (i->off < 0)
		return "back-edge";
	if (op == BPF_JA)
		return !wide || reg || i->dst_reg || i->src_reg || i->imm ? "jump with operands" : NULL;
	return (reg ? i->imm != 0 : i->src_reg != 0) ? "comparison with two operands" : NULL;
}

static const char *form(const struct bpf_insn *i)
{
	if (i->dst_reg > 10 || (i->src_reg > 10 && !is_lddw(i)))
		return "no such register";
	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		return form_alu(i);
	case BPF_JMP:
	case BPF_JMP32:
		return form_jump(i);
	case BPF_LDX:
		if (BPF_MODE(i->code) != BPF_MEM || i->imm)
			return "unknown load";
		return i->dst_reg == 10 ? "frame pointer is read only" : NULL;
	case BPF_ST:
		return BPF_MODE(i->code) != BPF_MEM || i->src_reg ? "unknown store" : NULL;
	case BPF_STX:
		return BPF_MODE(i->code) != BPF_MEM || i->imm ? "unknown store (atomics are not known here)" : NULL;
	}
	return is_lddw(i) ? NULL : "unknown load (legacy packet access is not known here)";
}

static const char *form_lddw(const struct bpf_insn *i, u32 left, const struct exo_udf_kind *kind)
{
	u32 size;

	if (left < 2 || i[1].code || i[1].dst_reg || i[1].src_reg || i[1].off || i->off)
		return "invalid 16-byte load";
	if (i->dst_reg == 10)
		return "frame pointer is read only";
	if (!i->src_reg)
		return NULL;
	if (i->src_reg != IDX_VALUE || (i->imm != 0 && i->imm != 1))
		return "unknown kind of address";
	size = i->imm ? kind->out_bytes : kind->in_bytes;
	if (!size)
		return "there is no such map";
	return (u32)i[1].imm >= size ? "address outside the map's value" : NULL;
}

/* Forward jumps only, so one pass finds what can be reached; nothing may fall off the end or be dead. */
static int check_flow(const struct sim_prog *p, char *msg, size_t bytes)
{
	u8 *seen = calloc(p->n, 1); /* 1 reached, 2 second half of a 16-byte load */
	u32 i, next;
	int err = 0;

	if (!seen)
		return -ENOMEM;
	for (i = 0; i < p->n; i++)
		if (is_lddw(&p->insn[i]))
			seen[++i] = 2;
	seen[0] |= 1;
	for (i = 0; i < p->n && !err; i = next) {
		const struct bpf_insn *at = &p->insn[i];
		u64 to = (u64)i + 1 + (u16)at->off;

		next = i + (is_lddw(at) ? 2 : 1);
		if (!(seen[i] & 1))
			err = say(msg, bytes, -EINVAL, "unreachable insn %u", i);
		else if (jumps(at) && (to >= p->n || seen[to] & 2))
			err = say(msg, bytes, -EINVAL, "jump out of range from insn %u to %llu", i, to);
		else if (at->code == (BPF_JMP | BPF_EXIT))
			continue;
		else if (jumps(at)) {
			seen[to] |= 1;
			if (BPF_OP(at->code) == BPF_JA)
				continue;
		}
		if (!err && next >= p->n)
			err = say(msg, bytes, -EINVAL, "last insn is not an exit or jmp");
		else if (!err)
			seen[next] |= 1;
	}
	free(seen);
	return err;
}

static int check_form(const struct sim_prog *p, char *msg, size_t bytes)
{
	const char *why = NULL;
	u32 i;

	for (i = 0; i < p->n && !why; i++) {
		why = form(&p->insn[i]);
		if (!why && is_lddw(&p->insn[i])) {
			why = form_lddw(&p->insn[i], p->n - i, &p->kind);
			i++;
		}
	}
	return why ? say(msg, bytes, -EINVAL, "insn %u: %s", i - 1, why) : check_flow(p, msg, bytes);
}

/* ---- run ---- */

static u32 width(u8 code)
{
	switch (BPF_SIZE(code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	}
	return 8;
}

/* The offset of an access in its region, or -1 when it leaves it. */
static s64 locate(struct run *x, const struct value *base, int16_t off, u32 bytes)
{
	u64 room = base->kind == CTX	 ? sizeof(x->ctx)
		   : base->kind == FRAME ? STACK
		   : base->kind == IN	 ? x->p->kind.in_bytes
					 : x->p->kind.out_bytes;
	u64 at = base->n + (u64)(s64)off;

	return at < room && bytes <= room - at ? (s64)at : -1;
}

static int load(struct run *x, struct value *dst, const struct value *base, int16_t off, u32 bytes)
{
	s64 at = locate(x, base, off, bytes);
	const u8 *from;
	u64 n = 0;
	u32 i;

	if (base->kind == UNSET || base->kind == NUMBER || base->kind == OUT)
		return -EACCES;
	if (at < 0)
		return base->kind == CTX ? -ERANGE : -EACCES;
	if (base->kind == FRAME) {
		struct value *spill = &x->spill[at / 8];

		if (at % bytes)
			return -EACCES;
		if (spill->kind != UNSET) {
			if (bytes != 8)
				return -EACCES;
			*dst = *spill;
			return 0;
		}
		for (i = 0; i < bytes; i++)
			if (!x->set[at + i])
				return -EACCES;
	}
	if (base->kind == CTX && at % bytes)
		return -EACCES;
	from = (base->kind == CTX ? (const u8 *)&x->ctx : base->kind == FRAME ? x->stack : x->in) + at;
	for (i = 0; i < bytes; i++)
		n |= (u64)from[i] << (8 * i);
	dst->kind = NUMBER;
	dst->n = n;
	return 0;
}

static int store(struct run *x, const struct value *base, int16_t off, u32 bytes, const struct value *v)
{
	s64 at = locate(x, base, off, bytes);
	u8 *to;
	u32 i;

	if ((base->kind != FRAME && base->kind != OUT && base->kind != CTX) || v->kind == UNSET)
		return -EACCES;
	if (at < 0)
		return base->kind == CTX ? -ERANGE : -EACCES;
	if (base->kind == FRAME) {
		struct value *spill = &x->spill[at / 8];

		if (at % bytes)
			return -EACCES;
		if (v->kind != NUMBER) {
			if (bytes != 8)
				return -EACCES;
			*spill = *v;
			memset(&x->set[at], 0, 8);
			return 0;
		}
		/* Part of a spilled address may not be overwritten: the rest would be a piece of an address. */
		if (spill->kind != UNSET && bytes != 8)
			return -EACCES;
		spill->kind = UNSET;
		memset(&x->set[at], 1, bytes);
	} else if (v->kind != NUMBER || (base->kind == CTX && at % bytes)) {
		return -EACCES;
	}
	/* the ctx is the run's own copy: it may be used as memory, as the kernel allows */
	to = (base->kind == FRAME ? x->stack : base->kind == CTX ? (u8 *)&x->ctx : x->out) + at;
	for (i = 0; i < bytes; i++)
		to[i] = v->n >> (8 * i);
	return 0;
}

static u64 alu64(int op, u64 a, u64 b)
{
	switch (op) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return b ? a / b : 0;
	case BPF_MOD:
		return b ? a % b : a;
	case BPF_OR:
		return a | b;
	case BPF_AND:
		return a & b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return a << (b & 63);
	case BPF_RSH:
		return a >> (b & 63);
	case BPF_ARSH:
		return (u64)((s64)a >> (b & 63));
	case BPF_NEG:
		return -a;
	}
	return b; /* BPF_MOV; the form check let nothing else pass */
}

static u32 alu32(int op, u32 a, u32 b)
{
	switch (op) {
	case BPF_LSH:
		return a << (b & 31);
	case BPF_RSH:
		return a >> (b & 31);
	case BPF_ARSH:
		return (u32)((__s32)a >> (b & 31));
	}
	return alu64(op, a, b);
}

static u64 swap(u64 n, u32 bits, bool to_big)
{
	u64 v = 0;
	u32 i;

	for (i = 0; i < bits; i += 8)
		v |= (n >> i & 0xff) << (to_big ? bits - 8 - i : i);
	return v;
}

static int alu(struct run *x, const struct bpf_insn *i)
{
	bool wide = BPF_CLASS(i->code) == BPF_ALU64;
	struct value imm = {NUMBER, (u64)(s64)i->imm}, *d = &x->r[i->dst_reg];
	const struct value *s = i->code & BPF_X ? &x->r[i->src_reg] : &imm;
	int op = BPF_OP(i->code);

	if (op == BPF_END) {
		if (d->kind != NUMBER)
			return -EACCES;
		d->n = swap(d->n, i->imm, i->code & BPF_TO_BE);
		return 0;
	}
	if (s->kind == UNSET || (op != BPF_MOV && d->kind == UNSET))
		return -EACCES;
	if (op == BPF_MOV && wide) {
		*d = *s;
		return 0;
	}
	if (wide && (op == BPF_ADD || op == BPF_SUB) && (d->kind != NUMBER || s->kind != NUMBER)) {
		/* address +- number, or number + address */
		if (s->kind != NUMBER && (d->kind != NUMBER || op == BPF_SUB))
			return -EACCES;
		d->n = alu64(op, d->n, s->n);
		if (s->kind != NUMBER)
			d->kind = s->kind;
		return 0;
	}
	if (s->kind != NUMBER || (op != BPF_MOV && d->kind != NUMBER))
		return -EACCES;
	d->n = wide ? alu64(op, d->n, s->n) : alu32(op, d->n, s->n);
	d->kind = NUMBER;
	return 0;
}

static bool compare(int op, u64 a, u64 b, s64 sa, s64 sb)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JNE:
		return a != b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JLT:
		return a < b;
	case BPF_JLE:
		return a <= b;
	case BPF_JSGT:
		return sa > sb;
	case BPF_JSGE:
		return sa >= sb;
	case BPF_JSLT:
		return sa < sb;
	case BPF_JSLE:
		return sa <= sb;
	case BPF_JSET:
		return a & b;
	}
	return true; /* BPF_JA */
}

static int jump(struct run *x, const struct bpf_insn *i, bool *taken)
{
	struct value imm = {NUMBER, (u64)(s64)i->imm};
	const struct value *d = &x->r[i->dst_reg], *s = i->code & BPF_X ? &x->r[i->src_reg] : &imm;
	int op = BPF_OP(i->code);

	if (op != BPF_JA && (d->kind != NUMBER || s->kind != NUMBER))
		return -EACCES;
	if (BPF_CLASS(i->code) == BPF_JMP32)
		*taken = compare(op, (u32)d->n, (u32)s->n, (__s32)d->n, (__s32)s->n);
	else
		*taken = compare(op, d->n, s->n, d->n, s->n);
	return 0;
}

static int step(struct run *x, const struct bpf_insn *i, u32 *pc)
{
	struct value imm = {NUMBER, (u64)(s64)i->imm};
	bool taken = false;
	int err = 0;

	switch (BPF_CLASS(i->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		err = alu(x, i);
		break;
	case BPF_LDX:
		err = load(x, &x->r[i->dst_reg], &x->r[i->src_reg], i->off, width(i->code));
		break;
	case BPF_ST:
		err = store(x, &x->r[i->dst_reg], i->off, width(i->code), &imm);
		break;
	case BPF_STX:
		err = store(x, &x->r[i->dst_reg], i->off, width(i->code), &x->r[i->src_reg]);
		break;
	case BPF_LD:
		x->r[i->dst_reg].kind = !i->src_reg ? NUMBER : i->imm ? OUT : IN;
		x->r[i->dst_reg].n = i->src_reg ? (u32)i[1].imm : (u64)(u32)i[1].imm << 32 | (u32)i->imm;
		++*pc;
		break;
	default:
		err = jump(x, i, &taken);
		if (taken)
			*pc += i->off;
	}
	++*pc;
	return err;
}

s64 sim_prog_run(const struct sim_prog *p, const void *in, u32 index, void *out, u32 *at)
{
	struct run x = {.p = p, .in = in, .out = out};
	u32 pc = 0;
	int err;

	x.ctx.partition = p->kind.partition;
	x.ctx.index = index;
	x.r[1].kind = CTX;
	x.r[10] = (struct value){FRAME, STACK};
	if (p->kind.out_bytes)
		memset(out, 0, p->kind.out_bytes);
	/* Only forward jumps and no end to fall off (check_flow), so this ends. */
	for (;;) {
		const struct bpf_insn *i = &p->insn[pc];

		if (at)
			*at = pc;
		if (i->code == (BPF_JMP | BPF_EXIT))
			return x.r[0].kind == NUMBER ? (s64)(u32)x.r[0].n : -EACCES;
		err = step(&x, i, &pc);
		if (err)
			return err;
	}
}

static u64 noise(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Zeroes, ones, and some noise: a rule that is broken on the paths these take is a refusal at load. */
static int trial(const struct sim_prog *p, char *msg, size_t bytes)
{
	struct exo_udf_claim out[EXO_MAX_SLOTS];
	u64 seed = 1;
	u32 round, i, at;
	s64 r = 0;
	u8 *in = malloc(p->kind.in_bytes);

	if (!in)
		return -ENOMEM;
	for (round = 0; round < 16 && r >= 0; round++) {
		for (i = 0; i < p->kind.in_bytes; i++)
			in[i] = !round ? 0 : round == 1 ? 0xff : noise(&seed) & (round < 8 ? 3 : 0xff);
		r = sim_prog_run(p, in, round & 7, out, &at);
	}
	free(in);
	if (r < 0)
		return say(msg, bytes, r, "insn %u: %s", at,
			   r == -ERANGE ? "reads outside the context" : "access or use of an address is not allowed");
	return 0;
}

int sim_prog_load_kind(const u64 *insns, u32 n, const struct exo_udf_kind *kind, char *msg, size_t msg_bytes,
		       struct sim_prog **out)
{
	u32 partition = kind->partition;
	struct sim_prog *p;
	int err;

	if (!n || n > EXO_MAX_INSNS || partition < 512 || partition > 4096 || partition & (partition - 1))
		return say(msg, msg_bytes, -EINVAL, "no program, too long, or an impossible partition size");
	p = malloc(sizeof(*p) + n * sizeof(p->insn[0]));
	if (!p)
		return say(msg, msg_bytes, -ENOMEM, "no memory");
	p->n = n;
	p->kind = *kind;
	memcpy(p->insn, insns, n * sizeof(p->insn[0]));
	err = check_form(p, msg, msg_bytes);
	if (!err)
		err = trial(p, msg, msg_bytes);
	if (err) {
		free(p);
		return err;
	}
	*out = p;
	return 0;
}

int sim_prog_load(const u64 *insns, u32 n, u32 partition, char *msg, size_t msg_bytes, struct sim_prog **out)
{
	struct exo_udf_kind kind = {partition, partition, EXO_MAX_SLOTS * sizeof(struct exo_udf_claim)};

	return sim_prog_load_kind(insns, n, &kind, msg, msg_bytes, out);
}

int sim_prog_load_acl(const u64 *insns, u32 n, u32 partition, char *msg, size_t msg_bytes, struct sim_prog **out)
{
	struct exo_udf_kind kind = {partition, EXO_ACL_BYTES(partition), 0};

	return sim_prog_load_kind(insns, n, &kind, msg, msg_bytes, out);
}

void sim_prog_free(struct sim_prog *p)
{
	free(p);
}
