# SPDX-License-Identifier: GPL-2.0 OR MIT
# Fuzz targets of the UDF path: make fuzz-udf FUZZ_SECONDS=60. Corpora stay in build/fuzz.
FUZZ_SECONDS ?= 30
FUZZ_CC := $(CLANG) -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $(INC)

$(B)/fuzz/udf-scan: tests/fuzz/scan.c kmod/core/scan.c tests/sim/interp.c
$(B)/fuzz/udf-read: tests/fuzz/udf_read.c libexo/udf_read.c libexo/udf_read_order.c libexo/why.c libexo/reasons.c
$(B)/fuzz/udf-scan $(B)/fuzz/udf-read:
	$(call say,FUZZ-CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -D_GNU_SOURCE -o $@ $(filter %.c,$^)

# fuzz(PROGRAM, LARGEST INPUT, CORPUS): what libFuzzer says is of interest when it finds something.
fuzz = $(B)/fuzz/$(1) -max_total_time=$(FUZZ_SECONDS) -max_len=$(2) -artifact_prefix=$(B)/fuzz/ $(B)/fuzz/$(3) \
	>$(B)/fuzz/$(1).log 2>&1 && echo "$(1): nothing found in $(FUZZ_SECONDS) s" || { tail -n 40 $(B)/fuzz/$(1).log; exit 1; }

.PHONY: fuzz-udf
fuzz-udf: $(B)/fuzz/udf-scan $(B)/fuzz/udf-read $(UDFS)
	$(Q)mkdir -p $(B)/fuzz/scan.corpus $(B)/fuzz/read.corpus
	$(Q)for o in $(filter %.o,$(UDFS)); do llvm-objcopy-14 -O binary -j .exo.owns $$o $(B)/fuzz/scan.corpus/$$(basename $$o .o); \
		cp $$o $(B)/fuzz/read.corpus/; done
	$(Q)$(call fuzz,udf-scan,4096,scan.corpus)
	$(Q)$(call fuzz,udf-read,16384,read.corpus)

#: make fuzz-udf   fuzz the instruction scan and the object reader, FUZZ_SECONDS each
