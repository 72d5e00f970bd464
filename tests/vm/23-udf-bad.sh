#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# UDFs: each of udf/bad is refused at its gate, each other one installs; kernel and interpreter give the same answers.
# vm: --disk 64M --mem 512 --append mitigations=auto
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sub.sh"
bad_udfs=("$top"/udf/bad/*.c)
# Those of the bench are no examples: one needs sectors of 4 KiB, the other claims nothing.
mapfile -t udfs < <(printf '%s\n' "$EXO_UDF_DIR"/*.o "$tests/my_list.o" | grep -v '/bench_[^/]*$')
plan $((4 + ${#bad_udfs[@]} + 2 * ${#udfs[@]}))

works "the verifier alone takes the good ones" "$tests/udf-verify" "${udfs[@]}"
program "$tests/udf-agree" "$RANDOM" "${udfs[@]}"
works "module loads" load_module pool_mb=32
program "$tests/udf-bad" /dev/vda "$top/udf/bad" "$EXO_UDF_DIR/bad" "${udfs[@]}"
works "module unloads" rmmod exo
finish
