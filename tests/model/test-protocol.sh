#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Checks the models of this folder with spin: no reachable state breaks an assertion or is a
# deadlock, and the model's LTL property holds under weak fairness. spin must find an error in
# each variant that the head of a model lists as BROKEN_....
# timeout: 400
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires spin gcc

# search NAME SEARCH-OPTIONS COMPILER-OPTIONS: 0 if there is no error, 1 if there is one, 2 if
# the search did not begin or was cut short, which proves nothing
search()
{
	# shellcheck disable=SC2086 # options
	(cd "$tmp" && gcc -O1 $3 -o "$1" pan.c && "./$1" $2 -m1000000) >"$tmp/search" 2>&1
	cat "$tmp/search"
	grep -q 'errors: [0-9]' "$tmp/search" || return 2
	grep -q 'errors: 0$' "$tmp/search" || return 1
	! grep -q 'max search depth too small' "$tmp/search" || return 2
}

# verify MODEL [-DBROKEN_...]: as search()
verify()
{
	local model=$1

	shift
	(cd "$tmp" && spin -a "$@" "$model") || return 2
	search safety "" "-DSAFETY -DNOCLAIM" || return
	# NFAIR=3 is enough for the number of processes of each model.
	search liveness "-a -f" -DNFAIR=3
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
	judge "spin finds no error in the model $name" 0 "$model"
	while read -r twin; do
		judge "spin finds an error in the model $name with $twin" 1 "$model" "-D$twin"
	done < <(sed -n 's/^ \*   \(BROKEN_[A-Z_]*\).*/\1/p' "$model")
done
done_testing
