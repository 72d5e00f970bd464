/* SPDX-License-Identifier: GPL-2.0 */
/* compat.h: every difference between kernels, in one place. The first supported kernel is 6.12. */
#ifndef EXO_COMPAT_H
#define EXO_COMPAT_H

#include <linux/module.h>
#include <linux/version.h>
#include <asm/page.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "exo needs Linux 6.12 or later"
#endif

#ifndef CONFIG_64BIT
#error "exo needs a 64-bit kernel: mapping offsets and every frame's kernel address rely on it"
#endif

#if PAGE_SHIFT != 12
#error "exo needs pages of 4096 bytes: a frame, a block and a page are the same size"
#endif

#if !IS_ENABLED(CONFIG_BPF_SYSCALL) || !IS_ENABLED(CONFIG_IO_URING)
#error "exo needs CONFIG_BPF_SYSCALL (its programs) and CONFIG_IO_URING (its asynchronous calls)"
#endif

/* 6.13 turned the name space from a token into a string. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define EXO_IMPORT_NS(ns) MODULE_IMPORT_NS(#ns)
#else
#define EXO_IMPORT_NS(ns) MODULE_IMPORT_NS(ns)
#endif

#endif
