#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures handoffs between two processes natively and prints the result. `make bench-handoff`
# builds before; docs/benchmarks.md explains the result.
#
# Usage: tests/bench/handoff.sh [OPTION OF handoff]...     (-h lists them)
#
# Leaves build/bench/handoff.csv, .txt and .svg. The exit status is 0 if the measurement was
# complete and no message was lost; it says nothing about the figures.
set -euo pipefail
# shellcheck source=../vm/common.sh
. "$(dirname "$0")/../vm/common.sh"
cd "$tree"

results=build/bench/handoff
mkdir -p build/bench
if [ "${1:-}" = -h ]; then
	exec tests/vm/enter build/tests/bench/handoff -h
fi
{
	echo "# kernel: $(uname -r)"
	echo "# cpu: $(nproc) x $(sed -n 's/^model name[[:blank:]]*: //p' /proc/cpuinfo | head -n 1)"
	echo "# date: $(date -u +%Y-%m-%dT%H:%MZ)"
	echo "# load average at the beginning: $(cut -d' ' -f1 /proc/loadavg)"
	tests/vm/enter build/tests/bench/handoff "$@"
} >"$results.csv"
# shellcheck disable=SC2016 # expanded by the inner shell
tests/vm/enter sh -euc '
	awk -f tests/bench/handoff.awk "$1.csv" >"$1.txt"
	awk -v plot=1 -f tests/bench/handoff.awk "$1.csv" >"$1.dat"
	gnuplot -e "data = \"$1.dat\"; image = \"$1.svg\"" tests/bench/handoff.gnuplot
	rm "$1.dat"
' sh "$results"
cat "$results.txt"
say "measured: $results.csv; the above: .txt; plotted: .svg"
