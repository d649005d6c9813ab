#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a process for which the kernel has no memory when arenad tells it something hears it later:
# an SP is told of the successor of an NP, and an NP of new files of TLS.
# Method: a library in the processes lets the first polls of the control socket fail.
# sanitizers: no
# shellcheck disable=SC2034 # for lib.sh: the test says how many network processes there are
NPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
requires nbdinfo psktool
requires_inside plant

is_served() { timeout 60 nbdinfo --size "nbd://$address/d0" >/dev/null; }

# failed N: as many polls of the control socket have failed, or more
failed() { [ "$(said "a poll of the control socket fails")" -ge "$1" ]; }

# read_again N: an NP has read its files of TLS as often
read_again() { [ "$(said "are served with the files that arenad has read now")" -ge "$1" ]; }

psktool --username alice --pskfile "$tmp/keys" >/dev/null 2>&1
LD_PRELOAD=$inside PLANT=poll arenad_start --disk "d0=$(disk d0 64M)" --tls allow \
	--tls-psk "$tmp/keys" --sandbox off
for i in 1 2 3; do
	kill -HUP "$arenad_pid"
	ok "reload $i: the network process has the files although the kernel was short of memory" \
		wait_for 60 read_again "$i"
done
ok "two polls of the network process have failed" failed 2
for i in 1 2 3; do
	kill_process arena-np 0
	ok "kill $i: a client is served although the kernel was short of memory" is_served
done
ok "two polls of the storage process have failed, too" failed 4
arenad_stop
is "arenad ends with status 0 after the kernel was short of memory" "$status" 0

# A process that takes no messages at all, as it is stopped, hears them when it goes on.
overfull()
{
	for _ in {1..2000}; do
		kill -HUP "$arenad_pid"
		grep -q "does not take new files" "$tmp/log" && return
	done
	return 1
}
arenad_start --nps 2 --disk "d0=$(disk d0 64M)" --tls allow --tls-psk "$tmp/keys"
stopped=$(process_of arena-np 0)
kill -STOP "$stopped"
ok "a network process that is stopped gets more messages than there is room for" overfull
kill_process arena-sp 0
ok "arenad says that it cannot tell the network process of the successor of a storage process" \
	wait_for 60 says "takes no messages: it is told later who the other one is"
kill -CONT "$stopped"
stopped=$(process_of arena-np 1)
kill -STOP "$stopped"
ok "the network process serves clients when it has gone on, and has heard of the successor" is_served
kill -CONT "$stopped"
arenad_stop
is "arenad ends with status 0 after a process took no messages" "$status" 0
done_testing
