# SPDX-License-Identifier: GPL-2.0 OR MIT
# libexo-posix.so, for LD_PRELOAD. It has the libraries in itself, with an allocator of its own (alloc.c), and is started before
# all others.
POSIX_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(wildcard libfs/posix/*.c)) $(B)/obj/libfs/posix/gate.o
POSIX := $(B)/lib/libexo-posix.so
$(POSIX_OBJ): override CFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -fno-stack-protector

$(B)/obj/libfs/posix/gate.o: libfs/posix/gate.S
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -c -o $@ $<

LIBS += $(POSIX)
$(POSIX): $(POSIX_OBJ) $(LIBFS_A) $(LIBEXO_A) libfs/posix/libexo-posix.map
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -shared -Wl,-soname,libexo-posix.so -Wl,-z,initfirst -Wl,-z,relro,-z,now -Wl,-z,defs \
		-Wl,--version-script=libfs/posix/libexo-posix.map \
		-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free \
		-o $@ $(POSIX_OBJ) $(LIBFS_A) $(LIBEXO_A) -pthread
