#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# A device with a bad block (null_blk in memory, with its list of bad sectors).
# vm: --mem 768
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sub.sh"
plan 18

modprobe configfs
modprobe null_blk nr_devices=0
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
c=/sys/kernel/config/nullb/nullb0
mkdir -p $c
echo 1 >$c/memory_backed
echo 64 >$c/size
works "a device in memory" sh -c "echo 1 >$c/power && test -b /dev/nullb0"
works "module loads" load_module pool_mb=16
works "format" "$tests/disk_tool" format /dev/nullb0
works "attach" "$tests/disk_tool" attach /dev/nullb0
program "$tests/io_test" 0 "echo +\$1-\$2 >$c/badblocks"
works "the rest can be written" sh -c "echo -0-999999 >$c/badblocks; $tests/disk_tool sync 0"
works "detach" "$tests/disk_tool" detach 0
works "module unloads" rmmod exo
finish
