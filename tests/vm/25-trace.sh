#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Tracepoints through tracefs, fdinfo, and many transactions in one call.
# vm: --disk 64M --mem 512
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sub.sh"
plan 43

t=/sys/kernel/tracing
mountpoint -q $t || mount -t tracefs tracefs $t
# What the events say, without the head of each line; then a clean buffer.
said() { sed -n 's/.*: \(exo_[a-z_]*: .*\)/\1/p' $t/trace >/tmp/said; : >$t/trace; }
has() { # NAME PATTERN
	if grep -qE -- "$2" /tmp/said; then ok "$1"; else not_ok "$1"; note "no /$2/ in:"; note "$(tail -n 12 /tmp/said)"; fi
}

works "module loads" load_module pool_mb=8
same "events" "$(cd $t/events/exo && echo exo_*)" "exo_call exo_io exo_quarantine exo_reclaim exo_shrink exo_txn exo_write_refused exo_writeback"
works "format" "$tests/disk_tool" format /dev/vda
works "attach" "$tests/disk_tool" attach /dev/vda
same "nothing is said while they are off" "$(grep -c ': exo_' $t/trace)" 0
echo 1 >$t/events/exo/enable

program "$tests/trace_test" calls 0
said
has "QUERY" 'exo_call: env=[0-9]+ nr=1 err=0 reason=0 detail=0$'
has "a refusal, with errno, reason and detail" 'exo_call: env=[0-9]+ nr=13 err=-2 reason=61 detail=128$'

program "$tests/trace_test" txns 0
said
has "a commit" 'exo_txn: env=[0-9]+ disk=0 edits=1 decls=1 err=0 reason=0 detail=0$'
has "a refused transaction" 'exo_txn: env=[0-9]+ disk=0 edits=1 decls=1 err=-16 reason=80 detail=[1-9][0-9]*$'
same "each transaction of TXNS" "$(grep -c 'exo_txn:' /tmp/said)" 11
has "the call that held them" 'exo_call: env=[0-9]+ nr=24 err=0 '
has "a refused write" 'exo_write_refused: disk=0 block=[0-9]+ taint=[1-9][0-9]* waits=0$'
has "a write to the device" 'exo_io: dev=[0-9]+:0 op=write block=[0-9]+ segs=[1-9]'
has "a flush" 'exo_io: dev=[0-9]+:0 op=flush'

program "$tests/trace_test" reclaim 0
said
has "a read of many blocks" 'exo_io: dev=[0-9]+:0 op=read block=[0-9]+ segs=256$'
has "a reclaimed buffer" 'exo_reclaim: frame=[0-9]+ disk=0 block=[1-9]'
echo 0 >$t/events/exo/enable

program "$tests/trace_test" many 0
works "detach" "$tests/disk_tool" detach 0

# The last entry of the root catalogue (block 1025, 128 sectors) is overwritten: that root is quarantined at attach.
echo 1 >$t/events/exo/enable
works "damage a catalogue entry" sh -c "head -c 512 /bin/sh | dd of=/dev/vda bs=512 seek=$((1025 * 8 + 127)) conv=notrunc,fsync"
works "attach" "$tests/disk_tool" attach /dev/vda
said
has "a quarantined root" 'exo_quarantine: disk=0 root=127 why=5 detail=0$'
works "detach" "$tests/disk_tool" detach 0
works "module unloads while its events are on" rmmod exo
finish
