/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The part of QEMU's TCG plugin interface that exo-count uses. Debian's QEMU loads plugins but ships no header, so
 * these few declarations are our own; they describe interface version 1, which QEMU 4.2 to 8.2 accept.
 * QEMU resolves the functions when it loads the plugin.
 */
#ifndef EXO_QEMU_PLUGIN_ABI_H
#define EXO_QEMU_PLUGIN_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLUGIN_EXPORT __attribute__((visibility("default")))
#define PLUGIN_ABI_VERSION 1
#define PLUGIN_CB_NO_REGS 0

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;	 /* a translated block: straight code, entered at its start only */
struct qemu_plugin_insn; /* valid while its block is being translated */

struct qemu_plugin_info {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus;
		int max_vcpus;
	} system;
};

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
/* Run before the block, or before the instruction, on the thread of that vCPU. */
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*cb)(unsigned int vcpu, void *arg),
					  int flags, void *arg);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*cb)(unsigned int vcpu, void *arg),
					    int flags, void *arg);
/* Called while every vCPU stands still, when all translated blocks have been thrown away. */
void qemu_plugin_register_flush_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t id));
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t id, void *arg), void *arg);

/* Provided by the plugin. */
extern PLUGIN_EXPORT int qemu_plugin_version;
PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_plugin_info *info, int argc, char **argv);

#endif
