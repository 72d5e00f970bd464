// SPDX-License-Identifier: GPL-2.0 OR MIT
/* template.c: TEMPLATE_ADD, TEMPLATE_GET and TEMPLATE_DEL: metadata types. Reading objects into code is udf_read.c. */
#include <errno.h>
#include <string.h>
#include "handle.h"

int exo_template_add(struct exo *x, uint32_t disk, uint32_t cap, const struct exo_udf_code *code, uint32_t nrefs,
		     const uint32_t *refs, uint32_t *id, char *log, size_t log_size, struct exo_why *why)
{
	struct exo_template_add a = {
		.disk = disk,
		.cap = cap,
		.partition = code->partition ? code->partition : EXO_SECTOR_SIZE,
		.ninsns = code->ninsns,
		.insns = (uintptr_t)code->insns,
		.nrefs = nrefs,
		.acl_ninsns = code->nacl,
		.acl_insns = (uintptr_t)code->acl,
	};
	int err;

	if (nrefs > EXO_MAX_REFS)
		return exo_refuse(why, EXO_NR_TEMPLATE_ADD, -EINVAL, EXO_R_RANGE, nrefs);
	if (nrefs)
		memcpy(a.refs, refs, nrefs * sizeof(*refs));
	/* Exactly EXO_NAME_MAX bytes go over: a name without a NUL is refused by the module like any bad name. */
	memcpy(a.name, code->name, sizeof(a.name));
	if (log && log_size) {
		log[0] = '\0';
		a.log = (uintptr_t)log;
		a.log_size = log_size < 16u << 20 ? log_size : 16u << 20;
	}
	err = EXO_DO(x, EXO_NR_TEMPLATE_ADD, &a, 0, why);
	if (!err)
		*id = a.out_template;
	return err;
}

int exo_template_get(struct exo *x, struct exo_template_get *t, struct exo_why *why)
{
	return EXO_DO(x, EXO_NR_TEMPLATE_GET, t, 0, why);
}

int exo_template_del(struct exo *x, uint32_t disk, uint32_t cap, uint32_t id, struct exo_why *why)
{
	struct exo_template_del d = {.disk = disk, .cap = cap, .template_id = id};

	return EXO_DO(x, EXO_NR_TEMPLATE_DEL, &d, 0, why);
}
