# SPDX-License-Identifier: GPL-2.0 OR MIT
# shellcheck shell=bash
# Sourced by the VM tests: KTAP output and the few things that each needs.
# Runs as root inside the VM; the built tree is at $top.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export PATH=$top/build/bin:$PATH EXO_UDF_DIR=$top/build/udf LD_LIBRARY_PATH=$top/build/lib
n=0
bad=0
plan_total=0

plan() { plan_total=$1; echo "KTAP version 1"; echo "1..$1"; }
ok() { n=$((n + 1)); echo "ok $n - $1"; }
not_ok() { n=$((n + 1)); bad=$((bad + 1)); echo "not ok $n - $1"; }
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP ${2:-}"; }
note() { sed 's/^/# /' <<<"$*"; }

# works NAME COMMAND...: passes if it succeeds
works() {
	local name=$1 out rc
	shift
	out=$("$@" 2>&1); rc=$?
	if [ $rc = 0 ]; then ok "$name"; else not_ok "$name"; note "status $rc from: $*"; note "$out"; fi
}

# refused NAME PATTERN COMMAND...: passes if it fails, and says so in words that match
refused() {
	local name=$1 want=$2 out rc
	shift 2
	out=$("$@" 2>&1); rc=$?
	if [ $rc = 0 ]; then not_ok "$name"; note "not refused: $*"; note "$out"
	elif [ $rc -ge 128 ]; then not_ok "$name"; note "killed, status $rc: $*"; note "$out"
	elif grep -qE -- "$want" <<<"$out"; then ok "$name"
	else not_ok "$name"; note "refused with other words than /$want/: $out"; fi
}

# same NAME A B
same() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1"; note "have: $2"; note "want: $3"; fi; }

as_user() { # UID COMMAND...
	local id=$1
	shift
	setpriv --reuid "$id" --regid "$id" --clear-groups -- "$@"
}

# EXO_KO: the module for the debug kernel.
load_module() { insmod "${EXO_KO:-$top/build/kmod/exo.ko}" "$@"; }

finish() {
	[ "$n" = "$plan_total" ] || note "planned $plan_total, ran $n"
	[ $bad = 0 ] && [ "$n" = "$plan_total" ]
	exit
}
