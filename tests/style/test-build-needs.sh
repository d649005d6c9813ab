#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a build needs and this machine lacks is said in one sentence, before anything is
# compiled.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires cc make

# cc_with FILE...: a compiler, $tmp/cc, that finds these headers before the machine's
cc_with()
{
	rm -rf "$tmp/include"
	mkdir "$tmp/include"
	[ $# = 0 ] || cp "$@" "$tmp/include"
	printf '#!/bin/sh\nexec cc -I%s "$@"\n' "$tmp/include" >"$tmp/cc"
	chmod 755 "$tmp/cc"
}

# says NAME SENTENCE MAKE-ARGUMENT...: the build stops with it and has compiled nothing
says()
{
	local name=$1 sentence=$2

	shift 2
	rm -rf "$tmp/build"
	not_ok "$name stops the build" make -f user/Makefile BUILD="$tmp/build" "$@"
	is "$name is said in one sentence" "$(grep -v '^make' "$tmp/.output")" "cannot build: $sentence"
	is "$name is noticed before anything is compiled" "$(find "$tmp/build" -name '*.o' 2>/dev/null)" ""
}

packages="Debian, Ubuntu: liburing-dev; Fedora: liburing-devel"
echo '#error none' >"$tmp/liburing.h"
cc_with "$tmp/liburing.h"
says "a machine without liburing's headers" \
	"liburing 2.5 or later is needed, and its headers are not here (install it: $packages)" CC="$tmp/cc"
echo '/* tells no version */' >"$tmp/liburing.h"
cc_with "$tmp/liburing.h"
says "liburing 2.3" "liburing 2.5 or later is needed, and this one is older than 2.4 ($packages)" CC="$tmp/cc"
printf '#define IO_URING_VERSION_%s\n' "MAJOR 2" "MINOR 4" >"$tmp/liburing.h"
cc_with "$tmp/liburing.h"
says "liburing 2.4" "liburing 2.5 or later is needed, and this one is 2.4 ($packages)" CC="$tmp/cc"
says "a machine without a compiler" \
	"there is no 'no-such-cc' (Debian, Ubuntu, Fedora: install gcc and binutils)" CC=no-such-cc
says "a machine without objcopy" \
	"there is no 'no-such-objcopy' (Debian, Ubuntu, Fedora: install gcc and binutils)" OBJCOPY=no-such-objcopy

for version in 2.5 2.14 3.0; do
	printf '#define IO_URING_VERSION_%s\n' "MAJOR ${version%.*}" "MINOR ${version#*.}" >"$tmp/liburing.h"
	cc_with "$tmp/liburing.h"
	ok "liburing $version is enough" user/build-needs.sh "$tmp/cc" ar ld objcopy
done
ok "a compiler with arguments is found" user/build-needs.sh "cc -m64" ar ld objcopy
done_testing
