// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * read.c: libexo's reader of UDF objects: real objects, damaged ones, and the new layout of jumps.
 *
 *	udf-read DIR	DIR has example_list.o and bad/ (default: build/udf)
 */
#include <libexo.h>
#include "../../kmod/core/scan.h"
#include "../../libexo/udf_read.h"
#include "../sim/check.h"
#include "../sim/sim.h"
#include "insn.h"

static u8 *slurp(const char *dir, const char *name, size_t *bytes)
{
	char path[512];
	u8 *p;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	NEED(f);
	p = malloc(1 << 20);
	NEED(p);
	*bytes = fread(p, 1, 1 << 20, f);
	fclose(f);
	return p;
}

/* The list of udf/example_list.c, through reader and interpreter. */
static void example(const char *dir)
{
	static u8 in[512];
	static struct exo_udf_claim out[EXO_MAX_SLOTS];
	struct exo_udf_code code;
	struct exo_why why;
	struct sim_prog *p;
	char path[512], msg[128];
	u64 detail;
	u32 i;

	snprintf(path, sizeof(path), "%s/example_list.o", dir);
	NEED(!exo_udf_read(path, &code, &why));
	CHECK(code.partition == 512 && !strcmp(code.name, "example_list"));
	CHECK(code.ninsns > 100 && code.ninsns <= EXO_MAX_INSNS);
	CHECK(!exo_scan((u64 *)code.insns, code.ninsns, &detail));
	NEED(!sim_prog_load((u64 *)code.insns, code.ninsns, code.partition, msg, sizeof(msg), &p));
	CHECK(sim_prog_run(p, in, 0, out, NULL) == 0);
	for (i = 0; i < EXO_MAX_SLOTS; i++)
		CHECK(!out[i].count);
	memcpy(in, "LIST", 4);
	in[4] = 30;
	for (i = 0; i < 30; i++) {
		in[16 + 16 * i] = 100 + i;
		in[16 + 16 * i + 7] = 1;
		in[16 + 16 * i + 8] = i + 1;
		in[16 + 16 * i + 12] = i & 1;
	}
	CHECK(sim_prog_run(p, in, 0, out, NULL) == 0);
	for (i = 0; i < EXO_MAX_SLOTS; i++) {
		CHECK(out[i].count == (i < 30 ? i + 1 : 0));
		CHECK(out[i].start == (i < 30 ? (1ull << 56) + 100 + i : 0) && out[i].ref == (i < 30 ? i & 1 : 0));
	}
	in[4] = 2;
	CHECK(sim_prog_run(p, in, 0, out, NULL) == 0 && out[1].count == 2 && out[2].count == 0);
	in[16 + 12] = 2;
	CHECK(sim_prog_run(p, in, 0, out, NULL) == 2);
	in[4] = 31;
	CHECK(sim_prog_run(p, in, 0, out, NULL) == 1);
	in[0] = 'l';
	CHECK(sim_prog_run(p, in, 0, out, NULL) == 1);
	sim_prog_free(p);
	exo_udf_free(&code);
	CHECK(!code.insns && !code.ninsns);
}

static void refusals(const char *dir)
{
	struct exo_udf_code code;
	struct exo_why why;
	char path[512];

	CHECK(exo_udf_read("/nonexistent/udf.o", &code, &why) == -ENOENT && strstr(why.text, "/nonexistent/udf.o"));
	CHECK(exo_udf_read("/", &code, &why) == -EINVAL);
	CHECK(exo_udf_read("/dev/zero", &code, &why) == -EINVAL);
	CHECK(exo_udf_read("/proc/self/exe", &code, &why) == -ENOEXEC && strstr(why.text, "another machine"));
	CHECK(exo_udf_read("/dev/null", &code, NULL) == -EINVAL);
	CHECK(exo_udf_parse("", 0, &code, &why) == -ENOEXEC);
	snprintf(path, sizeof(path), "%s/bad/function_call.o", dir);
	CHECK(exo_udf_read(path, &code, &why) == -EINVAL && strstr(why.text, "cannot call"));
	snprintf(path, sizeof(path), "%s/bad/global_variable.o", dir);
	CHECK(exo_udf_read(path, &code, &why) == -EINVAL && strstr(why.text, "memory of its own") && why.hint[0]);
}

