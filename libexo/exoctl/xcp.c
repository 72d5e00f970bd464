// SPDX-License-Identifier: GPL-2.0 OR MIT
/* xcp.c: exoctl xcp: a copy as cp -a makes it, between attached disks' trees, without looking at the data. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "xcp.h"

struct end { /* an operand, taken apart */
	struct target t;
	uint32_t disk;
	char path[PATH_MAX]; /* without slashes at its ends, nor a last "." */
	bool content;	     /* of the directory, into the other: it ended in "." or is a tree's top */
};

static int open_end(const struct args *a, struct exo *x, const char *text, unsigned flags, struct end *e,
		    struct exo_fs **fs)
{
	struct exo_why why;
	size_t n;

	if (parse_target(text, &e->t))
		return usage_error(a, "'%s' is not of the form DISK:ROOT[/path]", text);
	n = strlen(e->t.path);
	if (n >= sizeof(e->path))
		return fail("%s: %s", text, strerror(ENAMETOOLONG));
	memcpy(e->path, e->t.path, n + 1);
	for (;;) {
		while (n && e->path[n - 1] == '/')
			n--;
		e->path[n] = '\0';
		if (!n || e->path[n - 1] != '.' || (n > 1 && e->path[n - 2] != '/'))
			break;
		e->content = true;
		n--;
	}
	e->content |= !n;
	if (env_disk(x, e->t.disk, &e->disk))
		return EXIT_REFUSED;
	if (fs && exo_fs_open(fs, x, e->disk, e->t.root, flags, &why)) {
		*fs = NULL;
		return refused(text, &why);
	}
	return EXIT_OK;
}

/* Into a directory that is there, else as the name itself. */
static int destination(struct xcp *c, const struct end *from, struct end *to)
{
	const char *last = strrchr(from->path, '/');
	char path[PATH_MAX];
	struct stat st;
	int err = exo_fs_stat(c->to, fs_path(to->path), 0, &st);

	if (err && err != -ENOENT)
		return fs_failed("copy to", to->path, err);
	if (!err && S_ISDIR(st.st_mode) && !from->content) {
		if (path_join(path, to->path, last ? last + 1 : from->path))
			return fs_failed("copy to", to->path, -ENAMETOOLONG);
		strcpy(to->path, path);
	}
	c->under = from->path;
	c->dest = to->path;
	return EXIT_OK;
}

static void summary(const struct xcp *c)
{
	progress_total(&c->p, "copied");
	printf("%" PRIu64 " reads and %" PRIu64 " writes between blocks and frames%s\n", c->reads, c->writes,
	       c->ring ? "" : ", one at a time: io_uring is not available");
	if (c->special)
		printf("%" PRIu64 " fifos, sockets and devices\n", c->special);
	if (c->second)
		printf("%" PRIu64 " hard links\n", c->second);
	if (c->slow)
		printf("%" PRIu64 " files through memory: a type that does not tell where its blocks are, a file that "
		       "changed meanwhile, or a transfer that was refused\n",
		       c->slow);
	if (c->unlinked)
		printf("%" PRIu64 " hard links became files of their own: the destination's type refuses them\n",
		       c->unlinked);
	if (c->lost_xattrs)
		printf("%" PRIu64 " entries lost extended attributes: the destination's type does not take them\n",
		       c->lost_xattrs);
}

static int copy(struct xcp *c)
{
	int stop, err;

	stop = xcp_drain(c, xcp_walk(c));
	/* Also of a copy that ended early: what is there is as whole as it can be. */
	xcp_dirs_done(c);
	err = exo_fs_sync(c->to);
	summary(c);
	if (err)
		return fs_failed("sync", "", err);
	if (stop_asked())
		return fail("interrupted by a signal; the copy is not complete, what is there is whole and durable");
	return stop || c->p.troubled ? EXIT_REFUSED : EXIT_OK;
}

static int with_trees(struct xcp *c, const struct end *from, struct end *to, bool quiet)
{
	int status = destination(c, from, to), err;

	if (status)
		return status;
	err = xcp_turns_init(c);
	if (err)
		return fail("%s", strerror(-err));
	c->ring = xcp_ring_open(c->x);
	stop_on_signals();
	progress_start(&c->p, quiet);
	return copy(c);
}

static int run(const struct args *a)
{
	struct xcp *c = calloc(1, sizeof(*c));
	struct end *e = calloc(2, sizeof(*e));
	int status = EXIT_REFUSED;
	bool same;

	if (!c || !e || !(c->buf = malloc(XCP_BUF))) {
		fail("out of memory");
		goto out;
	}
	c->x = env_open();
	if (!c->x)
		goto out;
	c->root = geteuid() == 0;
	status = open_end(a, c->x, a->v[1], 0, &e[1], &c->to);
	if (!status)
		status = open_end(a, c->x, a->v[0], EXO_FS_RDONLY, &e[0], NULL);
	if (status)
		goto out;
	same = e[0].disk == e[1].disk && !strcmp(e[0].t.root, e[1].t.root);
	if (same)
		c->from = c->to;
	else
		status = open_end(a, c->x, a->v[0], EXO_FS_RDONLY, &e[0], &c->from);
	if (!status)
		status = with_trees(c, &e[0], &e[1], opt_given(a, "quiet"));
	xcp_ring_close(c->ring);
	xcp_turns_exit(c);
	xcp_tree_free(c);
	if (c->from != c->to)
		exo_fs_close(c->from);
out:
	if (c) {
		exo_fs_close(c->to);
		if (c->x)
			exo_close(c->x);
		free(c->buf);
	}
	free(c);
	free(e);
	return status;
}

static const struct opt opts[] = {
	{"quiet", 'q', NULL, "no progress on standard error"},
	{NULL},
};

const struct command cmd_xcp = {
	.name = "xcp",
	.usage = "DISK:ROOT[/path] DISK:ROOT[/path]",
	.summary = "copy a file or tree between roots as cp -a does, from block to block",
	.more = "Keeps modes, owners, times, links of both kinds, special files, extended attributes and holes, as far as "
		"the\n"
		"caller may. As with cp, a destination that is a directory gets the source inside it, unless the source is "
		"a\n"
		"root's top or ends in \"/.\": then the content is merged. The copy is durable when the command ends. What "
		"cannot be\n"
		"read is reported and left out; a full destination ends the copy.",
	.min = 2,
	.max = 2,
	.opts = opts,
	.run = run,
};
