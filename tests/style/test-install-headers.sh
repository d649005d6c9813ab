#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: the headers of user/include and the device's header are installed, and no others,
# and each of them compiles alone, in C and in C++.
# timeout: 300
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires cc make
# shellcheck source=installed.sh
. "$(dirname "$0")/installed.sh"

mapfile -t headers < <(public_headers; cd include/uapi && find linux -name '*.h' | sort)
is "make install installs all public headers and no others" \
	"$(cd "$include" && find . -type f -printf '%P\n' | sort)" \
	"$(printf '%s\n' "${headers[@]}" | sort)"

# check HEADER COMPILER LANGUAGE STANDARD...: the header compiles alone in each standard
check()
{
	local header=$1 compiler=$2 language=$3 std

	shift 3
	for std in "$@"; do
		echo "#include <$header>" | "$compiler" -x "$language" -std="$std" -Wall -Wextra -Werror \
			-pedantic -I"$include" -fsyntax-only - || echo "in $std, by $compiler"
	done >"$tmp/findings" 2>&1
	is "$header compiles alone with $compiler in $*" "$(cat "$tmp/findings")" ""
}

for header in "${headers[@]}"; do
	check "$header" gcc c c11 gnu11 c17 gnu17
	for compiler in g++ clang++; do
		if command -v "$compiler" >/dev/null; then
			check "$header" "$compiler" c++ c++11 c++14 c++17 c++20
		else
			skip "$header compiles alone with $compiler in C++" "needs $compiler"
		fi
	done
done
done_testing
