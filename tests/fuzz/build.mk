# SPDX-License-Identifier: GPL-2.0 OR MIT
# Fuzz targets. `make fuzz FUZZ_SECONDS=60`: each of them that long, and the model of the core's rules for MODEL_STEPS steps. Corpora stay in
# build/fuzz, and so does what libFuzzer found. A short, bounded part of each is one of the host tests.
FUZZ_SECONDS ?= 30
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_CFLAGS := -std=gnu11 -O1 -g -Werror=implicit-function-declaration $(INC) -MMD -MP
FUZZ_CC = $(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
# Debian has libFuzzer in a package of its own; without it the tests are skipped, in words.
FUZZ_HAVE = [ -e "$$($(CLANG) -print-resource-dir 2>/dev/null)/lib/linux/libclang_rt.fuzzer-$$(uname -m).a" ]

# The core in the simulator, once for all targets that need it.
FUZZ_CORE := $(SIM_SRC:%.c=$(B)/obj/fuzz/%.o) $(LIBEXO_SRC:%.c=$(B)/obj/fuzz/%.o) $(B)/obj/fuzz/tests/host/core_kit.o
FUZZ_MODEL := $(patsubst %.c,$(B)/obj/fuzz/%.o,$(filter-out tests/model/main.c,$(wildcard tests/model/*.c)))
$(LIBEXO_SRC:%.c=$(B)/obj/fuzz/%.o): FUZZ_CFLAGS += -D_GNU_SOURCE -include libexo/export.h
$(B)/obj/fuzz/%.o: %.c
	$(Q)mkdir -p $(@D)
	$(Q)! $(FUZZ_HAVE) || { printf '  FUZZ-CC  $<\n' && $(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link $(FUZZ_SAN) -c -o $@ $<; }

# $(call fuzz_target,NAME,SOURCES AND OBJECTS,LARGEST INPUT,RUNS OF THE HOST TEST)
FUZZ_ALL :=
define fuzz_target
FUZZ_ALL += $(1)
FUZZ_PARTS_$(1) := $(2)
$(B)/fuzz/$(1): $(2)
	$$(Q)mkdir -p $$(@D)
	$$(Q)! $$(FUZZ_HAVE) || { printf '  FUZZ-CC  $$@\n' && $$(FUZZ_CC) -Wno-unused-function -MF $$@.d -o $$@ $$(filter %.c %.o,$$^) -lcrypto -lpthread; }
$(B)/tests/fuzz-$(1): tests/fuzz/run $(B)/fuzz/$(1)
	$$(Q)mkdir -p $$(@D)
	$$(Q)printf '#!/bin/sh\nexec "%s/tests/fuzz/run" --runs $(4) $(1) $(3)\n' "$$(CURDIR)" >$$@ && chmod +x $$@
TESTS_HOST += $(B)/tests/fuzz-$(1)
.PHONY: fuzz-$(1)
fuzz-$(1): $(B)/fuzz/$(1)
	$$(Q)tests/fuzz/run --seconds $$(FUZZ_SECONDS) $(1) $(3)
endef
$(eval $(call fuzz_target,udf-scan,tests/fuzz/scan.c kmod/core/scan.c tests/sim/interp.c,4096,30000))
$(eval $(call fuzz_target,udf-read,tests/fuzz/udf_read.c libexo/udf_read.c libexo/udf_read_order.c libexo/why.c libexo/reasons.c,16384,10000))
$(eval $(call fuzz_target,range,tests/fuzz/range.c $(FUZZ_CORE),512,30000))
$(eval $(call fuzz_target,order,tests/fuzz/order.c $(FUZZ_CORE),1024,3000))
$(eval $(call fuzz_target,image,tests/fuzz/image.c $(FUZZ_CORE),1024,300))
$(eval $(call fuzz_target,txn,tests/fuzz/txn.c $(FUZZ_MODEL) $(FUZZ_CORE),2048,300))
$(eval $(call fuzz_target,history,tests/fuzz/history.c $(FUZZ_MODEL) $(FUZZ_CORE),8192,200))
$(eval $(call fuzz_target,http,tests/fuzz/http.c $(CHEETAH_HTTP) $(filter-out cheetah/store/%,$(CHEETAH_SITE)),4096,3000))
$(B)/fuzz/udf-scan $(B)/fuzz/udf-read: | $(UDFS)
$(B)/fuzz/udf-read: FUZZ_CFLAGS += -D_GNU_SOURCE
$(B)/fuzz/http: $(wildcard tests/host/http_*.h cheetah/*/*.h)

-include $(wildcard $(B)/fuzz/*.d) $(shell find $(B)/obj/fuzz -name '*.d' 2>/dev/null)

.PHONY: fuzz fuzz-udf
fuzz-udf: fuzz-udf-scan fuzz-udf-read
fuzz: fuzz-deps
	$(Q)$(MAKE) --no-print-directory -k $(addprefix fuzz-,$(FUZZ_ALL)) fuzz-model
.PHONY: fuzz-deps
fuzz-deps:
	$(Q)scripts/deps build test

#: make fuzz       everything below and the model of the core's rules, one after the other
#: make fuzz-NAME  one libFuzzer target, FUZZ_SECONDS (30) long: udf-scan, udf-read, range, order, image, txn, history, http
