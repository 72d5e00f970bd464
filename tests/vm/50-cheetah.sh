#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# The web server on the real module: the suite that it passes on a directory, with documents in an exo file system; no
# call of exo for a cached document; a document larger than what a process may have bound; users; sudden death.
# vm: --disk 512M --mem 1536
. "$(dirname "$0")/lib.sh"
. "$top/tests/vm/sub.sh"
live=$top/tests/host/cheetah_live.py
[ -x "$top/build/bin/cheetah" ] || { echo "1..0"; exit 1; }
names=(documents refusals conditions ranges keep_alive syscalls pipelining refused_bodies concurrent truncated
	slow_reader full listing techniques drain worker_dies garbage)
names=("${names[@]/#/test_}")
plan $((${#names[@]} + 13))
load_module pool_mb=64
{ exoctl format /dev/vda && exoctl attach /dev/vda; } || exit 1
ip link set lo up

src=/tmp/docs
python3 "$live" --make $src
mkdir $src/more
head -c 200M /dev/urandom >$src/more/huge
chown -R 1000:1000 $src
works "mkfs as a user" as_user 1000 exoctl mkfs 0 site
works "import, with a document three times the pool" as_user 1000 exoctl import 0:site $src
works "sync" as_user 1000 exoctl sync 0

# The lines "ok test_x (1.2 s)" of the suite become results.
program bash -c 'set -o pipefail; setpriv --reuid 1000 --regid 1000 --clear-groups -- python3 "$@" |
	sed -u "s/^ok /ok - /; s/^not ok /not ok - /"' - "$live" --server "$top/build/bin/cheetah" --store exo:0:site --root $src "${names[@]}"

counter() { exoctl stats --json | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p"; }
before=$(counter frames_private)

setpriv --reuid 1000 --regid 1000 --clear-groups -- cheetah --store exo:0:site --listen 127.0.0.1:8080 >/tmp/log 2>&1 &
server=$!
for _ in $(seq 100); do curl -s -o /dev/null http://127.0.0.1:8080/ && break; sleep 0.1; done
works "the mode line names store and technique" grep -q 'store exo:0:site (exo, bodies by cache frames), network kernel sockets' /tmp/log
works "a document larger than the pool is whole" cmp <(curl -s http://127.0.0.1:8080/more/huge) $src/more/huge
works "and a part of its end" cmp <(curl -s -r 200000000-200999999 http://127.0.0.1:8080/more/huge) <(tail -c +200000001 $src/more/huge | head -c 1000000)
curl -s http://127.0.0.1:8080/k4.bin >/dev/null
strace -f -c -o /tmp/calls -p $server 2>/tmp/strace.log &
tracer=$!
sleep 3
ab -q -k -c 2 -n 300 http://127.0.0.1:8080/k4.bin >/tmp/ab 2>&1
kill -INT $tracer
wait $tracer
note "$(awk '$4 ~ /^[0-9]+$/ { print $4, $NF }' /tmp/calls | tr '\n' ';')"
calls() { awk -v c="$1" '$NF == c { n = $4 } END { print n + 0 }' /tmp/calls; }
works "all requests of a load are answered" grep -q '^Failed requests: *0$' /tmp/ab
same "one writev a request" "$(calls writev)" 300
works "a document in the cache needs no call of exo" test "$(calls ioctl)" -le 2

refused "another user's server does not start" "permission|capability|denied" as_user 1001 timeout 20 cheetah --store exo:0:site --listen 127.0.0.1:8082
refused "a root that is not there is named" "nosuch" as_user 1000 timeout 20 cheetah --store exo:0:nosuch --listen 127.0.0.1:8082
kill -KILL $server
wait $server 2>/dev/null
sleep 1
same "a killed server leaves no frame behind" "$(counter frames_private)" "$before"
exoctl detach 0
works "module unloads" rmmod exo
finish
