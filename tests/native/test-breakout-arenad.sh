#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: what a network process that was taken over says on its control socket is nothing to arenad,
# which reads none of it, keeps nothing of it, and goes on to speak to the process itself.
# sanitizers: no
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=many-lib.sh
. "$(dirname "$0")/many-lib.sh"
# shellcheck source-path=SCRIPTDIR source=breakout-lib.sh
. "$(dirname "$0")/breakout-lib.sh"

# descriptors: print how many arenad has
descriptors()
{
	find "/proc/$arenad_pid/fd" -type l | wc -l
}

# work_of_arenad: print how long arenad has run on a processor, in ticks
work_of_arenad()
{
	awk '{ print $14 + $15 }' "/proc/$arenad_pid/stat"
}

breakout_start '' --hold 30 --size 384M --page-size 4K --disk "d0=$(disk d0 16M)" \
	--disk "d1=$(disk d1 16M)"
had=$(descriptors)
worked=$(work_of_arenad)
attempt "$np" 1003
diag "code in arena-np sends $outcome messages"
ok "code in arena-np sends arenad messages on its control socket until no more have room" \
	[ "${outcome:-0}" -gt 64 ]
sleep 2
ok "arenad does next to nothing for two seconds while they wait for it" \
	[ "$(($(work_of_arenad) - worked))" -lt "$(($(getconf CLK_TCK) / 4))" ]

# arenad tells network processes by the same socket who the next storage process is.
kill -KILL "$sp"
ok "a storage process that is killed after that is started again" \
	wait_for 30 says "arena-sp 1 (disk d1) is started again"
# All clients come to the process that has sent the messages.
other=$(process arena-np 1)
kill -STOP "$other"
is "the process that has sent them hears from arenad who the next storage process is" \
	"$(timeout 60 nbdinfo --size "nbd://$address/d1")" $((16 << 20))
kill -CONT "$other"

attempt "$np" 1003
is "arenad has read none of the messages, so that there is room for no other" "$outcome" 0
is "arenad has taken none of the descriptors that came with them" "$(descriptors)" "$had"
arenad_stop
is "arenad ends with status 0 though nobody has read the messages" "$status" 0
done_testing
