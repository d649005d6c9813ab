#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: clang-tidy finds nothing in libraries and daemons. The file .clang-tidy selects its
# checks; those of the static analyzer, which take most of the time, are in test-clang-analyzer.
# timeout: 1500
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires clang-tidy

checks=${TIDY_CHECKS--clang-analyzer-*}
version=$(sed -n 's/^Version: *//p' META)

# tidy FOLDER: check its sources with the flags of user/Makefile
tidy()
{
	local folder=$1 flags=(-std=gnu11 -pthread -Iuser/include -Iuser -Iinclude/uapi
		-isystem "$BUILD/generated" "-DMSHAREARENA_VERSION=\"$version\"")

	case $folder in
	user/libarena/*) flags+=(-DARENA_LIBRARY) ;;
	esac
	clang-tidy --quiet --checks="$checks" "$folder"/*.c -- "${flags[@]}" >"$tmp/out" 2>"$tmp/err" ||
		cat "$tmp/out" "$tmp/err"
}

while read -r folder; do
	tidy "$folder" >"$tmp/findings"
	ok "clang-tidy finds nothing in $folder" \
		test ! -s "$tmp/findings" || sed 's/^/# /' "$tmp/findings"
done < <(find user -name '*.c' -printf '%h\n' | sort -u)
done_testing
