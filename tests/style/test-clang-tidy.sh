#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The libraries and daemons are clean under clang-tidy; .clang-tidy says what is
# asked of them.
# timeout: 600
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires clang-tidy

tidy()
{
	clang-tidy --quiet "$@" -- -std=gnu11 -Iuser/include -Iuser -Iinclude/uapi \
		"-DMSHAREARENA_VERSION=\"$(sed -n 's/^Version: //p' META)\"" \
		>"$tmp/out.$$" 2>"$tmp/err.$$" || cat "$tmp/out.$$" "$tmp/err.$$"
}

for dir in user/*/; do
	compgen -G "$dir*.c" >/dev/null || continue
	tidy "$dir"*.c >"$tmp/findings"
	ok "${dir%/}" test ! -s "$tmp/findings" || sed 's/^/# /' "$tmp/findings"
done
done_testing
