#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# What `make install` leaves is enough: headers stand alone, an outside program builds and runs against it, statically too.
set -eu
cd "$(dirname "$0")/../.."
top=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
env -u MAKEFLAGS -u MFLAGS make -s install DESTDIR="$work/root" PREFIX=/opt/exo >/dev/null
root=$work/root/opt/exo
export PKG_CONFIG_LIBDIR=$root/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$work/root
read -ra flags <<<"$(pkg-config --cflags --libs libexo)"
read -ra cflags <<<"$(pkg-config --cflags libexo)"
cd "$work"

for h in libexo.h exo-uapi.h libexo-fs.h exo_udf.h; do
	[ -f "$root/include/$h" ] || { echo "$h is not installed"; exit 1; }
	[ $h = exo_udf.h ] && continue # for clang -target bpf
	echo "#include <$h>" >one.c
	gcc -std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Werror "${cflags[@]}" -fsyntax-only one.c
	gcc -std=gnu99 -Wall -Wextra -Werror "${cflags[@]}" -fsyntax-only one.c
	# Designated sizes of zero-length kernel types aside, C++ takes the same text.
	g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror "${cflags[@]}" -fsyntax-only -x c++ one.c
done

cp "$top/libexo/examples/hello_block.c" .
gcc -std=c11 -Wall -Wextra -Wpedantic -Werror hello_block.c -o hello "${flags[@]}" -Wl,-rpath,"$root/lib"
./hello && exit 1
[ "$(./hello 2>&1)" = "usage: hello_block DISK" ]
objdump -p hello | grep -q 'NEEDED *libexo.so.0$' || { echo "the program does not need libexo.so.0"; exit 1; }

cp "$top/libfs/examples/hello_file.c" .
read -ra fsflags <<<"$(pkg-config --cflags --libs libexo-fs)"
gcc -std=c11 -Wall -Wextra -Wpedantic -Werror hello_file.c -o hello_file "${fsflags[@]}" -Wl,-rpath,"$root/lib"
[ "$(./hello_file 2>&1)" = "usage: hello_file DISK NAME [TYPE]" ]

cat >outside.cc <<'END'
#include <libexo.h>
#include <cstdio>
int main()
{
	exo_why why;
	exo *x = nullptr;
	int err = exo_open(&x, "/dev/null", &why);
	std::printf("%d %s %s\n", err, exo_reason_name(EXO_R_NOT_FREE), why.text);
	return err == -25 ? 0 : 1; // ENOTTY: /dev/null is not the device
}
END
g++ -std=c++17 -Wall -Wextra outside.cc -o outside "${flags[@]}" -Wl,-rpath,"$root/lib"
./outside | grep '^-25 NOT_FREE '
g++ -std=c++17 outside.cc -o outside-static "${cflags[@]}" "$root/lib/libexo.a"
./outside-static >/dev/null

"$root/bin/exoctl" --help | grep -q '^usage: exoctl' || { echo "the installed exoctl does not run"; exit 1; }
cp "$top/udf/example_list.c" .
clang -target bpf -mcpu=v3 -O2 -ffreestanding "${cflags[@]}" -c example_list.c
"$root/bin/exoctl" udf check example_list.o
[ -f "$root/share/man/man1/exoctl.1" ] && [ -f "$root/share/man/man3/exo_txn.3" ] && [ -f "$root/share/man/man3/libexo-fs.3" ] && [ -f "$root/share/man/man4/exo.4" ]
ls "$root"/lib/exo/udf/*.o >/dev/null
grep -rIl "$top" "$root/include" "$root/lib/pkgconfig" && { echo "the build's path is in what was installed"; exit 1; }
echo "installed: $(find "$root" -type f | wc -l) files"
