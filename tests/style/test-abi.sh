#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: the binary interface of each library is the one described in
# user/libNAME/libNAME.abi, so that nobody changes it without a review.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires abidw abidiff
[ -e build/libarena.so ] || skip_all "needs make user"

for library in libmshare libarena; do
	user/abi.sh compare "$library" >"$tmp/report" 2>&1
	result $? "$library has the binary interface that user/$library/$library.abi describes" && continue
	diag "$(cat "$tmp/report")"
	diag "If programs that were linked with the last release would break, raise the first number of"
	diag "META's Version, which is the soname's (0 promises nothing). Then run make abi, read what"
	diag "git diff shows, and commit it."
done

# changed NAME SED-SCRIPT: a description of libarena that the script changed is refused
changed()
{
	sed "$2" user/libarena/libarena.abi >"$tmp/other.abi"
	not_ok "the comparison of interfaces finds $1" user/abi.sh compare libarena "$tmp/other.abi"
}

changed "a function that was removed" "s/arena_version/arena_other/"
changed "a value of an enumeration that was changed" \
	"s/name='ARENA_LENT' value='[0-9]*'/name='ARENA_LENT' value='99'/"
changed "a structure that grew" \
	"/class-decl name='arena_buf'/s/size-in-bits='[0-9]*'/size-in-bits='64'/"
ok "libarena and its debug variant have the same binary interface" \
	abidiff build/libarena.so build/debug/libarena.so
done_testing
