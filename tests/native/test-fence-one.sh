#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a write that a network process reads late is not done over newer data that its client has
# written over another connection to the same process after it had ended the older connection; and
# a write whose client is still there is done.
# Method: the process is stopped while the clients write. It reads the older write in several turns,
# as that does not fit into its network buffers (CONN_AREA_BUFFERS), and the newer one in the first.
# It goes on when the kernel has all bytes of both, and the end of the older connection: on a machine
# that is busy they may come some time after the client has sent them.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=fence-lib.sh
. "$(dirname "$0")/fence-lib.sh"
requires gcc ss

# The older write fits into any receive window.
readonly LONG=16384 SHORT=512 HEADER=28

# has_come COUNT STATE: are so many bytes unread in a connection of that state to arenad? ss(8) counts
# an end as one more.
has_come()
{
	ss -tnH state "$2" "sport = :${address##*:}" |
		awk -v n="$1" '$1 == n || $1 == n + 1 { found = 1 } END { exit !found }'
}

# both_have_come STATE: has the kernel both writes, of which the older one is in a connection of that
# state?
both_have_come()
{
	has_come $((LONG + HEADER)) "$1" && has_come $((SHORT + HEADER)) established
}

# go_on CASE STATE: let the process read both
go_on()
{
	ok "both writes wait in the kernel, case $1" wait_for 30 both_have_come "$2"
	kill -CONT "$(np_pid 0)"
}

# ask_short BLOCK: ask to fill the begin of a block, over the newer connection
ask_short()
{
	ask "$new" 1 "$1" "$SHORT"
	send_bytes "$new" n "$SHORT"
}

begin()
{
	fence_seen=()
	arenad_start --nps 1 --disk d="$(disk d 16M)" "$@"
	enter d
	old=$fd
	enter d
	new=$fd
	# When this reply comes the process waits for what comes next over that connection. It would
	# otherwise find out about the newer write too late if it were stopped just after the handshake.
	letter_of "$new" 0 >/dev/null
}

end()
{
	arenad_stop
	is "arenad ends with status 0 after $1" "$status" 0
	exec {new}>&-
}

# both HOW: write the older data and then, when the client has ended the connection as HOW says, the
# newer one
both()
{
	stop_np 0
	ask "$old" 1 0 "$LONG"
	send_bytes "$old" o "$LONG"
	[ "$1" = none ] || exec {old}>&-
	ask_short 1
	if [ "$1" = none ]; then
		go_on "$1" established
	else
		go_on "$1" close-wait
	fi
	is "the newer write is done, case $1" "$(error_of "$new")" 00000000
}

was_refused() { [ "$(outdated arena-np)" -ge 1 ]; }
is_older() { [ "$(letter_of "$new" 1)" = o ]; }
reads_older() { [ "$(letter_of "$new" 0)" = o ]; }

begin
both FIN
ok "a write whose client has closed the connection is refused, as it is read late" \
	wait_for 30 was_refused
is "the newer data is left after the client had closed the old connection" \
	"$(letter_of "$new" 1)" n
end "an older write came late"

# Without a fence the older write comes over the newer one: the case before this one sees the fence.
ok "an arena-np without a fence is built" np_without_fence "$tmp/unfenced"
begin --bindir "$tmp/unfenced"
both FIN-unfenced
ok "without a fence the older write comes over the newer one" wait_for 30 is_older
end "an older write came over a newer one"

begin
both none
is "a long write is done if its client is there" "$(error_of "$old")" 00000000
ok "it has left its data" reads_older
is "no write of a client that is there is refused to it" "$(outdated arena-np)" 0
exec {old}>&-
end "a late write of a client that is there"

# Others wrote elsewhere: nothing newer is there that the older write could harm.
begin
stop_np 0
ask "$old" 1 0 "$LONG"
send_bytes "$old" o "$LONG"
exec {old}>&-
ask_short 100
go_on elsewhere close-wait
is "a write to another block is done" "$(error_of "$new")" 00000000
ok "a write of a client that has gone is done where nobody has written since" \
	wait_for 30 reads_older
is "nothing was refused" "$(outdated arena-np)" 0
end "a write to another block"
done_testing
