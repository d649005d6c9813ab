#!/bin/bash
# SPDX-License-Identifier: MIT
# The binary interface of the libraries, as libabigail describes it: what is in the
# tree, user/libNAME/libNAME.abi, and what the build has.
#
# Usage: user/abi.sh write                  makes what is in the tree anew
#        user/abi.sh compare LIBRARY [OLD]  reports what has changed since OLD, or
#                                           what is in the tree; 0: nothing
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}

command -v abidw abidiff >/dev/null || { echo "abi.sh: needs libabigail (Debian: abigail-tools)" >&2; exit 1; }

# dump LIBRARY: without what is no part of the interface: places in the sources,
# names that other libraries have.
dump()
{
	abidw --suppressions user/abi.suppr --headers-dir user/include --drop-private-types --exported-interfaces-only --no-load-undefined-interfaces \
		--no-show-locs --no-corpus-path --no-comp-dir-path --no-elf-needed \
		--no-write-default-sizes --no-parameter-names --type-id-style hash \
		"$build/$1.so" | sed "/is-defined='no'/d; s/ hash='[^']*'//"
}

case ${1:-} in
write)
	for folder in user/lib*/; do
		library=$(basename "$folder")
		dump "$library" >"$build/$library.abi"
		# Not by mv, which changes the folder, upon which the library depends.
		cat "$build/$library.abi" >"$folder$library.abi"
		echo "  $folder$library.abi"
	done
	;;
compare)
	old=${3:-user/$2/$2.abi}
	[ -e "$old" ] || { echo "abi.sh: there is no $old" >&2; exit 1; }
	dump "$2" >"$build/$2.abi"
	abidiff "$old" "$build/$2.abi"
	;;
*) sed -n '/^# Usage/,/^set/s/^# \?//p' "$0" >&2; exit 2 ;;
esac
