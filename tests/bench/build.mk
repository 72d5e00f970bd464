# SPDX-License-Identifier: GPL-2.0 OR MIT
# The bench: see tests/bench/README.md.

bench_src := tests/bench/count
bench_phase := $(patsubst %,$(B)/obj/$(bench_src)/%.o,phase snap trace perf)
BENCH_PROGS := $(B)/bin/exo-mark $(B)/bin/bench-known
# Load generators; they find libexo next to their own folder.
BENCH_LOADS := $(B)/bin/bench-rawio $(B)/bin/bench-txn $(B)/bin/bench-attach $(B)/bin/bench-blockcap
ifneq ($(wildcard libfs/build.mk),)
BENCH_LOADS += $(B)/bin/bench-smallfile $(B)/bin/bench-largefile
endif
LIBS += $(B)/lib/exo-count.so
PROGS += $(BENCH_PROGS) $(BENCH_LOADS)

# Built against nothing but libc; QEMU supplies the rest when it loads the plugin.
$(B)/lib/exo-count.so: $(B)/obj/$(bench_src)/count.o $(B)/obj/$(bench_src)/insn.o
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -shared -o $@ $^ -lpthread

$(B)/bin/exo-mark: $(B)/obj/$(bench_src)/exo-mark.o $(bench_phase)
$(B)/bin/bench-known: $(B)/obj/$(bench_src)/known.o $(bench_phase)

$(B)/bin/bench-rawio: $(patsubst %,$(B)/obj/tests/bench/load/%.o,rawio rawio-linux rawio-exo) $(bench_phase) $(B)/lib/libexo.so
$(B)/bin/bench-txn: $(B)/obj/tests/bench/load/txn.o $(bench_phase) $(B)/lib/libexo.so
$(B)/bin/bench-blockcap: $(patsubst %,$(B)/obj/tests/bench/load/%.o,blockcap blockcap-exo blockcap-table) $(bench_phase) $(B)/lib/libexo.so
$(B)/bin/bench-attach: $(B)/obj/tests/bench/load/attach.o $(bench_phase) $(B)/lib/libexo.so
$(B)/bin/bench-smallfile: $(patsubst %,$(B)/obj/tests/bench/load/%.o,smallfile smallfile-posix smallfile-exo) $(bench_phase) \
	$(B)/lib/libexo-fs.so $(B)/lib/libexo.so
$(B)/bin/bench-largefile: $(B)/obj/tests/bench/load/largefile.o $(bench_phase) $(B)/lib/libexo-fs.so $(B)/lib/libexo.so

$(BENCH_PROGS) $(BENCH_LOADS):
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(BENCH_LIBS)
$(BENCH_LOADS): BENCH_LIBS = -L$(B)/lib -Wl,-rpath,'$$ORIGIN/../lib' $(patsubst lib%.so,-l%,$(notdir $(filter %.so,$^))) -luring

# The short part of the bench's test of itself is one of the host tests; it boots a machine for half a minute.
TESTS_HOST += tests/bench/selftest $(B)/tests/bench-insn $(B)/tests/bench-perf
tests/bench/selftest: $(B)/lib/exo-count.so $(BENCH_PROGS)

$(B)/tests/bench-insn: $(B)/san/$(bench_src)/test-insn.o $(B)/san/$(bench_src)/insn.o
$(B)/tests/bench-perf: $(B)/san/$(bench_src)/test-perf.o $(B)/san/$(bench_src)/perf.o
$(B)/tests/bench-insn $(B)/tests/bench-perf:
	$(call say,LD-SAN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -o $@ $^

.PHONY: bench bench-xn bench-libfs bench-quick bench-selftest bench-deps
bench-deps:
	$(Q)scripts/deps build vm fio demo test
bench: bench-deps all
	$(Q)scripts/bench
bench-quick: bench-deps all
	$(Q)scripts/bench --quick
bench-selftest: $(B)/lib/exo-count.so $(BENCH_PROGS)
	$(Q)tests/bench/selftest --full
bench-xn: bench-deps all
	$(Q)scripts/bench $(basename $(notdir $(wildcard tests/bench/xn-*.toml)))
bench-libfs: bench-deps all
	$(Q)scripts/bench smallfile largefile copytree programs
bench-%: bench-deps all
	$(Q)scripts/bench $*

#: make bench-NAME one benchmark of tests/bench/NAME.toml, five boots; make bench: all but those for bench-xn and bench-libfs (scripts/bench --times NAME says how long its runs took)
#: make bench-libfs the file systems' own: small files, a large one, copying a tree, unmodified programs
#: make bench-quick every benchmark, one small boot each: a look, not a result
#: make bench-xn  the module: transactions, direct I/O, attach, capability per block: all of tests/bench/xn-*.toml
#: make bench-selftest does the bench itself measure right? (1 minute)
