# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp, address, tools and arenad_pid are those of the other files
# Helpers for tests that have processes replaced while they run. A test sources this file after
# lib.sh, many-lib.sh and restart-lib.sh.

replace() { kill -USR2 "$arenad_pid"; }

# replaced N: have N processes been replaced since arenad was started?
replaced() { [ "$(said 'was replaced: process')" -ge "$1" ]; }

# given_up N: have N replacements failed, while the processes that run went on?
given_up() { [ "$(said 'has ended, and process')" -ge "$1" ]; }

# install_np COMMAND: have a shell script in the place of arena-np
install_np()
{
	rm -f "$tmp/bin/arena-np"
	printf '#!/bin/sh\n%s\n' "$1" >"$tmp/bin/arena-np"
	chmod +x "$tmp/bin/arena-np"
}

# child_is NAME: does arenad have a child of this name?
child_is() { pgrep -P "$arenad_pid" -x "$1" >/dev/null; }

# other_than PID: print the id of the network process that is not this one
other_than() { pgrep -P "$arenad_pid" -x arena-np | grep -vx "$1"; }

# stay_start EXPORT CLIENTS WHERE...: run nbd-stay, see there
stay_start()
{
	rm -f "$tmp/stay.in" "$tmp/stay.out"
	mkfifo "$tmp/stay.in"
	"$tools/nbd-stay" "${address%:*}" "${address##*:}" "$@" \
		<"$tmp/stay.in" >"$tmp/stay.out" 2>>"$tmp/crowds" &
	stay_pid=$!
	at_exit end_process "$stay_pid"
	exec {stay_in}>"$tmp/stay.in"
	wait_for 30 grep -q ready "$tmp/stay.out"
}

# stay_stop: let the clients go on; $answer is what nbd-stay says then
stay_stop()
{
	echo >&"$stay_in"
	exec {stay_in}>&-
	wait "$stay_pid"
	answer=$(tail -n 1 "$tmp/stay.out")
}

# unread_start EXPORT: run a client that asks for much and takes nothing
unread_start()
{
	rm -f "$tmp/unread.in" "$tmp/unread.out"
	mkfifo "$tmp/unread.in"
	"$tools/nbd-unread" "${address%:*}" "${address##*:}" "$1" \
		<"$tmp/unread.in" >"$tmp/unread.out" 2>>"$tmp/crowds" &
	unread_pid=$!
	at_exit end_process "$unread_pid"
	exec {unread_in}>"$tmp/unread.in"
	wait_for 30 grep -q asked "$tmp/unread.out"
}

# unread_stop: let it take its data; $answer is "reset" or "end"
# shellcheck disable=SC2034 # for the test
unread_stop()
{
	exec {unread_in}>&-
	wait "$unread_pid"
	answer=$(tail -n 1 "$tmp/unread.out")
}

# pauses: report how long processes that were replaced had stopped their clients
pauses()
{
	grep -o 'handed .* us$' "$tmp/log" | while read -r line; do diag "$line"; done
}

declare -A secret_pid secret_in

# secret_start NAME PRIORITY ACTION...: run nbd-tls, which waits after its first action, and does
# the others when secret_stop lets it go on
secret_start()
{
	local in

	rm -f "$tmp/$1.in" "$tmp/$1.out"
	mkfifo "$tmp/$1.in"
	timeout 60 "$tools/nbd-tls" 127.0.0.1 "${address##*:}" d "$2" "$3" wait "${@:4}" \
		<"$tmp/$1.in" >"$tmp/$1.out" 2>&1 &
	secret_pid[$1]=$!
	at_exit end_process "$!"
	exec {in}>"$tmp/$1.in"
	secret_in[$1]=$in
	wait_for 30 grep -q waits "$tmp/$1.out"
}

# secret_stop NAME: let it go on; true if the server has answered all of it
secret_stop()
{
	echo >&"${secret_in[$1]}"
	wait "${secret_pid[$1]}" || { cat "$tmp/$1.out"; return 1; }
}
