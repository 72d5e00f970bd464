# SPDX-License-Identifier: GPL-2.0 OR MIT
# The simulator with kmod/core in it, under the sanitizers: one archive that every host test links.
#	build/tests/NAME: build/san/tests/host/NAME.o $(LIBSIM)
#		$(Q)$(CC) $(SAN) -o $@ $^ $(LIBSIM_LIBS)
SIM_SRC := $(wildcard kmod/core/*.c tests/sim/*.c)
LIBSIM := $(B)/tests/libsim.a
LIBSIM_LIBS := -lcrypto -lpthread
# For a program whose histories have to replay: what they get from the system is the same in each run; see steady.c.
SIM_STEADY := -Wl,--wrap=getrandom,--wrap=clock_gettime,--wrap=getpid

$(LIBSIM): $(SIM_SRC:%.c=$(B)/san/%.o)
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D) && rm -f $@ && ar rcs $@ $^

# The simulator's own tests.
SIM_TESTS := $(addprefix $(B)/tests/sim-,disk pool sched)
TESTS_HOST += $(SIM_TESTS)

$(SIM_TESTS): $(B)/tests/sim-%: $(B)/san/tests/sim/test/%.o $(LIBSIM) $(LIBEXO_SAN)
	$(call say,LD,$@)
	$(Q)$(CC) $(SAN) -o $@ $^ $(LIBSIM_LIBS)
