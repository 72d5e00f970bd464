# SPDX-License-Identifier: GPL-2.0 OR MIT
# cffs on the host, under the sanitizers: its bytes alone, then the whole tree over the simulator.
LIBFS_TESTS := $(addprefix $(B)/tests/cffs-,format basic tree crash shared corrupt full perm extents links space empty known batch defrag users unlinked refused)
TESTS_HOST += $(LIBFS_TESTS)

$(B)/san/tests/libfs/%.o: override CFLAGS += -D_GNU_SOURCE
$(LIBFS_TESTS): $(B)/tests/cffs-%: $(B)/san/tests/libfs/%.o $(B)/san/tests/libfs/world.o $(LIBFS_SAN) $(LIBEXO_SAN) $(LIBSIM) | $(B)/udf/cffs.o $(B)/udf/cffs_shared.o
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -o $@ $^ $(LIBSIM_LIBS)

# The same programs under another name try logfs; logfs-own has what they lack.
LOGFS_TESTS := $(addprefix $(B)/tests/logfs-,basic tree shared full perm crash corrupt empty batch unlinked)
TESTS_HOST += $(LOGFS_TESTS) $(B)/tests/logfs-own
$(LOGFS_TESTS): $(B)/tests/logfs-%: $(B)/tests/cffs-% | $(B)/udf/logfs.o
	$(Q)ln -sf $(<F) $@
$(B)/tests/logfs-own: $(B)/san/tests/libfs/logfs.o $(B)/san/tests/libfs/world.o $(LIBFS_SAN) $(LIBEXO_SAN) $(LIBSIM) | $(B)/udf/logfs.o
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -o $@ $^ $(LIBSIM_LIBS)
$(B)/tests/cffs-users: $(B)/san/tests/libfs/users_run.o
