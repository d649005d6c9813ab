#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: with several network processes and several disks, clients of each reach each disk, what a
# client has written is there for the clients of the others, and a network process that dies, or
# that does not go on, makes no client of another one wait.
# timeout: 400
# shellcheck disable=SC2016 # the conditions are for eval
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=many-lib.sh
. "$(dirname "$0")/many-lib.sh"
requires ss nbdinfo

# start NPS ARGUMENT...: run arenad with two disks; sets $host and $port
start()
{
	local nps=$1

	shift
	arenad_start --nps "$nps" --size 384M --disk d0="$(disk d0 64M)" \
		--disk d1="$(disk d1 64M)" "$@"
	host=${address%:*} port=${address##*:}
}

start 2
ok "arenad starts two network processes" eval "[ \$(children arena-np | wc -l) = 2 ]"
ok "arenad starts a storage process for each disk beside two network processes" \
	eval "[ \$(children arena-sp | wc -l) = 2 ]"
for name in d0 d1; do
	ok "clients write disk $name on one connection and read it on another" \
		"$tools/nbd-many" "$host" "$port" "$name" 8 across
done
counters_refresh
for i in 0 1; do
	ok "network process $i has a third of the connections at least" \
		[ "$(counter "arena-np $i" connections)" -ge 11 ]
	ok "network process $i has passed on reads and flushes to storage processes" \
		eval "[ $(counter "arena-np $i" reads) -gt 0 ] && [ $(counter "arena-np $i" flushes) -gt 0 ]"
	is "storage process $i serves both network processes" "$(counter "arena-sp $i" nps)" 2
	is "storage process $i found no message bad" "$(counter "arena-sp $i" bad_messages)" 0
	is "network process $i found no message bad" "$(counter "arena-np $i" bad_messages)" 0
done
is "the storage processes have taken as many requests as the network processes passed on" \
	"$(counter arena-sp requests)" \
	"$(($(counter arena-np reads) + $(counter arena-np writes) + $(counter arena-np flushes)))"
arenad_stop
is "arenad ends with status 0 after it was asked to stop two network processes" "$status" 0

# A network process that is stopped keeps what it has, and gets nothing more done.
start 2 --hold 0
crowd_start d0 d0 8
is "eight clients of two network processes write and verify" "$answer" ready
counters_refresh
others=$(counter "arena-np 1" connections)
first=$(children arena-np | head -n 1)
kill -STOP "$first"
crowd_ask d0 "$others"
is "the clients of one network process go on while the other one is stopped" "$answer" going
# Clients wake one process each, and the one that is stopped is among them.
for i in 1 2 3; do
	ok "client $i of three that come while a network process is stopped is served by the other one" \
		timeout 60 nbdinfo --size "nbd://$address/d0"
done
kill -CONT "$first"
crowd_ask d0 8
is "all clients go on when the network process that was stopped goes on" "$answer" going
kill -KILL "$first"
crowd_ask d0 "$others"
is "the clients of one network process go on when the other one was killed" "$answer" going
ok "arenad names the network process that was killed" says "arena-np 0 (process $first) was killed"
ok "the first storage process has seen the network process end" \
	says "arena-sp 0: network process 0 has ended"
ok "the second storage process has seen the network process end" \
	says "arena-sp 1: network process 0 has ended"
ok "new clients are served when one of two network processes was killed" \
	"$tools/nbd-many" "$host" "$port" d1 4 across
crowd_stop d0
is "only the clients of the network process that was killed have lost their connections" \
	"$answer" "lost $((8 - others)) wrong 0"
counters_refresh
is "a storage process counts one network process when the other one was killed" \
	"$(counter "arena-sp 0" nps)" 1
arenad_stop
is "arenad ends with status 1 when a network process has died before" "$status" 1

start 2 --hold 0
children arena-np | xargs kill -KILL
arenad_wait
is "arenad ends with status 1 when all network processes were killed" "$status" 1

start 2 --hold 0
kill -KILL "$(children arena-sp | head -n 1)"
arenad_wait
is "arenad ends with status 1 when a storage process was killed that is not started again" \
	"$status" 1

start 2 --reuse-port --hold 0
ok "clients of two network processes with sockets of their own are served" \
	"$tools/nbd-many" "$host" "$port" d0 16 across
counters_refresh
for i in 0 1; do
	ok "network process $i with sockets of its own has some of 32 connections" \
		[ "$(counter "arena-np $i" connections)" -ge 1 ]
done
children arena-np | head -n 1 | xargs kill -KILL
# The kernel closes the files of a ring some time after the process has ended.
ok "the sockets of a network process are closed when it was killed" \
	wait_for 30 eval '[ "$(ss -Hltn "sport = :$port" | wc -l)" = 1 ]'
ok "the network process that is left gets all clients" \
	"$tools/nbd-many" "$host" "$port" d0 16 across
arenad_stop

start 3 --transport msg-ring
ok "clients of three network processes are served over MSG_RING" \
	"$tools/nbd-many" "$host" "$port" d0 6 across
arenad_stop
is "arenad ends with status 0 after three network processes over MSG_RING" "$status" 0
done_testing
