#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# usage: tests/crash/states.sh [STATES]
#
# Judges crash states, STATES in all (10,000 unless told): half from a history in the simulator, half from what the real
# module wrote to a disk in a VM, as QEMU's blklogwrites driver recorded it. Each failing state is printed with an id; the
# commands that replay it alone are printed with it, and the recorded log is kept.
set -u
cd "$(dirname "$0")/../.." || exit 2
states=${1:-10000}
dir=build/tests/states
rm -rf $dir
mkdir -p $dir
bad=0
export EXO_UDF_DIR=$PWD/build/udf

simulated() {
	local seed=1 left=$((states / 2)) n
	while [ $left -gt 0 ]; do
		n=$((left < 1250 ? left : 1250))
		build/tests/crash-sim --states $n --steps 300 --seed $seed || bad=1
		left=$((left - n))
		seed=$((seed + 2))
	done
}

recorded() {
	local qemu
	truncate -s 64M $dir/base.img
	scripts/vm --timeout 200 --klog $dir/format.kernel --disk-file $dir/base.img -- \
		bash "$PWD/tests/crash/states-guest" format >$dir/format.log 2>&1 || { cat $dir/format.log; return 1; }
	cp --sparse=always $dir/base.img $dir/disk.img
	truncate -s 1G $dir/log.img
	qemu="-blockdev driver=file,filename=$PWD/$dir/disk.img,node-name=file0"
	qemu+=" -blockdev driver=file,filename=$PWD/$dir/log.img,node-name=log0"
	qemu+=" -blockdev driver=blklogwrites,file=file0,log=log0,node-name=logged0"
	qemu+=" -device virtio-blk-pci,drive=logged0,serial=logged"
	scripts/vm --timeout 600 --klog $dir/work.kernel --qemu "$qemu" -- \
		bash "$PWD/tests/crash/states-guest" work "${STEPS:-400}" >$dir/work.log 2>&1 || { cat $dir/work.log; return 1; }
	cat $dir/work.log
	build/tests/crash-replay --states $((states / 2)) $dir/base.img $dir/log.img && return 0
	echo "replay one with: build/tests/crash-replay $dir/base.img $dir/log.img --state CUT:SEED"
	return 1
}

simulated
recorded || bad=1
[ $bad = 1 ] || rm -f $dir/*.img
exit $bad
