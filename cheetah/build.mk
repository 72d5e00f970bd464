# SPDX-License-Identifier: GPL-2.0 OR MIT
# The web server, and a build of it under the sanitizers that knows the directory store only: for tests that need neither
# the module nor libFS.

CHEETAH_HTTP := $(addprefix cheetah/http/,chars.c parse.c date.c range.c target.c cond.c mime.c status.c)
CHEETAH_SITE := $(addprefix cheetah/http/,stats.c doc.c log.c site.c listing.c session.c respond.c) \
	cheetah/store/store.c cheetah/store/dir.c
CHEETAH_MAIN := cheetah/net/address.c cheetah/net/conn.c cheetah/net/socket.c cheetah/worker.c cheetah/main.c
CHEETAH_SRC := $(CHEETAH_HTTP) $(CHEETAH_SITE) cheetah/store/exo.c $(CHEETAH_MAIN)
CHEETAH_DIR_SRC := $(CHEETAH_HTTP) $(CHEETAH_SITE) $(CHEETAH_MAIN)

ifneq ($(wildcard libfs/build.mk),)
PROGS += $(B)/bin/cheetah
endif

$(B)/bin/cheetah: $(CHEETAH_SRC:%.c=$(B)/obj/%.o) $(B)/lib/libexo-fs.so $(B)/lib/libexo.so
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -o $@ $(CHEETAH_SRC:%.c=$(B)/obj/%.o) -L$(B)/lib -Wl,-rpath,'$$ORIGIN/../lib' -lexo-fs -lexo

# store.c without the exo store, since its neighbours may not be linked in.
$(B)/obj/cheetah/store/store_dir.o: cheetah/store/store.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DCHEETAH_NO_EXO -c -o $@ $<

$(B)/san/cheetah/store/store_dir.o: cheetah/store/store.c
	$(call say,CC-SAN,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -O1 $(SAN) -DCHEETAH_NO_EXO -c -o $@ $<

CHEETAH_DIR_OBJ := $(subst store/store.o,store/store_dir.o,$(CHEETAH_DIR_SRC:%.c=$(B)/obj/%.o))
CHEETAH_DIR_SAN := $(subst store/store.o,store/store_dir.o,$(CHEETAH_DIR_SRC:%.c=$(B)/san/%.o))

$(B)/tests/cheetah/cheetah-dir: $(CHEETAH_DIR_OBJ)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^

$(B)/tests/cheetah/cheetah-dir-san: $(CHEETAH_DIR_SAN)
	$(call say,LD-SAN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -o $@ $^

# Unit tests, under the sanitizers. http_text includes mime.c to see its table.
CHEETAH_TESTS := $(addprefix $(B)/tests/,http_parse http_text http_session http_exostore)
TESTS_HOST += $(CHEETAH_TESTS)

$(B)/tests/http_parse: $(addprefix $(B)/san/,tests/host/http_parse.o cheetah/http/parse.o cheetah/http/chars.o)
$(B)/tests/http_text: $(B)/san/tests/host/http_text.o $(filter-out %/mime.o,$(CHEETAH_HTTP:%.c=$(B)/san/%.o))
$(B)/tests/http_session: $(B)/san/tests/host/http_session.o \
	$(filter-out $(CHEETAH_MAIN:%.c=$(B)/san/%.o),$(CHEETAH_DIR_SAN))
$(B)/tests/http_exostore: $(addprefix $(B)/san/,tests/host/http_exostore.o cheetah/store/exo.o)
$(CHEETAH_TESTS):
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -o $@ $^

$(B)/san/tests/host/http_session.o: override CFLAGS += -D_GNU_SOURCE

# The server itself, over loopback.
TESTS_HOST += $(B)/tests/cheetah_live
$(B)/tests/cheetah_live: tests/host/cheetah_live.py $(B)/tests/cheetah/cheetah-dir $(B)/tests/cheetah/cheetah-dir-san
	$(call say,COPY,$@)
	$(Q)install -m 755 $< $@
