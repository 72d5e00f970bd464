#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Conformance through libexo-posix.so, by programs that know only a directory; 42-posix.sh has those that people use. Not run here are those that
# ask for what the library does not have (libexo-posix(7), CAVEATS): handles, maps, locks (leases), xattrs (capabilities that go).
# vm: --disk 512M --mem 1024
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sub.sh"
plan 93
load_module pool_mb=192
{ exoctl format /dev/vda && exoctl attach /dev/vda && exoctl mkfs 0 t; } >/dev/null || exit 1
run() { exoctl run --disk 0 --root t --at /exo -- "$@"; }
run chmod 777 /exo
for area in names paths kinds links rename perm times open data io pipes gone fsx; do
	program run "$tests/posix/$area" -s /exo
done
works "fsck after it" exoctl fsck 0:t
# Who is killed between the steps of an exchange leaves a spare name.
program run "$tests/posix/stress" -s /exo
works "fsck mends what killed processes left" exoctl fsck --repair 0:t
works "fsck in the end" exoctl fsck 0:t
exoctl detach 0 >/dev/null && rmmod exo
finish
