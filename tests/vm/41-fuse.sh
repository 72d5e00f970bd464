#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# A file system under a FUSE mount, for programs that know nothing of exo.
# vm: --disk 512M --mem 1536
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sub.sh"
plan 141
load_module pool_mb=128
{ exoctl format /dev/vda && exoctl attach /dev/vda && exoctl mkfs 0 home; } || exit 1
m=/tmp/m
mkdir $m

# The mount's own life.
refused "a root that is not there" "no root of that name" exoctl mount 0 none $m
refused "a mount point that is not there" "No such file" exoctl mount 0 home /tmp/none
refused "an option that is not there" "no option 'nonsense'" exoctl mount 0 home $m -o nonsense
works "mount" exoctl mount 0 home $m
works "the mount is up when the command returns" mountpoint -q $m
refused "the same tree on itself" "mounted there already" exoctl mount 0 home $m
refused "the module stays while mounted" "in use" rmmod exo
echo hello >$m/file
same "write and read" "$(cat $m/file)" hello
works "umount" exoctl umount $m
same "what was written is in the tree" "$(exoctl cat 0:home/file)" hello
refused "umount of what is no exo mount" "not the top of an exo mount" exoctl umount /tmp

# A killed server: the mount is dead, the tree is not.
exoctl mount 0 home $m || exit 1
cp /bin/ls $m/ls && sync $m/ls
kill -9 "$(pidof exo-fuse)"
refused "the mount of a killed server" "Transport endpoint" ls $m
works "a dead mount can be unmounted" exoctl umount $m
works "fsck after the kill" exoctl fsck 0:home
exoctl cat 0:home/ls >/tmp/ls
works "what was synced is there" cmp /tmp/ls /bin/ls

# A server that is asked to end.
exoctl mount 0 home $m || exit 1
echo late >$m/late
kill -TERM "$(pidof exo-fuse)"
for _ in $(seq 100); do mountpoint -q $m || break; sleep 0.1; done
while pidof exo-fuse >/dev/null; do sleep 0.1; done
same "SIGTERM: nothing is lost" "$(exoctl cat 0:home/late)" late
# Conformance, by programs that know only a directory. -s: nothing that they ask for may be missing.
exoctl mount 0 home $m || exit 1
chmod 777 $m
for area in names paths kinds links rename perm times open handles data io maps locks xattrs gone pipes fsx stress; do
	program "$tests/posix/$area" -s $m
done
works "umount after it" exoctl umount $m
works "fsck after it" exoctl fsck 0:home

# A plain user mounts a tree of their own.
chmod 666 /dev/fuse
mkdir -m 700 /tmp/user && chown 1000 /tmp/user
works "a user's tree" as_user 1000 exoctl mkfs 0 mine
works "a user mounts it" as_user 1000 exoctl mount 0 mine /tmp/user
refused "not even root looks into a user's mount" "denied" ls /tmp/user
works "the user unmounts it" as_user 1000 exoctl umount /tmp/user

works "detach" exoctl detach 0
works "module unloads" rmmod exo
finish
