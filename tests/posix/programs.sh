#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# usage: tests/posix/programs.sh [-l] [-p PATTERN] DIRECTORY
#
# Programs that were never changed, at work in DIRECTORY: a shell, coreutils, tar, git, sqlite3, gcc, rsync, python3. Prints
# "ok - NAME", "not ok - NAME", or "ok - NAME # SKIP why" for each; exit status 1 if one failed.
#   -l  the long versions: a whole source tree, more rows, more files
#   -p  only those whose name matches
# shellcheck disable=SC2016 # scripts in quotes are for the shells inside
set -u
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
long=no pattern=''
while getopts lp: c; do
	case $c in
	l) long=yes ;;
	p) pattern=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# = 1 ] || { sed -n '3,/^set/{/^set/!s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
base=$1
bad=0
export HOME=/tmp TMPDIR=/tmp LC_ALL=C.UTF-8 GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
export GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=e
# What is copied, built and kept under version control: small, or all of it.
if [ $long = yes ]; then parts="kmod libfs libexo"; else parts="libfs/logfs libfs/fuse udf"; fi
rows=500
[ $long = no ] || rows=20000

# In a script for try, bash -e overlooks a command behind "!" and all but the last of "a && b".
never='never() { if "$@"; then echo "should fail: $*"; exit 1; fi; }
'

