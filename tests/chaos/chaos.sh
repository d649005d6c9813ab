#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the chaos test natively, on the memfd backend, for as long as asked, or looks for a shorter
# list of actions that fails.
#
# Usage: tests/chaos/chaos.sh [--rash] [--errors] SECONDS [SEED]
#        tests/chaos/chaos.sh --shrink SEED
#
# The actions, histories and logs are kept in build/chaos/SEED if something is wrong. --shrink runs
# parts of these actions again, and leaves the shortest list that failed in the file "shortest".
# --rash lets clients write newer data before the server knows that their connection has ended; a
# fault may then be one that no server can exclude (see BROKEN_UNSEEN in tests/model/replay.pml).
# --errors lets one operation of 150 on the disks fail.
#
# The same load runs for some seconds before anything is done to it, so that the times of answers can
# be compared.
# shellcheck source-path=SCRIPTDIR source=../native/lib.sh
. "$(dirname "$0")/../native/lib.sh"
# shellcheck source-path=SCRIPTDIR source=chaos-lib.sh
. "$(dirname "$0")/chaos-lib.sh"

run()
{
	local seconds=$1 seed=$2 folder=$top/build/chaos/$2

	rm -rf "$folder"
	mkdir -p "$folder/calm"
	diag "seed $seed"
	echo "10000 reload" >"$folder/calm/actions"
	chaos_start "${chaos_options[@]}"
	ok "no client finds what a server must not do when nothing happens" \
		chaos_run "$folder/calm" "$seed"
	chaos_report "$folder/calm"
	chaos_plan "$seconds" "$seed" >"$folder/actions"
	chaos_start "${chaos_options[@]}"
	ok "no client finds what a server must not do, with seed $seed" chaos_run "$folder" "$seed"
	chaos_report "$folder"
	[ "$tests_failed" != 0 ] || rm -rf "$folder"
	done_testing
}

# shellcheck disable=SC2034 # those of chaos-lib.sh
while [[ ${1:-} == --@(rash|errors) ]]; do
	case $1 in
	# A write that came before a newer one of its client may be refused.
	--rash) chaos_habits=(--rash) chaos_wants=() ;;
	--errors)
		chaos_wants=()
		export PLANT=error LD_PRELOAD=$BUILD/tests/native/inside/plant.so
		chaos_options=(--sandbox off)
		;;
	esac
	shift
done
if [ "${1:-}" = --shrink ]; then
	chaos_shrink "$top/build/chaos/$2" "$2"
	cat "$top/build/chaos/$2/shortest"
	exit
fi
run "${1:-60}" "${2:-$RANDOM}"
