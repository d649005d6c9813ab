#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: docs/tutorial.md leads to two processes that work: each source in it compiles, each
# command runs, and they print what it says.
# Method: what `make install` installs is in a folder of the test's. Sources, commands and
# their output are cut out of the document, in its order, and run in an empty folder.
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
		ok "commands that end in: $(tail -n 1 "$block")" \
			eval "bash -e '$block' >'$tmp/said' 2>'$tmp/errors' || { cat '$tmp/errors'; false; }"
		is "nothing is printed to standard error" "$(cat "$tmp/errors")" ""
		commands=$((commands + 1))
		;;
	text)
		is "they print what the tutorial says" "$(cat "$tmp/said")" "$(cat "$block")"
		outputs=$((outputs + 1))
		;;
	*) ok "a block of kind $name is known" false ;;
	esac
done
cd "$top" || exit 1
ok "the tutorial has sources, commands and output ($sources, $commands, $outputs)" \
	test "$sources" -ge 2 -a "$commands" -ge 3 -a "$outputs" -ge 2
done_testing
