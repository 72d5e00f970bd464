/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * exoctl.h: what the subcommands share. Exit status everywhere: 0 done, 1 refused or failed (a sentence and a hint on
 * standard error), 2 wrong usage. Facts go to standard output, as text or with --json as one JSON value.
 */
#ifndef EXOCTL_H
#define EXOCTL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libexo.h>

#define EXIT_OK 0
#define EXIT_REFUSED 1
#define EXIT_USAGE 2

#define MAX_OPTS 10

/* One option of a subcommand. letter 0: long form only. arg NULL: takes no value. */
struct opt {
	const char *name;
	char letter;
	const char *arg;
	const char *help;
};

struct args;

/* One subcommand. The table in main.c drives both help and dispatch. */
struct command {
	const char *name;
	const char *usage;	/* operands, as the synopsis shows them */
	const char *summary;	/* one line */
	const char *more;	/* paragraphs behind it, or NULL */
	int min, max;		/* operands; max -1: any number */
	bool json;		/* --json is understood */
	const struct opt *opts;	/* ends with name NULL; or NULL */
	int (*run)(const struct args *a);
};

struct args {
	const struct command *cmd;
	int n;
	char **v;		/* operands */
	bool json;
	const char *value[MAX_OPTS]; /* by index in cmd->opts; NULL: not given; "" for one without argument */
};

extern const struct command cmd_format, cmd_attach, cmd_detach, cmd_info, cmd_roots, cmd_root_add, cmd_root_del, cmd_template_del,
	cmd_templates, cmd_stats, cmd_caps, cmd_contested, cmd_udf, cmd_mkfs, cmd_import, cmd_export, cmd_ls, cmd_cat,
	cmd_stat, cmd_rm, cmd_sum, cmd_sync, cmd_fsck, cmd_dump, cmd_doctor, cmd_mount, cmd_umount, cmd_run, cmd_xcp,
	cmd_defrag;

/* util.c. Each of those that return an exit status has said on standard error why. */
/* Value of an option, NULL if it was not given. The name must be in the command's table. */
const char *opt_value(const struct args *a, const char *name);
static inline bool opt_given(const struct args *a, const char *name)
{
	return opt_value(a, name) != NULL;
}

int usage_error(const struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));		/* EXIT_REFUSED */
int refused(const char *what, const struct exo_why *why);			/* EXIT_REFUSED */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct exo *env_open(void);				/* NULL: said why */
int env_disk(struct exo *x, const char *name, uint32_t *disk);	/* EXIT_* */
int parse_size(const char *text, uint64_t *bytes);	/* "512M"; 0 or -EINVAL */
int parse_quota(const struct args *a, const char *opt, uint64_t *blocks); /* EXIT_*; rounded up; 0 when not given */
void size_words(uint64_t bytes, char out[32]);		/* "1.5 GiB" */
void cap_words(const struct exo_cap *cap, char out[128]);
const char *quarantine_words(uint32_t code);
void print_escaped(const char *text);			/* bytes that are not printable as \ooo: names come from disks */
double seconds_now(void);

/* "DISK:ROOT[/path]", taken apart; path has no leading '/', and is "" for the top. */
struct target {
	char disk[4096];
	char root[EXO_NAME_MAX];
	const char *path;
};
int parse_target(const char *text, struct target *t);	/* 0 or -EINVAL */

/* roots.c: EXIT_*. */
int list_roots(struct exo *x, uint32_t disk, bool json);

/* json.c: writes to standard output; commas and indentation are its business. */
void json_open(const char *key, char bracket);		/* '{' or '['; key NULL inside an array or at the top */
void json_close(void);
void json_u64(const char *key, uint64_t v);
void json_bool(const char *key, bool v);
void json_str(const char *key, const char *v);
void json_double(const char *key, double v);

#endif
