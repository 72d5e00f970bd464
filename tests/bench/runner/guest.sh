# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# The half of the bench that runs in the machine under test; sourced by the script that plan.py writes.
# It talks to the host in lines on standard output that start with "@", and in files in $share:
#   phases.jsonl  a line a phase, from phase.c
#   log/NAME      what a command printed, both streams
#   answer/PHASE  what `verify` printed on standard output

declare -A dead=()	# contenders whose set-up failed; "-" is the benchmark itself
declare -a before=() run=() verify=() after=()
set +e
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

# A command's set -e, exit and variables stay in it. Not in a shell of its own: under emulation the start of one costs as much as a run.
# It must not be part of a condition, where bash forgets about set -e.
command_of() { # COMMAND
	[ -n "$1" ] || return 0
	(eval "$1")
}

part() { # NAME COMMAND: ends the subshell that it is called in if the command fails
	local rc
	command_of "$2"
	rc=$?
	[ $rc = 0 ] && return
	echo "$1" >"$share/part"
	exit $rc
}

prepare() { # CONTENDER|- COMMAND
	local rc
	[ -z "${dead[-]:-}" ] || return 0
	say begin
	command_of "set +u; $2" </dev/null >>"$share/log/setup$1" 2>&1
	rc=$?
	[ $rc = 0 ] || dead[$1]=1
	say prepared "$1" $rc
}

finish() { # CONTENDER|- COMMAND
	local rc
	[ "$1" != - ] || rmdir /sys/kernel/tracing/instances/exo-bench 2>/dev/null
	say begin
	command_of "set +u; $2" </dev/null >>"$share/log/teardown$1" 2>&1
	rc=$?
	say finished "$1" $rc
}

step() { # PHASE CONTENDER TRACE NAME=VALUE...
	local phase=$1 who=$2 trace=$3 rc part=ok
	shift 3
	if [ -n "${dead[-]:-}${dead[$who]:-}" ]; then
		say skipped "$phase"
		return
	fi
	say begin "$phase"
	(
		set +u
		export "$@" phase="$phase" EXO_BENCH_OUT="$share/phases.jsonl" EXO_BENCH_TRACE="$trace"
		part before "${before[who]}"
		export EXO_BENCH_PHASE=$phase
		part run "${run[who]}"
		unset EXO_BENCH_PHASE
		part verify "${verify[who]}" >"$share/answer/$phase"
		part after "${after[who]}"
	) </dev/null >>"$share/log/$phase" 2>&1
	rc=$?
	[ $rc = 0 ] || read -r part <"$share/part"
	say end "$phase" $rc "$part"
}
