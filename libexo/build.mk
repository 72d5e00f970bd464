# SPDX-License-Identifier: GPL-2.0 OR MIT
# libexo.so, libexo.a, libexo.pc.

PREFIX ?= /usr/local

LIBEXO_SRC := $(addprefix libexo/,handle.c transport.c disk.c freemap.c frame.c template.c root.c txn.c bind.c io.c \
	caps.c why.c reasons.c) $(wildcard libexo/udf_read*.c)
LIBEXO_OBJ := $(LIBEXO_SRC:%.c=$(B)/obj/%.o)
LIBEXO_SAN := $(LIBEXO_SRC:%.c=$(B)/san/%.o)
LIBEXO := $(B)/lib/libexo.so
LIBEXO_A := $(B)/lib/libexo.a
EXO_VERSION := 0.1.0

$(LIBEXO_OBJ) $(LIBEXO_SAN): override CFLAGS += -D_GNU_SOURCE -include libexo/export.h

LIBS += $(LIBEXO) $(LIBEXO_A) $(B)/lib/libexo.pc

$(LIBEXO_A): $(LIBEXO_OBJ)
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/lib/libexo.so.0: $(LIBEXO_OBJ) libexo/libexo.map
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -shared -Wl,-soname,libexo.so.0 -Wl,--version-script=libexo/libexo.map -Wl,-z,defs -Wl,-z,relro,-z,now \
		-o $@ $(LIBEXO_OBJ) -pthread

$(LIBEXO): $(B)/lib/libexo.so.0
	$(Q)ln -sf libexo.so.0 $@

$(B)/lib/libexo.pc: libexo/libexo.pc.in libexo/build.mk
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sed -e 's,@PREFIX@,$(PREFIX),g' -e 's,@VERSION@,$(EXO_VERSION),g' $< >$@
