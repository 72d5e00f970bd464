# SPDX-License-Identifier: GPL-2.0 OR MIT
# Conformance tests for any mounted directory: tests/posix/NAME.c becomes build/tests/posix/NAME. `make host-tests` and
# tests/run --host run them on the host's own file system, which is the reference; tests/vm/41-fuse.sh on a mount.
POSIX_NAMES := names links rename perm times open data fsx
POSIX_PROGS := $(POSIX_NAMES:%=$(B)/tests/posix/%)
PROGS += $(POSIX_PROGS)
TESTS_HOST += $(POSIX_PROGS)

$(patsubst %,$(B)/obj/tests/posix/%.o,$(POSIX_NAMES) posix): override CFLAGS += -D_GNU_SOURCE \
	-Wno-missing-field-initializers
$(POSIX_PROGS): $(B)/tests/posix/%: $(B)/obj/tests/posix/%.o $(B)/obj/tests/posix/posix.o
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lpthread
