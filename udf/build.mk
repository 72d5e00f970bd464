# SPDX-License-Identifier: GPL-2.0 OR MIT
# build/udf/NAME.o from udf/NAME.c, and build/udf/bad/NAME.o from udf/bad/NAME.c or NAME.S.
UDF_FLAGS := -target bpf -mcpu=v3 -O2 -ffreestanding -fno-ident -Wall -Wextra -Wno-unused-parameter \
	-Wno-sign-compare -Werror=pass-failed -Iudf -MMD -MP
UDF_GOOD := $(patsubst udf/%.c,$(B)/udf/%.o,$(wildcard udf/*.c))
UDF_BAD := $(patsubst udf/%.c,$(B)/udf/%.o,$(wildcard udf/bad/*.c)) $(patsubst udf/%.S,$(B)/udf/%.o,$(wildcard udf/bad/*.S))
UDFS += $(UDF_GOOD) $(UDF_BAD)

$(B)/udf/%.o: udf/%.c
	$(call say,UDF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(UDF_FLAGS) -c -o $@ $<

$(B)/udf/%.o: udf/%.S
	$(call say,UDF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(UDF_FLAGS) -c -o $@ $<

-include $(shell find $(B)/udf -name '*.d' 2>/dev/null)

# The program in README.md must be one: tests/vm/23-udf-bad.sh loads it.
$(B)/tests/my_list.c: udf/README.md
	$(Q)mkdir -p $(@D)
	$(Q)sed -n '/^    #include "exo_udf.h"$$/,/^    }$$/s/^    //p' $< >$@
$(B)/tests/my_list.o: $(B)/tests/my_list.c udf/exo_udf.h
	$(call say,UDF,$@)
	$(Q)$(CLANG) $(UDF_FLAGS) -c -o $@ $<
PROGS += $(B)/tests/my_list.o
