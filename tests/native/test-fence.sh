#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a write that is handed over late, as its network process was stopped or its export has
# limits, is not done over newer data that its client has written by way of another network process
# after it has ended the connection; and a write whose client is still there is done.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=fence-lib.sh
. "$(dirname "$0")/fence-lib.sh"
requires gcc

begin()
{
	fence_seen=()
	arenad_start --nps 2 --size 512M --disk d="$(disk d 16M)" "$@"
	enter d
	old=$fd old_np=$np
	enter_elsewhere d "$old_np" || echo "Bail out! no connection to another network process"
	new=$fd
}

end()
{
	arenad_stop
	is "arenad ends with status 0 after $1" "$status" 0
	exec {new}>&-
}

# late HOW: the older write lies in the socket of a process that is stopped, whose client ends the
# connection as HOW says
late()
{
	stop_np "$old_np"
	ask_write "$old" 1 o
	[ "$1" = none ] || exec {old}>&-
	ask_write "$new" 1 n
	is "the newer write is done by another network process, case $1" "$(error_of "$new")" \
		00000000
	kill -CONT "$(np_pid "$old_np")"
}

was_refused() { [ "$(outdated arena-np)" -ge 1 ]; }

begin
late FIN
ok "a write whose client has closed the connection is refused, as it comes late" \
	wait_for 30 was_refused
is "the newer data is left after the client had closed the old connection" \
	"$(letter_of "$new" 1)" n
end "an older write came late"

# Without a fence the older write comes over the newer one: the case before this one sees the fence.
ok "an arena-sp without a fence is built" without_fence "$tmp/unfenced"
begin --bindir "$tmp/unfenced"
late FIN-unfenced
is_older() { [ "$(letter_of "$new" 1)" = o ]; }
ok "without a fence the older write comes over the newer one" wait_for 30 is_older
end "an older write came over a newer one"

begin
# A connection that is closed while bytes are unread is reset.
ask "$old" 0 2 1
ask "$old" 0 2 1
timeout 60 head -c 18 <&"$old" >/dev/null
late RST
# The process may see the reset before it hands the write over.
ok "the network process that was stopped serves clients again" enter_at d "$old_np"
is "the newer data is left after the client had reset the old connection" \
	"$(letter_of "$new" 1)" n
end "an older write came late by a connection that was reset"

begin
late none
is "a write that comes late is done if its client is there" "$(error_of "$old")" 00000000
is "a write that came late has left its data if its client is there" "$(letter_of "$new" 1)" o
is "no write of a client that is there is refused to it" "$(outdated arena-np)" 0
exec {old}>&-

# The client ends its connection in the middle of the payload.
enter d
ask "$fd" 1 3 4096
send_bytes "$fd" h 2048
exec {fd}>&-
enter d
is "a write whose payload was not complete is not done" "$(letter_of "$fd" 3 | od -An -tx1)" " 00"
end "a late write of a client that is there"

# The older write waits for the limits behind reads of the same network process, and the newer one
# does not. The reads take 20 s, within which the newer one has to come.
begin --limit d=iops=3
for i in {1..60}; do
	ask "$old" 0 2 1
done
ask_write "$old" 1 o
has_come() { counters_refresh; [ "$(counter "arena-np $old_np" writes)" = 1 ]; }
ok "the older write is handed over and waits for the limits" wait_for 30 has_come
exec {old}>&-
ask_write "$new" 1 n
is "the newer write is done before older requests of another network process" \
	"$(error_of "$new")" 00000000
ok "a write that waited for the limits is refused, as its client has gone" wait_for 60 was_refused
is "the newer data is left after the older write has waited for the limits" \
	"$(letter_of "$new" 1)" n
end "an older write waited for the limits"
done_testing
