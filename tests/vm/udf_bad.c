// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * udf_bad.c: every program of udf/bad must be refused where its comment says, and every other UDF must install. Loads
 * each through the module as an ordinary user; bad.h explains the comments.
 *
 *	udf-bad DISK SOURCES OBJECTS GOOD...	run as root; formats DISK. One line of KTAP a program
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <libexo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_BYTES 65536
#define MOST 256
#define USER 1000

struct expect {
	char stage[16];
	char words[112];
};

static struct exo *x;
static uint32_t disk;
static int cap, failed;
static char verifier_log[LOG_BYTES];

static void result(bool good, const char *name, const char *stage, const struct exo_why *why, int err)
{
	printf("%sok - %s %s\n", good ? "" : "not ", name, stage);
	if (!good) {
		failed++;
		printf("# err %d, reason %s, detail 0x%llx: %s\n", err, exo_reason_name(why->code),
		       (unsigned long long)why->detail, why->text);
		size_t len = strlen(verifier_log);

		if (why->code == EXO_R_UDF_VERIFY)
			printf("# log: %s\n", verifier_log + (len > 300 ? len - 300 : 0));
	}
}

static uint32_t scan_code(const char *name)
{
	static const char *const names[] = {
		[EXO_SCAN_HELPER] = "HELPER",	  [EXO_SCAN_KFUNC] = "KFUNC",	    [EXO_SCAN_SUBPROG] = "SUBPROG",
		[EXO_SCAN_MAP] = "MAP",		  [EXO_SCAN_LEGACY] = "LEGACY",	    [EXO_SCAN_ATOMIC] = "ATOMIC",
		[EXO_SCAN_OPCODE] = "OPCODE",	  [EXO_SCAN_BACKEDGE] = "BACKEDGE", [EXO_SCAN_TRUNCATED] = "TRUNCATED",
		[EXO_SCAN_RESERVED] = "RESERVED",
	};

	for (uint32_t i = 1; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], name))
			return i;
	return 0;
}

static bool read_expect(const char *path, struct expect *e)
{
	char line[256];
	bool found = false;
	FILE *f = fopen(path, "r");

	memset(e, 0, sizeof(*e));
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "// refused: %15s %111[^\n]", e->stage, e->words) >= 1;
	if (f)
		fclose(f);
	return found;
}

/* The template is installed: a transaction that sets the first byte of a new root's block. */
static int edit(uint32_t template, struct exo_why *why)
{
	struct exo_root_add r = {
		.disk = disk, .cap = cap, .name = "bad", .start = EXO_NOBLOCK, .count = 1, .template_id = template};
	struct exo_bind b = {.disk = disk, .cap = cap, .parent = EXO_NOBLOCK, .count = 1, .rights = EXO_RIGHT_READ};
	uint8_t one = 1;
	struct exo_edit e = {.len = 1, .bytes = (uintptr_t)&one};
	struct exo_txn t = {.disk = disk, .cap = cap, .nedits = 1, .edits = (uintptr_t)&e};
	struct exo_why ignored;
	uint32_t frame;
	int err;

	err = exo_root_add(x, &r, why);
	if (err)
		return err;
	b.root = r.out_root;
	b.claim = (struct exo_claim){.start = r.out_start, .count = 1, .template_id = template};
	b.first = r.out_start;
	b.frames = (uintptr_t)&frame;
	err = exo_bind(x, &b, 0, why);
	if (!err) {
		e.block = r.out_start;
		e.version = exo_version(exo_view(x), frame);
		err = exo_txn(x, &t, why);
		if (err && *(uint8_t *)exo_frame_ptr(exo_view(x), frame)) {
			snprintf(why->text, sizeof(why->text), "refused, but the block has changed");
			why->code = EXO_R_NONE;
		}
		exo_unbind(x, 1, &frame, &ignored);
	}
	if (exo_root_del(x, disk, cap, r.out_root, &ignored)) {
		*why = ignored;
		return 0;
	}
	return err;
}

