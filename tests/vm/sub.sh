# SPDX-License-Identifier: GPL-2.0 OR MIT
# shellcheck shell=bash disable=SC2154
# Sourced after lib.sh by tests whose checks are in a C program of build/tests/.

# program COMMAND...: its lines "ok - name" and "not ok - name" become results; a crash is one, too
program() {
	local line rc out
	out=$(mktemp)
	"$@" >"$out" 2>&1
	rc=$?
	while IFS= read -r line; do
		case $line in
		"ok - "*) ok "${line#ok - }" ;;
		"not ok - "*) not_ok "${line#not ok - }" ;;
		*) note "$line" ;;
		esac
	done <"$out"
	rm -f "$out"
	if [ "$rc" -gt 1 ]; then not_ok "$1 ends by itself"; note "status $rc"; fi
}

tests=$top/build/tests
