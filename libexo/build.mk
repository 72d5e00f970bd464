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
EXOCTL_SRC := $(wildcard libexo/exoctl/*.c)
EXOCTL_OBJ := $(EXOCTL_SRC:%.c=$(B)/obj/%.o)
PROGS += $(B)/bin/exoctl

$(EXOCTL_OBJ): override CFLAGS += -D_GNU_SOURCE
$(B)/bin/exoctl: $(EXOCTL_OBJ) $(LIBEXO) $(B)/lib/libexo-fs.so
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -o $@ $(EXOCTL_OBJ) -L$(B)/lib -Wl,-rpath,'$$ORIGIN/../lib' -lexo-fs -lexo -lblkid -luring -pthread

# The example builds as an outside program would: public header, shared library.
PROGS += $(B)/bin/hello_block
$(B)/bin/hello_block: libexo/examples/hello_block.c libexo/libexo.h kmod/uapi/exo.h $(LIBEXO)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -O2 -Wall -Wextra -Wpedantic -Ilibexo -o $@ $< -L$(B)/lib -Wl,-rpath,'$$ORIGIN/../lib' -lexo

# For the VM: what libexo.3 says about fork and threads.
PROGS += $(B)/tests/libexo_fork
$(B)/tests/libexo_fork: $(B)/obj/tests/vm/libexo_fork.o $(LIBEXO_A)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^ -pthread

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
	$(Q)$(CC) -shared -o $@ $(FIO_OBJ) -L$(B)/lib -Wl,-rpath,'$$ORIGIN:$$ORIGIN/..' -lexo -luring
endif

#: make install       DESTDIR= PREFIX=/usr/local: headers, libraries, commands, UDFs, manual pages (not the module)
.PHONY: install
INSTALL_HEADERS := libexo/libexo.h libexo/exo-uapi.h libfs/libexo-fs.h udf/exo_udf.h
INSTALL_BIN = $(filter %/exoctl %/cheetah %/exo-fuse,$(PROGS))
INSTALL_UDFS = $(filter-out $(B)/udf/bad/%,$(UDFS))
install: libs progs udfs
	$(call say,INSTALL,$(DESTDIR)$(PREFIX))
	$(Q)install -d $(addprefix $(DESTDIR)$(PREFIX)/,include lib/pkgconfig lib/exo/udf bin)
	$(Q)install -m 644 $(wildcard $(INSTALL_HEADERS)) $(DESTDIR)$(PREFIX)/include
	$(Q)cp -P $$(ls -d $(B)/lib/libexo*.so* $(B)/lib/libexo*.a) $(DESTDIR)$(PREFIX)/lib
	$(Q)if [ -f $(B)/lib/fio-exo.so ]; then install -m 755 $(B)/lib/fio-exo.so $(DESTDIR)$(PREFIX)/lib/exo; fi
	$(Q)for p in $(wildcard libexo/*.pc.in libfs/*.pc.in); do \
		sed -e 's,@PREFIX@,$(PREFIX),g' -e 's,@VERSION@,$(EXO_VERSION),g' $$p \
			>$(DESTDIR)$(PREFIX)/lib/pkgconfig/$$(basename $$p .in); done
	$(Q)install -m 644 $(INSTALL_UDFS) $(DESTDIR)$(PREFIX)/lib/exo/udf
	$(Q)install -m 755 $(INSTALL_BIN) $(DESTDIR)$(PREFIX)/bin
	$(Q)for m in $(wildcard libexo/man/*.[1-8] libfs/man/*.[1-8] cheetah/man/*.[1-8]); do \
		install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$$(basename $$m); done
