#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures arenad, nbd-server and the kernel's nvmet-tcp on one emulated NVMe disk in the
# virtual machine, and shows the ratios. `make bench-nbd-vm` builds first;
# docs/benchmarks.md says what it means.
#
# Usage: tests/bench/nbd-vm.sh KERNEL [VARIABLE=VALUE]...    as in nbd-guest.sh, and
#
#   BOOTS=2      machines that measure one after the other; their rounds are taken together
#   TLS=1        what TLS costs, of the kernel and of the process, by nbd-measure.sh in place of
#                nbd-guest.sh
#
# Leaves build/bench/nbd-vm-KERNEL.csv and .txt, or nbd-vm-tls-KERNEL.*.
set -euo pipefail
# shellcheck source=../vm/common.sh
. "$(dirname "$0")/../vm/common.sh"
cd "$tree"

kernel=$1 results=build/bench/nbd-vm-$1 boots=2 settings=() base=arena-nvme
measure=(tests/bench/nbd-guest.sh)
shift
for setting in "$@"; do
	case $setting in
	BOOTS=*) boots=${setting#*=} ;;
	TLS=?*)
		settings+=("$setting") results=build/bench/nbd-vm-tls-$kernel base=arena
		measure=(sh -c "modprobe -a tls loop && exec tests/bench/nbd-measure.sh") ;;
	SECONDS=*) settings+=("BENCH_$setting") ;;
	*) settings+=("$setting") ;;
	esac
done
mkdir -p build/bench
: >"$results.csv"
for ((boot = 1; boot <= boots; boot++)); do
	tests/vm/vm --kernel "$kernel" --timeout 3600 --name "bench-nbd-$kernel" -- \
		env "${settings[@]}" "${measure[@]}" >>"$results.csv" ||
		{ tail -n 1 "$results.csv"; die "could not measure"; }
done
tests/vm/enter awk -v base="$base" -f tests/bench/nbd.awk "$results.csv" >"$results.txt"
cat "$results.txt"
say "measured: $results.csv; the above: .txt"
