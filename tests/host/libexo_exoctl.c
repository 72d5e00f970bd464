// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * exoctl's parts that meet hostile bytes: names in a tree, host trees that point elsewhere, operands, and what is
 * printed. The tree of names is a fake; the host tree is a real one in a temporary directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../../libexo/exoctl/exoctl.h"
#include "../../libexo/exoctl/tree.h"
#include "../sim/check.h"

/* ---- operands ---- */

static void sizes(void)
{
	static const char *const wrong[] = {
		"", "-1", "+1", " 1", "1x", "1KK", "1.5G", "99999999999999999999", "18446744073709551615K", "K"};
	uint64_t n;

	CHECK(!parse_size("0", &n) && n == 0);
	CHECK(!parse_size("4096", &n) && n == 4096);
	CHECK(!parse_size("2K", &n) && n == 2048);
	CHECK(!parse_size("512M", &n) && n == 512ull << 20);
	CHECK(!parse_size("3GiB", &n) && n == 3ull << 30);
	CHECK(!parse_size("1T", &n) && n == 1ull << 40);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK_MSG(parse_size(wrong[i], &n) == -EINVAL, "'%s'", wrong[i]);
}

static void targets(void)
{
	static const char *const wrong[] = {
		"",	 ":",	    "0",	"0:",
		":root", "0:/path", "/dev/vda", "0:123456789012345678901234567890123456789012345678"};
	static struct target t;

	CHECK(!parse_target("0:home", &t) && !strcmp(t.disk, "0") && !strcmp(t.root, "home") && !*t.path);
	CHECK(!parse_target("/dev/vda:home//a/b", &t) && !strcmp(t.disk, "/dev/vda") && !strcmp(t.path, "a/b"));
	CHECK(!parse_target("0:r/with:colon", &t) && !strcmp(t.root, "r") && !strcmp(t.path, "with:colon"));
	CHECK(!parse_target("0:12345678901234567890123456789012345678901234567", &t) && strlen(t.root) == 47);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK_MSG(parse_target(wrong[i], &t) == -EINVAL, "'%s'", wrong[i]);
}

/* ---- output: run a printer with standard output in a file, and compare ---- */

static void printed(void (*fn)(void), const char *want)
{
	char got[512] = "";
	FILE *f = tmpfile();
	int saved;

	NEED(f);
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	NEED(saved >= 0 && dup2(fileno(f), STDOUT_FILENO) >= 0);
	fn();
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(f);
	got[fread(got, 1, sizeof(got) - 1, f)] = '\0';
	fclose(f);
	CHECK_MSG(!strcmp(got, want), "printed: %s", got);
}

static void escapes(void)
{
	print_escaped("a\033[2Jb\n\\c\x7f"
		      "\xc3\xa9");
}

static void json(void)
{
	json_open(NULL, '{');
	json_u64("n", UINT64_MAX);
	json_str("s", "quote\" back\\ \n \xff");
	json_open("empty", '[');
	json_close();
	json_open("list", '[');
	json_bool(NULL, true);
	json_bool(NULL, false);
	json_close();
	json_close();
}

/* ---- the walk ---- */

struct seen {
	char paths[2048];
	int visits, leaves, troubles, last_err;
};

static int visit(void *arg, const char *path, const struct stat *st)
{
	struct seen *s = arg;

	s->visits++;
	strncat(s->paths, path, 300);
	strcat(s->paths, S_ISDIR(st->st_mode) ? "/ " : S_ISLNK(st->st_mode) ? "@ " : " ");
	return 0;
}

static int leave(void *arg, const char *path, const struct stat *st)
{
	((struct seen *)arg)->leaves++;
	return 0;
}

static int trouble(void *arg, const char *path, int err)
{
	struct seen *s = arg;

	s->troubles++;
	s->last_err = err;
	return 0;
}

static struct seen walk(struct tree *t, int *status)
{
	struct seen s = {.visits = 0};
	const struct walk w = {.visit = visit, .leave = leave, .trouble = trouble, .arg = &s};

	*status = tree_walk(t, &w);
	return s;
}

static int fake_list(struct tree *t, const char *path, struct names *out)
{
	static const char *const hostile[] = {"..", ".", "", "a/b", "/etc", "good", "../../x"};
	char huge[NAME_MAX + 2];

	if (*path) /* every directory has one in it, for ever; the path hits PATH_MAX exactly */
		return names_add(out, "depth");
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		if (names_add(out, hostile[i]))
			return -ENOMEM;
	memset(huge, 'x', NAME_MAX + 1);
	huge[NAME_MAX + 1] = '\0';
	return names_add(out, huge);
}

