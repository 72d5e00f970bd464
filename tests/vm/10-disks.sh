#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Attaching: what is not an exo disk is refused with words that help, and nothing is written to it.
# vm: --disk 64M --disk 64M --disk 4M --mem 1024
. "$(dirname "$0")/lib.sh"
plan 24
works "module loads" load_module pool_mb=32
mkdir -p /run/m

hash() { sha256sum "$1" | cut -d' ' -f1; }

# unchanged NAME DEVICE PATTERN COMMAND...: refused, and the device has the bytes that it had
unchanged() {
	local name=$1 dev=$2 want=$3 before
	shift 3
	sync
	before=$(hash "$dev")
	refused "$name" "$want" "$@"
	sync
	same "$name: nothing written" "$(hash "$dev")" "$before"
}

refused "not a device" "block device" exoctl attach /etc/passwd
refused "no such file" "No such file|cannot be opened|block device" exoctl attach /dev/nonesuch
unchanged "blank disk is not exo" /dev/vda "not.*exo|no exo" exoctl attach /dev/vda
unchanged "too small" /dev/vdc "small" exoctl format /dev/vdc
mke2fs -q -t ext4 /dev/vdb
unchanged "foreign file system needs --force" /dev/vdb "ext4" exoctl format /dev/vdb
mount /dev/vdb /run/m
refused "mounted" "mounted|in use|held" exoctl format /dev/vdb --force
umount /run/m
refused "plain user cannot format" "root of the name space|CAP_SYS_ADMIN|capability" as_user 1000 exoctl format /dev/vda

works "format" exoctl format /dev/vda
works "attach" exoctl attach /dev/vda
refused "second attach" "already attached" exoctl attach /dev/vda
refused "format while attached" "attached|held|in use" exoctl format /dev/vda --force
refused "mount while attached" "" mount /dev/vda /run/m
works "detach" exoctl detach 0

# Unknown version: bytes 8..11 of the superblock are the version (kmod/doc/format.md); its checksum then also differs,
# so both words are right.
cp --sparse=always /dev/vda /tmp/image
printf '\377' | dd of=/dev/vda bs=1 seek=8 conv=notrunc status=none
unchanged "damaged superblock" /dev/vda "version|damaged|checksum" exoctl attach /dev/vda
dd if=/tmp/image of=/dev/vda bs=1M conv=notrunc status=none
works "restored disk attaches" exoctl attach /dev/vda
works "detach again" exoctl detach 0

# Truncated: the same superblock on a device half as long.
modprobe loop
dd if=/dev/vda of=/tmp/short bs=1M count=32 status=none
loop=$(losetup -f --show /tmp/short)
unchanged "truncated image" "$loop" "truncated|shorter" exoctl attach "$loop"
losetup -d "$loop"
works "module unloads" rmmod exo
finish
