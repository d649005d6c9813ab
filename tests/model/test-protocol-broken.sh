#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Checks that spin finds an error in each variant of a model that its head lists as BROKEN_...: what
# test-protocol checks could fail.
# run: long
# timeout: 1800
# shellcheck source=spin-lib.sh
. "$(dirname "$0")/spin-lib.sh"

for model in "$PWD"/tests/model/*.pml; do
	liveness=$(bounds "$model" liveness)
	while read -r twin; do
		judge "spin finds an error in the model $(basename "$model" .pml) with $twin" 1 "$model" "" \
			"$liveness" "-D$twin"
	done < <(sed -n 's/^ \*   \(BROKEN_[A-Z_]*\).*/\1/p' "$model")
done
done_testing
