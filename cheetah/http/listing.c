// SPDX-License-Identifier: GPL-2.0 OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "listing.h"
#include "target.h"

struct names {
	unsigned count, room;
	bool cut;    /* there were more than LISTING_MAX */
	char **name; /* a directory's ends in '/' */
};

static int collect(void *arg, const char *name, bool directory)
{
	struct names *l = arg;

	if (l->count == LISTING_MAX) {
		l->cut = true;
		return 1;
	}
	if (l->count == l->room) {
		unsigned room = l->room ? l->room * 2 : 64;
		char **more = realloc(l->name, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->name = more;
		l->room = room;
	}
	if (asprintf(&l->name[l->count], "%s%s", name, directory ? "/" : "") < 0)
		return -ENOMEM;
	l->count++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void html(FILE *f, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '&':
			fputs("&amp;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		case '\'':
			fputs("&#39;", f);
			break;
		default:
			fputc(*s, f);
		}
	}
}

static void link_to(FILE *f, const char *name)
{
	size_t n = strlen(name), dir = n && name[n - 1] == '/';
	char uri[3 * 256 + 1]; /* a name has at most 255 bytes */
	/* "./" in front: a name with a colon in it would be read as a scheme. */
	size_t len = target_encode(uri, sizeof(uri) - 1, name, n - dir, true);

	if (!len)
		return;
	fputs("<li><a href=\"./", f);
	/* What is left to escape for HTML in a URI is '&' and '\''. */
	uri[len] = 0;
	html(f, uri);
	fputs(dir ? "/\">" : "\">", f);
	html(f, name);
	fputs("</a></li>\n", f);
}

int listing_make(struct store *s, const char *path, char **page, size_t *n)
{
	struct names l = {0};
	FILE *f = NULL;
	int err;

	*page = NULL;
	err = s->ops->list(s, path, collect, &l);
	if (err < 0)
		goto out;
	err = -ENOMEM;
	if (l.count)
		qsort(l.name, l.count, sizeof(*l.name), by_name);
	f = open_memstream(page, n);
	if (!f)
		goto out;
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>/", f);
	html(f, path);
	fputs("</title></head>\n<body><h1>/", f);
	html(f, path);
	fputs("</h1><ul>\n", f);
	if (*path)
		fputs("<li><a href=\"../\">../</a></li>\n", f);
	for (unsigned i = 0; i < l.count; i++)
		link_to(f, l.name[i]);
	fputs("</ul>", f);
	if (l.cut)
		fprintf(f, "<p>Only the first %u entries are shown.</p>", LISTING_MAX);
	fputs("</body></html>\n", f);
	err = ferror(f) ? -ENOMEM : 0;
	if (fclose(f))
		err = -ENOMEM;
	if (err) {
		free(*page);
		*page = NULL;
	}
out:
	for (unsigned i = 0; i < l.count; i++)
		free(l.name[i]);
	free(l.name);
	return err;
}
