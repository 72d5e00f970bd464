#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# A cffs tree that users share who do not trust each other: the module enforces its permissions, whatever a library does.
# vm: --disk 64M --mem 768 --append mitigations=auto
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/sub.sh"
plan 20
works "module loads" load_module pool_mb=48
program "$tests/shared_test" /dev/vda

# By hand: one makes it, another fills it, a third looks.
works "mkfs --shared, as a user" as_user 1000 exoctl mkfs --shared --mode 1777 0 team
same "the root says so" "$(exoctl roots 0 | grep -c "team.*, shared")" 1
same "and the template has an acl" "$(exoctl templates 0 --json | grep -c '"acl_instructions": *0')" 0
refused "logfs has none" "only cffs" as_user 1000 exoctl mkfs --shared --type logfs 0 no
mkdir /tmp/src && echo mine >/tmp/src/open && echo secret >/tmp/src/closed && chmod 600 /tmp/src/closed
chown -R 1001:1001 /tmp/src
works "another user imports" as_user 1001 exoctl import 0:team /tmp/src
same "the first reads it" "$(as_user 1000 exoctl cat 0:team/open)" mine
refused "but not what is closed" "denied|allow" as_user 1000 exoctl cat 0:team/closed
works "fsck of the owner finds nothing" as_user 1000 exoctl fsck 0:team
works "nor does root's" exoctl fsck 0:team
works "detach" exoctl detach 0
works "module unloads" rmmod exo
finish
