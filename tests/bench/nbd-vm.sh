#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures arenad, nbd-server and the kernel's nvmet-tcp on one emulated NVMe disk in the
# virtual machine, and shows the ratios. `make bench-nbd-vm` builds first;
# docs/benchmarks.md says what it means.
#
# Usage: tests/bench/nbd-vm.sh KERNEL [VARIABLE=VALUE]...    as in nbd-guest.sh
#
# Leaves build/bench/nbd-vm-KERNEL.csv and .txt.
set -euo pipefail
# shellcheck source=../vm/common.sh
. "$(dirname "$0")/../vm/common.sh"
cd "$tree"

kernel=$1 results=build/bench/nbd-vm-$1 settings=()
shift
for setting in "$@"; do
	settings+=("${setting/#SECONDS=/BENCH_SECONDS=}")
done
mkdir -p build/bench
tests/vm/vm --kernel "$kernel" --timeout "${VM_TIMEOUT:-3600}" --name "bench-nbd-$kernel" -- \
	env "${settings[@]}" tests/bench/nbd-guest.sh >"$results.csv" ||
	{ tail -n 1 "$results.csv"; die "could not measure"; }
tests/vm/enter awk -v base=arena-nvme -f tests/bench/nbd.awk "$results.csv" >"$results.txt"
cat "$results.txt"
say "measured: $results.csv; the above: .txt"
