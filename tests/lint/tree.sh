#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# A build leaves the tree as git has it, and the top level holds only what belongs there.
set -eu
cd "$(dirname "$0")/../.."
left=$(git status --porcelain --untracked-files=all | grep '^??' || true)
[ -z "$left" ] || { echo "the build left untracked files:"; echo "$left"; exit 1; }
extra=$(git ls-files | cut -d/ -f1 | sort -u | grep -vxE 'kmod|libexo|libfs|cheetah|udf|scripts|tests|Kbuild|Makefile|LICENSE|README\.md|\.ci|\.gitignore|\.clang-format|\.editorconfig' || true)
[ -z "$extra" ] || { echo "at the top level: $extra"; exit 1; }
