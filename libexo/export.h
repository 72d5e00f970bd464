/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * export.h: included ahead of each of the library's files by the build: what libexo.h declares is exported, all
 * else is hidden.
 */
#ifndef LIBEXO_EXPORT_H
#define LIBEXO_EXPORT_H

#pragma GCC visibility push(default)
#include <libexo.h>
#pragma GCC visibility pop

#endif
