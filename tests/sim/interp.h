/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* interp.h: an interpreter of owns-UDFs that needs nothing else of the simulator. */
#ifndef EXO_TESTS_SIM_INTERP_H
#define EXO_TESTS_SIM_INTERP_H

#include "../../kmod/core/plat.h"

struct sim_prog;
/*
 * Words go to msg. 0, -ENOMEM, -EINVAL (not a program of this kind), -EACCES (breaks a rule on a trial input), or
 * -ERANGE (reads outside the ctx).
 */
int sim_prog_load(const u64 *insns, u32 n, u32 partition, char *msg, size_t msg_bytes, struct sim_prog **out);
void sim_prog_free(struct sim_prog *p);
/* The result as exo_plat_udf_run's. -EACCES or -ERANGE when a run breaks a rule; *at is the instruction then. */
s64 sim_prog_run(const struct sim_prog *p, const void *in, u32 index, struct exo_udf_claim *out, u32 *at);

#endif
