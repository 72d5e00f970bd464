#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Installing templates while thieves in the same process look for the descriptors; as a user who may not use bpf(2).
# vm: --disk 64M --mem 512 --cpus 2
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sub.sh"
plan 10

works "module loads" load_module pool_mb=32
same "unprivileged bpf is off, as Debian has it" "$(cat /proc/sys/kernel/unprivileged_bpf_disabled)" 2
works "format" "$tests/disk_tool" format /dev/vda
works "attach" "$tests/disk_tool" attach /dev/vda
program as_user 1000 "$tests/udf_thief" 0 8
count() { find "/proc/$1/fd" -lname '*bpf*' 2>/dev/null | wc -l; }
same "kthreadd keeps no descriptor" "$(count 2)" 0
works "detach" "$tests/disk_tool" detach 0
works "module unloads" rmmod exo
finish
