#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-np ends soon after a signal, with status 0, whatever its clients and SPs do, and it
# finishes the requests in flight.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"
requires nbdcopy

# stops SECONDS DESCRIPTION [SIGNAL]: arena-np ends within SECONDS after the signal
stops()
{
	local start=$SECONDS

	kill "-${3:-TERM}" "$arenad_pid"
	arenad_wait
	is "$2: arena-np ends with status 0" "$status" 0
	ok "$2: arena-np ends within $1 seconds" test $((SECONDS - start)) -le "$1"
	ok "$2: arena-np logs its counters at its end" says "arena-np 0: counters connections="
}

rig_start --
stops 1 "SIGTERM without clients"
rig_start --
stops 1 "SIGINT without clients" INT

rig_start --
exec 4<>"/dev/tcp/$host/$port" 5<>"/dev/tcp/$host/$port"
printf '\0\0\0\3IHAVEOPT\0\0\0\1\0\0\0\0' >&5
wait_for 5 eval "kill -USR1 $arenad_pid; grep -q connections=2 $tmp/log"
stops 1 "SIGTERM with an idle client and one in its handshake"
exec 4>&- 5>&-

rig_start --mode reverse --
truncate -s 256M "$tmp/zeroes"
nbdcopy --request-size=33554432 "$tmp/zeroes" "nbd://$address/d0" 2>/dev/null &
client=$!
wait_for 5 eval "kill -USR1 $arenad_pid; grep -q 'writes=[1-9]' $tmp/log"
stops 6 "SIGTERM with a busy client"
ok "SIGTERM with a busy client: no connection is left behind" \
	eval "! grep -q 'did not end in time' $tmp/log"
wait "$client"

rig_start --mode hang --
nbdcopy --request-size=4096 "$tmp/zeroes" "nbd://$address/d0" 2>/dev/null &
client=$!
wait_for 10 eval "kill -USR1 $arenad_pid; grep -q 'writes=[1-9][0-9][0-9]' $tmp/log"
stops 7 "SIGTERM with an SP that does not answer"
wait "$client"
# The connections are those of a successor then.
rig_start --
exec 4<>"/dev/tcp/$host/$port"
printf '\0\0\0\3IHAVEOPT\0\0\0\1\0\0\0\2d0' >&4
timeout 60 head -c 28 <&4 >/dev/null
kill -USR2 "$arenad_pid"
arenad_wait
is "SIGTERM just before arena-np hears that its connections are taken: status 0" "$status" 0
ok "SIGTERM just before arena-np hears that its connections are taken: it gives them" \
	grep -q given "$tmp/out"
ok "SIGTERM just before arena-np hears that its connections are taken: none is shut down" \
	grep -q whole "$tmp/out"
exec 4>&-
done_testing
