#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a disk that does nothing any more makes no client of another disk wait, and loses nothing
# if it goes on later; nor do a process that is stopped and clients that take nothing.
# Method: the disk is a device of dm that is suspended while clients write to it. No round of those
# that have nothing to do with it may take half of the time for which it is.
# timeout: 400
# run: long
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/many-lib.sh
. "$(dirname "$0")/../native/many-lib.sh"
requires dmsetup nbdinfo

modprobe dm-mod || skip_all "this kernel has no device mapper"
pages_2m 192
# There is no udevd, so dmsetup makes the file in /dev itself.
export DM_DISABLE_UDEV=1
dmsetup create hangs \
	--table "0 $(blockdev --getsz "$disk0") linear $disk0 0" || skip_all "dmsetup fails"
remove()
{
	dmsetup resume hangs
	arenad_kill
	wait_for 20 dmsetup remove hangs
}
at_exit remove
arenad_start --nps 2 --size 384M --page-size 2M --disk hangs=/dev/mapper/hangs \
	--disk "goes=$disk1"
for name in hangs goes; do
	crowd_start $name $name 2
	is "a client at each of two network processes writes and verifies disk $name" \
		"$answer" ready
done

host=${address%:*} port=${address##*:}
diag "while nobody is stopped:"
crowds_watch 3 hangs=2 goes=2

dmsetup suspend --noflush --nolockfs hangs
ok "no client of either network process waits while another disk hangs" none_waits 8 goes=2
ok "a new client of a disk is served while another disk hangs" \
	timeout 90 nbdinfo --size "nbd://$address/goes"
ok "a client may connect to a disk that hangs" \
	timeout 90 nbdinfo --size "nbd://$address/hangs"
ok "clients still go on after others came to the disk that hangs" crowd_goes goes 2
dmsetup resume hangs
ok "the clients of the disk go on when it goes on" crowd_goes hangs 2

first=$(children arena-np | head -n 1)
kill -STOP "$first"
ok "no client of the other network process waits while one is stopped" \
	none_waits 8 hangs=1 goes=1
kill -CONT "$first"
for name in hangs goes; do
	ok "both clients of disk $name go on when the network process goes on" crowd_goes $name 2
done
pid=$(children arena-sp | head -n 1)
kill -STOP "$pid"
ok "no client of a disk waits while the storage process of the other one is stopped" \
	none_waits 8 goes=2
kill -CONT "$pid"
ok "both clients of the disk go on when its storage process goes on" crowd_goes hangs 2

unread_start 4 hangs
ok "no client of either disk waits while four clients of one of them take nothing" \
	none_waits 8 hangs=2 goes=2
unread_stop
ok "both clients go on when those that took nothing have gone" crowd_goes hangs 2
crowd_stop hangs
is "no client of the disk that hung has lost its connection or read wrong data" "$answer" \
	"lost 0 wrong 0"

# The next clients overwrite the disk.
"$tools/nbd-greedy" "$host" "$port" hangs >"$tmp/greedy" &
greedy=$!
ok "clients of a disk go on while clients of the other one take nothing and send half" \
	crowd_goes goes 2
greedy_are_content() { wait "$greedy" || { grep '^not ok' -A 3 "$tmp/greedy"; false; }; }
ok "the greedy clients find that others are served" greedy_are_content
crowd_stop goes
is "no client of the other disk has lost its connection or read wrong data" "$answer" \
	"lost 0 wrong 0"
arenad_stop
is "arenad ends with status 0 after a disk has hung" "$status" 0
done_testing
