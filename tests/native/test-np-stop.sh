#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-np ends when it is told to, soon and with status 0, whatever its
# clients and SPs do, and finishes what it has begun.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"
requires nbdcopy

# stops SECONDS DESCRIPTION [SIGNAL]
stops()
{
	local start=$SECONDS

	kill "-${3:-TERM}" "$arenad_pid"
	arenad_wait
	is "$2: status" "$status" 0
	ok "$2: within $1 seconds" test $((SECONDS - start)) -le "$1"
	ok "$2: the counters" says "arena-np: counters connections="
}

rig_start --
stops 1 "SIGTERM, no client"
rig_start --
stops 1 "SIGINT, no client" INT

rig_start --
exec 4<>"/dev/tcp/$host/$port" 5<>"/dev/tcp/$host/$port"
printf '\0\0\0\3IHAVEOPT\0\0\0\1\0\0\0\0' >&5
wait_for 5 eval "kill -USR1 $arenad_pid; grep -q connections=2 $tmp/log"
stops 1 "SIGTERM, one client idle, one in its handshake"
exec 4>&- 5>&-

rig_start --mode reverse --
truncate -s 256M "$tmp/zeroes"
nbdcopy --request-size=33554432 "$tmp/zeroes" "nbd://$address/d0" 2>/dev/null &
client=$!
wait_for 5 eval "kill -USR1 $arenad_pid; grep -q 'writes=[1-9]' $tmp/log"
stops 6 "SIGTERM, a busy client"
ok "SIGTERM, a busy client: none is left behind" \
	eval "! grep -q 'did not end in time' $tmp/log"
wait "$client"

rig_start --mode hang --
nbdcopy --request-size=4096 "$tmp/zeroes" "nbd://$address/d0" 2>/dev/null &
client=$!
wait_for 10 eval "kill -USR1 $arenad_pid; grep -q 'writes=[1-9][0-9][0-9]' $tmp/log"
stops 7 "SIGTERM, an SP that does not answer"
wait "$client"
done_testing
