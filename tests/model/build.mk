# SPDX-License-Identifier: GPL-2.0 OR MIT
# The core against an executable model of its rules: build/tests/core_model SEED STEPS; see main.c.
MODEL_SRC := $(wildcard tests/model/*.c)
MODEL_SEED ?= 1
MODEL_STEPS ?= 1000000

TESTS_HOST += $(B)/tests/core_model
$(B)/tests/core_model: $(MODEL_SRC:%.c=$(B)/san/%.o) $(B)/san/tests/host/core_kit.o $(LIBSIM) $(LIBEXO_SAN)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -o $@ $^ $(LIBSIM_LIBS)

.PHONY: fuzz-model
fuzz-model: $(B)/tests/core_model
	$(Q)$< $(MODEL_SEED) $(MODEL_STEPS)

#: make fuzz-model  the core against the model of its rules, MODEL_STEPS calls from MODEL_SEED on
