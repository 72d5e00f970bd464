#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# usage: tests/crash/states.sh [STATES]
#
# Judges crash states, STATES in all (10,000 unless told), no two of which are the same disk: half from histories in the
# simulator, half from what the real module wrote to a disk in VMs, as QEMU's blklogwrites driver recorded it. Every prefix
# of each history is among them, and about as many draws. Each failing state is printed with an id and with the command
# that replays it alone; the log of a VM that it needs is kept. JOBS: processes at a time (all processors).
set -u
cd "$(dirname "$0")/../.." || exit 2
states=${1:-10000}
jobs=${JOBS:-$(nproc)}
dir=build/tests/states
rm -rf $dir
mkdir -p $dir
bad=0 judged=0
export EXO_UDF_DIR=$PWD/build/udf

# Runs a judge; $got is how many states it judged.
judge() {
	"$@" >$dir/judge.log
	local rc=$?
	cat $dir/judge.log
	got=$(sed -n 's/.* entries, \([0-9]*\) states, .*/\1/p' $dir/judge.log)
	judged=$((judged + ${got:=0}))
	[ $rc = 0 ] && [ "$got" -gt 0 ]
}

simulated() { # STATES
	local seed=0 left=$1 n trees=("shared,cffs" "cffs,cffs")
	while [ "$left" -gt 0 ]; do
		n=$((left < 500 ? 500 : left < 2500 ? left : 2500)) # a few states alone show nothing
		judge build/tests/crash-sim --trees "${trees[seed % ${#trees[@]}]}" --states $n --steps 100 --seed $((++seed)) \
			--jobs "$jobs" || return 1
		left=$((left - got))
	done
}

recorded() { # STATES
	local qemu run=0 left=$1 n at
	while [ "$left" -gt 0 ]; do
		run=$((run + 1))
		n=$((left < 500 ? 500 : left < 12500 ? left : 12500))
		at=$dir/run$run
		mkdir $at
		truncate -s 64M $at/base.img
		scripts/vm --timeout 200 --klog $at/format.kernel --disk-file $at/base.img -- \
			bash "$PWD/tests/crash/states-guest" format >$at/format.log 2>&1 || { cat $at/format.log; return 1; }
		cp --sparse=always $at/base.img $at/disk.img
		truncate -s 1G $at/log.img
		qemu="-blockdev driver=file,filename=$PWD/$at/disk.img,node-name=file0"
		qemu+=" -blockdev driver=file,filename=$PWD/$at/log.img,node-name=log0"
		qemu+=" -blockdev driver=blklogwrites,file=file0,log=log0,node-name=logged0"
		qemu+=" -device virtio-blk-pci,drive=logged0,serial=logged"
		scripts/vm --timeout 600 --klog $at/work.kernel --qemu "$qemu" -- \
			bash "$PWD/tests/crash/states-guest" work "${STEPS:-150}" $run >$at/work.log 2>&1 || { cat $at/work.log; return 1; }
		cat $at/work.log
		rm -f $at/disk.img
		if ! judge build/tests/crash-replay --states $n --seed $run --jobs "$jobs" $at/base.img $at/log.img; then
			echo "replay one with: build/tests/crash-replay $at/base.img $at/log.img --state CUT:SEED"
			return 1
		fi
		rm -f $at/*.img
		left=$((left - got))
	done
}

simulated $(((states + 1) / 2)) || bad=1
recorded $((states / 2)) || bad=1
echo "$judged crash states, all different within their history"
exit $bad
