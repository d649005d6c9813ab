# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Helpers of the tests that check the models of this folder with spin.
#
# The head of a model may have lines with bounds of a search, which are options of spin:
#
#	liveness: of the search for executions that do not end; the search for states that break an
#		assertion has the model's own bounds
#	long safety, long liveness: the same in test-protocol-long
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires spin gcc

# search NAME SEARCH-OPTIONS COMPILER-OPTIONS: 0 if there is no error, 1 if there is one, 2 if
# the search did not begin or was cut short, which proves nothing
search()
{
	# shellcheck disable=SC2086 # options
	(cd "$tmp" && gcc "$optimise" $3 -o "$1" pan.c && "./$1" $2 -m1000000) >"$tmp/search" 2>&1
	cat "$tmp/search"
	grep -q 'errors: [0-9]' "$tmp/search" || return 2
	grep -q 'errors: 0$' "$tmp/search" || return 1
	! grep -q 'max search depth too small' "$tmp/search" || return 2
}

# bounds MODEL SEARCH: print the options that the head of the model has for a search
bounds()
{
	sed -n "s/^ \*   $2: //p" "$1"
}

# verify MODEL BOUNDS-OF-SAFETY BOUNDS-OF-LIVENESS [-DBROKEN_...]: as search()
verify()
{
	local model=$1 safety=$2 liveness=$3

	shift 3
	# shellcheck disable=SC2086 # options
	(cd "$tmp" && spin -a $safety "$@" "$model") || return 2
	search safety "" "-DSAFETY -DNOCLAIM" || return
	if [ "$safety" != "$liveness" ]; then
		# shellcheck disable=SC2086 # options
		(cd "$tmp" && spin -a $liveness "$@" "$model") || return 2
	fi
	# NFAIR=3 is enough for the number of processes of each model.
	search liveness "-a -f" -DNFAIR=3
}

# judge NAME WANTED MODEL BOUNDS-OF-SAFETY BOUNDS-OF-LIVENESS [-D...]
judge()
{
	local name=$1 wanted=$2 status=0 optimise=-O1

	# An error is mostly found within a second, so the compiler takes longer than the search.
	[ "$wanted" = 0 ] || optimise=-O0
	shift 2
	verify "$@" >"$tmp/said" 2>&1 || status=$?
	ok "$name" [ "$status" = "$wanted" ] || sed 's/^/# /' "$tmp/said"
	diag "$(awk '/states, stored/ { states += $1 } /pan:1:/ { why = $0 }
		END { printf "%d states%s", states, why ? "; " why : "" }' "$tmp/said")"
}
