#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the litmus tests of this folder in the Linux kernel's memory model. The model must forbid
# the outcome of each test and find no data race. It must allow the outcome of a test that is
# broken on purpose, NAME-broken-WHY. docs/memory-model.md has the whole argument.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires herd7

lkmm=/usr/local/share/linux/tools/memory-model
[ -e "$lkmm/linux-kernel.cfg" ] || skip_all "needs the kernel's memory model in $lkmm"

# verdict FILE: prints herd7's verdict in one line: "Never", "Sometimes data-race", ...
verdict()
{
	(cd "$lkmm" && herd7 -conf linux-kernel.cfg "$1") >"$tmp/out" 2>&1
	awk '$1 == "Flag" { flag = flag " " $2 } $1 == "Observation" { seen = $3 }
	     END { print (seen ? seen : "no verdict") flag }' "$tmp/out"
}

for file in "$PWD"/tests/model/*.litmus; do
	name=$(basename "$file" .litmus)
	seen=$(verdict "$file")
	case $name in
	*broken*)
		ok "the memory model allows the bad outcome of the broken test $name" \
			[ "${seen%% *}" = Sometimes ] ;;
	*)
		ok "the memory model forbids the bad outcome of $name, which has no data race" \
			[ "$seen" = Never ] ;;
	esac || sed 's/^/# /' "$tmp/out"
done
done_testing
