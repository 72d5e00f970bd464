#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Frames when there are none: dirty buffers are written, and the kernel gets memory of the pool and gives it again.
# vm: --disk 128M --mem 320
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sub.sh"
plan 16

tracing=/sys/kernel/tracing
works "module loads" load_module pool_mb=32
works "format" "$tests/disk_tool" format /dev/vda
works "attach" "$tests/disk_tool" attach /dev/vda
echo 1 >$tracing/events/exo/exo_writeback/enable
echo 1 >$tracing/events/exo/exo_shrink/enable
program "$tests/reclaim_test" 0
works "writes for want of frames are traced" grep -qE 'exo_writeback: disk=0 want=256 blocks=[1-9][0-9]* err=0' $tracing/trace
works "what the kernel takes is traced" grep -qE 'exo_shrink: asked=[0-9]+ returned=[1-9]' $tracing/trace
works "detach" "$tests/disk_tool" detach 0
works "module unloads" rmmod exo
finish
