#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: clients of several network processes find everything that was acknowledged, while processes
# are stopped and killed and connections are cut (tests/chaos); and the checker that says so finds
# faults that are planted into the daemons.
# timeout: 600
# sanitizers: no
# shellcheck disable=SC2016 # the conditions are for eval
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../chaos/chaos-lib.sh
. "$(dirname "$0")/../chaos/chaos-lib.sh"

seed=${SEED:-$RANDOM}
mkdir "$tmp/run"
# Some of them find a process that is dead already.
: >"$tmp/run/actions"
until [ "$(grep -c kill-sp "$tmp/run/actions")" -ge 6 ]; do
	seed=$((seed + 1))
	chaos_plan 12 "$seed" >"$tmp/run/actions"
done
diag "seed $seed"
chaos_start
ok "clients lose nothing while connections are cut and processes are stopped and killed" \
	chaos_run "$tmp/run" "$seed"
chaos_report "$tmp/run"
ok "connections were cut, and the server has closed some itself" \
	eval '[ "$(verdict_of cut)" -gt 0 ] && [ "$(verdict_of closed)" -gt 0 ]'
# An arenad that has adopted a process may not be told by the kernel how it ended.
ends() { grep -Ec 'arena-sp .* (was killed|has ended: an earlier arenad had started it)' "$tmp/log"; }
ok "storage processes were killed, and requests waited for their successors" \
	eval '[ "$(ends)" -ge 2 ] &&
		grep -q "requests wait for another one" "$tmp/log"'
ok "writes that were not acknowledged were sent again" [ "$(verdict_of sent-again)" -gt 0 ]

plant=$BUILD/tests/native/inside/plant.so
mkdir "$tmp/errors"
chaos_plan 8 "$seed" >"$tmp/errors/actions"
# shellcheck disable=SC2034 # one of chaos-lib.sh
chaos_wants=()
if [ -e "$plant" ]; then
	PLANT=error LD_PRELOAD=$plant chaos_start --sandbox off
	ok "clients lose nothing that was acknowledged when the disks have errors, too" \
		chaos_run "$tmp/errors" "$seed"
	ok "requests were answered with errors" [ "$(verdict_of errors)" -gt 0 ]
	chaos_report "$tmp/errors"
else
	skip "clients lose nothing that was acknowledged when the disks have errors, too" \
		"a library cannot be loaded into programs with sanitizers"
fi

# finds FAULT: true if the checker finds a fault that was planted, in one of some runs
finds()
{
	local i run

	for i in 1 2 3; do
		run=$tmp/$1-$i
		mkdir "$run"
		echo "1300 reload" >"$run/actions"
		PLANT=$1 LD_PRELOAD=$plant chaos_start --sandbox off
		chaos_run "$run" "$i" >"$run/said" 2>&1 || break
	done
	grep -q '^FAULT' "$run/said" || { cat "$run/said"; return 1; }
}

while read -r fault what; do
	if [ -e "$plant" ]; then
		ok "the checker finds $what" finds "$fault"
	else
		skip "the checker finds $what" \
			"a library cannot be loaded into programs with sanitizers"
	fi
done <<'END'
lose a storage process that loses a write
swap a storage process that writes to a wrong place
early a storage process that answers before it has written
old a storage process that writes again what it wrote before
twice a network process that answers twice
END
done_testing
