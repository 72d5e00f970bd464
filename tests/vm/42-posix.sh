#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Unmodified programs on an exo file system through libexo-posix.so: shells, archives, compilers, data bases.
# vm: --disk 512M --mem 1536
# The scripts in quotes are for the shell inside.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
plan 28
load_module pool_mb=192
{ exoctl format /dev/vda && exoctl attach /dev/vda && exoctl mkfs 0 t; } >/dev/null || exit 1
run() { exoctl run --disk 0 --root t --at /exo -- "$@"; }
# sh_same NAME WANT SCRIPT: what bash prints for SCRIPT in /exo
sh_same() { same "$1" "$(run bash -c "cd /exo && $3" 2>&1)" "$2"; }

run bash -c 'echo hello >/exo/a'
same "what a program writes, exoctl reads" "$(exoctl cat 0:t/a)" hello
sh_same "redirection, pipes, appending" "3 1
more" 'mkdir d && cd d && for i in 1 2 3; do echo $i >f$i; done; echo more >>f1; echo $(ls | wc -l) $(head -1 f1); tail -1 f1'
sh_same "here-documents, globs, cd and pwd" "text /exo/d
f1 f2 f3
/exo
/" 'cd d; cat <<X
text $PWD
X
echo f*; cd ..; pwd; cd ..; pwd'
sh_same "a descriptor's offset is shared with children" "a
b
c" 'exec 3>off; echo a >&3; (echo b >&3); sh -c "echo c >&3"; exec 3>&-; cat off'
sh_same "reading goes on in a child" "2" 'printf "1\n2\n" >two; exec 3<two; read x <&3; sh -c "read y; echo \$y" <&3'
same "an unlinked file lives on in children, also behind exec" "$(run python3 -c '
import os, subprocess
f = open("/exo/gone", "w+b", 0); f.write(b"kept\n"); os.unlink("/exo/gone")
if not os.fork(): print(os.pread(f.fileno(), 5, 0).decode(), end="", flush=True); os._exit(0)
os.wait(); f.seek(0); subprocess.run(["cat"], stdin=f)' 2>&1)" "kept
kept"
sh_same "symbolic links into the host and back" "hello
hello
vm-test" 'ln -s /exo/a abs; cat abs; ln -s a rel; cat rel; echo vm-test >/tmp/host; ln -s /tmp/host out; cat out'
ln -s /exo /tmp/into
same "a link of the host leads in" "$(run cat /tmp/into/a)" hello
same "a path of the host with dots leads in" "$(run cat /tmp/../exo/./a)" hello
sh_same "rename across the border is refused, mv copies" "moved" 'echo moved >/tmp/m1; mv /tmp/m1 m2; cat m2'
sh_same "umask and modes" "640
rw-------" 'umask 027; >u1; stat -c %a u1; chmod 600 u1; stat -c %A u1 | cut -c2-'
works "cp -a, and nothing is different" run bash -c "cp -a $top/libfs /exo/src && diff -r $top/libfs /exo/src"
works "find and its many forms" run bash -c "cd /exo/src && [ \$(find . -type f | wc -l) = \$(cd $top/libfs; find . -type f | wc -l) ] && [ \$(find . -name '*.h' -newermt 2000-01-01 -printf x | wc -c) -gt 5 ]"
works "tar there and back" run bash -c 'cd /exo && tar cf s.tar src && mkdir x && tar xf s.tar -C x && diff -r src x/src'
if ! command -v rsync >/dev/null; then
	skip "rsync" "there is no rsync"
else works "rsync" run bash -c 'cd /exo && rsync -a src/ r/ && diff -r src r && rsync -a --delete --checksum src/ r/ && rm -r r x'
fi
works "gcc builds what then runs" run bash -c 'cd /exo && printf "#include <stdio.h>\nint main(void) { puts(\"built\"); return 3; }\n" >h.c && gcc -o h h.c && { ./h >h.out; [ $? = 3 ]; } && [ "$(cat h.out)" = built ]'
sh_same "scripts with an interpreter" "script ./s arg
script /exo/s arg" 'printf "#!/bin/sh\necho script \$0 \$1\n" >s; chmod +x s; ./s arg; /exo/s arg'
works "git: init, add, commit, checkout, fsck" run bash -c 'export HOME=/tmp; cd /exo/src && git init -q . && git add . && git -c user.name=n -c user.email=e commit -qm one && rm -r cffs && git checkout -q -- . && [ -z "$(git status --porcelain)" ] && git gc -q && git fsck --strict'
if command -v sqlite3 >/dev/null; then
	same "sqlite3 with its own check" "$(run sqlite3 /exo/db "create table t(a integer primary key, b); with recursive c(x) as (select 1 union all select x+1 from c where x<2000) insert into t select x, hex(x) from c; delete from t where a%3=0; pragma integrity_check; select count(*) from t;")" "ok
