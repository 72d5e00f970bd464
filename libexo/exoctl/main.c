// SPDX-License-Identifier: GPL-2.0 OR MIT
/* main.c: the table of subcommands, and what it drives: dispatch, option parsing, help. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exoctl.h"

static const struct {
	const char *heading; /* non-NULL: starts a group in the overview */
	const struct command *cmd;
} table[] = {
	{"Disks (root)", &cmd_format},
	{NULL, &cmd_attach},
	{NULL, &cmd_detach},
	{"Looking", &cmd_info},
	{NULL, &cmd_roots},
	{NULL, &cmd_templates},
	{NULL, &cmd_contested},
	{NULL, &cmd_caps},
	{NULL, &cmd_stats},
	{NULL, &cmd_doctor},
	{"Roots", &cmd_root_add},
	{NULL, &cmd_root_del},
	{NULL, &cmd_sync},
	{NULL, &cmd_template_del},
	{NULL, &cmd_udf},
	{"File systems", &cmd_mkfs},
	{NULL, &cmd_import},
	{NULL, &cmd_export},
	{NULL, &cmd_xcp},
	{NULL, &cmd_ls},
	{NULL, &cmd_cat},
	{NULL, &cmd_stat},
	{NULL, &cmd_rm},
	{NULL, &cmd_sum},
	{NULL, &cmd_fsck},
	{NULL, &cmd_dump},
	{NULL, &cmd_defrag},
	{NULL, &cmd_mount},
	{NULL, &cmd_umount},
	{NULL, &cmd_run},
};

#define COMMANDS (sizeof(table) / sizeof(table[0]))

static void overview(FILE *f)
{
	fputs("usage: exoctl COMMAND [OPTION]... [OPERAND]...\n"
	      "Administers exo disks and works with the file systems on them.\n",
	      f);
	for (size_t i = 0; i < COMMANDS; i++) {
		const struct command *c = table[i].cmd;

		if (table[i].heading)
			fprintf(f, "\n%s\n", table[i].heading);
		fprintf(f, "  %-11s %s\n", c->name, c->summary);
	}
	fputs("\nDISK is a disk number or the path of an attached device; TARGET is DISK:ROOT[/path].\n"
	      "SIZE is bytes, or with K, M, G, T powers of 1024.\n"
	      "'exoctl COMMAND --help' says more. Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n",
	      f);
}

static void option_line(const struct opt *o)
{
	char left[40];

	snprintf(left, sizeof(left), "%c%c%s --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
		 o->letter ? "," : " ", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
	printf("  %-26s %s\n", left, o->help);
}

static void help(const struct command *c)
{
	static const struct opt json = {"json", 0, NULL, "print facts as JSON"};
	static const struct opt self = {"help", 'h', NULL, "print this"};

	printf("usage: exoctl %s%s%s%s\n%s.\n", c->name, c->opts || c->json ? " [OPTION]..." : "", *c->usage ? " " : "",
	       c->usage, c->summary);
	if (c->more)
		printf("\n%s\n", c->more);
	putchar('\n');
	for (const struct opt *o = c->opts; o && o->name; o++)
		option_line(o);
	if (c->json)
		option_line(&json);
	option_line(&self);
}

#define VAL_JSON 1000
#define VAL_OPT 2000

static int run(const struct command *c, int argc, char **argv)
{
	struct option longs[MAX_OPTS + 3] = {{"help", no_argument, NULL, 'h'}};
	struct args a = {.cmd = c};
	/* What follows the program that run starts is the program's. */
	char letters[2 * MAX_OPTS + 5] = "+h", *first = letters + (c == &cmd_run ? 0 : 1);
	int n = 1, got, nopts = 0;

	if (c->json)
		longs[n++] = (struct option){"json", no_argument, NULL, VAL_JSON};
	for (const struct opt *o = c->opts; o && o->name && nopts < MAX_OPTS; o++, nopts++) {
		longs[n++] = (struct option){o->name, o->arg ? required_argument : no_argument, NULL, VAL_OPT + nopts};
		if (o->letter)
			snprintf(letters + strlen(letters), 3, "%c%s", o->letter, o->arg ? ":" : "");
	}
	/* getopt names argv[0] in its messages. */
	argv[0] = (char *)"exoctl";
	while ((got = getopt_long(argc, argv, first, longs, NULL)) != -1) {
		if (got == 'h') {
			help(c);
			return EXIT_OK;
		}
		if (got == '?')
			return usage_error(&a, "%s: wrong option", c->name);
		if (got == VAL_JSON) {
			a.json = true;
			continue;
		}
		for (int i = 0; i < nopts; i++)
			if (got == VAL_OPT + i || (c->opts[i].letter && got == c->opts[i].letter))
				a.value[i] = c->opts[i].arg ? optarg : "";
	}
	a.n = argc - optind;
	a.v = argv + optind;
	if (a.n < c->min || (c->max >= 0 && a.n > c->max))
		return usage_error(&a, "%s: %s operands", c->name, a.n < c->min ? "missing" : "too many");
	return c->run(&a);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	int status;

	if (!name) {
		overview(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		overview(stdout);
		return EXIT_OK;
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(name, table[i].cmd->name))
			continue;
		status = run(table[i].cmd, argc - 1, argv + 1);
		/* A full disk behind standard output must not look like success. */
		if (fflush(stdout) || ferror(stdout)) {
			fputs("exoctl: standard output cannot be written\n", stderr);
			return EXIT_REFUSED;
		}
		return status;
	}
	fprintf(stderr, "exoctl: there is no command '%s'; 'exoctl --help' lists them\n", name);
	return EXIT_USAGE;
}
