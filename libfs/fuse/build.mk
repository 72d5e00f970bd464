# SPDX-License-Identifier: GPL-2.0 OR MIT
# exo-fuse, which exoctl mount starts. It finds the libraries beside it, in the build and installed.
FUSE_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(wildcard libfs/fuse/*.c))
$(FUSE_OBJ): override CFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64

PROGS += $(B)/bin/exo-fuse
$(B)/bin/exo-fuse: $(FUSE_OBJ) $(LIBEXO) $(LIBFS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -o $@ $(FUSE_OBJ) -L$(B)/lib -Wl,-rpath,'$$ORIGIN/../lib' -lexo-fs -lexo -lfuse3 -pthread
