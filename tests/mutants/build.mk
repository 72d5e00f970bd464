# SPDX-License-Identifier: GPL-2.0 OR MIT
# Copies of single sources with one rule taken out, which the tests must notice: tests/mutants/README.md.
MUTANT_LISTS := $(wildcard tests/mutants/*.list)
MUTANT_HOST := $(sort $(shell sed -n 's/^== [^ ]* [^ ]* \([a-z]*_[a-z_]*\).*/\1/p' $(MUTANT_LISTS)))
MUTANT_OBJ := $(MUTANT_HOST:%=$(B)/san/tests/host/%.o) $(MODEL_SRC:%.c=$(B)/san/%.o) $(B)/san/tests/host/core_kit.o $(LIBSIM) $(LIBEXO_SAN)

# What the script needs to know of the build.
$(B)/mutants/env: tests/mutants/build.mk tests/fuzz/build.mk Makefile $(wildcard tests/model/*.c)
	$(Q)mkdir -p $(@D)
	$(Q)printf '%s\n' 'cc=$(CC) $(CFLAGS_ALL) -O1 $(SAN)' 'ld=$(CC) $(SAN)' 'libs=$(LIBSIM_LIBS)' \
		'archive=$(LIBSIM) $(LIBEXO_SAN)' 'kit=$(B)/san/tests/host/core_kit.o' 'model=$(MODEL_SRC:%.c=$(B)/san/%.o)' \
		'fuzz_cc=$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link $(FUZZ_SAN)' 'fuzz_ld=$(FUZZ_CC) -Wno-unused-function' \
		'fuzz_have=$(FUZZ_HAVE)' $(foreach t,$(FUZZ_ALL),'fuzz_$(t)=$(filter %.c %.o,$(FUZZ_PARTS_$(t)))') >$@

# One in six is tried; the others must fit the sources.
TESTS_HOST += $(B)/tests/mutants-some
$(B)/tests/mutants-some: tests/mutants/run $(MUTANT_LISTS) $(B)/mutants/env $(MUTANT_OBJ)
	$(Q)mkdir -p $(@D)
	$(Q)printf '#!/bin/sh\ncd "%s" && exec tests/mutants/run --every 6 $(MUTANT_LISTS)\n' "$(CURDIR)" >$@ && chmod +x $@

.PHONY: mutants
mutants: $(B)/mutants/env $(MUTANT_OBJ) $(FUZZ_ALL:%=$(B)/fuzz/%)
	$(Q)tests/mutants/run $(MUTANT_LISTS)

#: make mutants    take rules out of the core, one at a time, and see that a test notices each (some ten minutes)
