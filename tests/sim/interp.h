/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* interp.h: an interpreter of UDFs that needs nothing else of the simulator. */
#ifndef EXO_TESTS_SIM_INTERP_H
#define EXO_TESTS_SIM_INTERP_H

#include "../../kmod/core/plat.h"

struct sim_prog;
/*
 * Words go to msg. 0, -ENOMEM, -EINVAL (not a program of this kind), -EACCES (breaks a rule on a trial input), or
 * -ERANGE (reads outside the ctx).
 */
int sim_prog_load_kind(const u64 *insns, u32 n, const struct exo_udf_kind *kind, char *msg, size_t msg_bytes,
		       struct sim_prog **out);
/* An owns-UDF. */
int sim_prog_load(const u64 *insns, u32 n, u32 partition, char *msg, size_t msg_bytes, struct sim_prog **out);
/* An acl-UDF: its run has an input of EXO_ACL_BYTES(partition), and no output. */
int sim_prog_load_acl(const u64 *insns, u32 n, u32 partition, char *msg, size_t msg_bytes, struct sim_prog **out);
void sim_prog_free(struct sim_prog *p);
/* The result as exo_plat_udf_run's. -EACCES or -ERANGE when a run breaks a rule; *at is the instruction then. */
s64 sim_prog_run(const struct sim_prog *p, const void *in, u32 index, void *out, u32 *at);

#endif
