# SPDX-License-Identifier: GPL-2.0 OR MIT
# Tests of UDFs: the scan, the interpreter and the object reader on the host; the real verifier in the VM.
UDF_TESTS := $(addprefix $(B)/tests/udf-,scan interp read gallery cffs_acl)
TESTS_HOST += $(UDF_TESTS)

$(UDF_TESTS): $(B)/tests/udf-%: $(B)/san/tests/udf/%.o $(LIBSIM) $(LIBEXO_SAN)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -o $@ $^ $(LIBSIM_LIBS)

# Programs for the VM.
UDF_PROGS := $(addprefix $(B)/tests/udf-,verify bad agree)
PROGS += $(UDF_PROGS)

$(UDF_PROGS): $(B)/tests/udf-%: $(B)/obj/tests/vm/udf_%.o $(LIBEXO_A)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^ -pthread
$(B)/tests/udf-agree: $(B)/obj/tests/sim/interp.o $(B)/obj/kmod/core/scan.o
$(B)/tests/udf-read $(B)/tests/udf-gallery: | $(UDFS)

# The acl of shared cffs trees, and copies of it that lack one of its rules each.
CFFS_ACL_RULES := $(shell seq 40)
CFFS_ACL_BAD := $(CFFS_ACL_RULES:%=$(B)/tests/cffs_acl/%.o)
$(CFFS_ACL_BAD): $(B)/tests/cffs_acl/%.o: udf/cffs_shared.c udf/cffs_owns.h udf/exo_udf.h libfs/cffs/format.h
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(UDF_FLAGS) -DCFFS_ACL_WITHOUT=$* -c -o $@ $<
$(B)/tests/udf-cffs_acl: | $(B)/udf/cffs_shared.o $(CFFS_ACL_BAD)
