#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: when a network process is killed under load, the clients of the others go on, new clients
# are served, its successor serves as many as before, and no buffer stays with a process that died.
# timeout: 400
# shellcheck disable=SC2016 # the conditions are for eval
# shellcheck disable=SC2034 # for lib.sh: the test says how many network processes there are
NPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=many-lib.sh
. "$(dirname "$0")/many-lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
requires nbdinfo

is_served() { timeout 60 nbdinfo --size "nbd://$address/$1" >/dev/null; }

# used: print how many buffers the storage processes have in use, or have lent
used() { counters_refresh && counter arena-sp used_buffers; }

# start ARGUMENT...: run arenad; sets $usual to what its storage processes use without a client
start()
{
	arenad_start "$@"
	# Buffers of the messages of the start are returned within a second.
	sleep 2
	usual=$(used)
}

# None of the buffers of the storage processes are with a network process, or with a dead one.
has_all_buffers() { [ "$(used)" -le "$usual" ]; }

# kill_under_load NPS TRANSPORT: kill network process 0 three times, while clients write and verify
kill_under_load()
{
	local nps=$1 with="$1 network processes over $2" i

	start --nps "$nps" --size "$((nps * 192))M" --disk "d0=$(disk d0 64M)" \
		--disk "d1=$(disk d1 64M)" --transport "$2"
	for i in 1 2 3; do
		crowd_start "of$i" d0 8
		is "kill $i of $with: eight clients write and verify" "$answer" ready
		kill_process arena-np 0
		ok "kill $i of $with: a new client is served" is_served d1
		crowd_stop "of$i"
		ok "kill $i of $with: no client read other data than it wrote" \
			eval '[ "${answer#* wrong }" = 0 ]'
	done
	ok "after three kills of $with clients of both disks write and verify" \
		eval '"$tools/nbd-many" "${address%:*}" "${address##*:}" d0 8 across >"$tmp/many" &&
			"$tools/nbd-many" "${address%:*}" "${address##*:}" d1 8 across >"$tmp/many"'
	ok "after three kills of $with the storage processes have all of their buffers" \
		wait_for 60 has_all_buffers
	is "after three kills of $with no message was bad" "$(counter arena-sp bad_messages)" 0
	arenad_stop
	is "arenad ends with status 0 after three kills of $with" "$status" 0
}

kill_under_load 2 hybrid
kill_under_load 1 msg-ring

# A client that takes no data must not keep buffers, or the role, after the death.
start --size 128M --disk "d0=$(disk d0 64M)" --zerocopy-threshold 4K
mkfifo "$tmp/unread.in"
"$tools/nbd-unread" "${address%:*}" "${address##*:}" d0 <"$tmp/unread.in" >"$tmp/unread.out" &
at_exit end_process "$!"
exec {in}>"$tmp/unread.in"
ok "a client asks for much and reads nothing" wait_for 30 grep -q asked "$tmp/unread.out"
ok "the storage process has lent buffers for a client that reads nothing" eval '! has_all_buffers'
kill_process arena-np 0
ok "a client is served when the network process of one that reads nothing was killed" is_served d0
ok "the storage process has all of its buffers although the client has read nothing" \
	wait_for 60 has_all_buffers
exec {in}>&-
ok "the client that has read nothing sees a reset" wait_for 30 grep -q reset "$tmp/unread.out"
arenad_stop
is "arenad ends with status 0 after the death beside a client that reads nothing" "$status" 0
done_testing
