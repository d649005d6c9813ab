#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: `make bench-handoff` works: each kind hands over, touched and not, and loses, doubles
# or changes no message; what is written is complete. How long anything took is
# nobody's business here.
# timeout: 300
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
[[ $BUILD != *-asan ]] || skip_all "sanitizers would be measured"
[ "$(nproc)" -ge 2 ] || skip_all "needs two processors"

csv=$tmp/handoff.csv
ok "it runs" eval "$BUILD/tests/bench/handoff -r 1 -t 3 >$csv"
is "25 kinds, touched and not, four measurements each" \
	"$(grep -c '^"' "$csv") $(sed -n 's/^\("[^"]*",[01]\),.*/\1/p' "$csv" | sort -u | wc -l)" "200 50"
not_ok "no figure is missing" grep -E '(round|load).*,,' "$csv"
ok "the summary" eval "awk -f tests/bench/handoff.awk $csv >$tmp/summary"
is "each goal is met or missed" "$(sed -n '/^Goals/,$p' "$tmp/summary" | grep -cE '(met|MISSED)$')" 6
not_ok "all its figures are numbers" grep -iwE -- '-?(nan|inf)' "$tmp/summary"
ok "the plot" eval "awk -v plot=1 -f tests/bench/handoff.awk $csv >$tmp/data &&
	gnuplot -e 'data = \"$tmp/data\"; image = \"$tmp/svg\"' tests/bench/handoff.gnuplot &&
	grep -q '</svg>' $tmp/svg"
not_ok "an option that is none" "$BUILD/tests/bench/handoff" --nonsense
done_testing