/* What the refusal must be; 0: not a stage that is known. */
static uint32_t code_of(const char *stage)
{
	static const struct {
		const char *stage;
		uint32_t code;
	} t[] = {
		{"scan", EXO_R_UDF_SCAN},     {"verify", EXO_R_UDF_VERIFY}, {"ctx", EXO_R_UDF_CTX},
		{"length", EXO_R_UDF_LENGTH}, {"zero", EXO_R_UDF_ZERO},	    {"claim", EXO_R_UDF_CLAIM},
		{"reject", EXO_R_UDF_REJECT}, {"overlap", EXO_R_OVERLAP},   {"acl", EXO_R_ACL},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (!strcmp(t[i].stage, stage))
			return t[i].code;
	return 0;
}

static void bad_one(const char *name, const char *source, const char *object)
{
	struct exo_udf_code code;
	struct exo_why why = {0};
	struct expect e;
	uint32_t template;
	bool good;
	int err;

	if (!read_expect(source, &e)) {
		snprintf(why.text, sizeof(why.text), "no line '// refused: ...' in its source");
		result(false, name, "", &why, 0);
		return;
	}
	err = exo_udf_read(object, &code, &why);
	if (err || !strcmp(e.stage, "read")) {
		result(err && !strcmp(e.stage, "read") && strstr(why.text, e.words), name, e.stage, &why, err);
		exo_udf_free(&code);
		return;
	}
	verifier_log[0] = '\0';
	err = exo_template_add(x, disk, cap, &code, 0, NULL, &template, verifier_log, sizeof(verifier_log), &why);
	exo_udf_free(&code);
	if (!err)
		err = edit(template, &why);
	good = err && why.code && why.code == code_of(e.stage);
	if (good && why.code == EXO_R_UDF_SCAN)
		good = (uint32_t)why.detail == scan_code(e.words);
	if (good && why.code == EXO_R_UDF_VERIFY)
		good = e.words[0] && strstr(verifier_log, e.words);
	result(good, name, e.stage, &why, err);
}

static void good_one(const char *object)
{
	struct exo_udf_code code;
	struct exo_why why = {0};
	uint32_t template;
	int err = exo_udf_read(object, &code, &why);

	verifier_log[0] = '\0';
	if (!err)
		err = exo_template_add(x, disk, cap, &code, 0, NULL, &template, verifier_log, sizeof(verifier_log),
				       &why);
	exo_udf_free(&code);
	result(!err, object, "installs", &why, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sources, without their ending, sorted. */
static int list(const char *dir, char **names)
{
	struct dirent *d;
	int n = 0;
	DIR *f = opendir(dir);

	while (f && (d = readdir(f))) {
		char *dot = strrchr(d->d_name, '.');

		if (!dot || strcmp(dot, ".c") || n == MOST)
			continue;
		names[n] = strndup(d->d_name, dot - d->d_name);
		if (names[n])
			n++;
	}
	if (f)
		closedir(f);
	qsort(names, n, sizeof(*names), by_name);
	return n;
}

static int as_user(char **argv, int ngood)
{
	char *names[MOST], source[512], object[512];
	struct exo_why why;
	int i, n;

	if (setgroups(0, NULL) || setgid(USER) || setuid(USER)) {
		perror("udf-bad: cannot become an ordinary user");
		return 1;
	}
	if (exo_open(&x, NULL, &why)) {
		fprintf(stderr, "udf-bad: %s\n", why.text);
		return 1;
	}
	cap = exo_cap_user(x);
	n = list(argv[2], names);
	for (i = 0; i < n; i++) {
		snprintf(source, sizeof(source), "%s/%s.c", argv[2], names[i]);
		snprintf(object, sizeof(object), "%s/%s.o", argv[3], names[i]);
		bad_one(names[i], source, object);
		free(names[i]);
	}
	for (i = 0; i < ngood; i++)
		good_one(argv[4 + i]);
	exo_close(x);
	return !n || failed;
}

int main(int argc, char **argv)
{
	struct exo *admin;
	struct exo_why why;
	int status;
	pid_t pid;

	if (argc < 4) {
		fprintf(stderr, "usage: udf-bad DISK SOURCES OBJECTS GOOD...\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (exo_open(&admin, NULL, &why) || exo_format(admin, argv[1], 0, &why) ||
	    exo_attach(admin, argv[1], 0, &disk, &why)) {
		fprintf(stderr, "udf-bad: %s\n", why.text);
		return 1;
	}
	pid = fork();
	if (!pid)
		exit(as_user(argv, argc - 4));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		status = 1;
	if (exo_detach(admin, disk, 0, &why)) {
		fprintf(stderr, "udf-bad: %s\n", why.text);
		status = 1;
	}
	exo_close(admin);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
