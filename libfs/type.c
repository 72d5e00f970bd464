// SPDX-License-Identifier: GPL-2.0 OR MIT
/* type.c: what every type needs to make and open a tree: its UDF, and the capability to act with. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "type.h"

#ifndef EXO_FS_UDF_DIR
#define EXO_FS_UDF_DIR "/usr/local/lib/exo/udf"
#endif

int exo_type_udf(const char *dir, const char *object, struct exo_udf_code *code, struct exo_why *why)
{
	char path[PATH_MAX];

	if (!dir)
		dir = secure_getenv("EXO_UDF_DIR");
	if (!dir || !*dir)
		dir = EXO_FS_UDF_DIR;
	if (snprintf(path, sizeof(path), "%s/%s", dir, object) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return exo_udf_read(path, code, why);
}

int exo_type_root(struct exo *x, uint32_t disk, const struct exo_mkfs *opt, const char *object, struct exo_root_add *add,
		  struct exo_why *why)
{
	struct exo_udf_code code = {0};
	size_t len = strlen(opt->name);
	char log[4096];
	int cap, err;

	*add = (struct exo_root_add){
		.disk = disk, .start = EXO_NOBLOCK, .count = 1, .quota = opt->quota, .root_flags = opt->root_flags};
	if (!len || len >= sizeof(add->name)) {
		exo_why_fill(why, EXO_NR_ROOT_ADD, -EINVAL, EXO_R_NAME, 0);
		return -EINVAL;
	}
	cap = exo_cap_user(x);
	if (cap < 0)
		cap = exo_cap_admin(x);
	if (cap < 0)
		return -EACCES;
	err = exo_type_udf(opt->udf_dir, object, &code, why);
	if (err)
		return err;
	add->cap = cap;
	memcpy(add->name, opt->name, len);
	err = exo_template_add(x, disk, cap, &code, 0, NULL, &add->template_id, log, sizeof(log), why);
	exo_udf_free(&code);
	if (err >= 0)
		err = exo_root_add(x, add, why);
	return err < 0 ? err : 0;
}

int exo_type_root_done(struct exo *x, const struct exo_root_add *add, int err, struct exo_why *why)
{
	if (err < 0)
		exo_root_del(x, add->disk, add->cap, add->out_root, NULL);
	else
		err = exo_sync(x, add->disk, add->out_root, why);
	return err < 0 ? err : 0;
}

static bool dominates(const struct exo_cap *a, const struct exo_cap *b, uint32_t rights)
{
	uint32_t i;

	if (a->depth > b->depth || a->depth > EXO_CAP_DEPTH || (a->rights & rights) != rights)
		return false;
	for (i = 0; i < a->depth; i++)
		if (a->name[i] != b->name[i])
			return false;
	return true;
}

int exo_type_cap(struct exo *x, const struct exo_root_get *root, unsigned flags)
{
	uint32_t want = flags & EXO_FS_RDONLY ? EXO_RIGHT_READ : EXO_RIGHT_ALL, i, depth = 0;
	struct exo_cap caps[EXO_MAX_CAPS];
	int n, best = -1;

	memset(caps, 0, sizeof(caps));
	n = exo_cap_list(x, caps);
	if (n < 0)
		return n;
	/* Anything will do; the root of the name space, if it is there, says that we may do all. */
	for (i = 0; root->out_flags & EXO_ROOT_SHARED && i < EXO_MAX_CAPS; i++)
		if ((caps[i].rights & want) == want && (best < 0 || caps[i].depth < depth)) {
			best = i;
			depth = caps[i].depth;
		}
	if (best >= 0)
		return best;
	for (i = 0; i < EXO_MAX_CAPS; i++) {
		if (!caps[i].rights || !dominates(&caps[i], &root->out_owner, want))
			continue;
		if (best < 0 || caps[i].depth > depth) {
			best = i;
			depth = caps[i].depth;
		}
	}
	if (best < 0 && (flags & EXO_FS_RDONLY) && (root->out_flags & EXO_ROOT_PUBLIC_READ))
		for (i = 0; i < EXO_MAX_CAPS && best < 0; i++)
			if (caps[i].rights & EXO_RIGHT_READ)
				best = i;
	return best < 0 ? -EACCES : best;
}

int exo_type_error(uint32_t reason, int err)
{
	switch (reason) {
	case EXO_R_QUOTA:
		return -EDQUOT;
	case EXO_R_FRAME_LIMIT:
		return -ENOMEM;
	case EXO_R_CAP:
	case EXO_R_SLOT:
	case EXO_R_ACL:
		return -EACCES;
	case EXO_R_READONLY:
		return -EROFS;
	case EXO_R_IO:
		return -EIO;
	case EXO_R_NO_DISK:
	case EXO_R_NO_ROOT:
		return -ENODEV;
	case EXO_R_CONTESTED:
	case EXO_R_QUARANTINED:
	case EXO_R_NOT_CONSERVED:
	case EXO_R_OVERLAP:
	case EXO_R_UDF_REJECT:
	case EXO_R_UDF_CLAIM:
		return -EUCLEAN;
	default:
		return err;
	}
}
