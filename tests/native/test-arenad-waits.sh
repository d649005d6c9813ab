#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a process or a client that is stopped, or that does what it likes, makes nobody else wait.
# Method: clients of two disks, over two network processes, write and verify without pause. No round
# of those that have nothing to do with what is stopped may take half of the time for which it is.
# timeout: 400
# shellcheck disable=SC2016 # the conditions are for eval
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=many-lib.sh
. "$(dirname "$0")/many-lib.sh"
requires nbdinfo

# memory_disk NAME SIZE: make a disk in memory, if files there can be opened with O_DIRECT, as others
# use the machine's disk, too, and may hold up both disks of this test for seconds
memory=$(mktemp -d /dev/shm/waits-XXXXXX)
at_exit rm -rf "$memory"
memory_disk()
{
	truncate -s "$2" "$memory/$1.img"
	if dd if=/dev/zero of="$memory/$1.img" bs=4k count=1 conv=notrunc oflag=direct 2>/dev/null; then
		echo "$memory/$1.img"
	else
		disk "$1" "$2"
	fi
}

arenad_start --nps 2 --size 384M --disk d0="$(memory_disk d0 128M)" \
	--disk d1="$(memory_disk d1 64M)"
host=${address%:*} port=${address##*:}

# new_client NAME WHEN: a client that comes now is served
new_client()
{
	ok "a client of disk $1 that comes while $2 is served" \
		timeout 90 nbdinfo --size "nbd://$address/$1"
}

for name in d0 d1; do
	crowd_start $name $name 4
	is "four clients of disk $name over two network processes write and verify" "$answer" ready
done

diag "while nobody is stopped:"
crowds_watch 2 d0=4 d1=4

pid=$(children arena-sp | head -n 1)
kill -STOP "$pid"
ok "no client of a disk waits while the storage process of the other disk is stopped" \
	none_waits 8 d1=4
new_client d1 "the storage process of the other disk is stopped"
ok "clients of a disk still go on after another client came" crowd_goes d1 4
kill -CONT "$pid"
ok "all clients of a disk go on when its storage process goes on" crowd_goes d0 4

kill -STOP "$arenad_pid"
ok "no client of either disk waits while arenad is stopped" none_waits 8 d0=4 d1=4
new_client d0 "arenad is stopped"
kill -CONT "$arenad_pid"

counters_refresh
for i in 0 1; do
	pid=$(children arena-np | sed -n "$((i + 1))p")
	kill -STOP "$pid"
	# Of the four clients of each disk two are at each network process, as they came in turn.
	ok "no client of the other network process waits while network process $i is stopped" \
		none_waits 8 d0=2 d1=2
	new_client d0 "network process $i is stopped"
	new_client d1 "network process $i is stopped"
	kill -CONT "$pid"
	ok "all clients of the first disk go on when network process $i goes on" crowd_goes d0 4
	ok "all clients of the second disk go on when network process $i goes on" crowd_goes d1 4
done

# Clients of both network processes ask for all that they may have, and take nothing.
unread_start 4 d0
ok "no client of either disk waits while four clients of one of them take nothing" \
	none_waits 8 d0=4 d1=4
unread_stop
ok "all clients go on when those that took nothing have gone" crowd_goes d0 4

# The next clients overwrite the disk.
crowd_stop d0
is "no client of the first disk has lost its connection or read wrong data" "$answer" \
	"lost 0 wrong 0"
"$tools/nbd-greedy" "$host" "$port" d0 >"$tmp/greedy" &
# shellcheck disable=SC2034 # for eval
greedy=$!
ok "all clients of a disk go on while clients of the other one take nothing and send half" \
	crowd_goes d1 4
ok "the greedy clients find that others are served" \
	eval 'wait $greedy || { grep "^not ok" -A 3 "$tmp/greedy"; false; }'

"$tools/nbd-hostile" "$host" "$port" d0 >"$tmp/hostile" &
# shellcheck disable=SC2034 # for eval
hostile=$!
ok "all clients of a disk go on beside hostile clients of the other one" crowd_goes d1 4
ok "the hostile clients find that others are served" \
	eval 'wait $hostile || { grep "^not ok" -A 3 "$tmp/hostile" | head -n 18; false; }'
crowd_stop d1
is "no client of the second disk has lost its connection or read wrong data" "$answer" \
	"lost 0 wrong 0"
counters_refresh
for i in 0 1; do
	is "storage process $i found no message bad" "$(counter "arena-sp $i" bad_messages)" 0
done
arenad_stop
is "arenad ends with status 0 after its processes were stopped for a while" "$status" 0
done_testing
