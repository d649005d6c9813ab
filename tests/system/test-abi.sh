#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: docs/abi.md lists everything through which the module can be observed and nothing
# else: tracepoints and their fields, files of debugfs, parameters, attributes and uevent
# variables of nodes, lines of fdinfo. uapi/abi checks the device's files and commands.
# vm: debug
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
[ -e /dev/msharearena ] || skip_all "needs the module: run in tests/vm/vm"

page=$(dirname "$0")/../../docs/abi.md
debug=/sys/kernel/debug/msharearena
events=/sys/kernel/tracing/events/msharearena
parameters=/sys/module/msharearena/parameters
node='/sys/class/mshare/test-abi!rw'

# table HEAD COLUMN: the cells of a column of the table with this first heading, a line
# each, without backquotes
table()
{
	awk -F ' *[|] *' -v head="$1" -v column="$2" '
		$2 == head { is_in = 1; getline; next }
		!/^[|]/ { is_in = 0 }
		is_in { gsub(/`/, ""); print $(column + 1) }' "$page"
}

# pairs HEAD COLUMN: a line "ITEM WORD" for each word of a column
pairs()
{
	paste -d' ' <(table "$1" 1) <(table "$1" "$2") |
		awk '{ for (i = 2; i <= NF; i++) print $1, $i }'
}

# same NAME GOT WANT: the list of what the module has is equal to that of the page
same()
{
	sort -u "$2" -o "$2"
	sort -u "$3" -o "$3"
	ok "$1" test -s "$2" -a -z "$(comm -3 "$2" "$3")" && return
	comm -23 "$2" "$3" | sed 's/^/# not in the page: /'
	comm -13 "$2" "$3" | sed 's/^/# only in the page: /'
}

# none NAME GOT: the file is empty; each line in it is a finding
none()
{
	ok "$1" test ! -s "$2" || sed 's/^/# not in the page: /' "$2"
}

let_go()
{
	exec 9>&-
	wait "$region"
}

mkfifo "$tmp/hold"
abi-region <"$tmp/hold" >"$tmp/region" &
region=$!
exec 9>"$tmp/hold"
at_exit let_go
ok "a region is created for this test" wait_for 20 grep -q '^mshare_' "$tmp/region"
address=$(head -n 1 "$tmp/region")

# ---- fdinfo, without the kernel's own lines ----

sed 1d "$tmp/region" | awk '{ print $1 }' | grep -vxE 'pos:|flags:|mnt_id:|ino:' >"$tmp/got"
table line 1 >"$tmp/want"
same "fdinfo has the lines that docs/abi.md lists" "$tmp/got" "$tmp/want"

# ---- tracepoints ----

if [ -d "$events" ]; then
	for dir in "$events"/*/; do
		basename "$dir"
	done >"$tmp/got"
	table event 1 >"$tmp/want"
	same "the module has the tracepoints that docs/abi.md lists" "$tmp/got" "$tmp/want"
	for dir in "$events"/*/; do
		sed -n "s/^\tfield:\([^;]*\);.*/\1/p" "$dir/format" |
			sed 's/\[.*//; s/.* \**//' | grep -v '^common_' |
			sed "s/^/$(basename "$dir") /"
	done >"$tmp/got"
	pairs event 4 >"$tmp/want"
	same "each tracepoint has the fields that docs/abi.md lists" "$tmp/got" "$tmp/want"
else
	skip "the module has the tracepoints that docs/abi.md lists" \
		"this kernel has no event tracing (CONFIG_EVENT_TRACING)"
fi

# ---- debugfs ----

if [ -d "$debug" ]; then
	ok "debugfs has a directory named after the region's address" [ -d "$debug/$address" ]
	ls "$debug/$address" >"$tmp/got"
	table file 1 >"$tmp/want"
	same "debugfs has the files that docs/abi.md lists" "$tmp/got" "$tmp/want"
	for file in "$debug/$address"/*; do
		head -n 1 "$file" | tr ' ' '\n' | sed "s/^/$(basename "$file") /"
	done >"$tmp/got"
	pairs file 2 >"$tmp/want"
	same "the files of debugfs have the columns that docs/abi.md lists" "$tmp/got" "$tmp/want"
	is "only root can read the files of debugfs" \
		"$(stat -c '%u %a' "$debug/$address"/* | sort -u)" "0 400"
else
	skip "debugfs has the files that docs/abi.md lists" \
		"this kernel has no debugfs (CONFIG_DEBUG_FS)"
fi

# ---- parameters ----

for file in "$parameters"/*; do
	echo "$(basename "$file") 0$(stat -c %a "$file")"
done >"$tmp/got"
pairs parameter 2 >"$tmp/want"
same "the module has the parameters that docs/abi.md lists" "$tmp/got" "$tmp/want"

# ---- sysfs, without the driver core's own attributes ----

find "$node/" -mindepth 1 -maxdepth 1 -printf '%f\n' |
	grep -vxE 'dev|uevent|subsystem|power' >"$tmp/got"
table attribute 1 >"$tmp/want"
sort -u "$tmp/got" | comm -3 - <(sort -u "$tmp/want") >"$tmp/differ"
none "a node has no attributes but the driver core's and those that docs/abi.md lists" "$tmp/differ"

sed 's/=.*//' "$node/uevent" |
	grep -vxE 'MAJOR|MINOR|DEVNAME|DEVMODE|DEVUID|DEVGID|DEVTYPE' >"$tmp/got"
table variable 1 >"$tmp/want"
same "uevents have the variables that docs/abi.md lists" "$tmp/got" "$tmp/want"

# ---- the columns "since" and "stability" ----

awk -F ' *[|] *' '
	/^[|]-/ { next }
	/^[|]/ && / since / && / stability / {
		for (i = 1; i <= NF; i++) { if ($i == "since") s = i; if ($i == "stability") t = i }
		next
	}
	/^[|]/ && ($s !~ /^[0-9]+$/ || $t !~ /^(stable|may change|debugging)$/)' "$page" >"$tmp/got"
none "docs/abi.md says for each item since when it exists and how stable it is" "$tmp/got"
done_testing
