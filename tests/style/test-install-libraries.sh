#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The installed libraries export what the public headers declare and nothing else,
# shared and static; programs in C and C++ and the examples are built with what
# pkg-config says; the debug variant takes the place of the library.
# timeout: 300
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires cc make nm objdump pkg-config
# shellcheck source=installed.sh
. "$(dirname "$0")/installed.sh"

# Undefined in an object that names every call: the calls that are not inline.
program_of_calls -I"$include" >"$tmp/calls.c"
ok "a program that names every call compiles" cc -std=c11 -Wall -Wextra -Werror -pedantic \
	-I"$include" -c -o "$tmp/calls.o" "$tmp/calls.c"
nm -u "$tmp/calls.o" | grep -oE '\<(mshare|arena_).*' | sort -u >"$tmp/declared"

# exports FILE...: the global names of archives and shared objects
exports()
{
	local file

	for file in "$@"; do
		case $file in
		*.a) nm -g --defined-only "$file" ;;
		*) nm -D --defined-only "$file" | sed 's/@.*//' | grep -vE ' A LIB[A-Z]*_[0-9]+$' ;;
		esac
	done | awk 'NF == 3 { print $3 }' | sort -u
}

# check_exports KIND FILE...: together they are both libraries
check_exports()
{
	local kind=$1

	shift
	exports "$@" >"$tmp/exported"
	is "$kind: each call of a public header is exported (else: #pragma GCC visibility there)" \
		"$(comm -13 "$tmp/exported" "$tmp/declared")" ""
	is "$kind: nothing is exported that no public header declares" \
		"$(comm -23 "$tmp/exported" "$tmp/declared")" ""
}

check_exports "shared objects" "$lib/libmshare.so" "$lib/libarena.so"
check_exports "archives" "$lib/libmshare.a" "$lib/libarena.a"
check_exports "shared objects with the debug variant" "$lib/libmshare.so" "$debug/libarena.so"
check_exports "archives with the debug variant" "$lib/libmshare.a" "$debug/libarena.a"

soname()
{
	objdump -p "$1" | sed -n 's/^ *SONAME *//p'
}

for library in libmshare libarena; do
	is "the version is in the name of $library's file" \
		"$(basename "$(readlink -f "$lib/$library.so")")" "$library.so.$version"
	is "$library's soname is its first number" "$(soname "$lib/$library.so")" "$library.so.${version%%.*}"
	is "by the soname $library is found" "$(readlink "$lib/$(soname "$lib/$library.so")")" \
		"$library.so.$version"
	is "$library's exports have the version of its soname" \
		"$(nm -D --defined-only "$lib/$library.so" | sed -n 's/.*@@//p' | sort -u)" \
		"${library^^}_${version%%.*}"
	ok "pkg-config says how to use $library where it knows no other library" flags "$library"
	is "pkg-config has $library's version" "$(flags "$library" --modversion)" "$version"
done
is "the debug variant has the soname of the library" "$(soname "$debug/libarena.so")" \
	"$(soname "$lib/libarena.so")"

is "a shared libarena brings its own liburing" "$(flags libarena | grep -o -- -luring)" ""
is "a static libarena is linked with liburing" "$(flags libarena --static | grep -o -- -luring)" -luring

# runs HOW PROGRAM WANT [VARIABLE=...]: it prints the versions
runs()
{
	is "a program of every call, $1, runs" "$(env "${@:4}" "$2" 2>&1)" "$3"
}

# shellcheck disable=SC2046 # words
ok "a program of every call, linked by pkg-config, is built" cc -o "$tmp/calls" "$tmp/calls.c" $(flags libarena)
runs "linked by pkg-config" "$tmp/calls" "$version $version" LD_LIBRARY_PATH="$lib"
runs "linked by pkg-config, with the debug variant in LD_LIBRARY_PATH" "$tmp/calls" \
	"$version $version (debug)" LD_LIBRARY_PATH="$debug:$lib"
# liburing has an archive too, and so has libc.
# shellcheck disable=SC2046 # words
ok "a program of every call, linked by pkg-config --static, is built" cc -static \
	-o "$tmp/calls" "$tmp/calls.c" $(flags libarena --static)
runs "linked by pkg-config --static" "$tmp/calls" "$version $version" LD_LIBRARY_PATH=
# shellcheck disable=SC2046 # words
ok "a program of every call, linked with the debug variant's archive, is built" cc -static \
	-o "$tmp/calls" "$tmp/calls.c" -L"$(flags libarena --variable=debuglibdir)" $(flags libarena --static)
runs "linked with the debug variant's archive" "$tmp/calls" "$version $version (debug)" LD_LIBRARY_PATH=

# Misuse: a handle that is none is freed.
cat >"$tmp/misuse.c" <<'END'
#include <arena/arena.h>
#include <arena/open.h>

int main(void)
{
	struct arena_buf none = { 0 };
	struct arena *a;

	return arena_create(NULL, NULL, &a) ? 3 : arena_put(a, none) ? 0 : 4;
}
END
# status COMMAND...: how it ended; what it said is in $tmp/said
status()
{
	(ulimit -c 0; exec "$@") >"$tmp/said" 2>&1
	echo $?
}

# shellcheck disable=SC2046 # words
ok "a program that misuses a buffer is built" cc -DARENA_DEBUG -Wall -Wextra -Werror \
	-o "$tmp/misuse" "$tmp/misuse.c" $(flags libarena)
is "the library answers misuse with an error" \
	"$(status env LD_LIBRARY_PATH="$lib" "$tmp/misuse") $(cat "$tmp/said")" "0 "
is "the debug variant ends a process that misuses a buffer" \
	"$(status env LD_LIBRARY_PATH="$debug:$lib" "$tmp/misuse")" 134
ok "the debug variant reports the misuse with its place" grep -qF "misuse.c:9" "$tmp/said"

cp "$tmp/calls.c" "$tmp/calls.cc"
cat >>"$tmp/calls.cc" <<'END'

/* Macros have to be C++, too. */
struct thing { uint32_t from, length; };
extern const struct arena_rule rules[];
const struct arena_rule rules[] = {
	ARENA_RANGE(struct thing, length, 1, 4096),
	ARENA_WITHIN(struct thing, from, length, 4096),
};
END
for compiler in g++ clang++; do
	if ! command -v "$compiler" >/dev/null; then
		skip "a program in C++ by $compiler" "needs $compiler"
		continue
	fi
	for std in c++11 c++20; do
		rm -f "$tmp/calls"
		# shellcheck disable=SC2046 # words
		ok "a program of every call in $std, by $compiler, is built" "$compiler" -std=$std -Wall \
			-Wextra -Werror -pedantic -o "$tmp/calls" "$tmp/calls.cc" $(flags libarena)
		runs "in $std, by $compiler" "$tmp/calls" "$version $version" LD_LIBRARY_PATH="$lib"
	done
done

for example in "$root"/usr/share/doc/msharearena/examples/*.c; do
	name=$(basename "$example" .c)
	# shellcheck disable=SC2046 # words
	ok "the example $name is built where it is installed" cc -Wall -Wextra -Werror \
		-o "$tmp/$name" "$example" $(flags libarena)
done
is "an example hands the file over that it is told to" \
	"$(LD_LIBRARY_PATH=$lib timeout 60 "$tmp/pair" META 2>&1)" "$(cat META)"
done_testing
