#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Checks the models of this folder with spin: no reachable state breaks an assertion or is a
# deadlock, and the model's LTL property holds under weak fairness. test-protocol-broken checks that
# spin would see an error. Its result changes with the models alone: run make check-model after a
# change of one.
# run: long
# timeout: 1800
# shellcheck source=spin-lib.sh
. "$(dirname "$0")/spin-lib.sh"

for model in "$PWD"/tests/model/*.pml; do
	judge "spin finds no error in the model $(basename "$model" .pml)" 0 "$model" "" \
		"$(bounds "$model" liveness)"
done
done_testing
