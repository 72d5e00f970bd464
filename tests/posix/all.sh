#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR MIT
# usage: tests/posix/all.sh DIRECTORY: every conformance program there, strictly; not full, which needs a small file
# system. Exit status: 0, or 1 if one fails.
bad=0
for program in build/tests/posix/*; do
	[ -x "$program" ] || continue
	case $program in *.* | */full) continue ;; esac
	echo "# ${program##*/}"
	"$program" -s "$1" || bad=1
done
exit $bad
