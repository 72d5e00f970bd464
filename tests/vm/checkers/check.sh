#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# usage: tests/vm/checkers/check.sh LOG-PATTERN
# On the host: boots the debug kernel, lets tests/vm/checkers/faulty.c do wrong things, and demands that each is reported in a line of the
# kernel's log that LOG-PATTERN, which tests/run looks for, matches; and that tests/vm/leaks.sh gives a bad verdict.
# A suite that passes on the debug kernel says something only while this passes. Exit status 0 or 1.
set -u
cd "$(dirname "$0")/../../.." || exit 1
out=build/tests/checkers
bad=0

mkdir -p $out
cat >$out/suite.sh <<'EOF'
# A report switches lockdep off, so its own comes first.
for what in order shift leak sleep overrun; do
	insmod build/tests/checkers/faulty.ko what=$what && rmmod faulty || echo "cannot load faulty.ko what=$what"
done
EOF
cmp -s tests/vm/checkers/faulty.c $out/faulty.c || cp tests/vm/checkers/faulty.c $out/
cp tests/vm/checkers/Kbuild $out/
make -s -C "$(scripts/debug-kernel --print headers)" M="$PWD/$out" CC="$(scripts/debug-kernel --print cc)" modules || exit 1
scripts/vm --kernel "$(scripts/debug-kernel --print vmlinux)" --modules "$(scripts/debug-kernel --print modules)" --mem 1024 \
	--timeout 300 --klog $out/kernel.log -- bash "$PWD/tests/vm/leaks.sh" "$PWD/$out/suite.sh" >$out/log || { cat $out/log; bad=1; }

said() { # PATTERN
	grep -E "$1" $out/kernel.log | grep -qE "$pattern" && return
	echo "not in the kernel's log, or not seen as bad: $1"
	bad=1
}
pattern=$1
said 'UBSAN: shift-out-of-bounds in .*faulty'
said 'BUG: KASAN: slab-out-of-bounds in faulty_overrun'
said 'BUG: sleeping function called from invalid context at .*faulty'
said 'WARNING: possible circular locking dependency'
said 'kmemleak: [0-9]+ new suspected memory leaks'
grep -q '^# checkers: kmemleak found these' $out/log || { echo "leaks.sh did not report the leak"; bad=1; }
grep -q 'cannot load' $out/log && bad=1
exit $bad
