# SPDX-License-Identifier: GPL-2.0 OR MIT
# Crash states: crash-sim (history in the simulator, under the sanitizers, and fast without them), crash-replay (judges the log of
# a real module's writes), crash-work (makes that history in the VM).

CRASH_WORK := tests/crash/workload.c tests/crash/reader.c tests/crash/content.c
CRASH_JUDGE := tests/crash/state.c tests/crash/plan.c $(CRASH_WORK) $(SIM_SRC) $(LIBEXO_SRC) $(LIBFS_SRC)
CRASH_FAST := $(CRASH_JUDGE:%.c=$(B)/obj/%.o)
CRASH_SAN := $(CRASH_JUDGE:%.c=$(B)/san/%.o)

PROGS += $(B)/tests/crash-work
TESTS_HOST += $(B)/tests/crash-sim-san
CRASH_PROGS := $(B)/tests/crash-sim $(B)/tests/crash-replay

vm-tests: $(CRASH_PROGS) $(B)/tests/crash-work

$(CRASH_PROGS): $(B)/tests/%: $(B)/obj/tests/crash/%.o $(CRASH_FAST)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^ $(LIBSIM_LIBS) $(SIM_STEADY)

$(B)/tests/crash-sim-san: $(B)/san/tests/crash/crash-sim.o $(CRASH_SAN)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -o $@ $^ $(LIBSIM_LIBS) $(SIM_STEADY)

$(B)/tests/crash-work: $(B)/obj/tests/crash/crash-work.o $(CRASH_WORK:%.c=$(B)/obj/%.o) $(LIBEXO) $(B)/lib/libexo-fs.so
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -o $@ $(filter %.o,$^) -L$(B)/lib -Wl,-rpath,'$$ORIGIN/../lib' -lexo-fs -lexo

.PHONY: crash
crash: all $(CRASH_PROGS)
	$(Q)tests/crash/states.sh $(or $(STATES),200000)

#: make crash      200,000 crash states, in the simulator and from the real module's writes (20 minutes of processor time;
#:                 STATES=N for another number, JOBS=N processes at a time)
