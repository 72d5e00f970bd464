# SPDX-License-Identifier: GPL-2.0 OR MIT
include $(wildcard tests/*/build.mk)
