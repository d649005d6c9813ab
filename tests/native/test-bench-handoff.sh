#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: `make bench-handoff` works: each kind hands over messages, with and without touching the
# payload, and loses, doubles or changes none; its output is complete. This test asserts no times.
# timeout: 300
# sanitizers: no
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
[[ $BUILD != *-asan ]] || skip_all "sanitizers would be measured"
[ "$(nproc)" -ge 2 ] || skip_all "needs two processors"

csv=$tmp/handoff.csv
ok "the benchmark of handoffs runs" eval "$BUILD/tests/bench/handoff -r 1 -t 3 >$csv"
is "the CSV has four measurements of each of 24 kinds, touched and not" \
	"$(grep -c '^"' "$csv") $(sed -n 's/^\("[^"]*",[01]\),.*/\1/p' "$csv" | sort -u | wc -l)" "192 48"
not_ok "the CSV has no row without a figure" grep -E '(round|load).*,,' "$csv"
ok "handoff.awk summarises the CSV" eval "awk -f tests/bench/handoff.awk $csv >$tmp/summary"
is "the summary says of each goal whether it is met or missed" \
	"$(sed -n '/^Goals/,$p' "$tmp/summary" | grep -cE '(met|MISSED)$')" 6
not_ok "the summary has no figure that is not a number" grep -iwE -- '-?(nan|inf)' "$tmp/summary"
ok "gnuplot draws the CSV" eval "awk -v plot=1 -f tests/bench/handoff.awk $csv >$tmp/data &&
	gnuplot -e 'data = \"$tmp/data\"; image = \"$tmp/svg\"' tests/bench/handoff.gnuplot &&
	grep -q '</svg>' $tmp/svg"
not_ok "the benchmark of handoffs refuses an unknown option" "$BUILD/tests/bench/handoff" --nonsense
done_testing
