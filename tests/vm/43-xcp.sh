#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# exoctl xcp against cp -a: what it keeps, where it puts things, how few requests it takes, and what is left when it is
# killed or the disk is full.
# vm: --disk 512M --disk 256M --disk 64M --mem 1536
. "$(dirname "$0")/lib.sh"
plan 48
load_module pool_mb=128
for d in vda vdb vdc; do { exoctl format /dev/$d && exoctl attach /dev/$d; } || exit 1; done
exoctl mkfs 0 one && exoctl mkfs 0 two && exoctl mkfs 1 three && exoctl mkfs 2 small || exit 1

src=/tmp/src
mkdir -p $src/deep/a/b/c "$src/names with spaces" $src/many $src/shut
for i in $(seq 400); do echo "file $i" >"$src/many/f$i"; done
head -c 20000000 /dev/urandom >$src/large
head -c 4096 /dev/urandom >$src/block
head -c 4097 /dev/urandom >$src/block+1
head -c 100000 /dev/urandom >$src/deep/a/b/c/leaf
: >$src/empty
ln -s ../large $src/deep/link
ln -s "$(printf 'long/%.0s' $(seq 150))" $src/longlink
touch -d '2001-02-03 04:05:06.123456789' $src/block
touch -h -d '2002-02-03 04:05:06.987654321' $src/deep/link
chmod 4755 $src/empty; chmod 400 $src/block+1; chown 1000:1001 $src/large $src/deep; chmod 2750 $src/deep
touch -d '2003-02-03 04:05:06.5' $src/shut; chmod 555 $src/shut
works "a tree to copy" exoctl import -q 0:one $src

# What only the tree itself can be given: through a mount.
m=/tmp/m
mkdir $m && exoctl mount 0 one $m || exit 1
ln $m/many/f1 $m/deep/second; ln $m/deep/second $m/third
mkfifo -m 620 $m/fifo; mknod -m 640 $m/device c 1 7
truncate -s 9000000 $m/hole; printf middle | dd of=$m/hole bs=1 seek=4000000 conv=notrunc status=none; truncate -s 20000000 $m/hole
xattr() { python3 -c 'import os, sys; print(os.getxattr(sys.argv[1], "user.note").decode())' "$1"; }
python3 -c 'import os, sys; [os.setxattr(f, "user.note", b"kept with " + os.path.basename(f).encode()) for f in sys.argv[1:]]' $m/hole $m/deep || exit 1
touch -d '2004-02-03 04:05:06.25' $m/hole $m/fifo
exoctl umount $m

