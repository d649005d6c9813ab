#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures arenad beside other NBD servers, natively, and shows the result.
# `make bench-nbd` builds first; docs/benchmarks.md says what it means.
#
# Usage: tests/bench/nbd.sh [VARIABLE=VALUE]...    such as ROUNDS=5 SECONDS=2 WORK=4k/32
#
# The variables are those of nbd-measure.sh and nbd-servers.sh. Leaves
# build/bench/nbd.csv, .txt and .svg, with BARS=1 build/bench/nbd-bars.*. TLS=1 leaves
# build/bench/nbd-tls.csv and .txt, whose figures are multiples of arena's without TLS. The exit
# status says whether it could be measured, not how it turned out.
set -euo pipefail
# shellcheck source=../vm/common.sh
. "$(dirname "$0")/../vm/common.sh"
cd "$tree"

results=build/bench/nbd settings=() base=
for setting in "$@"; do
	case $setting in
	SECONDS=*) setting=BENCH_$setting ;;
	BARS=?*) results=build/bench/nbd-bars ;;
	TLS=?*) results=build/bench/nbd-tls base=arena ;;
	[A-Z]*=*) ;;
	*) die "'$setting' is no VARIABLE=VALUE" ;;
	esac
	settings+=("$setting")
done
mkdir -p build/bench
tests/vm/enter env "${settings[@]}" tests/bench/nbd-measure.sh >"$results.csv"
tests/vm/enter awk -v base="$base" -f tests/bench/nbd.awk "$results.csv" >"$results.txt"
# shellcheck disable=SC2016 # expanded by the inner shell
[ -n "$base" ] || tests/vm/enter sh -euc '
	awk -v plot=1 -f tests/bench/nbd.awk "$1.csv" >"$1.dat"
	gnuplot -e "data = \"$1.dat\"; image = \"$1.svg\"" tests/bench/nbd.gnuplot
	rm "$1.dat"
' sh "$results"
cat "$results.txt"
say "measured: $results.csv; the above: .txt$([ -n "$base" ] || echo "; plotted: .svg")"