# try NAME PROGRAM SCRIPT: SCRIPT runs in a new empty directory; a command of it that fails is a failure
try() {
	local out rc dir
	[ -z "$pattern" ] || [[ $1 == *$pattern* ]] || return 0
	if ! command -v "$2" >/dev/null; then
		echo "ok - $1 # SKIP there is no $2"
		return
	fi
	dir=$base/${1// /_}
	out=$(mkdir "$dir" && cd "$dir" && top=$top parts=$parts rows=$rows base=$base bash -euc "$never$3" 2>&1)
	rc=$?
	if [ $rc = 0 ] && out=$(rm -r "$dir" 2>&1); then
		echo "ok - $1"
	else
		echo "not ok - $1"
		tail -n 20 <<<"status $rc: $out" | sed 's/^/# /'
		bad=1
	fi
}

try "bash" bash '
mkdir -p a/b/c; cd a/b; echo one >f; echo two >>f; [ "$(cat f)" = "one
two" ]
exec 5<>g; echo x >&5; exec 5>&-; read -r l <g; [ "$l" = x ]
never bash -Cc "echo no >f"; [ "$(tail -n 1 f)" = two ]; set -o noclobber; echo yes >|f; [ "$(<f)" = yes ]; set +o noclobber
for i in {1..60}; do : >"n$i"; done; set -- n*; [ $# = 60 ]
[ -e f ]; [ ! -e none ]; [ f -nt /etc/passwd ]; [ -d c ]; [ ! -x f ]
cat >s <<"X"
#!/bin/bash
echo "$0 $1"
X
chmod +x s; [ "$(./s arg)" = "./s arg" ]; [ "$(pwd -P)" = "$(cd c/..; pwd -P)" ]
mkfifo p; (echo through >p) & [ "$(cat p)" = through ]; wait
diff <(sort f) <(cat f)
cd ../..; ln -s a/b link; cd link; pwd | grep -q "/link$"; shopt -s globstar; cd -P ..; set -- **/n1; [ $# = 1 ]'

try "coreutils" cp '
for p in $parts; do cp -a "$top/$p" .; diff -r "$top/$p" "${p##*/}"; done
set -- */; one=${1%/}
cp -r "$one" two; diff -r "$one" two; mv two three; [ ! -e two ]; mv three/ four
cp -al four hard; [ "$(stat -c %h hard/build.mk 2>/dev/null || stat -c %h hard/*.c | head -1)" = 2 ]; rm -r hard
touch -d "2001-02-03 04:05:06.123456789" t; [ "$(stat -c %y t)" = "2001-02-03 04:05:06.123456789 +0000" ]
install -D -m 4711 t in/st; [ "$(stat -c %a in/st)" = 4711 ]
truncate -s 3M sp; [ "$(stat -c %s sp)" = 3145728 ]; cp --sparse=always sp sp2; cmp sp sp2
dd if=/dev/urandom of=r bs=64k count=20 conv=fsync status=none; split -b 100000 r part.; cat part.* | cmp - r
sha256sum r part.* >sums; sha256sum -c --quiet sums; shred -n 1 -u part.aa; [ ! -e part.aa ]
ln -s four l; readlink -e l/. >/dev/null; [ "$(realpath l)" = "$(pwd -P)/four" ]; ln -sfn in l; [ "$(readlink l)" = in ]
find . -name "*.[ch]" -size +0 -print0 | xargs -0 wc -c | tail -1 | grep -q total
ls -lR >list; set -- *; [ "$(ls -U | wc -l)" = $# ]; du -s . >/dev/null; df . >/dev/null; sort -u list >/dev/null; tac list | tac | cmp - list
[ -z "$(comm -3 <(ls four) <(ls "$one"))" ]; chmod -R u-w four
if [ "$(id -u)" = 0 ]; then echo x >four/y; rm four/y; else never bash -c "echo x >four/y"; fi; chmod -R u+w four
mkdir -m 1777 tmp; mktemp -p tmp >/dev/null; mktemp -d -p tmp >/dev/null; sync -d r; sync -f .; rm -rf four; [ ! -e four ]
yes | head -c 300000 | tee y1 y2 >/dev/null; cmp y1 y2; fallocate -l 1M fa; fallocate -p -o 0 -l 4096 fa; [ "$(stat -c %s fa)" = 1048576 ]'

try "tar" tar '
mkdir src; for p in $parts; do cp -a "$top/$p" src; done
echo x >src/a; ln src/a src/hard; ln -s a src/soft; mkfifo src/fifo; chmod 2750 src/a; truncate -s 1M src/sparse; echo e >>src/sparse
touch -d "1999-12-31 23:59:59.5" src/a
tar -cSf all.tar src; mkdir x; tar -xpf all.tar -C x; tar -df all.tar -C x
diff -r --no-dereference -x fifo src x/src; [ "$(stat -c %i x/src/a)" = "$(stat -c %i x/src/hard)" ]; [ -p x/src/fifo ]
[ "$(stat -c "%a %Y" x/src/a)" = "$(stat -c "%a %Y" src/a)" ]
tar -czf all.tgz src; [ "$(tar -tzf all.tgz | wc -l)" = "$(find src | wc -l)" ]; tar -rf all.tar -C x src/a; tar --delete -f all.tar src/soft
tar -tf all.tar >names; grep -q hard names; never grep -q soft names'

try "git" git '
git init -q -b main .; for p in $parts; do mkdir -p "$p"; cp -a "$top/$p/." "$p"; done
git add -A; git commit -qm one; git fsck --strict --no-progress; [ -z "$(git status --porcelain)" ]
first=${parts%% *}; git checkout -q -b side; git mv "$first" moved; echo "// x" >>moved/$(ls moved | grep "[.]c$" | head -1); git commit -qam two
git checkout -q main; [ ! -e moved ] && [ -e "$first" ]; echo more >more; git add more; git commit -qm three
git merge -q -m merged side; [ -e more ] && [ -e moved ]; git tag v1; git gc -q; git fsck --strict --no-progress
rm -rf moved; git checkout -q -- .; [ -z "$(git status --porcelain)" ]; git stash list; git clone -q . ../git_clone
diff -r -x .git . ../git_clone; (cd ../git_clone; git fsck --no-progress; git log --oneline | wc -l | grep -qx 4); rm -rf ../git_clone
git worktree add -q ../git_wt side; rm -rf ../git_wt; git worktree prune; git bundle create -q b main; git bundle verify -q b'

try "sqlite3" sqlite3 '
for mode in delete truncate persist wal memory; do
	sqlite3 $mode.db "pragma journal_mode=$mode; create table t(a integer primary key, b text, c);
		create index i on t(b); begin;
		with recursive n(x) as (select 1 union all select x+1 from n where x<$rows) insert into t select x, hex(x*7919), zeroblob(x%90) from n;
		commit; update t set b=b||a where a%3=0; delete from t where a%5=0; pragma wal_checkpoint;" >/dev/null
	[ "$(sqlite3 $mode.db "pragma integrity_check; select count(*) from t")" = "ok
$((rows - rows / 5))" ]
done
sqlite3 wal.db "pragma journal_mode" | grep -qx wal
# Several at once, each insert a transaction of its own.
for w in 1 2 3; do
	(for k in $(seq 8); do sqlite3 -cmd ".timeout 60000" wal.db "insert into t(b) values(\"w$w.$k\")"; done) &
done
wait
[ "$(sqlite3 wal.db "pragma integrity_check; select count(*) from t where b like \"w%\"")" = "ok
24" ]
sqlite3 wal.db "vacuum; pragma integrity_check" | grep -qx ok; sqlite3 wal.db .dump | sqlite3 again.db
[ "$(sqlite3 again.db "select count(*) from t")" = "$(sqlite3 wal.db "select count(*) from t")" ]'

try "gcc" gcc '
cp -a "$top/libfs" "$top/libexo" .; mkdir -p obj kmod; cp -a "$top/kmod/uapi" kmod
set -- libfs/logfs/*.c
[ $rows -lt 10000 ] && set -- libfs/logfs/record.c libfs/logfs/name.c libfs/siphash.c || set -- libfs/*.c libfs/logfs/*.c libfs/cffs/*.c
for f; do o=${f//\//_}; gcc -std=gnu11 -D_GNU_SOURCE -DEXO_FS_UDF_DIR="\"/\"" -O1 -g -fPIC -MMD -Ilibexo -Ilibfs -c -o "obj/${o%.c}.o" "$f"; done
ar rcs lib.a obj/*.o; ranlib lib.a; [ "$(ar t lib.a | wc -l)" = $# ]; gcc -shared -o lib.so obj/*.o
printf "#include <stdio.h>\nint main(void) { puts(\"built\"); return 3; }\n" >h.c; gcc -o h h.c; rc=0; ./h >out || rc=$?
[ $rc = 3 ]; [ "$(cat out)" = built ]; strip h; ./h >/dev/null || [ $? = 3 ]; gcc -save-temps -o h2 h.c; [ -s h2-h.i ] || [ -s h.i ]'

try "make" make '
printf "all: c\nc: b\n\tcp b c\nb: a\n\tcp a b\n" >Makefile; echo 1 >a; make -s; [ "$(cat c)" = 1 ]; make -q
sleep 0.05; echo 2 >a; never make -q; make -s -j4; [ "$(cat c)" = 2 ]; make -q'

try "rsync" rsync '
mkdir src; for p in $parts; do cp -a "$top/$p" src; done
echo x >src/a; ln src/a src/hard; ln -s a src/soft; mkfifo src/fifo; chmod 4750 src/a; truncate -s 1M src/sparse; echo e >>src/sparse
touch -d "1999-12-31 23:59:59.123456789" src/a
note() { command -v python3 >/dev/null || return 0; python3 -c "import os, sys; $1"; }
note "os.setxattr(\"src/a\", \"user.note\", b\"kept\")"
flags=-aHX
rsync $flags src/ dst/; [ -z "$(rsync $flags -n -i --delete src/ dst/)" ]
note "sys.exit(os.getxattr(\"dst/a\", \"user.note\") != b\"kept\")"
[ "$(stat -c %i dst/a)" = "$(stat -c %i dst/hard)" ]; echo y >>dst/a; rm dst/soft; echo z >dst/extra
rsync $flags --delete src/ dst/; [ -z "$(rsync $flags -c -n -i --delete src/ dst/)" ]; diff -r --no-dereference -x fifo src dst
rsync -a --inplace src/sparse dst/in; rsync -aS src/sparse dst/sp; cmp dst/in dst/sp; rsync -a --remove-source-files dst/ moved/; [ -z "$(find dst -type f)" ]'

try "python3" python3 '
cat >t.py <<"X"
import fcntl, glob, hashlib, mmap, multiprocessing, os, pathlib, random, shelve, shutil, sqlite3, stat, subprocess, tempfile, zipfile
here = os.getcwd(); rows = int(os.environ["rows"])
with tempfile.TemporaryDirectory(dir=here) as d:
    p = pathlib.Path(d, "x/y/z"); p.mkdir(parents=True); (p / "f").write_text("text\n"); assert (p / "f").read_text() == "text\n"
    shutil.copytree(os.environ["top"] + "/" + os.environ["parts"].split()[0], d + "/tree")
    n = len([e for e in os.scandir(d + "/tree") if e.is_file()]); assert n > 3, n
    for e in os.scandir(d + "/tree"): assert e.inode() == e.stat(follow_symlinks=False).st_ino
    shutil.move(d + "/tree", d + "/moved"); z = shutil.make_archive(d + "/a", "zip", d + "/moved"); assert zipfile.ZipFile(z).testzip() is None
    assert sum(len(f) for _, _, f in os.walk(d)) == sum(1 for q in pathlib.Path(d).rglob("*") if q.is_file())
with tempfile.TemporaryFile(dir=here) as f:
    f.write(b"q" * 100000); f.seek(5); assert f.read(3) == b"qqq"; f.truncate(10); f.seek(0); assert len(f.read()) == 10
with tempfile.NamedTemporaryFile(dir=here) as f: assert os.path.exists(f.name)
with open("m", "w+b") as f:
    f.truncate(1 << 20); m = mmap.mmap(f.fileno(), 0); r = random.Random(1)
    for i in range(rows):
        o = r.randrange((1 << 20) - 8); m[o:o + 8] = i.to_bytes(8, "little")
        if i % 50 == 0: assert os.pread(f.fileno(), 8, o) == i.to_bytes(8, "little")
    m.flush(); h = hashlib.sha1(m).hexdigest(); m.close(); f.seek(0); assert hashlib.sha1(f.read()).hexdigest() == h
db = sqlite3.connect("p.db"); db.execute("pragma journal_mode=wal"); db.execute("create table t(a, b)")
db.executemany("insert into t values(?, ?)", [(i, str(i) * 5) for i in range(rows)]); db.commit()
assert db.execute("pragma integrity_check").fetchone() == ("ok",) and db.execute("select count(*) from t").fetchone()[0] == rows; db.close()
with shelve.open("shelf") as s: s["k"] = [1, 2]
with shelve.open("shelf") as s: assert s["k"] == [1, 2]
def add(n):
    for _ in range(n):
        with open("count", "r+") as f:
            fcntl.lockf(f, fcntl.LOCK_EX); v = int(f.read()); f.seek(0); f.write(str(v + 1)); f.flush(); os.fsync(f.fileno())
open("count", "w").write("0"); ps = [multiprocessing.Process(target=add, args=(15,)) for _ in range(4)]
[p.start() for p in ps]; [p.join() for p in ps]; assert open("count").read() == "60", open("count").read()
os.symlink("count", "l"); os.replace("l", "l2"); assert os.readlink("l2") == "count" and stat.S_ISLNK(os.lstat("l2").st_mode)
os.link("count", "h"); assert os.stat("h").st_nlink == 2; os.utime("h", ns=(1, 1234567890123456789)); assert os.stat("count").st_mtime_ns == 1234567890123456789
os.setxattr("count", "user.a", b"v"); assert os.getxattr("count", "user.a") == b"v" and "user.a" in os.listxattr("count")
fd = os.open(".", os.O_RDONLY); assert "count" in os.listdir(fd); f2 = os.open("count", os.O_RDONLY, dir_fd=fd); os.close(f2); os.close(fd)
assert len(glob.glob("*.db")) == 1 and os.statvfs(".").f_namemax == 255
assert subprocess.run(["cat"], stdin=open("count"), capture_output=True).stdout == b"60"
a = os.open("s1", os.O_RDWR | os.O_CREAT); os.write(a, b"z" * 70000); b = os.open("s2", os.O_RDWR | os.O_CREAT)
assert os.sendfile(b, a, 0, 70000) == 70000; assert os.copy_file_range(a, b, 70000, 0, 70000) > 0; os.close(a); os.close(b)
X
python3 t.py'
exit $bad
