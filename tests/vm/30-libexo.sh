#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# The library, exoctl's facts and fio's engine on the real module: a raw volume is written, verified and refused to others.
# vm: --disk 256M --disk 64M --mem 1024
. "$(dirname "$0")/lib.sh"
plan 46
engine=external:$top/build/lib/fio-exo.so
field() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1; }
valid() { "$@" | python3 -m json.tool >/dev/null; }

refused "doctor without the module" "FAIL +module.*" exoctl doctor
refused "no module: words help" "insmod exo.ko" exoctl info
works "module loads" load_module pool_mb=32
works "doctor with the module" exoctl doctor
{ exoctl format /dev/vda && exoctl attach /dev/vda; } || exit 1

# Facts, as text and as JSON that a parser takes.
for c in "info" "info 0" "roots 0" "templates 0" "contested 0" "caps" "stats" "doctor"; do
	# shellcheck disable=SC2086
	works "exoctl $c --json is JSON" valid exoctl $c --json
done
same "disk by path" "$(exoctl info /dev/vda --json | field disk)" 0
same "a user starts with the capabilities of uid and gid" "$(as_user 1000 exoctl caps --json | tr -d " \n" | grep -o "name.:\[[0-9,]*\]" | tr "\n" " ")" "name\":[1,1000] name\":[2,1000] "
refused "wrong option" "usage: exoctl info" exoctl info --bogus
exoctl info --bogus >/dev/null 2>&1
same "usage has status 2" $? 2
exoctl info 7 >/dev/null 2>&1
same "refusal has status 1" $? 1

# The example.
works "hello_block as a user" as_user 1000 hello_block 0
same "and again: what was stored is there" "$(as_user 1000 hello_block 0 2>/dev/null | head -n 1 | grep -c 'hello, block')" 1
refused "hello_block's volume is not another user's" "capability" as_user 1001 hello_block 0
works "survives detach and attach" sh -c "exoctl detach 0 && exoctl attach /dev/vda"
same "and is read from the disk" "$(as_user 1000 hello_block 0 2>/dev/null | head -n 1 | grep -c 'hello, block')" 1

works "fork and threads" as_user 1000 "$top/build/tests/libexo_fork"

# Raw volumes and their owners.
works "root-add" as_user 1000 exoctl root-add 0 vol --size 64M
refused "the name is taken" "taken by root" as_user 1001 exoctl root-add 0 vol --size 1M
refused "too large" "free|quota|room" as_user 1000 exoctl root-add 0 huge --size 10G
refused "another user cannot remove it" "capability" as_user 1001 exoctl root-del 0 vol

# fio: what is written comes back, in both modes, at several sizes; others and odd sizes are refused in words.
job() { # UID ARGS...
	local id=$1
	shift
	(cd /tmp && setpriv --reuid "$id" --regid "$id" --clear-groups -- fio --name=t --ioengine="$engine" --exo_disk=0 --filename=vol \
		--aux-path=/tmp --size=8M --minimal "$@")
}
chmod 1777 /tmp
for mode in uring ioctl; do
	works "fio $mode: random writes of 4 KiB, verified" job 1000 --exo_mode=$mode --rw=randwrite --bs=4k --iodepth=16 --verify=crc32c --verify_fatal=1
	works "fio $mode: mixed sizes, verified" job 1000 --exo_mode=$mode --rw=randwrite --bsrange=4k-256k --iodepth=8 --verify=crc32c --verify_fatal=1 --fsync=16
done
works "fio: as threads, forked jobs beside" job 1000 --thread --numjobs=2 --rw=randread --bs=16k --iodepth=4
works "fio: forked jobs" job 1000 --numjobs=2 --rw=randread --bs=16k --iodepth=4
works "fio: overwrite behind its back" job 1000 --rw=write --bs=64k
refused "fio: verify notices other content" "verify: bad|bad magic|verify failed" job 1000 --rw=randread --bs=4k --verify=crc32c --verify_only=0 --verify_fatal=1
refused "fio: 512-byte requests" "multiples of 4096" job 1000 --rw=randread --bs=512
refused "fio: misaligned buffers" "4096-byte boundaries" job 1000 --rw=randread --bs=4k --iomem_align=512
refused "fio: another user's volume" "capability" job 1001 --rw=randread --bs=4k
refused "fio: no such volume" "no root of that name" job 1000 --rw=randread --bs=4k --filename=none
refused "fio: more buffers than frames" "frames" job 1000 --rw=randread --bs=4M --iodepth=64
same "all frames are back" "$(exoctl stats --json | field frames_private)" 0

# An exo disk is not formatted by mistake.
refused "format asks before it destroys an exo disk" "exo disk with 2 roots" sh -c "exoctl detach 0 && exoctl format /dev/vda"
works "which is whole" sh -c "exoctl attach /dev/vda && exoctl roots 0 | grep vol"
works "root-del" as_user 1000 exoctl root-del 0 vol
works "detach" exoctl detach /dev/vda
works "module unloads" rmmod exo
finish
