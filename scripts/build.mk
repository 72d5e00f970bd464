# SPDX-License-Identifier: GPL-2.0 OR MIT
# The kernel with run-time checkers, the module for it, and the VM tests on it. Never part of `make test`.

.PHONY: debug-kernel module-debug test-debug

debug-kernel:
	$(Q)scripts/deps build debug
	$(Q)scripts/debug-kernel

# -g, because the debug kernel itself has no debugging information: scripts/faddr2line then finds lines of the module.
module-debug: debug-kernel
	$(Q)$(MAKE) --no-print-directory module KMOD_OUT=$(B)/kmod-debug KDIR=$$(scripts/debug-kernel --print headers) \
		CC=$$(scripts/debug-kernel --print cc) KMOD_W= KCFLAGS=-g

test-debug: module-debug libs progs udfs
	$(Q)scripts/deps build vm test debug
	$(Q)tests/run --debug

#: make debug-kernel  build a kernel with KASAN, UBSAN, lockdep, kmemleak and fault injection (15 minutes, once)
#: make test-debug    run the VM tests on it
