#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: `make bench-pagetables` still works: its quick variant measures every kind of
# memory, and what it writes is complete and plausible. How long anything took is
# nobody's business here.
# timeout: 400
# vm: full
# shellcheck disable=SC2016 # the programs are awk's
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# The program is the same everywhere, and takes its time.
[[ ${VM_KERNEL:-} == 6.12 ]] || skip_all "one kernel is enough: 6.12"
bench=tests/bench/pagetables
csv=$tmp/quick.csv

ok "it runs" eval "$bench-guest.sh --quick >$csv" || { diag "$(tail -n 1 "$csv")"; done_testing; }
for word in kernel cpu emulation memory date options; do
	ok "it says the $word" grep -q "^# $word: ." "$csv"
done

# A region of 4 KiB pages is for modules that have them: that must be said.
measured()
{
	grep -q "^$1," "$csv" || grep "^# not measured: $1: " "$csv"
}

for kind in region-1G region-2M shmem-4K shmem-2M hugetlb-2M hugetlb-2M-off hugetlb-1G; do
	ok "$kind was measured" grep -q "^$kind," "$csv"
done
ok "region-4K was, or why not" measured region-4K

# with_columns PROGRAM: awk on the rows, with the columns' numbers in c[]
with_columns()
{
	awk -F , '/^#/ { next } $1 == "kind" { for (i = 1; i <= NF; i++) c[$i] = i; columns = NF; next }
		'"$1" "$csv"
}

# all_rows NAME CONDITION: it holds in every row, and there are some
all_rows()
{
	with_columns "{ rows++ } !($2) { print; bad = 1 } END { exit bad || !rows }" >"$tmp/rows"
	ok "$1" [ "$?" = 0 ] || sed 's/^/# /' "$tmp/rows"
}

all_rows "every row is whole" 'NF == columns && columns == 34'
all_rows "all but the names are numbers" '/^[^,]+,[0-9]+,[0-9]+,[0-9]+,[a-z]+(,-?[0-9]+)+$/'
for what in map touch all again unmap minflt; do
	all_rows "$what: percentiles in order" '$c["'$what'_p10"] <= $c["'$what'_p50"] && $c["'$what'_p50"] <= $c["'$what'_p90"]'
done
# The counter is the machine's: others may have changed it by a little.
all_rows "page tables go with the mapping" '$c["left_bytes"] <= 65536 && $c["left_bytes"] >= -65536'
all_rows "after the first pass no page faults" '$c["again_faults"] == 0'
all_rows "regions: no faults at all" '!/^region/ || ($c["minflt_p90"] == 0 && $c["majflt"] == 0)'
all_rows "regions: tables of their own" '!/^region/ || $c["table_bytes"] >= 4096'
all_rows "regions: a page for each process at most" '!/^region/ || $c["attach_bytes"] <= 4096 * $c["processes"] + 65536'
all_rows "shmem-4K: page tables for every page" '!/^shmem-4K/ || $c["attach_bytes"] >= $c["size"] / 512 * $c["processes"]'
all_rows "shmem-2M: mapped by huge entries, most of it" '!/^shmem-2M/ || $c["huge_bytes"] >= $c["size"] / 2'
is "each kind: as many processes and sizes as it has" "$(with_columns '
	{ seen[$1, $c["size"], $c["processes"]] } END { for (i in seen) { split(i, part, SUBSEP); n[part[1]]++ }
	for (kind in n) if (n[kind] != (kind ~ /1G$/ ? 2 : 3)) print kind, n[kind] }')" ""

ok "the summary" eval "awk -f $bench.awk $csv >$tmp/summary"
for goal in a b c; do
	ok "goal $goal: met or missed" eval "sed -n '/^Goal $goal: /,/^Goal/p' $tmp/summary |
		grep -E 'region-2M +(met|MISSED)'"
done
not_ok "all its figures are numbers" grep -iwE -- '-?(nan|inf)' "$tmp/summary"
ok "the plot" eval "awk -v plot=1 -f $bench.awk $csv >$tmp/data &&
	gnuplot -e 'data = \"$tmp/data\"; image = \"$tmp/svg\"' $bench.gnuplot && grep -q '</svg>' $tmp/svg"
done_testing
