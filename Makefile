# SPDX-License-Identifier: GPL-2.0 OR MIT
# exo: everything is built below build/ and nowhere else. `make help` lists what there is.
#
# Each folder has a build.mk that adds to: LIBS PROGS UDFS (files to build), TESTS_HOST (programs that exit
# 0 pass, 1 fail, 4 skip), HELP (one line a target). $(Q) keeps recipes quiet; V=1 shows them.

B := build
V ?= 0
ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n' $(1) $(2)
endif

CC := gcc
CLANG := clang
OPT ?= -O2 -g
WARN := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wshadow -Wvla -Wno-unused-parameter -Wno-sign-compare -Werror=implicit-function-declaration
INC := -Ilibexo -Ilibfs
CFLAGS_ALL = -std=gnu11 $(OPT) $(WARN) $(INC) -fPIC -fvisibility=hidden -MMD -MP $(CFLAGS)
SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

LIBS :=
PROGS :=
UDFS :=
TESTS_HOST :=

.PHONY: all libs progs udfs module host-tests vm-tests demo test clean help print-tests-host
.DEFAULT_GOAL := all

include $(wildcard kmod/build.mk libexo/build.mk udf/build.mk libfs/build.mk cheetah/build.mk tests/build.mk scripts/build.mk)

all: module libs progs udfs
libs: $(LIBS)
progs: $(PROGS)
udfs: $(UDFS)
host-tests: $(TESTS_HOST)

# One object, anywhere: build/obj/DIR/FILE.o from DIR/FILE.c; and its twin under the sanitizers.
$(B)/obj/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -c -o $@ $<

$(B)/san/%.o: %.c
	$(call say,CC-SAN,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -O1 $(SAN) -c -o $@ $<

-include $(shell find $(B) -name '*.d' -path '*/obj/*' 2>/dev/null) $(shell find $(B) -name '*.d' -path '*/san/*' 2>/dev/null)

clean:
	$(Q)rm -rf $(B)/obj $(B)/san $(B)/lib $(B)/bin $(B)/udf $(B)/kmod $(B)/kmod-debug $(B)/tests

demo:
	$(Q)scripts/demo

test:
	$(Q)scripts/deps build vm fio demo test
	$(Q)$(MAKE) -j$$(nproc) all host-tests vm-tests
	$(Q)tests/run

print-tests-host:
	@echo $(TESTS_HOST)

help:
	@sed -n 's/^#: //p' Makefile $(wildcard */build.mk tests/*/build.mk)

#: make            build module, libraries, commands, UDFs (below build/)
#: make demo       install what is missing, build, show exo at work in a VM (about 10 minutes under emulation)
#: make test       install what is missing, build, run all tests; ends with "N passed, N failed, N skipped"
#: make clean      remove what was built; the kernel and sources that were fetched stay in build/
#: V=1             show the commands
