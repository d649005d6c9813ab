#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Checks the models with spin as test-protocol does, but with larger bounds: those whose head has
# bounds of long searches.
# run: long
# timeout: 3600
# shellcheck source=spin-lib.sh
. "$(dirname "$0")/spin-lib.sh"

for model in "$PWD"/tests/model/*.pml; do
	safety=$(bounds "$model" "long safety")
	[ -n "$safety" ] || continue
	judge "spin finds no error in the model $(basename "$model" .pml) with larger bounds" \
		0 "$model" "$safety" "$(bounds "$model" "long liveness")"
done
done_testing
