#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures page tables and times of regions and of the kernel's own shared memory in the virtual
# machine, and prints the result. `make bench-pagetables` builds before; docs/benchmarks.md
# explains the result.
#
# Usage: tests/bench/pagetables.sh [OPTION...]
#
#   --kernel 6.12|7.3     the kernel to boot (6.12)
#   --quick               one minute, to see that it works; the figures mean nothing
#   --processes "N ..."   numbers of processes (1 10 100 1000), which map
#   --size SIZE           this much memory (1G)
#   --sizes "SIZE ..."    sizes of memory (128M 256M 512M 1G 2G 3G), with 10 processes
#   --reps N              repetitions (5)
#   --kinds "KIND ..."    only these kinds of memory
#   --mem SIZE            memory of the machine (9G)
#
# Leaves build/bench/pagetables-KERNEL[-quick].csv, .txt and .svg. The exit
# status is 0 if the measurement was complete; it says nothing about the figures.
set -euo pipefail
# shellcheck source=../vm/common.sh
. "$(dirname "$0")/../vm/common.sh"
cd "$tree"

kernel=6.12 mem=9G timeout=14400 quick='' pages=3 options=()

# commas "1 10 100": 1,10,100
commas()
{
	xargs <<<"$1" | tr ' ' ,
}

parse_options()
{
	while [ $# -gt 0 ]; do
		case $1 in
		--quick) quick=-quick mem=6G timeout=600 pages=''; shift; continue ;;
		--*) [ $# -ge 2 ] || die "$1 needs a value" ;;
		esac
		case $1 in
		--kernel) kernel=$2 ;;
		--mem) mem=$2 ;;
		--processes) options+=(-n "$(commas "$2")") ;;
		--size) options+=(-s "$2") ;;
		--sizes) options+=(-S "$(commas "$2")") ;;
		--reps) options+=(-r "$2") ;;
		--kinds) options+=(-k "$(commas "$2")") ;;
		*) sed -n '/^# Usage/,/^# status/s/^# \?//p' "$0" >&2; exit 2 ;;
		esac
		shift 2
	done
}

# Describes the host and its load, which say how far the times can be trusted.
host()
{
	printf '%d x %s, load average %s at the beginning' "$(nproc)" \
		"$(sed -n 's/^model name[[:blank:]]*: //p' /proc/cpuinfo | head -n 1)" \
		"$(cut -d' ' -f1 /proc/loadavg)"
}

# Writes to a file the percentage of their runnable time that the machine's processors waited
# for a processor of the host.
watch_machine()
{
	local vm qemu

	while sleep 1; do
		vm=$(pgrep -P $$ -f tests/vm/vm) || continue
		qemu=$(pgrep -P "$vm" -f qemu-system) || continue
		cat "/proc/$qemu/task/"*/schedstat 2>/dev/null |
			awk '{ ran += $1; waited += $2 } END { if (ran) printf "%.0f\n", 100 * waited / (ran + waited) }' \
				>"$1.new"
		[ ! -s "$1.new" ] || mv "$1.new" "$1"
	done
}

main()
{
	local results=build/bench name watcher

	parse_options "$@"
	name=pagetables-$kernel$quick
	mkdir -p "$results"
	rm -f "$results/$name".*
	watch_machine "$results/$name.waited" 2>/dev/null &
	watcher=$!
	# shellcheck disable=SC2064 # the process of now
	trap "kill $watcher 2>/dev/null || true" EXIT
	# Keep what was measured before a failure.
	tests/vm/vm --kernel "$kernel" --mem "$mem" --timeout "$timeout" \
		--name "bench-$name" -- env PAGES_1G="$pages" HOST="$(host)" \
		tests/bench/pagetables-guest.sh ${quick:+--quick} "${options[@]}" \
		>"$results/$name.csv" || { tail -n 1 "$results/$name.csv"; die "could not measure"; }
	kill "$watcher"
	wait "$watcher" 2>/dev/null || true
	[ ! -s "$results/$name.waited" ] ||
		printf '# host: the machine waited for a processor in %s%% of the time\n' \
			"$(cat "$results/$name.waited")" >>"$results/$name.csv"
	rm -f "$results/$name.waited"*
	# shellcheck disable=SC2016 # expanded by the inner shell
	tests/vm/enter sh -euc '
		awk -f tests/bench/pagetables.awk "$1.csv" >"$1.txt"
		awk -v plot=1 -f tests/bench/pagetables.awk "$1.csv" >"$1.dat"
		gnuplot -e "data = \"$1.dat\"; image = \"$1.svg\"" tests/bench/pagetables.gnuplot
		rm "$1.dat"
	' sh "$results/$name"
	cat "$results/$name.txt"
	say "measured: $results/$name.csv; the above: .txt; plotted: .svg"
}

# This is the last line, so that bash has read the whole file before the long run.
main "$@"
