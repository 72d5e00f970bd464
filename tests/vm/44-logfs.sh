#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# logfs on the real module, on one disk with cffs, both in use at once by different users: what goes in comes out, after a power cut's
# walk too; each is out of the other's reach.
# vm: --disk 256M --mem 1280
. "$(dirname "$0")/lib.sh"
plan 25
load_module pool_mb=96
{ exoctl format /dev/vda && exoctl attach /dev/vda; } || exit 1

src=/tmp/src
mkdir -p $src/deep/a/b/c "$src/names with spaces" $src/many
for i in $(seq 400); do echo "file $i" >"$src/many/f$i"; done
head -c 3000000 /dev/urandom >$src/large
head -c 4097 /dev/urandom >$src/block+1
: >$src/empty
truncate -s 10M $src/hole && echo end >>$src/hole
echo x >"$src/names with spaces/$(printf 'n%.0s' $(seq 255))"
ln -s ../large $src/deep/link
ln -s "$(printf 'long/%.0s' $(seq 150))" $src/longlink
chmod 600 $src/block+1
touch -d '2001-02-03 04:05:06.123456789' $src/block+1
chown -R 1000:1000 $src
as_user 1000 exoctl sum --host $src >/tmp/want

works "mkfs of a log, as a user" as_user 1000 exoctl mkfs --type logfs 0 log
works "mkfs of cffs beside it, as another" as_user 1001 exoctl mkfs 0 other
chmod -R a+rX $src
as_user 1001 exoctl import 0:other $src >/tmp/other.log 2>&1 &
other=$!
works "import into the log, while the other user imports" as_user 1000 exoctl import 0:log $src
wait $other
same "the other's import worked" $? 0
as_user 1000 exoctl sum --host $src >/tmp/want
as_user 1000 exoctl sum 0:log >/tmp/have
works "all files are equal" diff /tmp/want /tmp/have
works "fsck of the log finds nothing" as_user 1000 exoctl fsck 0:log
works "fsck of the other finds nothing" as_user 1001 exoctl fsck 0:other
refused "the other user cannot read the log" "capability|permission|denied" as_user 1001 exoctl ls 0:log
refused "nor the owner of the log the other's" "capability|permission|denied" as_user 1000 exoctl ls 0:other
works "sync" as_user 1000 exoctl sync 0
works "detach" exoctl detach 0
works "attach with a walk" exoctl attach /dev/vda --walk
same "nothing is quarantined" "$(exoctl info 0 --json | grep -o '"quarantined": *[0-9]*' | grep -o '[0-9]*$')" 0
as_user 1000 exoctl sum 0:log >/tmp/have
works "equal after the walk" diff /tmp/want /tmp/have

# A writer that is killed in the middle leaves a whole tree.
mkdir /tmp/two && cp -a $src /tmp/two/again
setpriv --reuid 1000 --regid 1000 --clear-groups -- exoctl import 0:log /tmp/two >/dev/null 2>&1 &
victim=$!
for _ in $(seq 200); do
	as_user 1000 exoctl ls 0:log/again 2>/dev/null | grep -q . && break
	sleep .05
done
same "it had begun" "$(as_user 1000 exoctl ls 0:log | grep -c again)" 1
kill -9 $victim
wait $victim 2>/dev/null
same "and was killed" $? 137
works "fsck after a killed import" as_user 1000 exoctl fsck 0:log
works "dump shows the super block" sh -c "exoctl dump 0:log | grep -q 'super block'"
others() { grep -vE ' (/|again(/.*)?)( -> .*)?$'; }
same "what was there before is whole" "$(as_user 1000 exoctl sum 0:log | others)" "$(others </tmp/want)"
for type in cffs logfs; do
	same "hello_file on $type" "$(as_user 1000 hello_file 0 hello-$type $type)" "hello, exokernel"
	same "hello_file again on $type" "$(as_user 1000 hello_file 0 hello-$type)" "hello, exokernel"
done
works "sync again" as_user 1000 exoctl sync 0
works "detach at the end" exoctl detach 0
finish
