#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Checks the models of this folder with spin: no reachable state breaks an assertion or is a
# deadlock, and the model's LTL property holds under weak fairness. spin must find an error in
# each variant that the head of a model lists as BROKEN_....
# timeout: 1800
# shellcheck source=spin-lib.sh
. "$(dirname "$0")/spin-lib.sh"

for model in "$PWD"/tests/model/*.pml; do
	name=$(basename "$model" .pml)
	liveness=$(bounds "$model" liveness)
	judge "spin finds no error in the model $name" 0 "$model" "" "$liveness"
	while read -r twin; do
		judge "spin finds an error in the model $name with $twin" 1 "$model" "" "$liveness" "-D$twin"
	done < <(sed -n 's/^ \*   \(BROKEN_[A-Z_]*\).*/\1/p' "$model")
done
done_testing
