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
plan 127

# The classes of locks that are taken under core's: lines with an arrow below its own.
under_core() { awk '/^[^ ]/ { on = / &l->mutex$/ } on && / -> /' /proc/lockdep; }

program "$tests/failload" "${EXO_KO:-$top/build/kmod/exo.ko}"
works "module loads" load_module pool_mb=8
program "$tests/failnth" memory
program "$tests/failnth" device
program "$tests/failnth" copies
program "$tests/failnth" thread
# All calls were made. Memory under core's lock may not be waited for until reclaim has done I/O (kmod/lock.c).
works "lockdep knows what is taken under core's lock" grep -q . <(under_core)
same "no reclaim that does I/O is" "$(under_core | grep fs_reclaim)" ""
works "module unloads" rmmod exo
finish
