#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a service manager learns from arenad when clients may come, when files are read again and
# that it stops, as sd_notify(3) says, also from an arenad that has adopted its processes; arenad
# goes on if nobody takes what it says.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdinfo python3

# manager ADDRESS: a service manager that writes what it is told, a word for each message, and the
# texts for people into another file
manager()
{
	: >"$tmp/told"
	python3 -u - "$1" >"$tmp/told" 2>"$tmp/statuses" <<-'END' &
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1].replace('@', '\0', 1))
		print("LISTENING")
		while True:
		    text = s.recv(4096).decode()
		    if "STATUS=" in text:
		        print(text.split("STATUS=")[1], file=sys.stderr)
		    print(text.split("=")[0])
	END
	at_exit kill $!
	wait_for 20 grep -q LISTENING "$tmp/told"
}

# told: print what the manager was told
told()
{
	tail -n +2 "$tmp/told" | xargs
}

# is_told WORD...: was the manager told just that?
is_told()
{
	[ "$(told)" = "$*" ]
}

export NOTIFY_SOCKET=$tmp/notify
manager "$NOTIFY_SOCKET"
arenad_start --disk "d=$(disk d 4M)"
ok "the manager is told that arenad is ready" wait_for 20 is_told READY
kill -HUP "$arenad_pid"
ok "the manager is told of SIGHUP, and that it was dealt with" \
	wait_for 20 is_told READY RELOADING READY
kill -KILL "$arenad_pid"
wait_for 20 gone "$arenad_pid"
arenad_again
ok "the manager is told of the readiness of an arenad that has adopted its processes" \
	wait_for 20 is_told READY RELOADING READY READY
arenad_stop
ok "the manager is told that arenad stops" wait_for 20 is_told READY RELOADING READY READY STOPPING

export NOTIFY_SOCKET=$tmp/status
manager "$NOTIFY_SOCKET"
echo '[arenad]' >"$tmp/file.conf"
arenad_start --config "$tmp/file.conf" --disk "d=$(disk d 4M)"
ok "the manager is told that arenad is ready" wait_for 20 is_told READY
echo nonsense >>"$tmp/file.conf"
kill -HUP "$arenad_pid"
ok "the manager is told that a reload is over whose file is wrong" \
	wait_for 20 is_told READY RELOADING READY
is "the text for people says what is wrong" "$(tail -n 1 "$tmp/statuses")" \
	"the last reload has failed: reload: $tmp/file.conf:2: Equal sign is missing.; correct it, and reload again"
echo '[arenad]' >"$tmp/file.conf"
kill -HUP "$arenad_pid"
ok "the manager is told of another reload" \
	wait_for 20 is_told READY RELOADING READY RELOADING READY
is "the text is empty when all is well again" "$(tail -n 1 "$tmp/statuses")" ""
arenad_stop

export NOTIFY_SOCKET=@msharearena-notify-$$
manager "$NOTIFY_SOCKET"
arenad_start --disk "d=$(disk d 4M)"
ok "a manager with an abstract address is told, too" wait_for 20 is_told READY
arenad_stop

# told_alive N: was the manager told so often that arenad does not hang?
told_alive() { [ "$(grep -c WATCHDOG "$tmp/told")" -ge "$1" ]; }
export WATCHDOG_USEC=300000
arenad_start --disk "d=$(disk d 4M)"
ok "a manager that awaits it is told from time to time that arenad does not hang" \
	wait_for 60 told_alive 20
kill -STOP "$arenad_pid"
sleep 1
alive=$(grep -c WATCHDOG "$tmp/told")
sleep 2
not_ok "it is not told so of an arenad that is stopped" told_alive $((alive + 1))
kill -CONT "$arenad_pid"
ok "it is told so again when arenad goes on" wait_for 60 told_alive $((alive + 3))
arenad_stop
WATCHDOG_PID=$$ arenad_start --disk "d=$(disk d 4M)"
alive=$(grep -c WATCHDOG "$tmp/told")
sleep 2
not_ok "a manager that awaits it of another process is not told" told_alive $((alive + 1))
arenad_stop
unset WATCHDOG_USEC

# A manager that hangs: nobody reads its socket, which has room for a few messages.
NOTIFY_SOCKET=$tmp/hangs
python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
time.sleep(600)' "$NOTIFY_SOCKET" &
at_exit end_process $!
wait_for 20 test -S "$NOTIFY_SOCKET"
arenad_start --disk "d=$(disk d 4M)"
read -r room </proc/sys/net/unix/max_dgram_qlen
# is_over: does arenad find the socket full? Each SIGHUP is two messages.
is_over()
{
	kill -HUP "$arenad_pid"
	says "cannot tell the service manager at $NOTIFY_SOCKET"
}
ok "arenad says that a manager takes no more messages" wait_for $((room + 60)) is_over
ok "arenad serves on" nbdinfo --size "nbd://$address/d"
arenad_stop
is "arenad ends with status 0 though the manager hangs" "$status" 0

for NOTIFY_SOCKET in "$tmp/nobody" not-a-path "/$(printf 'x%.0s' {1..200})"; do
	arenad_start --disk "d=$(disk d 4M)"
	ok "arenad serves though nobody listens at ${NOTIFY_SOCKET:0:20}" nbdinfo --size "nbd://$address/d"
	ok "arenad warns that it cannot tell ${NOTIFY_SOCKET:0:20}" \
		says "cannot tell the service manager at $NOTIFY_SOCKET"
	arenad_stop
done
done_testing
