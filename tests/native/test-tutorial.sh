#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: whoever follows docs/tutorial.md has two processes that work: each source in it
# compiles, each command succeeds, and the commands print what the document says.
# Method: `make install` installs into a temporary folder. Sources, commands and their
# output are extracted from the document and used in its order, in an empty folder.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires make pkg-config cc

top=$PWD
[ -e build/libarena.so ] || { echo "1..0 # SKIP needs the release build"; exit 0; }
make install NATIVE=1 "DESTDIR=$tmp/root" PREFIX=/usr LIBDIR=/usr/lib >"$tmp/install" 2>&1 ||
	{ cat "$tmp/install"; exit 1; }

# Each fenced block becomes a file: NUMBER.KIND, or NUMBER.KIND.NAME for a source.
awk -v to="$tmp/block" '
	/^```/ && !inside { inside = 1; n++; kind = substr($1, 4); name = $2 ? "." $2 : ""
		file = sprintf("%s.%02d.%s%s", to, n, kind, name); printf "" >file; next }
	/^```/ { inside = 0; close(file); next }
	inside { print >file }' docs/tutorial.md

export PKG_CONFIG_SYSROOT_DIR=$tmp/root PKG_CONFIG_PATH=$tmp/root/usr/lib/pkgconfig
export LD_LIBRARY_PATH=$tmp/root/usr/lib
mkdir "$tmp/empty"
cd "$tmp/empty" || exit 1
sources=0 commands=0 outputs=0
for block in "$tmp"/block.*; do
	name=${block#"$tmp"/block.??.}
	case $name in
	c.*)
		cp "$block" "${name#c.}"
		sources=$((sources + 1))
		;;
	sh)
		ok "the tutorial's commands up to \"$(tail -n 1 "$block")\" succeed" \
			eval "bash -e '$block' >'$tmp/said' 2>'$tmp/errors' || { cat '$tmp/errors'; false; }"
		is "commands of the tutorial print no error" "$(cat "$tmp/errors")" ""
		commands=$((commands + 1))
		;;
	text)
		is "commands print what the tutorial says" "$(cat "$tmp/said")" "$(cat "$block")"
		outputs=$((outputs + 1))
		;;
	*) ok "the tutorial has no block of an unknown kind: $name" false ;;
	esac
done
cd "$top" || exit 1
ok "the tutorial has $sources sources, $commands blocks of commands and $outputs of output" \
	test "$sources" -ge 2 -a "$commands" -ge 3 -a "$outputs" -ge 2
done_testing
