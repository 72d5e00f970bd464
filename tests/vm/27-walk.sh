#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# The walk at attach: several threads find what one finds, a person sees how far it is, and a killed one leaves nothing.
# vm: --disk 640M --mem 2048 --cpus 2
. "$(dirname "$0")/lib.sh"
plan 20
level=75000
field() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^,\"}]*\).*/\1/p" | head -1; }
outcome() { tr -d '\n' <<<"$1" | sed 's/"walk_ns": *[0-9]*//; s/"walk_threads": *[0-9]*//'; }
log() { dmesg | grep -c "$1"; }
attaching() { exoctl info | grep -q '^  attaching  *walking'; }
until_attaching() { for _ in $(seq 100); do attaching && return 0; sleep 0.05; done; return 1; }

works "module loads" load_module pool_mb=32
works "an image of two levels" "$top/build/tests/walk_test" /dev/vda $level

two=$(exoctl attach /dev/vda --walk --json)
same "two processors: every metadata block" "$(field walk_meta <<<"$two")" $((2 * level + 1))
same "two processors: four threads" "$(field walk_threads <<<"$two")" 4
# The top, then each level in runs of 256.
same "a request is a run of 256 blocks" "$(field walk_requests <<<"$two")" $((1 + 2 * ((level + 255) / 256)))
same "the log says why" "$(log 'walking, because the caller asked for it')" 1
works "detach" exoctl detach 0

clean=$(exoctl attach /dev/vda --json)
same "after a clean detach: no walk" "$(field walk_why <<<"$clean")" none
same "and the same blocks are free" "$(field free <<<"$clean")" "$(field free <<<"$two")"
works "detach" exoctl detach 0

echo 0 >/sys/devices/system/cpu/cpu1/online
one=$(exoctl attach /dev/vda --walk --json)
same "one processor: three threads" "$(field walk_threads <<<"$one")" 3
same "one processor: the same outcome" "$(outcome "$one")" "$(outcome "$two")"
works "detach" exoctl detach 0
echo 1 >/sys/devices/system/cpu/cpu1/online

# Block 1041 begins the stored map (kmod/doc/format.md).
printf '\252' | dd of=/dev/vda bs=1 seek=$((1041 * 4096 + 2000)) conv=notrunc,fsync status=none
exoctl attach /dev/vda --progress >/tmp/out 2>/tmp/err &
works "info shows an attach under way" until_attaching
wait
works "a damaged map is not believed" grep -q 'rebuilt by a walk (the stored map is damaged)' /tmp/out
works "attach said how far it was" grep -q 'walking: [0-9]* of [0-9]* known' /tmp/err
exoctl detach 0

exoctl attach /dev/vda --walk >/dev/null 2>&1 &
until_attaching
kill -9 $!
wait
same "killed: no disk, no thread" "$(exoctl info) $(cat /proc/[0-9]*/comm | grep -c exo-walk)" "no disk is attached 0"
again=$(exoctl attach /dev/vda --walk --json)
same "and the device is as it was" "$(outcome "$again")" "$(outcome "$two")"
works "detach" exoctl detach 0
works "module unloads" rmmod exo
finish
