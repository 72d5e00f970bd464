// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * gallery.c: the programs of udf/bad against reader, scan and interpreter, on the host: the gates that need no kernel.
 *The verifier and the module itself are asked in tests/vm/23-udf-bad.sh.
 *
 *	udf-gallery [SOURCES OBJECTS]	default: udf/bad build/udf/bad
 */
#include <glob.h>
#include <libexo.h>
#include "../../kmod/core/scan.h"
#include "../sim/check.h"
#include "../sim/sim.h"

static const char *const scan_names[] = {"",	   "HELPER", "KFUNC",	 "SUBPROG",   "MAP",	 "LEGACY",
					 "ATOMIC", "OPCODE", "BACKEDGE", "TRUNCATED", "RESERVED"};

/* The verifier refuses these for paths that no input need take; a run of them breaks no rule. */
static bool only_verifier(const char *name)
{
	return !strcmp(name, "different_paths") || !strcmp(name, "ctx_by_data");
}

static void stage_of(const char *source, char stage[16], char words[112])
{
	char line[256];
	FILE *f = fopen(source, "r");

	stage[0] = words[0] = '\0';
	NEED(f);
	while (!stage[0] && fgets(line, sizeof(line), f))
		if (sscanf(line, "// refused: %15s %111[^\n]", stage, words) < 1)
			stage[0] = '\0';
	fclose(f);
}

/* Loaded in the simulator: what happens with zeroes, and with a 1 in front. */
static void run(const char *name, const char *stage, const struct sim_prog *p)
{
	static struct exo_udf_claim out[EXO_MAX_SLOTS];
	static u8 in[512];
	u32 i, claims = 0;
	s64 r;

	in[0] = 0;
	r = sim_prog_run(p, in, 0, out, NULL);
	for (i = 0; i < EXO_MAX_SLOTS; i++)
		claims += out[i].count != 0;
	CHECK_MSG((r || claims) == !strcmp(stage, "zero"), "%s with zeroes: %lld, %u claims", name, r, claims);
	in[0] = 1;
	r = sim_prog_run(p, in, 0, out, NULL);
	for (i = claims = 0; i < EXO_MAX_SLOTS; i++)
		claims += out[i].count != 0;
	if (!strcmp(stage, "claim") || !strcmp(stage, "overlap"))
		CHECK_MSG(!r && claims, "%s with a 1: %lld, %u claims", name, r, claims);
	if (!strcmp(stage, "reject"))
		CHECK_MSG(r == 0xffffffff, "%s with a 1: %lld", name, r);
}

/* An acl that every gate lets pass refuses, whatever it is asked. */
static void run_acl(const char *name, const char *stage, const struct sim_prog *p)
{
	static u8 in[EXO_ACL_BYTES(512)];
	s64 r = sim_prog_run(p, in, 0, NULL, NULL);

	CHECK_MSG(!strcmp(stage, "acl") && r == 7, "%s: %lld", name, r);
}

static void one(const char *source, const char *object, const char *name)
{
	char stage[16], words[112], msg[128];
	struct exo_udf_code code;
	struct sim_prog *p = NULL;
	struct exo_why why = {0};
	u64 detail = 0;
	bool acl;
	u64 *insns;
	u32 n;
	int err;

	stage_of(source, stage, words);
	CHECK_MSG(stage[0], "%s has no line '// refused: ...'", source);
	err = exo_udf_read(object, &code, &why);
	CHECK_MSG(!err == !!strcmp(stage, "read"), "%s: %s", name, why.text);
	if (err) {
		CHECK_MSG(strstr(why.text, words), "%s: %s", name, why.text);
		return;
	}
	/* Of an object with both, the acl is the bad one. */
	acl = code.acl;
	insns = (u64 *)(acl ? code.acl : code.insns);
	n = acl ? code.nacl : code.ninsns;
	CHECK_MSG(acl == !strncmp(name, "acl_", 4), "%s", name);
	CHECK_MSG((n > EXO_MAX_INSNS) == !strcmp(stage, "length"), "%s: %u", name, n);
	err = acl ? exo_scan((u64 *)code.insns, code.ninsns, &detail) : 0;
	CHECK_MSG(!err, "%s: owns: scan %llx", name, detail);
	err = acl ? exo_scan_acl(insns, n, &detail) : exo_scan(insns, n, &detail);
	CHECK_MSG(!err == !!strcmp(stage, "scan"), "%s: scan %llx", name, detail);
	if (err && (u32)detail < sizeof(scan_names) / sizeof(scan_names[0]))
		CHECK_MSG(!strcmp(words, scan_names[(u32)detail]), "%s: %s", name, scan_names[(u32)detail]);
	err = acl ? sim_prog_load_acl(insns, n, code.partition, msg, sizeof(msg), &p) :
		    sim_prog_load(insns, n, code.partition, msg, sizeof(msg), &p);
	if (!strcmp(stage, "ctx"))
		CHECK_MSG(err == -ERANGE, "%s: %d", name, err);
	else if (!strcmp(stage, "scan") || !strcmp(stage, "length") ||
		 (!strcmp(stage, "verify") && !only_verifier(name)))
		CHECK_MSG(err, "%s loads in the simulator", name);
	else
		CHECK_MSG(!err, "%s: %s", name, err ? msg : "");
	if (!err && acl)
		run_acl(name, stage, p);
	else if (!err && strcmp(stage, "verify"))
		run(name, stage, p);
	if (!err)
		sim_prog_free(p);
	exo_udf_free(&code);
}

int main(int argc, char **argv)
{
	const char *sources = argc > 2 ? argv[1] : "udf/bad", *objects = argc > 2 ? argv[2] : "build/udf/bad";
	char pattern[512], object[512], name[128];
	glob_t found;
	size_t i;

	snprintf(pattern, sizeof(pattern), "%s/*.c", sources);
	NEED(!glob(pattern, 0, NULL, &found));
	for (i = 0; i < found.gl_pathc; i++) {
		const char *base = strrchr(found.gl_pathv[i], '/') + 1;

		snprintf(name, sizeof(name), "%.*s", (int)(strlen(base) - 2), base);
		snprintf(object, sizeof(object), "%s/%s.o", objects, name);
		one(found.gl_pathv[i], object, name);
	}
	CHECK(found.gl_pathc >= 14);
	globfree(&found);
	return check_done();
}