/* Any damage gives an answer; the sanitizers see to it that reading stays inside the file. */
static void damage(const char *dir, const char *name)
{
	struct exo_udf_code code;
	struct exo_why why;
	u64 seed = 99, refused = 0;
	size_t bytes, i;
	u8 *good = slurp(dir, name, &bytes), *bad;
	int err;

	for (i = 0; i < bytes; i++) {
		/* cut short, in memory of exactly that length */
		bad = malloc(i ? i : 1);
		NEED(bad);
		memcpy(bad, good, i);
		CHECK(exo_udf_parse(bad, i, &code, &why) == -ENOEXEC);
		free(bad);
	}
	bad = malloc(bytes);
	NEED(bad);
	for (i = 0; i < 60000; i++) {
		u32 k, n = 1 + sim_random(&seed) % 4;

		memcpy(bad, good, bytes);
		for (k = 0; k < n; k++) {
			/* mostly the headers, and mostly values that make offsets wild */
			size_t at = sim_random(&seed) & 1 ? sim_random(&seed) % 64 : sim_random(&seed) % bytes;

			bad[at] = sim_random(&seed) & 1 ? sim_random(&seed) : 0xff;
		}
		err = exo_udf_parse(bad, bytes, &code, &why);
		CHECK(!err || err == -ENOEXEC || err == -EINVAL);
		CHECK(!err == !!code.insns && (!err || why.text[0]));
		refused += err != 0;
		exo_udf_free(&code);
	}
	CHECK(refused > 1000 && refused < i);
	free(bad);
	free(good);
}

/* ---- jumps ---- */

#define BLOCKS 12

/*
 * A program of blocks that only go forward, block b to any later one; and the same laid out in another order with all
 * its jumps spelled out. Register 0 collects which way was taken; the input's bytes decide.
 */
static u32 lay_out(u64 *code, const u32 *order, const u32 *target, const u32 *next, u32 n)
{
	u32 at[BLOCKS] = {0}, i, len = 0;

	code[len++] = INSN(0x18, 8, 6, 0, 0);
	code[len++] = 0;
	code[len++] = MOV(0, 1);
	code[len++] = 0; /* to block 0 */
	for (i = 0; i < n; i++) {
		at[order[i]] = len;
		len += 6;
	}
	code[3] = JA_TO(at[0] - 4);
	for (i = 0; i < n; i++) {
		u32 b = order[i], k = at[b];

		code[k] = INSN(0x27, 0, 0, 0, 31);
		code[k + 1] = INSN(0x07, 0, 0, 0, b);
		code[k + 2] = LDX_(SZ_B, 2, 8, b);
		code[k + 3] = b == n - 1 ? MOV(3, 0) : INSN(0x15, 2, 0, (int)at[target[b]] - (int)(k + 4), 0);
		code[k + 4] = b == n - 1 ? EXIT : JA_TO((int)at[next[b]] - (int)(k + 5));
		/* what an optimiser leaves: code that nothing reaches */
		code[k + 5] = EXIT;
	}
	return len;
}

