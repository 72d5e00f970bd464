# SPDX-License-Identifier: GPL-2.0 OR MIT
# Conformance tests for any mounted directory: tests/posix/NAME.c becomes build/tests/posix/NAME. `make host-tests` and
# tests/run --host run them on the host's own file system, which is the reference; tests/vm/41-fuse.sh on a mount.
POSIX_NAMES := names paths kinds links rename perm times open handles data io maps locks xattrs gone pipes fsx stress full
POSIX_PROGS := $(POSIX_NAMES:%=$(B)/tests/posix/%)
PROGS += $(POSIX_PROGS)
TESTS_HOST += $(POSIX_PROGS)

$(patsubst %,$(B)/obj/tests/posix/%.o,$(POSIX_NAMES) posix): override CFLAGS += -D_GNU_SOURCE \
	-Wno-missing-field-initializers
$(POSIX_PROGS): $(B)/tests/posix/%: $(B)/obj/tests/posix/%.o $(B)/obj/tests/posix/posix.o
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lpthread

# The same on this machine's FUSE, the server being exo-fuse's code over the simulator; posix-TYPE runs all.
POSIX_MOUNTS := $(B)/tests/posix-cffs $(B)/tests/posix-logfs
POSIX_FULL := $(B)/tests/posix-full-cffs $(B)/tests/posix-full-logfs
POSIX_WORK := $(B)/tests/posix-programs-cffs $(B)/tests/posix-programs-logfs
TESTS_HOST += $(POSIX_MOUNTS) $(POSIX_FULL) $(POSIX_WORK)
$(POSIX_MOUNTS): $(B)/tests/posix-%: tests/posix/build.mk | $(B)/tests/simmount
	$(Q)printf '#!/bin/sh\nexec $(B)/tests/simmount $* tests/posix/all.sh\n' >$@ && chmod +x $@
SIMMOUNT_FUSE := $(patsubst libfs/fuse/%.c,$(B)/san/fuse/%.o,$(wildcard libfs/fuse/*.c))
$(SIMMOUNT_FUSE): $(B)/san/fuse/%.o: libfs/fuse/%.c
	$(call say,CC-SAN,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Dmain=exo_fuse_main -Wno-missing-prototypes -O1 $(SAN) -c -o $@ $<
$(B)/san/tests/posix/%.o: override CFLAGS += -D_GNU_SOURCE
$(B)/tests/simmount: $(B)/san/tests/posix/simmount.o $(SIMMOUNT_FUSE) $(LIBFS_SAN) $(LIBEXO_SAN) $(LIBSIM) | $(B)/udf/cffs.o $(B)/udf/logfs.o
	$(call say,LD,$@)
	$(Q)$(CC) $(SAN) -Wl,--wrap=exo_open -o $@ $^ $(LIBSIM_LIBS) -lfuse3
# No room on the disk, and none below the quota.
$(POSIX_FULL): $(B)/tests/posix-full-%: tests/posix/build.mk | $(B)/tests/simmount $(B)/tests/posix/full
	$(Q)printf '#!/bin/sh\nset -e\n$(B)/tests/simmount -b 5120 $* $(B)/tests/posix/full -s\n' >$@
	$(Q)[ $* = logfs ] || printf '$(B)/tests/simmount -q 1500 $* $(B)/tests/posix/full -s\n' >>$@
	$(Q)chmod +x $@

# The library of unmodified programs, with a tree that is not there: in all other places nothing changes. Not locks, stress and
# the long ones, which ask nothing of paths and memory that the others do not; nor kinds: looking where a link to nowhere leads reads it.
POSIX_OUTSIDE := $(B)/tests/posix-outside
TESTS_HOST += $(POSIX_OUTSIDE)
$(POSIX_OUTSIDE): tests/posix/build.mk | $(B)/lib/libexo-posix.so
	$(Q)printf '#!/bin/sh\nexport EXO_POSIX_LIB=$$PWD/$(B)/lib/libexo-posix.so EXO_POSIX="0	none	rw	/exo/none"\nexport LD_PRELOAD=$$EXO_POSIX_LIB\nbad=0\n' >$@
	$(Q)printf 'for t in names paths links rename open handles data io maps pipes gone; do\n' >>$@
	$(Q)printf '\techo "# $$t"; $(B)/tests/posix/$$t; s=$$?; [ $$s = 0 ] || [ $$s = 4 ] || bad=1\ndone\nexit $$bad\n' >>$@
	$(Q)chmod +x $@

# Programs that were never changed: bash, coreutils, tar, git, sqlite3, gcc, make, rsync, python3.
$(POSIX_WORK): $(B)/tests/posix-programs-%: tests/posix/build.mk | $(B)/tests/simmount
	$(Q)printf '#!/bin/sh\nexec $(B)/tests/simmount $* tests/posix/programs.sh\n' >$@ && chmod +x $@

.PHONY: test-programs
test-programs: all
	$(Q)scripts/deps vm test
	$(Q)scripts/vm --disk 4G --mem 2048 --timeout 7200 -- tests/vm/programs.sh
#: make test-programs  unmodified programs in a VM, with whole trees: mounted and under the preload (long)
