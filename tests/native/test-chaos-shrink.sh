#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: when a chaos run fails, the actions are found without which it does not fail.
# The fault is planted: a storage process that was stopped loses writes from then on.
# run: long
# timeout: 900
# shellcheck disable=SC2016 # the conditions are for eval
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../chaos/chaos-lib.sh
. "$(dirname "$0")/../chaos/chaos-lib.sh"

requires_inside plant
export PLANT=stopped LD_PRELOAD=$inside
# shellcheck disable=SC2034 # of chaos-lib.sh
chaos_options=(--sandbox off)

cat >"$tmp/actions" <<'END'
100 cut 1
200 reset 3
300 reload
400 stop-np 1 50
500 stop-sp 0 60
600 cut 4
700 cut 2
800 stop-np 0 40
2500 reload
END
ok "a run fails whose actions stop a storage process that then loses writes" \
	eval 'mapfile -t lines <"$tmp/actions"; chaos_try "$tmp" 1 "${lines[@]}"'
chaos_shrink "$tmp" 1
ok "the action that makes the run fail is left" grep -q stop-sp "$tmp/shortest"
ok "at most one other action is left beside it" [ "$(wc -l <"$tmp/shortest")" -le 2 ]
diag "$chaos_runs tries: $(tr '\n' ';' <"$tmp/shortest")"
done_testing
