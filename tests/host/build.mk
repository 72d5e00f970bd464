# SPDX-License-Identifier: GPL-2.0 OR MIT
# Tests of libexo on the host, under the sanitizers.
LIBEXO_TESTS := $(addprefix $(B)/tests/libexo_,why handle freemap)
TESTS_HOST += $(LIBEXO_TESTS)

$(LIBEXO_TESTS): $(B)/tests/%: $(B)/san/tests/host/%.o $(LIBEXO_SAN)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -o $@ $^ -pthread

# Names of all codes in the contract, as R(NAME, VALUE) and S(NAME, VALUE).
$(B)/gen/reasons.inc: kmod/uapi/exo.h
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sed -n 's/^#define EXO_R_\([A-Z_0-9]*\) \([0-9]*\).*/R(\1, \2)/p; s/^#define EXO_SCAN_\([A-Z_0-9]*\) \([0-9]*\).*/S(\1, \2)/p' $< >$@
$(B)/san/tests/host/libexo_why.o: $(B)/gen/reasons.inc
$(B)/san/tests/host/libexo_why.o: override CFLAGS += -I$(B)/gen

# Scripts are tests like programs.
LIBEXO_SCRIPTS := $(B)/tests/libexo_install
TESTS_HOST += $(LIBEXO_SCRIPTS)
$(LIBEXO_SCRIPTS): $(B)/tests/%: tests/host/%.sh
	$(Q)mkdir -p $(@D)
	$(Q)printf '#!/bin/sh\nexec "%s/$<"\n' "$(CURDIR)" >$@ && chmod +x $@

# Through the simulator.
TESTS_HOST += $(B)/tests/libexo_calls
$(B)/tests/libexo_calls: $(B)/san/tests/host/libexo_calls.o $(LIBSIM) $(LIBEXO_SAN)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -o $@ $^ $(LIBSIM_LIBS)

# exoctl's own parts, without a file system behind them.
EXOCTL_PARTS := $(addprefix $(B)/san/libexo/exoctl/,util.o json.o tree.o tree_host.o)
$(EXOCTL_PARTS) $(B)/san/tests/host/libexo_exoctl.o: override CFLAGS += -D_GNU_SOURCE
TESTS_HOST += $(B)/tests/libexo_exoctl
$(B)/tests/libexo_exoctl: $(B)/san/tests/host/libexo_exoctl.o $(EXOCTL_PARTS) $(LIBEXO_SAN)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -o $@ $^ -pthread

# The core through its calls, in the simulator.
CORE_TESTS := $(addprefix $(B)/tests/core_,acl calls claim contest crash data during gates holds order path range refuse roots room faults threads iobind life owned share tmpl reclaim txns walk walkers)
TESTS_HOST += $(CORE_TESTS)
$(CORE_TESTS): $(B)/tests/%: $(B)/san/tests/host/%.o $(B)/san/tests/host/core_kit.o $(LIBSIM) $(LIBEXO_SAN)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -o $@ $^ $(LIBSIM_LIBS)

$(B)/tests/core_acl: | $(UDFS)

# The crash test must see when a rule of the write order is off: the linker swaps one function of the core for one without it.
# $(call core_off,NAME,FUNCTION)
define core_off
TESTS_HOST += $(B)/tests/core_off_$(1)
$(B)/san/tests/host/core_off_$(1).o: tests/host/core_rule_off.c
	$$(call say,CC-SAN,$$<)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS_ALL) -DOFF_$(1) -O1 $$(SAN) -c -o $$@ $$<
$(B)/tests/core_off_$(1)-bin: $(B)/san/tests/host/core_off_$(1).o $(B)/san/tests/host/core_crash.o \
	$(B)/san/tests/host/core_kit.o $$(LIBSIM) $$(LIBEXO_SAN)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(SAN) -Wl,--wrap=$(2) -o $$@ $$^ $$(LIBSIM_LIBS)
$(B)/tests/core_off_$(1): $(B)/tests/core_off_$(1)-bin
	$$(Q)printf '#!/bin/sh\nexec "%s" --broken 1 400\n' "$(CURDIR)/$$<" >$$@ && chmod +x $$@
endef
$(eval $(call core_off,rule1,exo_owns_uninit))
$(eval $(call core_off,rule2,exo_map_settle))
$(eval $(call core_off,rule3,exo_wait_chain))
$(eval $(call core_off,chain,exo_wait_chain))
$(eval $(call core_off,torn,exo_order_submit))
$(eval $(call core_off,attach,exo_order_below))
$(eval $(call core_off,slack,exo_order_pending))
$(eval $(call core_off,temp,exo_root_temporary))

# What the exemption of unattached subtrees is worth: the same tree without it.
TESTS_HOST += $(B)/tests/core_off_loose
$(B)/san/tests/host/core_off_loose.o: tests/host/core_rule_off.c
	$(call say,CC-SAN,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DOFF_loose -O1 $(SAN) -c -o $@ $<
$(B)/tests/core_off_loose-bin: $(B)/san/tests/host/core_off_loose.o $(B)/san/tests/host/core_order.o $(B)/san/tests/host/core_kit.o \
	$(LIBSIM) $(LIBEXO_SAN)
	$(call say,LD,$@)
	$(Q)$(CC) $(SAN) -Wl,--wrap=exo_order_pending -o $@ $^ $(LIBSIM_LIBS)
$(B)/tests/core_off_loose: $(B)/tests/core_off_loose-bin
	$(Q)printf '#!/bin/sh\nexec "%s" --strict\n' "$(CURDIR)/$<" >$@ && chmod +x $@

# The core against users and disks that mean harm.
HOSTILE_TESTS := $(addprefix $(B)/tests/hostile_,order image fuzz stall)
TESTS_HOST += $(HOSTILE_TESTS)
$(HOSTILE_TESTS): $(B)/tests/%: $(B)/san/tests/host/%.o $(B)/san/tests/host/core_kit.o $(LIBSIM) $(LIBEXO_SAN)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -o $@ $^ $(LIBSIM_LIBS)

# The walk's threads without turns, under the race detector: a build of its own of all that they touch.
RACE_SRC := $(SIM_SRC) $(LIBEXO_SRC) tests/host/core_kit.c tests/host/core_walkers.c
RACE_OBJ := $(RACE_SRC:%.c=$(B)/obj/race/%.o)
TESTS_HOST += $(B)/tests/core_walkers_race
$(LIBEXO_SRC:%.c=$(B)/obj/race/%.o): override CFLAGS += -D_GNU_SOURCE -include libexo/export.h
$(RACE_OBJ): $(B)/obj/race/%.o: %.c
	$(call say,CC-RACE,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -O1 -Wno-tsan -fsanitize=thread -c -o $@ $<
$(B)/tests/core_walkers_race-bin: $(RACE_OBJ)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -fsanitize=thread -o $@ $^ $(LIBSIM_LIBS)
$(B)/tests/core_walkers_race: $(B)/tests/core_walkers_race-bin
	$(Q)printf '#!/bin/sh\nexec "%s" --free\n' "$(CURDIR)/$<" >$@ && chmod +x $@
