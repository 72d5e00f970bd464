# SPDX-License-Identifier: GPL-2.0 OR MIT
# libexo-fs.so, libexo-fs.a, libexo-fs.pc.
LIBFS_SRC := $(wildcard libfs/*.c) $(wildcard libfs/cffs/*.c) $(wildcard libfs/logfs/*.c)
LIBFS_OBJ := $(LIBFS_SRC:%.c=$(B)/obj/%.o)
LIBFS_SAN := $(LIBFS_SRC:%.c=$(B)/san/%.o)
LIBFS := $(B)/lib/libexo-fs.so
LIBFS_A := $(B)/lib/libexo-fs.a

$(LIBFS_OBJ) $(LIBFS_SAN): override CFLAGS += -D_GNU_SOURCE -DEXO_FS_UDF_DIR='"$(PREFIX)/lib/exo/udf"'

LIBS += $(LIBFS) $(LIBFS_A) $(B)/lib/libexo-fs.pc

$(LIBFS_A): $(LIBFS_OBJ)
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/lib/libexo-fs.so.0: $(LIBFS_OBJ) libfs/libexo-fs.map $(LIBEXO)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -shared -Wl,-soname,libexo-fs.so.0 -Wl,--version-script=libfs/libexo-fs.map -Wl,-z,defs \
		-Wl,-z,relro,-z,now -o $@ $(LIBFS_OBJ) -L$(B)/lib -lexo -pthread

$(LIBFS): $(B)/lib/libexo-fs.so.0
	$(Q)ln -sf libexo-fs.so.0 $@

$(B)/lib/libexo-fs.pc: libfs/libexo-fs.pc.in libfs/build.mk
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sed -e 's,@PREFIX@,$(PREFIX),g' -e 's,@VERSION@,$(EXO_VERSION),g' $< >$@

include libfs/fuse/build.mk
include libfs/posix/build.mk

PROGS += $(B)/bin/hello_file
$(B)/bin/hello_file: libfs/examples/hello_file.c libfs/libexo-fs.h libexo/libexo.h $(LIBFS)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -Ilibexo -Ilibfs -o $@ $< -L$(B)/lib -lexo-fs -lexo -Wl,-rpath,'$$ORIGIN/../lib'
