#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The models of the protocol beside this, with spin: no reachable state breaks an
# assertion or is stuck, and what has to happen happens (under weak fairness).
# Each variant that a model calls BROKEN_... must be found out.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires spin gcc

# verify MODEL [-DBROKEN_...]: 0 if it is right, 1 if a history breaks it
verify()
{
	local model=$1 how

	shift
	(
		cd "$tmp" || exit 2
		spin -a "$@" "$model" >out 2>&1 && gcc -O1 -DSAFETY -DNOCLAIM -o safety pan.c &&
			gcc -O1 -o liveness pan.c
	) >"$tmp/build" 2>&1 || { cat "$tmp/out" "$tmp/build"; return 2; }
	for how in "safety" "liveness -a -f"; do
		# shellcheck disable=SC2086 # options
		(cd "$tmp" && ./$how -m1000000) >"$tmp/search" 2>&1
		cat "$tmp/search"
		grep -q 'errors: 0$' "$tmp/search" || return 1
		# A search that was cut short proves nothing.
		! grep -q 'max search depth too small' "$tmp/search" || return 2
	done
}

# judge NAME WANTED MODEL [-D...]
judge()
{
	local name=$1 wanted=$2 status=0

	shift 2
	verify "$@" >"$tmp/said" 2>&1 || status=$?
	ok "$name" [ "$status" = "$wanted" ] || sed 's/^/# /' "$tmp/said"
	diag "$(awk '/states, stored/ { states += $1 } /pan:1:/ { why = $0 }
		END { printf "%d states%s", states, why ? "; " why : "" }' "$tmp/said")"
}

for model in "$PWD"/tests/model/*.pml; do
	name=$(basename "$model" .pml)
	judge "$name: right" 0 "$model"
	while read -r twin; do
		judge "$name, $twin: found" 1 "$model" "-D$twin"
	done < <(sed -n 's/^ \*   \(BROKEN_[A-Z_]*\).*/\1/p' "$model")
done
done_testing
