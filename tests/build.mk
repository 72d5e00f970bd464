# SPDX-License-Identifier: GPL-2.0 OR MIT
# sim first: the others' rules name its archive, $(LIBSIM).
include tests/sim/build.mk $(filter-out tests/sim/build.mk,$(wildcard tests/*/build.mk))
