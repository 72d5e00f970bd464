// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Lists as metadata of exo: the module asks the lists' owns-UDF, and nothing about ownership is on the disk but the
 * lists themselves. */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <libexo.h>
#include "blockcap.h"

#define ROOT "lists"

static struct exo *exo;
static struct exo_why why;
static uint32_t slot, disk, root, template_id, top, frames[BC_META];
static uint64_t first, area;
static bool in_core[BC_META], attached; /* attached: and `top` is bound */

static int say(int err)
{
	fprintf(stderr, "bench-blockcap: %s %s %s\n", exo_reason_name(why.code), why.text, why.hint);
	return err;
}

static int enter(void)
{
	int n = exo_open(&exo, NULL, &why);

	if (n)
		return say(n);
	n = exo_cap_admin(exo);
	if (n >= 0)
		slot = n;
	return n < 0 ? n : 0;
}

static int ex_close(void)
{
	int err = 0;

	if (attached) {
		uint32_t i;

		err = exo_unbind(exo, 1, &top, &why);
		for (i = 0; i < BC_META && !err; i++)
			if (in_core[i])
				err = exo_unbind(exo, 1, &frames[i], &why);
		if (!err)
			err = exo_detach(exo, disk, 0, &why);
	}
	exo_close(exo);
	memset(in_core, 0, sizeof(in_core));
	attached = false;
	return err ? say(err) : 0;
}

/* The root's one block is a list that owns the lists: a root's own extent is short. */
static int bind_top(void)
{
	struct exo_bind bind = {.disk = disk,
				.cap = slot,
				.root = root,
				.parent = EXO_NOBLOCK,
				.claim = {.start = first - 1, .count = 1, .template_id = template_id},
				.first = first - 1,
				.count = 1,
				.rights = EXO_RIGHT_READ,
				.frames = (uintptr_t)&top};

	if (exo_bind(exo, &bind, 0, &why))
		return say(why.err);
	attached = true;
	return 0;
}

static int own_lists(void)
{
	struct bc_list list = {.magic = BC_MAGIC, .used = 1, .entry = {{.first = first, .blocks = BC_META, .kind = 1}}};
	struct exo_edit edit = {.block = first - 1,
				.version = exo_version(exo_view(exo), top),
				.len = sizeof(list),
				.bytes = (uintptr_t)&list};
	struct exo_decl decl = {.op = EXO_DECL_ALLOC, .template_id = template_id, .start = first, .count = BC_META};
	struct exo_txn t = {.disk = disk,
			    .cap = slot,
			    .nedits = 1,
			    .ndecls = 1,
			    .edits = (uintptr_t)&edit,
			    .decls = (uintptr_t)&decl};

	if (exo_txn(exo, &t, &why) || exo_sync(exo, disk, EXO_NOROOT, &why) < 0)
		return say(why.err);
	return 0;
}

static int ex_make(const char *device)
{
	struct exo_root_add r = {.name = ROOT, .start = EXO_NOBLOCK, .count = 1};
	struct exo_udf_code code;
	char log[4096] = "";
	int err = enter();

	if (err)
		return err;
	if (exo_format(exo, device, 0, &why) || exo_attach(exo, device, 0, &disk, &why))
		return say(why.err);
	if (exo_udf_read("build/udf/example_list.o", &code, &why))
		return say(why.err);
	err = exo_template_add(exo, disk, slot, &code, 0, NULL, &template_id, log, sizeof(log), &why);
	exo_udf_free(&code);
	r.disk = disk;
	r.cap = slot;
	r.template_id = template_id;
	if (err || exo_root_add(exo, &r, &why))
		return say(why.err);
	root = r.out_root;
	first = r.out_start + 1;
	err = bind_top();
	if (!err)
		err = own_lists();
	return err ? err : ex_close();
}

static int ex_open(const char *device, unsigned int cached)
{
	struct exo_root_get r;
	int err = enter();

	if (err)
		return err;
	if (exo_attach(exo, device, 0, &disk, &why))
		return say(why.err);
	if (exo_root_find(exo, disk, ROOT, &r, &why))
		return say(why.err);
	root = r.root;
	template_id = r.out_template;
	first = r.out_start + 1;
	/* Behind the metadata, where nothing else is. */
	area = first + BC_META;
	return bind_top();
}

