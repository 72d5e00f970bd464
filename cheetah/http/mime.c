// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <stdlib.h>
#include <string.h>
#include "chars.h"
#include "mime.h"

struct ext {
	const char *name, *type;
};

/* Sorted by name (strcmp), for bsearch; a test checks the order. */
static const struct ext table[] = {
	{"7z", "application/x-7z-compressed"},
	{"atom", "application/atom+xml"},
	{"avif", "image/avif"},
	{"bin", "application/octet-stream"},
	{"bmp", "image/bmp"},
	{"bz2", "application/x-bzip2"},
	{"c", "text/plain; charset=utf-8"},
	{"css", "text/css; charset=utf-8"},
	{"csv", "text/csv; charset=utf-8"},
	{"deb", "application/vnd.debian.binary-package"},
	{"epub", "application/epub+zip"},
	{"flac", "audio/flac"},
	{"gif", "image/gif"},
	{"gz", "application/gzip"},
	{"h", "text/plain; charset=utf-8"},
	{"htm", "text/html; charset=utf-8"},
	{"html", "text/html; charset=utf-8"},
	{"ico", "image/vnd.microsoft.icon"},
	{"ics", "text/calendar; charset=utf-8"},
	{"iso", "application/octet-stream"},
	{"jpeg", "image/jpeg"},
	{"jpg", "image/jpeg"},
	{"js", "text/javascript; charset=utf-8"},
	{"json", "application/json"},
	{"m4a", "audio/mp4"},
	{"md", "text/markdown; charset=utf-8"},
	{"mjs", "text/javascript; charset=utf-8"},
	{"mp3", "audio/mpeg"},
	{"mp4", "video/mp4"},
	{"mpeg", "video/mpeg"},
	{"oga", "audio/ogg"},
	{"ogg", "audio/ogg"},
	{"ogv", "video/ogg"},
	{"otf", "font/otf"},
	{"pdf", "application/pdf"},
	{"png", "image/png"},
	{"ps", "application/postscript"},
	{"rss", "application/rss+xml"},
	{"rtf", "application/rtf"},
	{"svg", "image/svg+xml"},
	{"tar", "application/x-tar"},
	{"tif", "image/tiff"},
	{"tiff", "image/tiff"},
	{"ttf", "font/ttf"},
	{"txt", "text/plain; charset=utf-8"},
	{"wasm", "application/wasm"},
	{"wav", "audio/wav"},
	{"webm", "video/webm"},
	{"webmanifest", "application/manifest+json"},
	{"webp", "image/webp"},
	{"woff", "font/woff"},
	{"woff2", "font/woff2"},
	{"xhtml", "application/xhtml+xml"},
	{"xml", "application/xml"},
	{"xz", "application/x-xz"},
	{"zip", "application/zip"},
	{"zst", "application/zstd"},
};

static int compare(const void *key, const void *e)
{
	return strcmp(key, ((const struct ext *)e)->name);
}

const char *mime_type(const char *path, size_t n)
{
	char ext[16];
	size_t len = 0;

	while (len < n && path[n - 1 - len] != '.' && path[n - 1 - len] != '/')
		len++;
	if (len < n && path[n - 1 - len] == '.' && len && len < sizeof(ext)) {
		const struct ext *e;

		for (size_t i = 0; i < len; i++)
			ext[i] = chars_lower(path[n - len + i]);
		ext[len] = 0;
		e = bsearch(ext, table, sizeof(table) / sizeof(table[0]), sizeof(table[0]), compare);
		if (e)
			return e->type;
	}
	return "application/octet-stream";
}