static void jumps(void)
{
	static struct exo_udf_claim out[EXO_MAX_SLOTS];
	u64 seed = 5, backward = 0;
	u32 i, k;

	for (i = 0; i < 3000; i++) {
		u32 order[BLOCKS], target[BLOCKS], next[BLOCKS], n = 2 + sim_random(&seed) % (BLOCKS - 1), len, len2;
		u64 *code = calloc(BLOCKS * 6 + 4, 8), detail, straight[BLOCKS * 6 + 4];
		struct sim_prog *a, *b;
		char msg[128] = "";
		u8 in[512] = {0};

		NEED(code);
		for (k = 0; k < n; k++) {
			order[k] = k;
			target[k] = k + 1 < n ? k + 1 + sim_random(&seed) % (n - k - 1) : 0;
			next[k] = k + 1 < n ? k + 1 + sim_random(&seed) % (n - k - 1) : 0;
		}
		len = lay_out(straight, order, target, next, n);
		for (k = n; k > 1; k--) {
			u32 j = sim_random(&seed) % k, t = order[k - 1];

			order[k - 1] = order[j];
			order[j] = t;
		}
		len2 = lay_out(code, order, target, next, n);
		backward += exo_scan(code, len2, &detail) != 0;
		NEED(!exo_udf_forward((uint64_t **)&code, &len2));
		CHECK_MSG(!exo_scan(code, len2, &detail), "program %u: %llx", i, detail);
		/* the straight one has dead code, which only a new layout takes out: give it one backward jump */
		u64 *s = malloc(sizeof(straight));

		NEED(s);
		memcpy(s, straight, sizeof(straight));
		s[len - 1] = JA_TO(-1 - (int)len + 6);
		NEED(!exo_udf_forward((uint64_t **)&s, &len));
		NEED(!sim_prog_load(s, len, 512, msg, sizeof(msg), &a));
		if (sim_prog_load(code, len2, 512, msg, sizeof(msg), &b)) {
			/* no jump went backward: it stayed as it was, with its dead code */
			CHECK_MSG(strstr(msg, "unreachable"), "program %u: %s", i, msg);
		} else {
			for (k = 0; k < 50; k++) {
				u64 r = sim_random(&seed);
				u32 bit;

				for (bit = 0; bit < BLOCKS; bit++)
					in[bit] = r >> bit & 1;
				CHECK(sim_prog_run(a, in, 0, out, NULL) == sim_prog_run(b, in, 0, out, NULL));
			}
			sim_prog_free(b);
		}
		sim_prog_free(a);
		free(code);
		free(s);
	}
	CHECK(backward > 1000);
}

/* What has no forward layout stays untouched, for the module to refuse. */
static void untouched(void)
{
	static const struct {
		u64 code[6];
		u32 n;
	} t[] = {
		{{MOV(0, 0), JA_TO(-1), EXIT}, 3},			   /* a loop */
		{{MOV(0, 0), INSN(0x15, 0, 0, -2, 0), EXIT}, 3},	   /* a loop with an exit */
		{{MOV(0, 0), JA_TO(-9), EXIT}, 3},			   /* out of the front */
		{{JA_TO(1), EXIT, INSN(0x15, 0, 0, -2, 0), MOV(0, 0)}, 4}, /* falls off the end */
		{{JA_TO(1), EXIT, INSN(0x18, 0, 0, 0, 0)}, 3},		   /* half a load */
		{{JA_TO(1), EXIT, LDDW(0, 1), JA_TO(-2)}, 5},		   /* into a load */
		{{JA_TO(1), EXIT, INSN(0x06, 0, 0, 0, -2), JA_TO(-3)}, 4}, /* a jump of another kind */
		{{JA_TO(1), EXIT, INSN(0xe5, 0, 0, 0, 0), JA_TO(-3)}, 4},  /* may_goto */
		{{MOV(0, 0), EXIT}, 2},
	};
	u32 i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint64_t *code = malloc(sizeof(t[i].code));
		u32 n = t[i].n;

		NEED(code);
		memcpy(code, t[i].code, sizeof(t[i].code));
		CHECK(!exo_udf_forward(&code, &n));
		CHECK_MSG(n == t[i].n && !memcmp(code, t[i].code, n * 8), "case %u", i);
		free(code);
	}
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : "build/udf";

	example(dir);
	refusals(dir);
	damage(dir, "example_list.o");
	damage(dir, "example_owned.o");
	damage(dir, "bad/claim_overlap.o");
	jumps();
	untouched();
	return check_done();
}
