# SPDX-License-Identifier: GPL-2.0 OR MIT
# C programs of the VM tests: each is tests/vm/NAME.c and becomes build/tests/NAME. One name a line.

# By system calls alone.
VM_PROGS := \
	disk_tool \
	device_test \
	map_test \
	map_race \
	udf_thief \
	kill_test \
	gone_test \
	io_test \
	uring_test \
	limits_test \
	share_test \
	flood_test \
	reclaim_test \
	stall_test \
	trace_test \
	failnth \
	failload \
	walk_test \

# With libexo.
VM_LIB_PROGS := \
	attack \
	acl_test \
	filemap_test \
	shared_test \

VM_ALL := $(VM_PROGS:%=$(B)/tests/%) $(VM_LIB_PROGS:%=$(B)/tests/%)
PROGS += $(VM_ALL)
$(B)/tests/filemap_test: $(LIBFS_A)
$(B)/tests/shared_test: $(B)/obj/tests/libfs/users_run.o $(LIBFS_A)
$(VM_LIB_PROGS:%=$(B)/tests/%): $(LIBEXO_A)

$(VM_ALL): $(B)/tests/%: $(B)/obj/tests/vm/%.o
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lpthread
