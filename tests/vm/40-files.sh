#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# A file system as a library on the real module: what goes in comes out, after a detach too; users are apart; a full
# disk and a killed writer lose nothing.
# vm: --disk 512M --disk 64M --mem 1536
. "$(dirname "$0")/lib.sh"
plan 27
load_module pool_mb=128
{ exoctl format /dev/vda && exoctl attach /dev/vda; } || exit 1

src=/tmp/src
mkdir -p $src/deep/a/b/c/d/e "$src/names with spaces" $src/many
for i in $(seq 300); do echo "file $i" >"$src/many/f$i"; done
head -c 5000000 /dev/urandom >$src/large
head -c 4096 /dev/urandom >$src/block
head -c 4097 /dev/urandom >$src/block+1
: >$src/empty
truncate -s 10M $src/hole && echo end >>$src/hole
echo x >"$src/names with spaces/$(printf 'n%.0s' $(seq 255))"
echo deep >$src/deep/a/b/c/d/e/leaf
ln -s ../large $src/deep/link
ln -s "$(printf 'long/%.0s' $(seq 150))" $src/longlink
chmod 600 $src/block; chmod 4755 $src/empty; chmod 700 "$src/names with spaces"
touch -d '2001-02-03 04:05:06.123456789' $src/block
chown -R 1000:1000 $src

works "mkfs as a user" as_user 1000 exoctl mkfs 0 one
works "import" as_user 1000 exoctl import 0:one $src
as_user 1000 exoctl sum --host $src >/tmp/want
as_user 1000 exoctl sum 0:one >/tmp/have
works "all files are equal" diff /tmp/want /tmp/have
works "sync" as_user 1000 exoctl sync 0
works "fsck finds nothing" as_user 1000 exoctl fsck 0:one
works "detach" exoctl detach 0
works "attach with a walk" exoctl attach /dev/vda --walk
as_user 1000 exoctl sum 0:one >/tmp/have
works "equal after detach and walk" diff /tmp/want /tmp/have
free_walk=$(exoctl info 0 --json | sed -n 's/.*"free": *\([0-9]*\).*/\1/p')
works "detach cleanly" exoctl detach 0
works "attach without a walk" exoctl attach /dev/vda
same "stored free map equals the walked one" "$(exoctl info 0 --json | sed -n 's/.*"free": *\([0-9]*\).*/\1/p')" "$free_walk"
mkdir -p /tmp/out && chown 1000 /tmp/out
works "export" as_user 1000 exoctl export 0:one /tmp/out
works "the export equals the source" diff -r --no-dereference $src /tmp/out
same "times are kept to the nanosecond" "$(stat -c %y /tmp/out/block)" "$(stat -c %y $src/block)"
same "modes are kept" "$(stat -c %a /tmp/out/block /tmp/out/empty)" "$(stat -c %a $src/block $src/empty)"

refused "another user cannot read" "capability|permission|denied" as_user 1001 exoctl ls 0:one
refused "another user cannot import" "capability|permission|denied" as_user 1001 exoctl import 0:one /etc/default
works "another user's own root beside it" as_user 1001 exoctl mkfs 0 two
works "both in use" as_user 1001 exoctl import 0:two $src/many

# Killed writers, at several moments: the tree stays correct and the frames come back.
before=$(exoctl stats --json | sed -n 's/.*"frames_private": *\([0-9]*\).*/\1/p')
unsound=0
for ms in 0.05 0.2 0.5 1; do
	as_user 1001 exoctl mkfs 0 "kill$ms" >/dev/null
	timeout -s KILL $ms setpriv --reuid 1001 --regid 1001 --clear-groups -- exoctl import "0:kill$ms" $src >/dev/null 2>&1
	as_user 1001 exoctl fsck "0:kill$ms" >/tmp/fsck.log 2>&1 || { unsound=$((unsound + 1)); note "kill after $ms s: $(cat /tmp/fsck.log)"; }
done
same "killed imports leave sound trees" "$unsound" 0
same "no private frame stays behind" "$(exoctl stats --json | sed -n 's/.*"frames_private": *\([0-9]*\).*/\1/p')" "$before"

# Full disk: says so, loses nothing, works again after a delete.
{ exoctl format /dev/vdb && exoctl attach /dev/vdb; } || exit 1
works "mkfs on the small disk" as_user 1000 exoctl mkfs 1 small
mkdir -p /tmp/big && head -c 30000000 /dev/urandom >/tmp/big/a && cp /tmp/big/a /tmp/big/b && cp /tmp/big/a /tmp/big/c && chown -R 1000 /tmp/big
refused "full disk is refused in words" "No space|full|ENOSPC" as_user 1000 exoctl import 1:small /tmp/big
works "fsck after a full disk" as_user 1000 exoctl fsck 1:small
works "full disk detaches" exoctl detach 1
works "and attaches with a walk" exoctl attach /dev/vdb --walk
exoctl detach 1
exoctl detach 0
works "module unloads" rmmod exo
finish
