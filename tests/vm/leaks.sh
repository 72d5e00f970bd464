#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# usage: leaks.sh SUITE: runs a suite on the debug kernel; then asks the checkers that only speak when asked.
# It prints "# checkers: clean", or else "# checkers: " and what is wrong. tests/run --debug wants that line.
leaks=/sys/kernel/debug/kmemleak

verdict() { echo "# checkers: $*"; }
# kmemleak passes over objects younger than 5 s, and a value in a register or on its way may hide or show one by chance.
scan() { sleep 6 && echo scan >$leaks && echo scan >$leaks; }

bash "$@"
rc=$?

off='' found=''
if [ -d /sys/module/exo ]; then
	# Once with the module's symbols; then without its pointers.
	scan || off=yes
	found=$(cat $leaks)
	rmmod exo || off=yes
fi
scan || off=yes
found=$found$(cat $leaks)
if [ -n "$found" ]; then
	verdict "kmemleak found these"
	printf '%s\n' "$found" | sed 's/^/# /'
elif [ -n "$off" ]; then
	verdict "kmemleak is off, or the module does not unload"
elif ! grep -q '^ debug_locks: *1$' /proc/lockdep_stats; then
	verdict "lockdep is off: it complained earlier, or one of its tables is full"
	grep -E 'entries|chains|debug_locks' /proc/lockdep_stats | sed 's/^/# /'
else
	verdict clean
fi
exit $rc
