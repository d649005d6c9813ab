#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Shows which lines and branches of libarena the tests reach: builds userspace into
# build-coverage, runs tests/unit and tests/arena there and prints one line per file. Lines
# and branches that are not reached are listed in build-coverage/missed.
#
# Usage: tests/coverage.sh       in the build root: see "make coverage"
#
# A process writes its counts when it exits. A child that is killed or calls _exit() is
# not counted, and neither are misuse reports, which end the process: they are not in
# this build. Tests of the module are not run.
set -euo pipefail
cd "$(dirname "$0")/.."

build="build-coverage"
report=$build/report

make --no-print-directory -j"$(nproc)" -f user/Makefile BUILD=$build \
	CFLAGS="-O0 -g --coverage" LDFLAGS=--coverage
# Counters add up over several runs; only this run is wanted.
find $build -name '*.gcda' -delete
programs=()
for file in tests/unit/*.c tests/arena/*.c; do
	programs+=("$build/${file%.c}")
done
status=0
tests/harness.sh $build/results "${programs[@]}" || status=$?

# Inline functions of the headers are reached from the tests' objects as well.
find $build/obj/user/libarena $build/obj/tests/{unit,arena} -name '*.gcno' -exec \
	gcov --branch-probabilities --json-format --stdout {} + 2>$build/gcov.log |
	tests/coverage.pl user/libarena/ $build/missed | tee $report
exit "$status"
