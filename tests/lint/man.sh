#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Manual pages pass mandoc's own checks; every command and public header has one.
set -eu
cd "$(dirname "$0")/../.."
command -v mandoc >/dev/null || { echo "mandoc is not installed"; exit 4; }
mapfile -t pages < <(git ls-files '*.[1-8]')
[ "${#pages[@]}" -gt 0 ] || { echo "no manual pages found"; exit 1; }
mandoc -T lint -W warning "${pages[@]}"
for p in $(git ls-files '*.[1-8]' | sed 's,.*/,,'); do echo "$p"; done | sort | uniq -d | grep . && exit 1
for want in exoctl.1 libexo.3 libexo-fs.3 exo.4 cheetah.1; do
	printf '%s\n' "${pages[@]}" | grep -q "/$want\$" || { echo "$want is missing"; exit 1; }
done
