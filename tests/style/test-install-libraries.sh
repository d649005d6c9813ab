#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: the installed libraries, shared and static, export the functions that the public
# headers declare and nothing else. Programs in C and C++ and the examples can be built with
# pkg-config's flags. The debug variant can take the place of the library.
# timeout: 300
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires cc make nm objdump pkg-config
# shellcheck source=installed.sh
. "$(dirname "$0")/installed.sh"

# The calls that are not inline are undefined in an object that names every call.
program_of_calls -I"$include" >"$tmp/calls.c"
ok "a program that names every call compiles" cc -std=c11 -Wall -Wextra -Werror -pedantic \
	-I"$include" -c -o "$tmp/calls.o" "$tmp/calls.c"
nm -u "$tmp/calls.o" | grep -oE '\<(mshare|arena_).*' | sort -u >"$tmp/declared"

# exports FILE...: the global symbols of archives and shared objects
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

# check_exports KIND FILE...: the files are both libraries
check_exports()
{
	local kind=$1

	shift
	exports "$@" >"$tmp/exported"
	is "the $kind export each call of a public header (it needs #pragma GCC visibility there)" \
		"$(comm -13 "$tmp/exported" "$tmp/declared")" ""
	is "the $kind export nothing that no public header declares" \
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
	is "the file name of $library ends with the version" \
		"$(basename "$(readlink -f "$lib/$library.so")")" "$library.so.$version"
	is "the soname of $library ends with the first number of the version" \
		"$(soname "$lib/$library.so")" "$library.so.${version%%.*}"
	is "the soname of $library is a link to its file" \
		"$(readlink "$lib/$(soname "$lib/$library.so")")" \
		"$library.so.$version"
	is "the symbols of $library have the version of its soname" \
		"$(nm -D --defined-only "$lib/$library.so" | sed -n 's/.*@@//p' | sort -u)" \
		"${library^^}_${version%%.*}"
	ok "pkg-config has flags for $library where it knows no other library" flags "$library"
	is "pkg-config knows the version of $library" "$(flags "$library" --modversion)" "$version"
done
is "the debug variant has the soname of the library" "$(soname "$debug/libarena.so")" \
	"$(soname "$lib/libarena.so")"

is "pkg-config does not link liburing to users of the shared libarena" \
	"$(flags libarena | grep -o -- -luring)" ""
is "pkg-config links liburing to users of the static libarena" \
	"$(flags libarena --static | grep -o -- -luring)" -luring

# runs HOW PROGRAM WANT [VARIABLE=...]: the program runs and prints the versions WANT
runs()
{
	is "a program that names every call, $1, prints the versions" \
		"$(env "${@:4}" "$2" 2>&1)" "$3"
}

# shellcheck disable=SC2046 # words
ok "a program that names every call can be linked with pkg-config's flags" \
	cc -o "$tmp/calls" "$tmp/calls.c" $(flags libarena)
runs "linked by pkg-config" "$tmp/calls" "$version $version" LD_LIBRARY_PATH="$lib"
runs "linked by pkg-config, with the debug variant in LD_LIBRARY_PATH" "$tmp/calls" \
	"$version $version (debug)" LD_LIBRARY_PATH="$debug:$lib"
# The archives of liburing and libc make this a static program.
# shellcheck disable=SC2046 # words
ok "a program that names every call can be linked with pkg-config --static" cc -static \
	-o "$tmp/calls" "$tmp/calls.c" $(flags libarena --static)
runs "linked by pkg-config --static" "$tmp/calls" "$version $version" LD_LIBRARY_PATH=
# shellcheck disable=SC2046 # words
ok "a program that names every call can be linked with the debug variant's archive" cc -static \
	-o "$tmp/calls" "$tmp/calls.c" -L"$(flags libarena --variable=debuglibdir)" $(flags libarena --static)
runs "linked with the debug variant's archive" \
	"$tmp/calls" "$version $version (debug)" LD_LIBRARY_PATH=

# A program that misuses the library: it frees an invalid handle.
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
# status COMMAND...: print its exit status; its output is in $tmp/said
status()
{
	(ulimit -c 0; exec "$@") >"$tmp/said" 2>&1
	echo $?
}

# shellcheck disable=SC2046 # words
ok "a program that misuses a buffer can be built" cc -DARENA_DEBUG -Wall -Wextra -Werror \
	-o "$tmp/misuse" "$tmp/misuse.c" $(flags libarena)
is "the release library returns an error for misuse and prints nothing" \
	"$(status env LD_LIBRARY_PATH="$lib" "$tmp/misuse") $(cat "$tmp/said")" "0 "
is "the debug variant ends a process that misuses a buffer with SIGABRT" \
	"$(status env LD_LIBRARY_PATH="$debug:$lib" "$tmp/misuse")" 134
ok "the debug variant reports the file and line of the misuse" grep -qF "misuse.c:9" "$tmp/said"

cp "$tmp/calls.c" "$tmp/calls.cc"
cat >>"$tmp/calls.cc" <<'END'

/* Macros of the headers have to be valid C++, too. */
struct thing { uint32_t from, length; };
extern const struct arena_rule rules[];
const struct arena_rule rules[] = {
	ARENA_RANGE(struct thing, length, 1, 4096),
	ARENA_WITHIN(struct thing, from, length, 4096),
};
END
for compiler in g++ clang++; do
	if ! command -v "$compiler" >/dev/null; then
		skip "a program that names every call can be built in C++ with $compiler" \
			"needs $compiler"
		continue
	fi
	for std in c++11 c++20; do
		rm -f "$tmp/calls"
		# shellcheck disable=SC2046 # words
		ok "a program that names every call can be built in $std with $compiler" \
			"$compiler" -std=$std -Wall \
			-Wextra -Werror -pedantic -o "$tmp/calls" "$tmp/calls.cc" $(flags libarena)
		runs "built in $std with $compiler" \
			"$tmp/calls" "$version $version" LD_LIBRARY_PATH="$lib"
	done
done

for example in "$root"/usr/share/doc/msharearena/examples/*.c; do
	name=$(basename "$example" .c)
	# shellcheck disable=SC2046 # words
	ok "the installed example $name can be built" cc -Wall -Wextra -Werror \
		-o "$tmp/$name" "$example" $(flags libarena)
done
is "the installed example pair copies a file" \
	"$(LD_LIBRARY_PATH=$lib timeout 60 "$tmp/pair" META 2>&1)" "$(cat META)"
done_testing
