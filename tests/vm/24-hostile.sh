#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# A user who means harm, on the Linux side: mappings, envs and user memory that never answers.
# vm: --disk 64M --mem 512
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sub.sh"
plan 44

works "module loads" load_module pool_mb=16
works "format" "$tests/disk_tool" format /dev/vda
works "attach" "$tests/disk_tool" attach /dev/vda
program as_user 1000 "$tests/limits_test"
program "$tests/stall_test" 0
program "$tests/share_test" 0
program "$tests/flood_test" 0
works "detach" "$tests/disk_tool" detach 0
works "module unloads" rmmod exo
finish
