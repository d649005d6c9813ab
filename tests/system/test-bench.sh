#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: `make bench-pagetables` works: its quick variant measures every kind of memory and
# writes complete and plausible results. This test does not look at times.
# timeout: 400
# run: long
# shellcheck disable=SC2016 # the programs are awk's
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# The program is the same on every kernel, and it takes long.
[[ ${VM_KERNEL:-} == 6.12 ]] || skip_all "one kernel is enough: 6.12"
bench=tests/bench/pagetables
csv=$tmp/quick.csv

ok "the quick benchmark of page tables succeeds" \
	eval "$bench-guest.sh --quick >$csv" || { diag "$(tail -n 1 "$csv")"; done_testing; }
for word in kernel cpu emulation memory date options; do
	ok "the results name the $word" grep -q "^# $word: ." "$csv"
done

# measured KIND: the results have the kind, or say why it was not measured
measured()
{
	grep -q "^$1," "$csv" || grep "^# not measured: $1: " "$csv"
}

for kind in region-1G region-2M shmem-4K shmem-2M hugetlb-2M hugetlb-2M-off hugetlb-1G; do
	ok "the results have the kind $kind" grep -q "^$kind," "$csv"
done
ok "the results have the kind region-4K, or say why not" measured region-4K

# with_columns PROGRAM: run awk on the rows; c[] has the number of each column
with_columns()
{
	awk -F , '/^#/ { next } $1 == "kind" { for (i = 1; i <= NF; i++) c[$i] = i; columns = NF; next }
		'"$1" "$csv"
}

# all_rows NAME CONDITION: there are rows, and the condition holds in each of them
all_rows()
{
	with_columns "{ rows++ } !($2) { print; bad = 1 } END { exit bad || !rows }" >"$tmp/rows"
	ok "$1" [ "$?" = 0 ] || sed 's/^/# /' "$tmp/rows"
}

all_rows "every row of the results has 34 columns" 'NF == columns && columns == 34'
all_rows "all columns of the results but names have numbers" \
	'/^[^,]+,[0-9]+,[0-9]+,[0-9]+,[a-z]+(,-?[0-9]+)+$/'
for what in map touch all again unmap minflt; do
	all_rows "the percentiles of $what are in ascending order" \
		'$c["'$what'_p10"] <= $c["'$what'_p50"] && $c["'$what'_p50"] <= $c["'$what'_p90"]'
done
# The counter is that of the whole machine, so that others can change it a little.
all_rows "page tables are freed with their mapping" \
	'$c["left_bytes"] <= 65536 && $c["left_bytes"] >= -65536'
all_rows "a second pass over memory causes no page faults" '$c["again_faults"] == 0'
all_rows "access to a region causes no page faults" \
	'!/^region/ || ($c["minflt_p90"] == 0 && $c["majflt"] == 0)'
all_rows "a region has page tables of its own" '!/^region/ || $c["table_bytes"] >= 4096'
all_rows "attaching a region costs a process at most one page of page tables" \
	'!/^region/ || $c["attach_bytes"] <= 4096 * $c["processes"] + 65536'
all_rows "shmem-4K has page tables for every page in each process" \
	'!/^shmem-4K/ || $c["attach_bytes"] >= $c["size"] / 512 * $c["processes"]'
all_rows "at least half of shmem-2M is mapped by huge entries" \
	'!/^shmem-2M/ || $c["huge_bytes"] >= $c["size"] / 2'
is "each kind was measured with all numbers of processes and sizes" "$(with_columns '
	{ seen[$1, $c["size"], $c["processes"]] } END { for (i in seen) { split(i, part, SUBSEP); n[part[1]]++ }
	for (kind in n) if (n[kind] != (kind ~ /1G$/ ? 2 : 3)) print kind, n[kind] }')" ""

ok "the results can be summarised" eval "awk -f $bench.awk $csv >$tmp/summary"
for goal in a b c; do
	ok "the summary says whether goal $goal is met" \
		eval "sed -n '/^Goal $goal: /,/^Goal/p' $tmp/summary |
		grep -E 'region-2M +(met|MISSED)'"
done
not_ok "the summary has no figure that is not a number" grep -iwE -- '-?(nan|inf)' "$tmp/summary"
ok "the results can be plotted" eval "awk -v plot=1 -f $bench.awk $csv >$tmp/data &&
	gnuplot -e 'data = \"$tmp/data\"; image = \"$tmp/svg\"' $bench.gnuplot && grep -q '</svg>' $tmp/svg"
done_testing
