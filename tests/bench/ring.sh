#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures what libarena adds to an operation, to an extent and to a turn, natively, and shows
# the result. `make bench-ring` builds first; docs/benchmarks.md says what it means.
#
# Usage: tests/bench/ring.sh [OPTION OF ring]...     (-h lists them)
#
# Times are of the thread's processor time. Instructions are those of the process, counted by
# callgrind; the kernel's are not in them. Leaves build/bench/ring.csv and .txt.
set -euo pipefail
# shellcheck source=../vm/common.sh
. "$(dirname "$0")/../vm/common.sh"
cd "$tree"

results=build/bench/ring
program=build/tests/bench/ring
# Turns that are counted, and turns before them that are subtracted: the first ones fault pages in.
turns=1000
mkdir -p build/bench
if [ "${1:-}" = -h ]; then
	exec tests/vm/enter "$program" -h
fi

# Lines "KIND,SIDE,instructions|enters,NUMBER of @turns turns".
counts() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	tests/vm/enter bash -euc '
		program=$1 turns=$2
		"$program" -l | while IFS=, read -r kind ops; do
			for side in arena bare; do
				for n in "$turns" $((2 * turns)); do
					valgrind --tool=callgrind --callgrind-out-file=/dev/null \
						--toggle-collect=make_turns "$program" \
						-k "$kind" -s "$side" -n "$n" 2>&1 |
						sed -n "s/.*Collected : //p"
				done | paste -sd" " | while read -r once twice; do
					echo "$kind,$side,instructions,$((twice - once)),$ops"
				done
				for n in "$turns" $((2 * turns)); do
					strace -f -o /dev/stdout -e trace=io_uring_enter "$program" \
						-k "$kind" -s "$side" -n "$n" | grep -c io_uring_enter || :
				done | paste -sd" " | while read -r once twice; do
					echo "$kind,$side,enters,$((twice - once)),1"
				done
			done
		done
	' sh "$program" "$turns"
}

{
	echo "# kernel: $(uname -r)"
	echo "# cpu: $(nproc) x $(sed -n 's/^model name[[:blank:]]*: //p' /proc/cpuinfo | head -n 1)"
	echo "# date: $(date -u +%Y-%m-%dT%H:%MZ)"
	echo "# load average at the beginning: $(cut -d' ' -f1 /proc/loadavg)"
	counts | sed "s/\$/,$turns/"
	tests/vm/enter "$program" "$@"
} >"$results.csv"
tests/vm/enter awk -f tests/bench/ring.awk "$results.csv" >"$results.txt"
cat "$results.txt"
say "measured: $results.csv; the above: .txt"
