// SPDX-License-Identifier: GPL-2.0 OR MIT
/* util.c: words for people: refusals, sizes, names; and taking operands apart. */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "exoctl.h"

static void say(const char *fmt, va_list ap)
{
	fflush(stdout);
	fputs("exoctl: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

const char *opt_value(const struct args *a, const char *name)
{
	for (int i = 0; a->cmd->opts && a->cmd->opts[i].name; i++)
		if (!strcmp(a->cmd->opts[i].name, name))
			return a->value[i];
	fprintf(stderr, "exoctl: internal: %s has no option %s\n", a->cmd->name, name);
	abort();
}

int usage_error(const struct args *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	fprintf(stderr, "  usage: exoctl %s%s%s; see 'exoctl %s --help'\n", a->cmd->name, *a->cmd->usage ? " " : "",
		a->cmd->usage, a->cmd->name);
	return EXIT_USAGE;
}

int fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	return EXIT_REFUSED;
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

static const char *range_words(uint32_t kind)
{
	switch (kind) {
	case EXO_RANGE_GAINED:
		return "claimed now, not declared";
	case EXO_RANGE_LOST:
		return "no longer claimed, not declared";
	case EXO_RANGE_UNMET:
		return "declared, did not happen";
	case EXO_RANGE_BLOCKED:
		return "these stand in the way";
	case EXO_RANGE_FIRST:
		return "write these first";
	}
	return "of an unknown kind";
}

int refused(const char *what, const struct exo_why *why)
{
	fflush(stdout);
	fprintf(stderr, "exoctl: %s: %s", what, why->text);
	if (why->code != EXO_R_NONE)
		fprintf(stderr, " [%s]", exo_reason_name(why->code));
	fputc('\n', stderr);
	for (uint32_t i = 0; i < why->nranges; i++)
		fprintf(stderr, "  blocks %" PRIu64 " to %" PRIu64 ": %s\n", (uint64_t)why->range[i].start,
			(uint64_t)(why->range[i].start + why->range[i].count - 1), range_words(why->range[i].kind));
	if (*why->hint)
		fprintf(stderr, "  what to do: %s\n", why->hint);
	return EXIT_REFUSED;
}

struct exo *env_open(void)
{
	struct exo_why why;
	struct exo *x;

	if (exo_open(&x, NULL, &why)) {
		refused(EXO_DEVICE, &why);
		return NULL;
	}
	return x;
}

int env_disk(struct exo *x, const char *name, uint32_t *disk)
{
	int err = exo_disk_find(x, name, disk);

	if (!err)
		return EXIT_OK;
	if (err != -ENOENT)
		return fail("%s: %s", name, strerror(-err));
	fail("%s is not an attached disk", name);
	fprintf(stderr,
		"  what to do: 'exoctl info' lists the attached disks; attach one with 'exoctl attach DEVICE'\n");
	return EXIT_REFUSED;
}

int parse_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	unsigned long long n;
	uint64_t factor = 1;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	if (*end) {
		const char *u = strchr(units, *end);

		if (!u)
			return -EINVAL;
		factor = 1ull << (10 * (u - units + 1));
		end++;
		if (!strcmp(end, "iB") || !strcmp(end, "B"))
			end += strlen(end);
	}
	if (*end || __builtin_mul_overflow((uint64_t)n, factor, bytes))
		return -EINVAL;
	return 0;
}

int parse_quota(const struct args *a, const char *opt, uint64_t *blocks)
{
	const char *text = opt_value(a, opt);
	uint64_t bytes = 0;

	*blocks = 0;
	if (!text)
		return EXIT_OK;
	if (parse_size(text, &bytes))
		return usage_error(a, "--%s: '%s' is not a size such as 4096, 512M or 2G", opt, text);
	*blocks = bytes / EXO_BLOCK_SIZE + (bytes % EXO_BLOCK_SIZE != 0);
	return EXIT_OK;
}

void size_words(uint64_t bytes, char out[32])
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double v = bytes;
	int u = 0;

	while (v >= 1024 && u < 5) {
		v /= 1024;
		u++;
	}
	snprintf(out, 32, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

void cap_words(const struct exo_cap *cap, char out[128])
{
	const char *rights = cap->rights == EXO_RIGHT_ALL     ? "read, write"
			     : cap->rights == EXO_RIGHT_READ  ? "read"
			     : cap->rights == EXO_RIGHT_WRITE ? "write"
							      : "none";
	size_t used = 0;

	if (!cap->depth) {
		snprintf(out, 128, "everything (%s)", rights);
		return;
	}
	if (cap->depth == 2 && cap->name[0] == EXO_CAP_NS_UID) {
		const struct passwd *pw = getpwuid(cap->name[1]);

		snprintf(out, 128, "user %" PRIu32 "%s%.32s (%s)", cap->name[1], pw ? " " : "", pw ? pw->pw_name : "",
			 rights);
		return;
	}
	if (cap->depth == 2 && cap->name[0] == EXO_CAP_NS_GID) {
		const struct group *gr = getgrgid(cap->name[1]);

		snprintf(out, 128, "group %" PRIu32 "%s%.32s (%s)", cap->name[1], gr ? " " : "", gr ? gr->gr_name : "",
			 rights);
		return;
	}
	for (uint32_t i = 0; i < cap->depth && i < EXO_CAP_DEPTH; i++)
		used += snprintf(out + used, 128 - used, "%s%" PRIu32, i ? "." : "", cap->name[i]);
	snprintf(out + used, 128 - used, " (%s)", rights);
}

const char *quarantine_words(uint32_t code)
{
	switch (code) {
	case EXO_QUARANTINE_NONE:
		return "none";
	case EXO_QUARANTINE_TEMPLATE:
		return "a template does not verify";
	case EXO_QUARANTINE_READ:
		return "a block cannot be read";
	case EXO_QUARANTINE_REJECT:
		return "a partition is malformed";
	case EXO_QUARANTINE_CLAIM:
		return "a claim is impossible";
	case EXO_QUARANTINE_ENTRY:
		return "its catalogue entry is damaged";
	case EXO_QUARANTINE_LOOP:
		return "a block is its own ancestor";
	}
	return "for a reason that this exoctl does not know";
}

void print_escaped(const char *text)
{
	for (; *text; text++) {
		unsigned char c = *text;

		/* Bytes of UTF-8 pass; control characters could drive the reader's terminal. */
		if (c < 0x20 || c == 0x7f || c == '\\')
			printf("\\%03o", c);
		else
			putchar(c);
	}
}

double seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

int parse_target(const char *text, struct target *t)
{
	const char *colon = strchr(text, ':'), *slash;
	size_t len;

	if (!colon || colon == text || (size_t)(colon - text) >= sizeof(t->disk))
		return -EINVAL;
	memcpy(t->disk, text, colon - text);
	t->disk[colon - text] = '\0';
	slash = strchrnul(colon + 1, '/');
	len = slash - (colon + 1);
	if (!len || len >= sizeof(t->root))
		return -EINVAL;
	memcpy(t->root, colon + 1, len);
	t->root[len] = '\0';
	while (*slash == '/')
		slash++;
	t->path = slash;
	return 0;
}
