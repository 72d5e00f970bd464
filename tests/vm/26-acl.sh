#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# acl-UDFs on the module: two users of one group share a root, and the template's program decides between them; also after
# the disk was detached, attached again, and damaged.
# vm: --disk 64M --mem 512 --append mitigations=auto
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sub.sh"
plan 22
works "module loads" load_module pool_mb=32
program "$tests/acl_test" /dev/vda "$EXO_UDF_DIR/example_owned.o"
works "module unloads" rmmod exo
finish
