#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Failing memory, user copies and block requests, each in turn at each place of each call. Needs the debug kernel.
# vm: --disk 64M --mem 1536
# own: (failnth|failload|exo-udf): vmalloc error: size [0-9]+, .* failed
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sub.sh"

if [ ! -e /proc/self/fail-nth ] || [ ! -d /sys/kernel/debug/failslab ]; then
	plan 1
	skip "failing memory, user copies and requests" "needs the debug kernel: make test-debug"
	finish
fi
plan 123

program "$tests/failload" "${EXO_KO:-$top/build/kmod/exo.ko}"
works "module loads" load_module pool_mb=8
program "$tests/failnth" memory
program "$tests/failnth" device
program "$tests/failnth" copies
program "$tests/failnth" thread
works "module unloads" rmmod exo
finish
