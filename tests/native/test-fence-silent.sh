#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: where a network process cannot know whether the client of a write is still there, as the
# write has waited for long and another network process has changed the same blocks meanwhile, it
# gives no error, which would be for good: it closes the connection, and the client's next one does
# the write.
# Method: the network process is stopped for longer than it trusts a client that sends nothing.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=fence-lib.sh
. "$(dirname "$0")/fence-lib.sh"

silent_s=$(sed -n 's/.*ALIVE_SILENT_SECONDS = \([0-9]*\),/\1/p' user/np/limits.h)
fence_seen=()
arenad_start --nps 2 --size 512M --disk d="$(disk d 16M)"
enter d
old=$fd old_np=$np
enter_elsewhere d "$old_np" || echo "Bail out! no connection to another network process"
new=$fd

stop_np "$old_np"
ask_write "$old" 1 o
ask_write "$old" 5 o
ask_write "$new" 1 n
is "the newer write is done by another network process" "$(error_of "$new")" 00000000
sleep $((silent_s + 2))
kill -CONT "$(np_pid "$old_np")"

# No reply to the write of block 1 comes; that of block 5 may.
timeout 60 cat <&"$old" >"$tmp/replies"
is "the connection of the silent client is closed" "$?" 0
not_ok "the silent client gets no error" grep -qaP '\x05cookie-1' "$tmp/replies"
is "the silent client gets at most one reply" "$(($(stat -c %s "$tmp/replies") <= 16))" 1
is "it counts what was not done" "$(outdated arena-np)" 1
ok "the network process says why it has closed the connection" \
	wait_for 30 says "a change has waited for more than $silent_s s, and others may have"
is "the newer data is left" "$(letter_of "$new" 1)" n
exec {old}>&-

ok "the client connects to the same network process again" enter_at d "$old_np"
ask_write "$fd" 1 o
is "the client's write is done when it sends it again" "$(error_of "$fd")" 00000000
is "the data of the write that was sent again is there" "$(letter_of "$fd" 1)" o
exec {fd}>&- {new}>&-
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