static int fake_stat(struct tree *t, const char *path, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_mode = S_IFDIR | 0755;
	return 0;
}

static int count_only(void *arg, const char *path, const struct stat *st)
{
	((struct seen *)arg)->visits++;
	CHECK(strlen(path) < PATH_MAX && !strncmp(path, "good", 4) && !strstr(path, ".."));
	return 0;
}

static void hostile_names(void)
{
	static const struct tree_ops ops = {.list = fake_list, .stat = fake_stat};
	struct tree t = {.ops = &ops};
	struct seen s = {.visits = 0};
	const struct walk w = {.visit = count_only, .trouble = trouble, .arg = &s};

	CHECK(tree_walk(&t, &w) == 0);
	/* Seven bad names, and the end of the path that never ends. */
	CHECK_MSG(s.troubles == 8, "%d", s.troubles);
	CHECK(s.visits == 1 + (PATH_MAX - 1 - 4) / 6);
}

static void host_tree(void)
{
	char dir[] = "/tmp/exo-tree-XXXXXX", buf[64];
	struct tree_file *f;
	struct tree *t;
	struct stat st;
	struct seen s;
	int status, fd;

	NEED(mkdtemp(dir));
	NEED(!chdir(dir));
	NEED(!mkdir("top", 0755) && !mkdir("top/sub", 0755) && !mkdir("top/lost+found", 0700) &&
	     !mkdir("top/sub/lost+found", 0755));
	NEED(!symlink("/etc", "top/etc") && !symlink("../../..", "top/sub/up") && !mkfifo("top/pipe", 0644));
	fd = open("top/file", O_CREAT | O_WRONLY, 0644);
	NEED(fd >= 0 && write(fd, "content", 7) == 7 && !close(fd));
	NEED(!tree_host("top", &t));
	s = walk(t, &status);
	CHECK(!status && !s.troubles && s.leaves == 2);
	CHECK_MSG(!strcmp(s.paths, "etc@ file pipe sub/ sub/lost+found/ sub/up@ "), "%s", s.paths);

	/* Nothing outside can be reached, by whatever path. */
	CHECK(t->ops->stat(t, "etc/passwd", &st) == -ELOOP);
	CHECK(t->ops->open(t, "etc/passwd", &f) == -ELOOP);
	CHECK(t->ops->stat(t, "../top/file", &st) == -EXDEV);
	CHECK(t->ops->open(t, "/etc/passwd", &f) == -EXDEV);
	CHECK(t->ops->open(t, "sub/up", &f) == -ELOOP);
	CHECK(t->ops->open(t, "pipe", &f) == -EBUSY);
	CHECK(!t->ops->stat(t, "etc", &st) && S_ISLNK(st.st_mode));
	CHECK(t->ops->readlink(t, "etc", buf, sizeof(buf)) == 4 && !memcmp(buf, "/etc", 4));
	CHECK(!t->ops->open(t, "file", &f));
	CHECK(t->ops->pread(f, buf, sizeof(buf), 3) == 4 && !memcmp(buf, "tent", 4));
	CHECK(t->ops->data(f, 0) == 0 && t->ops->data(f, 100) == -ENXIO);
	t->ops->close(f);
	tree_free(t);
	CHECK(tree_host("nonesuch", &t) == -ENOENT);
	CHECK(tree_host("top/file", &t) == -ENOTDIR);
	NEED(!unlink("top/file") && !unlink("top/pipe") && !unlink("top/etc") && !unlink("top/sub/up"));
	NEED(!rmdir("top/sub/lost+found") && !rmdir("top/sub") && !rmdir("top/lost+found") && !rmdir("top") &&
	     !chdir("/") && !rmdir(dir));
}

int main(void)
{
	sizes();
	targets();
	printed(escapes, "a\\033[2Jb\\012\\134c\\177\xc3\xa9");
	printed(json, "{\n  \"n\": 18446744073709551615,\n  \"s\": \"quote\\\" back\\\\ \\u000a \\u00ff\",\n  "
		      "\"empty\": [],\n"
		      "  \"list\": [\n    true,\n    false\n  ]\n}\n");
	hostile_names();
	host_tree();
	return check_done();
}
