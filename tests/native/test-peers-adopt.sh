#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the filter of peers, with what it has counted, survives the upgrade of arenad, its death and
# that of network processes; the next arenad steers it, and puts one on sockets that have none.
# timeout: 400
NPS=2
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
# shellcheck source=net-lib.sh
. "$(dirname "$0")/net-lib.sh"
# shellcheck source=peers-lib.sh
. "$(dirname "$0")/peers-lib.sh"
peers_begin

four=10.9.0.1 six=fd00:9::1
common=(--disk "one=$(disk one 4M)")

# keeps_filter WHEN: peers are served, strangers kept out, and what was dropped before is still counted
keeps_filter()
{
	local dropped=${dropped_before:-0} i

	ok "$1, what was dropped before is still counted" \
		test "$(told "p['droppedPackets']['stranger']")" -ge "$dropped"
	# Each network process has some of these.
	for i in 1 2; do
		ok "$1, peer $i is served" served_from 10.9.0.2 "$four"
		ok "$1, stranger $i is kept out" kept_out fd00:9::2 "$six"
	done
	dropped_before=$(told "p['droppedPackets']['stranger']")
}

try_lives()
{
	arenad_start "${common[@]}" --peer 10.9.0.2 "$@"
	keeps_filter "at first"
	ok "a peer is added by arenactl" arenactl peers add fd00:9::3
	: >"$tmp/log"
	kill -USR2 "$arenad_pid"
	ok "all processes are replaced" wait_for 100 are_replaced 2 2
	is "the peers are those of the options after the upgrade" "$(networks)" 10.9.0.2
	keeps_filter "after the upgrade"

	kill -KILL "$(np 0)" "$(np 1)"
	ok "both network processes are started again" \
		wait_for 60 eval "says 'arena-np 0 is started again' && says 'arena-np 1 is started again'"
	keeps_filter "after the death of both network processes"

	kill_arenad
	ok "a peer is served without an arenad" served_from 10.9.0.2 "$four"
	is "a stranger is not served without an arenad" "$(reach fd00:9::2 "$six" 2)" 0
	arenad_start "${common[@]}" --peer 10.9.0.2 "$@"
	ok "the packets of that stranger were counted" \
		test "$(told "p['droppedPackets']['stranger']")" -gt "$dropped_before"
	keeps_filter "after the death of arenad"
	ok "the arenad that has adopted the filter adds a peer" arenactl peers add fd00:9::3
	ok "that peer is served" served_from fd00:9::3 "$six"
}

try_lives

kill_arenad
arenad_start "${common[@]}" --peer fd00:9::/64
ok "an arenad with other peers puts them in use" served_from fd00:9::2 "$six"
ok "those of the earlier one are kept out" kept_out 10.9.0.2 "$four"
kill_arenad
arenad_start "${common[@]}"
ok "an arenad without peers lets everybody connect: IPv4" served_from 10.9.0.2 "$four"
ok "an arenad without peers lets everybody connect: IPv6" served_from fd00:9::2 "$six"
is "the filter is still there" "$(told "p['isFiltered'], p['connectRate']")" "True 0"
arenad_stop
is "arenad ends with status 0" "$status" 0

# A filter where there was none.
arenad_start "${common[@]}"
is "there is no filter if no option asks for one" "$(told "p['isFiltered']")" False
ok "people see it" eval "arenactl peers | grep -qx 'there is no filter of peers: everybody may connect'"
is "metrics say nothing of it" "$(arenactl metrics | grep -c peers_dropped)" 0
arenactl peers add 10.9.0.2 >"$tmp/said" 2>&1
is "no peer can be added then" "$?" 1
ok "the error says why" grep -q "no filter of peers is in use" "$tmp/said"
ok "everybody is served" served_from fd00:9::2 "$six"
kill_arenad
arenad_start "${common[@]}" --peer 10.9.0.2
dropped_before=0
keeps_filter "on sockets that an earlier arenad has made without a filter"
arenad_stop

printf '[arenad]\n' >"$tmp/peers.conf"
arenad_start "${common[@]}" --config "$tmp/peers.conf"
printf '[arenad]\npeer = 10.9.0.2\n' >"$tmp/peers.conf"
kill -HUP "$arenad_pid"
ok "SIGHUP puts a filter on sockets that have none" wait_for 40 says "reload: a filter of peers is in use"
dropped_before=0
keeps_filter "with the filter of SIGHUP"
kill_arenad
arenad_start "${common[@]}" --config "$tmp/peers.conf"
keeps_filter "after the death of the arenad that has put it there"
arenad_stop

dropped_before=0
try_lives --reuse-port
arenad_stop
is "arenad with --reuse-port ends with status 0" "$status" 0
done_testing
