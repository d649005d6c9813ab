#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the chaos test natively, on the memfd backend, for as long as asked, or looks for a shorter
# list of actions that fails.
#
# Usage: tests/chaos/chaos.sh [--rash] SECONDS [SEED]
#        tests/chaos/chaos.sh --shrink SEED
#
# The actions, histories and logs are kept in build/chaos/SEED if something is wrong. --shrink runs
# parts of these actions again, and leaves the shortest list that failed in the file "shortest".
# --rash lets clients write newer data before the server knows that their connection has ended; a
# fault may then be one that no server can exclude (see BROKEN_UNSEEN in tests/model/replay.pml).
# shellcheck source-path=SCRIPTDIR source=../native/lib.sh
. "$(dirname "$0")/../native/lib.sh"
# shellcheck source-path=SCRIPTDIR source=chaos-lib.sh
. "$(dirname "$0")/chaos-lib.sh"

run()
{
	local seconds=$1 seed=$2 folder=$top/build/chaos/$2

	rm -rf "$folder"
	mkdir -p "$folder"
	diag "seed $seed"
	chaos_plan "$seconds" "$seed" >"$folder/actions"
	chaos_start
	ok "no client finds what a server must not do, with seed $seed" chaos_run "$folder" "$seed"
	diag "$verdict"
	diag "actions:$(cut -d' ' -f2 "$folder/actions" | sort | uniq -c |
		awk '{ printf " %s %s", $1, $2 }')"
	[ "$tests_failed" != 0 ] || rm -rf "$folder"
	done_testing
}

if [ "${1:-}" = --rash ]; then
	# shellcheck disable=SC2034 # of chaos-lib.sh
	chaos_habits=(--rash)
	shift
fi
if [ "${1:-}" = --shrink ]; then
	chaos_shrink "$top/build/chaos/$2" "$2"
	cat "$top/build/chaos/$2/shortest"
	exit
fi
run "${1:-60}" "${2:-$RANDOM}"
