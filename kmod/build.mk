# SPDX-License-Identifier: GPL-2.0 OR MIT
# exo.ko. The kernel's build writes beside its sources, so it gets a copy and the tree stays clean.
# KDIR: headers of the kernel to build for; by default the one that scripts/vm boots.
# KMOD_OUT: where the module and its copy of the sources go; another kernel's module gets another folder.

KMOD_OUT ?= $(B)/kmod
KMOD_SRC := $(KMOD_OUT)/src
KMOD_FILES := Kbuild $(wildcard kmod/*.[ch] kmod/core/*.[ch] kmod/uapi/*.h)
KMOD_W ?= 1

module: $(KMOD_OUT)/exo.ko

# A file that is gone from the tree must go from the copy, or the build would still find it.
$(KMOD_OUT)/exo.ko: $(KMOD_FILES) kmod/build.mk
	$(call say,KMOD,$@)
	$(Q)mkdir -p $(KMOD_SRC)
	$(Q)for f in $(KMOD_FILES); do mkdir -p $$(dirname $(KMOD_SRC)/$$f) && \
		{ cmp -s $$f $(KMOD_SRC)/$$f || cp $$f $(KMOD_SRC)/$$f; }; done
	$(Q)cd $(KMOD_SRC) && for f in $$(find kmod -name '*.[ch]'); do [ -e $(CURDIR)/$$f ] || rm $$f; done
	$(Q)kdir=$${KDIR:-$$(scripts/kernel --print headers)} && \
		$(MAKE) --no-print-directory $(if $(filter 0,$(V)),-s) -C $$kdir M=$(abspath $(KMOD_SRC)) W=$(KMOD_W) modules
	$(Q)cp $(KMOD_SRC)/exo.ko $@

HELP += "module          build/kmod/exo.ko; KDIR=... for another kernel's headers"
