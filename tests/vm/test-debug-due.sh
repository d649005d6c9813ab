#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: the debug kernel is due until its tests are recorded as passed, and again after a change of
# the module, of a test that it runs or of how it is made, but not of something else.
# Method: a copy of the tree without what was built.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$(dirname "$0")/../.." || exit

mkdir "$tmp/tree"
tar -c --exclude='./build*' --exclude=./.git . | tar -C "$tmp/tree" -x
due() { "$tmp/tree/tests/vm/debug-due" "$@"; }
debug=$(sed -n 's/^Linux-Tested: *//p' META | tr ' ' '\n' | grep -e -debug)

echo '#' >"$tmp/tree/tests/vm/debug-passed"
is "the debug kernel is due if nothing is recorded" "$(due)" "$debug"
due --passed "$(due --digest)"
is "it is not due when that all have passed is recorded" "$(due)" ""
for file in kmod/main.c include/uapi/linux/msharearena.h tests/uapi/export.c tests/kunit/test-suites.sh \
	tests/vm/debug.config tests/vm/packages user/libmshare/region.c tests/system/test-abi.sh Makefile; do
	cp "$tmp/tree/$file" "$tmp/file"
	echo >>"$tmp/tree/$file"
	is "it is due after a change of $file" "$(due)" "$debug"
	cp "$tmp/file" "$tmp/tree/$file"
done
is "it is not due when all is as it was" "$(due)" ""
for file in user/np/main.c tests/native/test-tls.sh tests/system/test-tls.sh README.md; do
	echo >>"$tmp/tree/$file"
	is "it is not due after a change of $file" "$(due)" ""
done
rm -r "$tmp/tree/kmod"
not_ok "a tree without a folder that decides is an error" due
done_testing
