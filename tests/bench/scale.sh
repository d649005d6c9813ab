#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures what an I/O costs arenad as there is more of everything, natively, and shows
# the result. `make bench-scale` builds first; docs/benchmarks.md says what it means.
#
# Usage: tests/bench/scale.sh [VARIABLE=VALUE]...    as in nbd-scale.sh
#
# Leaves build/bench/scale.csv and .txt.
set -euo pipefail
# shellcheck source=../vm/common.sh
. "$(dirname "$0")/../vm/common.sh"
cd "$tree"

settings=()
for setting in "$@"; do
	settings+=("${setting/#SECONDS=/BENCH_SECONDS=}")
done
mkdir -p build/bench
tests/vm/enter env "${settings[@]}" tests/bench/nbd-scale.sh >build/bench/scale.csv
tests/vm/enter awk -f tests/bench/nbd-scale.awk build/bench/scale.csv >build/bench/scale.txt
cat build/bench/scale.txt
say "measured: build/bench/scale.csv; the above: .txt"
