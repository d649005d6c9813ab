#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: clients notice nothing but a pause when arenad's storage processes are killed at any moment:
# no request fails, all data is right, and no buffer is missing at the end.
# timeout: 400
# shellcheck disable=SC2016 # the conditions are for eval
: "${NPS:=2}"
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
# shellcheck source-path=SCRIPTDIR source=many-lib.sh
. "$(dirname "$0")/many-lib.sh"
requires fio nbdinfo

used() { counters_refresh && counter arena-sp used_buffers; }
has_all_buffers() { [ "$(used)" -le "$usual" ]; }
is_served() { timeout 60 nbdinfo --size "nbd://$address/$1" >/dev/null; }

# start ARGUMENT...: run arenad; sets $usual to what its storage processes use without a client
start()
{
	arenad_start --disk "d0=$(disk d0 64M)" --disk "d1=$(disk d1 64M)" "$@"
	# Buffers of the messages of the start are returned within a second.
	sleep 2
	usual=$(used)
}

# load DISK: write, read and verify until $tmp/enough is there; it fails with the first error
load()
{
	local n=0

	until [ -e "$tmp/enough" ]; do
		fio --name="$1" --ioengine=nbd --uri="nbd://$address/$1" --rw=randrw --size=32M \
			--io_size=16M --iodepth=16 --bsrange=512-128k --blockalign=512 \
			--verify=crc32c --verify_state_save=0 --randseed="$n" \
			>"$tmp/fio.$1" 2>&1 || return 1
		n=$((n + 1))
	done
}

start
load d0 & first=$!
load d1 & second=$!
# A process that dies five times in a row is given up.
for i in 1 2 3 4; do
	kill_process arena-sp 0
	sleep 0.3
	kill_process arena-sp 1
	ok "kill $i of both storage processes: a new client is served" is_served d0
done
touch "$tmp/enough"
wait "$first"
is "fio verifies all that it reads of the first disk while storage processes are killed" $? 0
wait "$second"
is "fio verifies all that it reads of the second disk while storage processes are killed" $? 0
ok "the storage processes have all of their buffers after they were killed" \
	wait_for 60 has_all_buffers
is "no message was bad after storage processes were killed" \
	"$(counter arena-sp bad_messages) $(counter arena-np bad_messages)" "0 0"
arenad_stop
is "arenad ends with status 0 after its storage processes were killed" "$status" 0

# The clients of a network process that is killed are cut off. What they read before is right.
start
crowd_start both d0 8
kill -KILL "$(process_of arena-sp 0)" "$(process_of arena-np 0)"
ok "a client is served when a storage and a network process were killed at once" is_served d0
kill_process arena-sp 0
kill_process arena-np 1
ok "a client is served when a network process was killed while requests were sent again" \
	is_served d0
crowd_stop both
ok "no client has read wrong data when storage and network processes were killed" \
	eval '[ "${answer#* wrong }" = 0 ]'
ok "the storage processes have all of their buffers after all kinds were killed" \
	wait_for 60 has_all_buffers

# The storage process that is killed now has the requests of one network process only.
crowd_start stopped d0 8
counters_refresh
pid=$(process_of arena-np 0)
kill -STOP "$pid"
kill_process arena-sp 0
ok "the clients of one network process go on when the other one is stopped, and does not send \
again what a dead storage process had" crowd_goes stopped 1
kill_process arena-sp 0
ok "the clients of one network process go on when a second storage process was killed" \
	crowd_goes stopped 1
kill -CONT "$pid"
crowd_stop stopped
ok "no client has read wrong data when a network process came too late" \
	eval '[ "${answer#* wrong }" = 0 ]'
arenad_stop
is "arenad ends with status 0 when all that died were started again" "$status" 0

# Requests wait for as long as --hold says, and fail then.
start --hold 3 --no-disk d1=refuse
crowd_start held d1 2
for i in 1 2 3 4 5; do kill_process arena-sp 1; done
# have_ended: do no clients of the crowd run any more?
# A client that has ended and was not waited for is a zombie.
have_ended() { ! pgrep --parent "${crowd_pid[held]}" --runstates D,R,S,T >/dev/null; }
ok "clients end with an error when the storage process of their disk was given up" \
	wait_for 60 have_ended
crowd_stop held
is "clients have read no wrong data before the storage process of their disk was given up" \
	"$answer" "lost 2 wrong 0"
ok "a client of the other disk is served when a storage process was given up" is_served d0
arenad_stop
done_testing
