#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: if this machine lacks something that the build needs, one sentence names it before
# anything is compiled.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires cc make

# cc_with FILE...: make $tmp/cc, a compiler that finds these headers before the machine's
cc_with()
{
	rm -rf "$tmp/include"
	mkdir "$tmp/include"
	[ $# = 0 ] || cp "$@" "$tmp/include"
	printf '#!/bin/sh\nexec cc -I%s "$@"\n' "$tmp/include" >"$tmp/cc"
	chmod 755 "$tmp/cc"
}

# says NAME SENTENCE MAKE-ARGUMENT...: the build stops with the sentence and has compiled
# nothing
says()
{
	local name=$1 sentence=$2

	shift 2
	rm -rf "$tmp/build"
	not_ok "the build stops on $name" make -f user/Makefile BUILD="$tmp/build" "$@"
	is "one sentence names $name" \
		"$(grep -v '^make' "$tmp/.output")" "cannot build: $sentence"
	is "$name is found before anything is compiled" \
		"$(find "$tmp/build" -name '*.o' 2>/dev/null)" ""
}

packages="Debian, Ubuntu: liburing-dev; Fedora: liburing-devel"
echo '#error none' >"$tmp/liburing.h"
cc_with "$tmp/liburing.h"
says "a machine without liburing's headers" \
	"liburing 2.5 or later is needed, and its headers are not here (install it: $packages)" CC="$tmp/cc"
echo '/* tells no version */' >"$tmp/liburing.h"
cc_with "$tmp/liburing.h"
says "a machine with liburing 2.3" \
	"liburing 2.5 or later is needed, and this one is older than 2.4 ($packages)" CC="$tmp/cc"
printf '#define IO_URING_VERSION_%s\n' "MAJOR 2" "MINOR 4" >"$tmp/liburing.h"
cc_with "$tmp/liburing.h"
says "a machine with liburing 2.4" \
	"liburing 2.5 or later is needed, and this one is 2.4 ($packages)" CC="$tmp/cc"
says "a machine without a compiler" \
	"there is no 'no-such-cc' (Debian, Ubuntu, Fedora: install gcc and binutils)" CC=no-such-cc
says "a machine without objcopy" \
	"there is no 'no-such-objcopy' (Debian, Ubuntu, Fedora: install gcc and binutils)" OBJCOPY=no-such-objcopy
needed="(Debian, Fedora: install clang and bpftool; Ubuntu: clang and linux-tools-common)"
says "a machine without clang" "there is no 'no-such-clang' $needed" CLANG=no-such-clang
says "a machine without bpftool" "there is no 'no-such-bpftool' $needed" BPFTOOL=no-such-bpftool

cc_with
mkdir "$tmp/include/bpf"
echo '#error none' >"$tmp/include/bpf/libbpf.h"
says "a machine without the headers of libbpf" \
	"libbpf is needed, and its headers are not here (install it: Debian, Ubuntu: libbpf-dev; Fedora: libbpf-devel)" \
	CC="$tmp/cc"

echo '#error none' >"$tmp/ncurses.h"
cc_with "$tmp/ncurses.h"
says "a machine without the headers of ncurses" \
	"ncurses is needed, and its headers are not here (install it: Debian, Ubuntu: libncurses-dev; Fedora: ncurses-devel)" \
	CC="$tmp/cc"
mkdir "$tmp/include/systemd"
cp "$tmp/ncurses.h" "$tmp/include/systemd/sd-varlink.h"
ok "the build does without them where there is no arenactl" user/build-needs.sh "$tmp/cc" ar ld objcopy

for version in 2.5 2.14 3.0; do
	printf '#define IO_URING_VERSION_%s\n' "MAJOR ${version%.*}" "MINOR ${version#*.}" >"$tmp/liburing.h"
	cc_with "$tmp/liburing.h"
	ok "the build accepts liburing $version" user/build-needs.sh "$tmp/cc" ar ld objcopy
done
# Without it the programs have no probes. Nothing stops, and what has probes is compiled.
rm -rf "$tmp/build"
cc_with
mkdir "$tmp/include/sys"
echo '#error none' >"$tmp/include/sys/sdt.h"
ok "the build goes on without SystemTap's header" make -f user/Makefile BUILD="$tmp/build" \
	CC="$tmp/cc" "$tmp"/build/obj/user/{np/receive,np/send,sp/request,sp/replies}.o
is "it says so" "$(grep '^sys/sdt' "$tmp/.output")" \
	"sys/sdt.h is not here: arena-np and arena-sp have no probes for bpftrace (Debian, Ubuntu: systemtap-sdt-dev; Fedora: systemtap-sdt-devel)"
ok "the build accepts a compiler with arguments" user/build-needs.sh "cc -m64" ar ld objcopy
done_testing
