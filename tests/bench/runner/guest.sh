# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# The half of the bench that runs in the machine under test; sourced by the script that plan.py writes.
# It talks to the host in lines on standard output that start with "@", and in files in $share:
#   phases.jsonl  a line a phase, from phase.c
#   log/NAME      what a command printed, both streams
#   answer/PHASE  what `verify` printed on standard output

declare -A dead=()	# contenders whose set-up failed; "-" is the benchmark itself
declare -a before=() run=() verify=() after=()
mkdir -p "$share/log" "$share/answer"
# Small and constant, whatever the machine's owner has set.
export LC_ALL=C.UTF-8 PATH=$top/build/bin:$PATH

say() { printf '@%s\n' "$*"; }

settle() { # SECONDS: let the boot's own work end
	[ "$1" = 0 ] || sleep "$1"
	say settled
}

version() { # NAME COMMAND
	say version "$1" "$(bash -c "$2" 2>&1 | head -n 1)"
}

shell() { # SECONDS LOG COMMAND: with the variables of the point, and `phase`, in the environment
	[ -n "$3" ] || return 0
	timeout -k 2 "$1" bash -c "$3" >>"$2" 2>&1
}

prepare() { # CONTENDER|- SECONDS COMMAND
	local rc=0
	[ -z "${dead[-]:-}" ] || return 0
	shell "$2" "$share/log/setup$1" "$3" || rc=$?
	[ $rc = 0 ] || dead[$1]=1
	say prepared "$1" $rc
}

finish() { # CONTENDER|- SECONDS COMMAND
	local rc=0
	[ "$1" != - ] || rmdir /sys/kernel/tracing/instances/exo-bench 2>/dev/null
	shell "$2" "$share/log/teardown$1" "$3" || rc=$?
	say finished "$1" $rc
}

step() { # PHASE CONTENDER TRACE SECONDS NAME=VALUE...
	local phase=$1 who=$2 trace=$3 limit=$4
	local log=$share/log/$phase
	shift 4
	if [ -n "${dead[-]:-}${dead[$who]:-}" ]; then
		say skipped "$phase"
		return
	fi
	say begin "$phase"
	(
		export "$@" phase="$phase" EXO_BENCH_OUT="$share/phases.jsonl" EXO_BENCH_TRACE="$trace"
		shell "$limit" "$log" "${before[who]}" || { say end "$phase" $? before; exit; }
		EXO_BENCH_PHASE=$phase shell "$limit" "$log" "${run[who]}" || { say end "$phase" $? run; exit; }
		timeout -k 2 "$limit" bash -c "${verify[who]}" >"$share/answer/$phase" 2>>"$log" </dev/null ||
			{ say end "$phase" $? verify; exit; }
		shell "$limit" "$log" "${after[who]}" || { say end "$phase" $? after; exit; }
		say end "$phase" 0 ok
	)
}
