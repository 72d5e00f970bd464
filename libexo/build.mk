# SPDX-License-Identifier: GPL-2.0 OR MIT
# libexo.so, libexo.a, libexo.pc, exoctl, the example, the fio engine; `make install`.

PREFIX ?= /usr/local
EXO_VERSION := 0.1.0

LIBEXO_SRC := $(addprefix libexo/,handle.c transport.c disk.c freemap.c frame.c template.c root.c txn.c bind.c io.c \
	caps.c why.c reasons.c udf_read.c udf_read_order.c)
LIBEXO_OBJ := $(LIBEXO_SRC:%.c=$(B)/obj/%.o)
LIBEXO_SAN := $(LIBEXO_SRC:%.c=$(B)/san/%.o)
LIBEXO := $(B)/lib/libexo.so
LIBEXO_A := $(B)/lib/libexo.a

$(LIBEXO_OBJ) $(LIBEXO_SAN): override CFLAGS += -D_GNU_SOURCE -include libexo/export.h

LIBS += $(LIBEXO) $(LIBEXO_A) $(B)/lib/libexo.pc

$(LIBEXO_A): $(LIBEXO_OBJ)
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^

# The link is undone when exports, map and header do not agree.
$(B)/lib/libexo.so.0: $(LIBEXO_OBJ) libexo/libexo.map libexo/libexo.h libexo/check-exports
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -shared -Wl,-soname,libexo.so.0 -Wl,--version-script=libexo/libexo.map -Wl,-z,defs -Wl,-z,relro,-z,now \
		-o $@ $(LIBEXO_OBJ) -pthread
	$(Q)libexo/check-exports $@ libexo/libexo.map libexo/libexo.h || { rm -f $@; false; }

$(LIBEXO): $(B)/lib/libexo.so.0
	$(Q)ln -sf libexo.so.0 $@

$(B)/lib/libexo.pc: libexo/libexo.pc.in libexo/build.mk
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sed -e 's,@PREFIX@,$(PREFIX),g' -e 's,@VERSION@,$(EXO_VERSION),g' $< >$@

# exoctl finds the libraries beside it, in the build and installed.
EXOCTL_FS := $(if $(wildcard libfs/build.mk),$(B)/lib/libexo-fs.so)
EXOCTL_FS_SRC := $(addprefix libexo/exoctl/,tree.c tree_host.c tree_exo.c session.c import.c export.c mkfs.c ls.c cat.c sum.c)
EXOCTL_SRC := $(filter-out $(if $(EXOCTL_FS),,$(EXOCTL_FS_SRC)),$(wildcard libexo/exoctl/*.c))
EXOCTL_OBJ := $(EXOCTL_SRC:%.c=$(B)/obj/%.o)
PROGS += $(B)/bin/exoctl

$(EXOCTL_OBJ): override CFLAGS += -D_GNU_SOURCE $(if $(EXOCTL_FS),-DEXOCTL_FS)
$(B)/bin/exoctl: $(EXOCTL_OBJ) $(LIBEXO) $(EXOCTL_FS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -o $@ $(EXOCTL_OBJ) -L$(B)/lib -Wl,-rpath,'$$ORIGIN/../lib' $(if $(EXOCTL_FS),-lexo-fs) -lexo -lblkid -lcrypto

# The example builds as an outside program would: public header, shared library.
PROGS += $(B)/bin/hello_block
$(B)/bin/hello_block: libexo/examples/hello_block.c libexo/libexo.h kmod/uapi/exo.h $(LIBEXO)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -O2 -Wall -Wextra -Wpedantic -Ilibexo -o $@ $< -L$(B)/lib -Wl,-rpath,'$$ORIGIN/../lib' -lexo

# fio's engine needs the headers of the very fio that loads it: scripts/deps fio puts them there.
FIO_SRC := $(B)/fio-src
ifneq ($(wildcard $(FIO_SRC)/config-host.h),)
LIBS += $(B)/lib/fio-exo.so
FIO_OBJ := $(B)/obj/libexo/fio/exo.o $(B)/obj/libexo/fio/memory.o
$(FIO_OBJ): override CFLAGS += -D_GNU_SOURCE
$(B)/obj/libexo/fio/exo.o: override CFLAGS += -include $(FIO_SRC)/config-host.h -isystem $(FIO_SRC) -isystem $(FIO_SRC)/include
$(FIO_OBJ): $(FIO_SRC)/config-host.h
$(B)/lib/fio-exo.so: $(FIO_OBJ) $(LIBEXO)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -shared -o $@ $(FIO_OBJ) -L$(B)/lib -Wl,-rpath,'$$ORIGIN' -lexo -luring
endif
