#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: clients find everything that was acknowledged, and get no error, while arena-sp is killed
# and replaced again and again and their connections are cut.
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../chaos/chaos-lib.sh
. "$(dirname "$0")/../chaos/chaos-lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"

kills=${KILLS:-20}
seed=${SEED:-$RANDOM}
diag "seed $seed, $kills kills"
# shellcheck disable=SC2034 # of chaos-lib.sh
chaos_exports=(d0) chaos_clients=6
mkdir "$tmp/run"
restart_rig "$kills" "$seed" d0
ok "six clients begin" chaos_load "$tmp/run" "$seed"

# cut_until_killed: cut connections until the last kill is over
cut_until_killed()
{
	RANDOM=$seed
	kill -USR2 "$arenad_pid"
	until grep -q '^killed' "$tmp/out"; do
		random 6
		chaos_act cut "$REPLY"
		sleep 0.2
	done
}
ok "arena-sp is killed $kills times while connections are cut" cut_until_killed
ok "each client reads all that it wrote when there is no kill any more" chaos_finish
arenad_stop
is "arena-np ends with status 0" "$status" 0
ok "no client has found what a server must not do" chaos_check "$tmp/run"
is "no request was answered with an error" "$(verdict_of errors)" 0
ok "writes that were not acknowledged were sent again" [ "$(verdict_of sent-again)" -gt 0 ]
diag "$verdict"
done_testing
