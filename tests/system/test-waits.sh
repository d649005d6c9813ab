#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a disk that does nothing any more makes no client of another disk wait, and loses nothing
# if it goes on later; nor does a network process that is stopped.
# Method: the disk is a device of dm that is suspended while clients write to it.
# timeout: 400
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/many-lib.sh
. "$(dirname "$0")/../native/many-lib.sh"
requires dmsetup nbdinfo

modprobe dm-mod || skip_all "this kernel has no device mapper"
pages_2m 128
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
arenad_start --nps 2 --size 256M --page-size 2M --disk hangs=/dev/mapper/hangs \
	--disk "goes=$disk1"
for name in hangs goes; do
	crowd_start $name $name 2
	is "a client at each of two network processes writes and verifies disk $name" \
		"$answer" ready
done

dmsetup suspend --noflush --nolockfs hangs
ok "clients of both network processes go on while another disk hangs" crowd_goes goes 2
ok "a new client of a disk is served while another disk hangs" \
	timeout 90 nbdinfo --size "nbd://$address/goes"
ok "a client may connect to a disk that hangs" \
	timeout 90 nbdinfo --size "nbd://$address/hangs"
ok "clients still go on after others came to the disk that hangs" crowd_goes goes 2
dmsetup resume hangs
ok "the clients of the disk go on when it goes on" crowd_goes hangs 2

first=$(children arena-np | head -n 1)
kill -STOP "$first"
for name in hangs goes; do
	ok "the client of disk $name at the other network process goes on while one is stopped" \
		crowd_goes $name 1
done
kill -CONT "$first"
for name in hangs goes; do
	ok "both clients of disk $name go on when the network process goes on" crowd_goes $name 2
done
for name in hangs goes; do
	crowd_stop $name
	want="lost 0 wrong 0"
	is "no client of disk $name has lost its connection or read wrong data" "$answer" "$want"
done
arenad_stop
is "arenad ends with status 0 after a disk has hung" "$status" 0
done_testing
