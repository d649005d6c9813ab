#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a write of a client that has ended only its sending side, right behind the write, is done if
# no other network process has changed the same bytes since the client came; if one has, it is not
# done over the newer data.
# Method: the client comes over a UNIX socket, which does not tell when it has sent its last bytes.
# shellcheck disable=SC2034 # for lib.sh: the test says how many network processes there are
NPS=2
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=fence-lib.sh
. "$(dirname "$0")/fence-lib.sh"

# half_start BLOCK LETTER: run the client; sets $half_pid, $half_in, and $half_np to its process
half_start()
{
	rm -f "$tmp/half.in" "$tmp/half.out"
	mkfifo "$tmp/half.in"
	"$BUILD/tests/native/nbd-half" unix "$tmp/socket" d "$1" "$2" \
		<"$tmp/half.in" >"$tmp/half.out" 2>&1 &
	half_pid=$!
	at_exit end_process "$half_pid"
	exec {half_in}>"$tmp/half.in"
	wait_for 30 grep -q ready "$tmp/half.out"
	np_of_last >"$tmp/np"
	half_np=$(cat "$tmp/np")
}

# half_go: let the client write, and end its sending side
half_go()
{
	echo >&"$half_in"
	exec {half_in}>&-
	wait_for 30 grep -q sent "$tmp/half.out"
}

# half_end: wait for the client; sets $answer
half_end()
{
	wait "$half_pid"
	answer=$(tail -n 1 "$tmp/half.out")
}

fence_seen=()
# The others come over TCP.
listen+=(--listen "unix:$tmp/socket")
arenad_start --nps 2 --size 512M --disk d="$(disk d 16M)"
half_start 1 h
half_go
half_end
is "a write behind which the client has ended its sending side is done" "$answer" "error 0"
enter d
is "it leaves its data" "$(letter_of "$fd" 1)" h
exec {fd}>&-

half_start 2 o
enter_elsewhere d "$half_np" || echo "Bail out! no connection to another network process"
new=$fd
stop_np "$half_np"
half_go
ask_write "$new" 2 n
is "newer data is written by way of another network process" "$(error_of "$new")" 00000000
kill -CONT "$(np_pid "$half_np")"
half_end
is "the older write gets EIO if it comes late, and its client has ended its sending side" \
	"$answer" "error 5"
is "the newer data is left" "$(letter_of "$new" 2)" n

arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