static const struct bc_list *ex_list(unsigned int i)
{
	uint32_t b = i / BC_PER_BLOCK;

	if (!in_core[b]) {
		struct exo_bind bind = {
			.disk = disk,
			.cap = slot,
			.parent = first - 1,
			.claim = {.start = first, .count = BC_META, .template_id = template_id},
			.first = first + b,
			.count = 1,
			.rights = EXO_RIGHT_READ,
			.frames = (uintptr_t)&frames[b],
		};

		if (exo_bind(exo, &bind, 0, &why)) {
			errno = -say(why.err);
			return NULL;
		}
		in_core[b] = true;
	}
	return (const struct bc_list *)exo_frame_ptr(exo_view(exo), frames[b]) + i % BC_PER_BLOCK;
}

static uint64_t ex_area(void)
{
	return area;
}

/* The data block of an entry, for reading or to be overwritten. */
static int bind_data(unsigned int i, uint64_t block, uint32_t rights, uint32_t flags, uint32_t *frame)
{
	struct exo_bind bind = {
		.disk = disk,
		.cap = slot,
		.index = i % BC_PER_BLOCK,
		.parent = first + i / BC_PER_BLOCK,
		.claim = {.start = block, .count = 1},
		.first = block,
		.count = 1,
		.rights = rights,
		.frames = (uintptr_t)frame,
	};

	return exo_bind(exo, &bind, flags, NULL);
}

/* One transaction: how many entries list i has, perhaps the one at `used` - 1, and what is declared. */
static int change(unsigned int i, uint32_t used, const struct bc_entry *entry, uint32_t op, uint64_t block)
{
	uint32_t b = i / BC_PER_BLOCK, at = i % BC_PER_BLOCK * sizeof(struct bc_list);
	uint64_t version = exo_version(exo_view(exo), frames[b]);
	uint32_t head[2] = {BC_MAGIC, used};
	struct exo_edit edits[2] = {
		{.block = first + b, .version = version, .offset = at, .len = sizeof(head), .bytes = (uintptr_t)head},
		{.block = first + b,
		 .version = version,
		 .offset = at + offsetof(struct bc_list, entry) + (used - 1) * sizeof(*entry),
		 .len = sizeof(*entry),
		 .bytes = (uintptr_t)entry},
	};
	struct exo_decl decl = {.op = op, .start = block, .count = 1};
	struct exo_txn t = {.disk = disk,
			    .cap = slot,
			    .nedits = entry ? 2 : 1,
			    .ndecls = 1,
			    .edits = (uintptr_t)edits,
			    .decls = (uintptr_t)&decl};

	return exo_txn(exo, &t, NULL);
}

static int ex_take(unsigned int i, uint64_t block, uint64_t stamp)
{
	const struct bc_list *list = ex_list(i);
	struct bc_entry entry = {.first = block, .blocks = 1};
	uint32_t frame;
	int err;

	if (!list)
		return -errno;
	if (list->used == BC_ENTRIES)
		return -ENOSPC;
	err = change(i, list->used + 1, &entry, EXO_DECL_ALLOC, block);
	if (!err)
		err = bind_data(i, block, EXO_RIGHT_ALL, EXO_BIND_OVERWRITE, &frame);
	if (err)
		return err;
	memcpy(exo_frame_ptr(exo_view(exo), frame), &stamp, sizeof(stamp));
	return exo_unbind(exo, 1, &frame, NULL);
}

static int ex_give(unsigned int i)
{
	const struct bc_list *list = ex_list(i);

	if (!list)
		return -errno;
	if (!list->used)
		return -ENOENT;
	return change(i, list->used - 1, NULL, EXO_DECL_FREE, list->entry[list->used - 1].first);
}

static int ex_use(unsigned int i, unsigned int k, uint64_t *stamp)
{
	const struct bc_list *list = ex_list(i);
	uint32_t frame;
	int err;

	if (!list)
		return -errno;
	if (k >= list->used)
		return -ENOENT;
	err = bind_data(i, list->entry[k].first, EXO_RIGHT_READ, 0, &frame);
	if (err)
		return err;
	memcpy(stamp, exo_frame_ptr(exo_view(exo), frame), sizeof(*stamp));
	return exo_unbind(exo, 1, &frame, NULL);
}

static int ex_commit(void)
{
	int n = exo_sync(exo, disk, root, &why);

	return n < 0 ? say(n) : 0;
}

static int ex_settle(void)
{
	return 0;
}

const struct bc_store bc_exo = {"exo",	 ex_make, ex_open,   ex_list,	ex_area, ex_take,
				ex_give, ex_use,  ex_commit, ex_settle, ex_close};
