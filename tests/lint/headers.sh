#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Each public header compiles alone, as C and as C++; the contract has no holes in its structs.
set -eu
cd "$(dirname "$0")/../.."
for h in kmod/uapi/exo.h libexo/libexo.h libfs/libexo-fs.h; do
	gcc -std=gnu11 -Wall -Wextra -Werror -Ilibexo -Ilibfs -fsyntax-only -x c - <<<"#include \"$h\""
	g++ -std=c++17 -Wall -Wextra -Werror -Ilibexo -Ilibfs -fsyntax-only -x c++ - <<<"#include \"$h\""
done
gcc -Wpadded -Werror -fsyntax-only -x c - <<<'#include "kmod/uapi/exo.h"'
