#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# The module and its device: loading, identity, mappings, release; as little as possible of libexo.
# vm: --disk 64M --disk 64M --mem 512
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sub.sh"
plan 152

refused "a pool of 0" "Invalid" load_module pool_mb=0
refused "a pool below 4 MiB" "Invalid" load_module pool_mb=3
refused "a pool above half of memory" "Invalid" load_module pool_mb=300
refused "a pool that is no number" "Invalid" load_module pool_mb=many
same "the kernel log says why" "$(dmesg | grep -c 'exo: pool_mb=.* refused: give a number from 4 to')" 3
free_before=$(awk '/MemFree/ { print $2 }' /proc/meminfo)
works "module loads" load_module pool_mb=32
refused "a second time it does not" "File exists" load_module
same "everybody may open the device" "$(stat -c %a /dev/exo)" 666
same "nothing else was registered" "$(find /dev -name 'exo*' | wc -l)" 1

works "format" "$tests/disk_tool" format /dev/vda
works "attach" "$tests/disk_tool" attach /dev/vda
program "$tests/device_test"
program as_user 1000 "$tests/map_test" 0
program as_user 1001 "$tests/map_race" 0 3

# While an environment is open the module stays.
sleep 1000 <>/dev/exo &
refused "no unloading under an open environment" "in use" rmmod exo
kill -9 $!
wait $! 2>/dev/null

program as_user 1002 "$tests/kill_test" 0 25
works "detach" "$tests/disk_tool" detach 0
works "attach again" "$tests/disk_tool" attach /dev/vda
works "module unloads with a disk attached" rmmod exo
same "the device is gone" "$(find /dev -name 'exo*' | wc -l)" 0
works "it loads again" load_module pool_mb=8
works "the disk that was attached at unloading attaches" "$tests/disk_tool" attach /dev/vda
works "detach" "$tests/disk_tool" detach 0

# Pulled out: /dev/vdb's virtio function is removed.
works "format the second" "$tests/disk_tool" format /dev/vdb
works "attach the second" "$tests/disk_tool" attach /dev/vdb
pci=$(realpath /sys/block/vdb/device/..)
program "$tests/gone_test" 0 "echo 1 >$pci/remove"
works "module unloads" rmmod exo
echo 3 >/proc/sys/vm/drop_caches
free_after=$(awk '/MemFree/ { print $2 }' /proc/meminfo)
note "free memory: $free_before kB before, $free_after kB after"
if [ "$((free_before - free_after))" -lt 16384 ]; then ok "the pool's memory is back"; else not_ok "the pool's memory is back"; fi
finish