1334"
else
	skip "sqlite3 with its own check" "there is no sqlite3"
fi
cat >/tmp/t.py <<'PY'
import os, shutil, tempfile, mmap, subprocess, fcntl, sqlite3, glob
os.chdir("/exo")
open("m", "wb").write(b"x" * 8192)
f = open("m", "r+b")
m = mmap.mmap(f.fileno(), 0); m[4096:4099] = b"abc"
pid = os.fork()
if not pid:
    m[0:3] = b"kid"; os._exit(0)
os.waitpid(pid, 0)
assert m[0:3] == b"kid"
assert os.pread(f.fileno(), 3, 4096) == b"abc"
m.flush(); m.close()
fd, p = tempfile.mkstemp(dir="/exo"); os.write(fd, b"1"); os.close(fd); os.unlink(p)
with tempfile.TemporaryDirectory(dir="/exo") as d:
    shutil.copytree("/exo/src/cffs", d + "/c"); assert len(glob.glob(d + "/c/*.c")) > 10
    shutil.copy2("/etc/hostname", d); shutil.copy2(d + "/hostname", "/tmp/hn")
assert subprocess.run(["pwd"], cwd="/exo/src", capture_output=True).stdout == b"/exo/src\n"
a = open("lock", "w"); fcntl.flock(a, fcntl.LOCK_EX)
assert subprocess.run(["flock", "-n", "/exo/lock", "true"]).returncode == 1
a.close()
assert subprocess.run(["flock", "-n", "/exo/lock", "true"]).returncode == 0
fcntl.lockf(open("lock2", "w"), fcntl.LOCK_EX)
db = sqlite3.connect("/exo/py.db"); db.execute("create table t(a)"); db.executemany("insert into t values(?)", [(i,) for i in range(500)]); db.commit()
assert db.execute("pragma integrity_check").fetchone() == ("ok",)
os.mkdir("many"); os.chdir("many")
s = [open("many%d" % i, "w") for i in range(900)]
for i, g in enumerate(s): g.write(str(i)); g.close()
assert open("many777").read() == "777" and len([n for n in os.listdir(".") if n.startswith("many")]) == 900
for i in range(900): os.unlink("many%d" % i)
os.chdir(".."); os.rmdir("many")
r, w = os.open("/exo/src/README", os.O_RDWR | os.O_CREAT), os.open("/exo/app", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(r, b"by number")
assert open("/dev/fd/%d" % r).read() == "by number" and os.readlink("/proc/self/fd/%d" % r) == "/exo/src/README"
for k in range(4):
    if not os.fork():
        for i in range(50): os.write(w, b"12345678")
        os._exit(0)
for k in range(4): os.wait()
assert os.stat("/exo/app").st_size == 4 * 50 * 8
PY
works "python3: os, shutil, tempfile, mmap, locks, sqlite" run python3 /tmp/t.py
works "several processes at once" run bash -c 'cd /exo && mkdir p && for i in 1 2 3 4; do (for j in $(seq 40); do echo $i.$j >p/$i.$j; done) & done; wait; [ $(ls p | wc -l) = 160 ] && [ "$(cat p/3.17)" = 3.17 ]'
run bash -c 'mkdir /exo/kill; cd /exo/kill; for i in $(seq 1000); do echo $i >k$i; done' & victim=$!
for _ in $(seq 200); do exoctl stat 0:t/kill/k20 >/dev/null 2>&1 && break; sleep .05; done
kill -9 $victim $(pgrep -P $victim) 2>/dev/null; wait $victim 2>/dev/null
works "it had begun" exoctl stat 0:t/kill/k20
works "a killed process leaves the tree correct" exoctl fsck 0:t
works "the library is kept when the environment is cleared" run env -i /bin/sh -c '/usr/bin/env -i /bin/cat /exo/a'
same "a program sees an environment without it" "$(run env | grep -cE '^PATH=|EXO_POSIX|LD_PRELOAD')" 1
outside='cd /tmp; ls -la /etc; id; seq 5 | sort -r; cat /nowhere; mkdir q$$ && rmdir q$$; pwd; tar cf - -C /etc hostname | wc -c; python3 -c "print(1)"; exit 3'
bash -c "$outside" >/tmp/o1 2>&1; r1=$?
run bash -c "$outside" >/tmp/o2 2>&1; r2=$?
works "outside of the prefix nothing changes" cmp /tmp/o1 /tmp/o2
same "nor the exit status" "$r2" "$r1"
works "fsck in the end" exoctl fsck 0:t
exoctl detach 0 >/dev/null && rmmod exo
finish
