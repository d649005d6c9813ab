#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: what a network process that was taken over has done to the storage processes does not keep
# its successor from serving: they have parted with it, and its mailboxes and theirs are flooded.
# sanitizers: no
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=many-lib.sh
. "$(dirname "$0")/many-lib.sh"
# shellcheck source-path=SCRIPTDIR source=breakout-lib.sh
. "$(dirname "$0")/breakout-lib.sh"

first=$(disk d0 16M)
second=$(disk d1 16M)

# np_is_new OLD: network process 0 is another one than OLD, and serves
np_is_new()
{
	np=$(process arena-np 0)
	[ -n "$np" ] && [ "$np" != "$1" ] && ready_again
}

# ready_again: the successor has said that it listens
ready_again() { [ "$(grep -c "^arena-np 0: listening on" "$tmp/log")" -ge 2 ]; }

# parted SP: storage process SP has ended the channel to network process 0
parted()
{
	grep -qE "^arena-sp $1: (error: )?(network process 0 sent|cannot send to network process 0)" \
		"$tmp/log"
}

breakout_start '' --hold 30 --size 512M --page-size 4K --disk "d0=$first" --disk "d1=$second"
for id in 0 1; do
	# A process that takes messages as fast as they come has no reason to part with it.
	kill -STOP "$(process arena-sp $id)"
	attempt "$np" $((1120 + id))
	kill -CONT "$(process arena-sp $id)"
	ok "code in arena-np floods storage process $id" [ "${outcome:-0}" -gt 8192 ]
	ok "storage process $id parts with a network process that floods it" wait_for 20 parted $id
done
old=$np
kill -KILL "$old"
ok "the successor of the network process listens" wait_for 40 np_is_new "$old"
# All clients come to the successor.
other=$(process arena-np 1)
kill -STOP "$other"
for name in d0 d1; do
	is "the successor serves a client of $name" \
		"$(timeout 30 nbdinfo --size "nbd://$address/$name")" $((16 << 20))
done
kill -CONT "$other"
is "the network process that was not killed serves a client" \
	"$(timeout 30 nbdinfo --size "nbd://$address/d0")" $((16 << 20))
arenad_stop
done_testing
