#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a write that a network process reads late is not done over newer data that its client has
# written over another connection to the same process after it had ended the older connection; and
# a write whose client is still there is done.
# Method: the process is stopped while the clients write. It reads the older write in several turns,
# as that does not fit into its network buffers (CONN_AREA_BUFFERS), and the newer one in the first.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=fence-lib.sh
. "$(dirname "$0")/fence-lib.sh"
requires gcc

readonly LONG=57344 SHORT=512

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
	kill -CONT "$(np_pid 0)"
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
kill -CONT "$(np_pid 0)"
is "a write to another block is done" "$(error_of "$new")" 00000000
ok "a write of a client that has gone is done where nobody has written since" \
	wait_for 30 reads_older
is "nothing was refused" "$(outdated arena-np)" 0
end "a write to another block"
done_testing
