// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "store.h"

static const struct kind {
	const char *prefix;
	int (*open)(struct store **out, const char *rest, char error[STORE_ERROR]);
} kinds[] = {
	{"dir:", store_dir_open},
#ifndef CHEETAH_NO_EXO
	{"exo:", store_exo_open},
#endif
};

static const struct kind *find(const char *spec, char error[STORE_ERROR])
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(spec, kinds[i].prefix, strlen(kinds[i].prefix)) && spec[strlen(kinds[i].prefix)])
			return &kinds[i];
	snprintf(error, STORE_ERROR, "store '%.200s' is not understood; write dir:PATH or exo:DISK:ROOT[/path]", spec);
	return NULL;
}

bool store_valid(const char *spec, char error[STORE_ERROR])
{
	return find(spec, error);
}

int store_open(struct store **out, const char *spec, char error[STORE_ERROR])
{
	const struct kind *k = find(spec, error);

	return k ? k->open(out, spec + strlen(k->prefix), error) : -EINVAL;
}
