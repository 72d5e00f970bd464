# SPDX-License-Identifier: GPL-2.0 OR MIT
# Tests of UDFs: the scan, the interpreter and the object reader on the host; the real verifier in the VM.
UDF_TESTS := $(addprefix $(B)/tests/udf-,scan interp read)
TESTS_HOST += $(UDF_TESTS)

$(UDF_TESTS): $(B)/tests/udf-%: $(B)/san/tests/udf/%.o $(LIBSIM) $(LIBEXO_SAN)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -o $@ $^ $(LIBSIM_LIBS)
