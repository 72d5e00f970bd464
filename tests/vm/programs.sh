#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Unmodified programs at work on cffs and logfs: on the FUSE mount, and on cffs under the preload library, with whole trees.
# Too long for "make test": "make test-programs" runs it. tests/posix/build.mk has what "make test" does instead.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sub.sh"
types=(cffs logfs)
plan $((4 + 11 * ${#types[@]} + 10))
load_module pool_mb=256
{ exoctl format /dev/vda && exoctl attach /dev/vda && exoctl mkfs 0 pre; } >/dev/null || exit 1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$top/build/bin

m=/tmp/m
mkdir $m
for type in "${types[@]}"; do
	exoctl mkfs --type "$type" 0 "$type" >/dev/null && exoctl mount 0 "$type" $m || exit 1
	program "$top/tests/posix/programs.sh" -l $m
	works "umount $type" exoctl umount $m
	works "fsck $type" exoctl fsck "0:$type"
done
program exoctl run --disk 0 --root pre --at /exo -- "$top/tests/posix/programs.sh" -l /exo
works "fsck after the preload" exoctl fsck 0:pre
works "detach" exoctl detach 0
works "module unloads" rmmod exo
same "no file is left behind" "$(ls -A $m)" ""
finish
