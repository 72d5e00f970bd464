#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# Runs shellcheck over every script that git tracks. SC2317: the VM tests hand functions to `works` and `refused` by name.
set -eu
cd "$(dirname "$0")/../.."
command -v shellcheck >/dev/null || { echo "shellcheck is not installed"; exit 4; }
git ls-files -z | while IFS= read -r -d '' f; do
	[ -f "$f" ] && head -c 64 "$f" | head -n 1 | grep -qaE '^#!.*(/sh|/bash|/dash| sh| bash)' && printf '%s\0' "$f"
done | xargs -0 shellcheck -x -P SCRIPTDIR -e SC2317
