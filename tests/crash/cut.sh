#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# usage: tests/crash/cut.sh [CUTS]
#
# The real module loses its power while a user imports, deletes and imports again; then a second VM attaches the disk and asks:
# is what was synced before whole, is nothing quarantined, is the tree sound. Each cut comes at another moment.
set -u
cd "$(dirname "$0")/../.." || exit 2
cuts=${1:-3}
dir=build/tests/cut
rm -rf $dir
mkdir -p $dir
bad=0
for i in $(seq "$cuts"); do
	for try in 1 2; do
		# A machine that the emulator failed is no cut: the disk is made anew, once.
		rm -f $dir/disk.img
		truncate -s 256M $dir/disk.img
		scripts/vm --timeout 300 --klog "$dir/cut$i.kernel" --share $dir --disk-file $dir/disk.img -- \
			bash "$PWD/tests/crash/cut-guest" cut "$((RANDOM % 3000))" >"$dir/cut$i.log" 2>&1
		rc=$?
		{ [ "$rc" = 125 ] && [ $try = 1 ] && ! grep -q '\[exo\]' "$dir/cut$i.kernel"; } || break
	done
	[ "$rc" = 126 ] || { echo "cut $i: the VM ended with $rc instead of losing power"; tail -n 5 "$dir/cut$i.log"; bad=1; continue; }
	scripts/vm --timeout 300 --klog "$dir/check$i.kernel" --share $dir --disk-file $dir/disk.img -- \
		bash "$PWD/tests/crash/cut-guest" check >"$dir/check$i.log" 2>&1
	rc=$?
	if [ "$rc" != 0 ] || grep -qE 'BUG:|WARNING:|Oops|Call Trace' "$dir"/{cut,check}"$i".kernel; then
		cp --sparse=always $dir/disk.img "$dir/failed$i.img"
		echo "cut $i: check failed with $rc; the disk is kept as $dir/failed$i.img"
		tail -n 15 "$dir/check$i.log"
		bad=1
	else
		echo "cut $i: $(tail -n 1 "$dir/check$i.log")"
	fi
	rm -f $dir/disk.img
done
exit $bad
