#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Files of a cffs tree as memory on the real module: shared between two processes, at the end of the file, without a name.
# vm: --disk 64M --mem 512
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sub.sh"
plan 17
works "module loads" load_module pool_mb=32
program "$tests/filemap_test" /dev/vda
works "module unloads" rmmod exo
finish
