#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The litmus tests beside this against the Linux kernel's memory model: what must
# never be seen is not allowed and there is no data race; and what is
# broken on purpose, NAME-broken-WHY, is found out. docs/memory-model.md has the
# argument that they are parts of.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires herd7

lkmm=/usr/local/share/linux/tools/memory-model
[ -e "$lkmm/linux-kernel.cfg" ] || skip_all "needs the kernel's memory model in $lkmm"

# The verdict of herd7 in one line: "Never", "Sometimes data-race", ...
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
	*broken*) ok "$name: found" [ "${seen%% *}" = Sometimes ] ;;
	*) ok "$name: never, and no data race" [ "$seen" = Never ] ;;
	esac || sed 's/^/# /' "$tmp/out"
done
done_testing