stat_field() { exoctl stats --json | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p"; }
# Everything that cp -a keeps, a line for each entry; hard links by the names that share an inode.
look() { # DIR
	(cd "$1" && find . -mindepth 1 \( -type d -printf '%P %y %m %U %G %T@\n' -o -printf '%P %y %m %U %G %s %T@ %l %n\n' \) | sort &&
		find . -mindepth 1 -links +1 ! -type d -printf '%i %P\n' | sort -k2 |
		awk '{ g[$1] = g[$1] " " $2 } END { for (i in g) print g[i] }' | sort &&
		find . -type c -exec stat -c '%n %t %T' {} +)
}

same "a cold source" "$(exoctl detach 0 && exoctl attach /dev/vda >/dev/null && echo yes)" yes
requests() { awk '{ print $1, $5 }' /sys/block/vda/stat; } # reads and writes given to the device
read -r r0 w0 < <(requests)
works "copy between two trees of one disk" exoctl xcp -q 0:one 0:two
read -r r1 w1 < <(requests)
note "$(exoctl sum 0:one | grep -c ' 100[0-7]* ') names of files: $((r1 - r0)) reads and $((w1 - w0)) writes"
# One by one the small files alone would take a request each.
same "neighbours are transferred together" "$((r1 - r0 < 250 && w1 - w0 < 250))" 1
exoctl sum 0:one >/tmp/want
exoctl sum 0:two >/tmp/have
works "all bytes are equal" cmp /tmp/want /tmp/have
same "there is something to compare" "$(($(wc -l </tmp/want) > 400))" 1
works "between two disks" exoctl xcp -q 0:one 1:three
exoctl sum 1:three >/tmp/have
works "all bytes are equal there" cmp /tmp/want /tmp/have
for t in 0:one 0:two 1:three; do works "fsck finds nothing in $t" exoctl fsck $t; done

# The same by cp -a, on the same file system, through mounts.
a=/tmp/ma b=/tmp/mb
mkdir $a $b
exoctl mount 0 one $a && exoctl mount 1 three $b || exit 1
look $a >/tmp/look.src
look $b >/tmp/look.xcp
works "modes, owners, times, links, devices are the source's" diff /tmp/look.src /tmp/look.xcp
same "hard links are kept" "$(stat -c %h $b/third)" 3
same "extended attributes are kept" "$(xattr $b/hole), $(xattr $b/deep)" "kept with hole, kept with deep"
same "holes are kept" "$(($(stat -c %b $b/hole) <= 16))" 1
said=$(exoctl xcp -q 0:one/many 0:two/again 2>&1); rc=$?
same "no file went through memory and nothing was left out" "$rc $(grep -c 'through memory\|not copied\|left out' <<<"$said")" "0 0"
exoctl umount $a; exoctl umount $b

# A type that does not tell where its blocks are, as destination and as source.
exoctl mkfs -t logfs 1 log || exit 1
works "to another type" exoctl xcp -q 0:one/many 1:log/many
same "its bytes are equal" "$(exoctl sum 1:log/many)" "$(exoctl sum 0:one/many)"
same "and back; it says how" "$(exoctl xcp -q 1:log/many 0:two/back | grep -c '400 files through memory')" 1
same "bytes that came back are equal" "$(exoctl sum 0:two/back)" "$(exoctl sum 0:one/many)"
exoctl rm -r 1:log/many
works "lay it out anew" exoctl defrag -q 1:log
works "fsck after that" exoctl fsck 1:log

# cffs: two files that grew in turns, while another process reads a third in the same root all the time.
exoctl mount 0 two $a || exit 1
for i in $(seq 24); do for f in p q; do head -c 8192 /dev/urandom >>$a/$f; done; sync; done
exoctl umount $a
pieces() { exoctl dump "0:two/$1" | grep -c '^ *block '; }
before=$(pieces p) sums=$(exoctl sum 0:two)
(while [ ! -e /tmp/stop ]; do exoctl cat 0:two/large | cmp - $src/large || touch /tmp/wrong; done) &
reader=$!
works "lay a cffs tree out anew while it is read" exoctl defrag -q 0:two
touch /tmp/stop; wait $reader
same "the reader saw the right bytes" "$(ls /tmp/wrong 2>/dev/null)" ""
note "pieces of a file: $before before, $(pieces p) after"
same "one piece instead of many" "$((before > 10)) $(pieces p)" "1 1"
same "all bytes are as before" "$(exoctl sum 0:two)" "$sums"
works "fsck after that, too" exoctl fsck 0:two

# Where things go.
exoctl mkfs 1 four || exit 1
works "a directory to a new name" exoctl xcp -q 0:one/deep 1:four/new
works "a directory into a directory" exoctl xcp -q 0:one/deep 1:four/new
works "a content into a directory" exoctl xcp -q 0:one/many/. 1:four/new
works "a file over a file" exoctl xcp -q 0:one/block 1:four/new/f2
works "a file into a directory" exoctl xcp -q 0:one/block+1 1:four/new
same "each is where cp -a would put it" "$(exoctl cat 1:four/new/deep/a/b/c/leaf | sha256sum; exoctl cat 1:four/new/a/b/c/leaf | sha256sum; exoctl cat 1:four/new/f3; exoctl cat 1:four/new/f2 | sha256sum; exoctl cat 1:four/new/block+1 | sha256sum)" \
	"$(sha256sum <$src/deep/a/b/c/leaf; sha256sum <$src/deep/a/b/c/leaf; cat $src/many/f3; sha256sum <$src/block; sha256sum <$src/block+1)"
refused "a directory over a file" "not overwritten" exoctl xcp -q 0:one/many 1:four/new/f2/.
refused "a file onto itself" "same file" exoctl xcp -q 0:one/block 0:one/block
refused "a directory into itself" "into itself" exoctl xcp -q 0:one/deep 0:one/deep/a
refused "a source that is not there" "No such file" exoctl xcp -q 0:one/nowhere 1:four
refused "another user's tree" "capability|permission|denied" as_user 1001 exoctl xcp -q 0:one 1:four
works "copy a tree within itself, elsewhere" exoctl xcp -q 0:one/many 0:one/beside
same "its files are equal" "$(exoctl sum 0:one/beside)" "$(exoctl sum 0:one/many)"

# Dirty blocks of the source give their present content.
exoctl mount 0 one $a || exit 1
echo changed >$a/many/f7
works "a source that is in use and dirty" exoctl xcp -q 0:one/many 1:four/dirty
same "its present content is copied" "$(exoctl cat 1:four/dirty/f7)" changed
exoctl umount $a

head -c 45000000 /dev/zero >/tmp/fill && mkdir /tmp/fills && mv /tmp/fill /tmp/fills && exoctl import -q 2:small /tmp/fills >/dev/null || exit 1
# A full disk: said in words, and what is there is whole.
refused "a full disk" "No space|full" exoctl xcp -q 0:one 2:small/
works "fsck after it" exoctl fsck 2:small

# Killed at several moments.
frames=$(stat_field frames_private)
unsound=0 midway=0
for s in 0.05 0.2 0.4; do
	exoctl mkfs 1 "kill$s" >/dev/null
	timeout -s KILL $s exoctl xcp -q 0:one "1:kill$s" >/dev/null 2>&1
	[ $? = 137 ] && exoctl ls "1:kill$s" | grep -q . && midway=$((midway + 1))
	exoctl fsck "1:kill$s" >/tmp/fsck.log 2>&1 || { unsound=$((unsound + 1)); note "killed after $s s: $(cat /tmp/fsck.log)"; }
done
same "killed copies leave sound trees" "$unsound" 0
same "one was killed midway" "$((midway > 0))" 1
same "no private frame stays behind" "$(stat_field frames_private)" "$frames"
for d in 2 1 0; do exoctl detach $d || exit 1; done
works "module unloads" rmmod exo
finish
