#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: standard streams that are closed, full or read by nobody neither end a process
# nor let what it logs get into a disk or the region.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

disk=$(disk one 8M)
cp "$disk" "$tmp/pristine.img"
arguments=(--region streams --backend memfd --page-size 4K --size 128M --disk "one=$disk")
processes() { echo "$arenad_pid"; children arena-np; children arena-sp; }
answers() { timeout 2 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port; head -c 8 <&3" 2>/dev/null |
	grep -q NBDMAGIC; }

# listens_with COMMAND: in the background, on a port of its own
listens_with()
{
	port=$(free_port)
	eval "arenad \"\${arguments[@]}\" --listen 127.0.0.1:$port $1 &"
	arenad_pid=$!
	wait_for 60 answers
}

low_files() { for pid in $(processes); do readlink "/proc/$pid/fd/"[012]; done | sort -u; }

ok "all streams closed: clients are served" listens_with '<&- >&- 2>&-'
is "all streams closed: every process has /dev/null there" "$(low_files)" /dev/null
kill -USR1 "$arenad_pid"
ok "all streams closed: the processes log and live on" answers
arenad_stop
is "all streams closed: status" "$status" 0
ok "all streams closed: nothing is written to the disk" cmp "$disk" "$tmp/pristine.img"

mkfifo "$tmp/fifo"
head -n 1 <"$tmp/fifo" >/dev/null &
reader=$!
ok "the reader of the log goes away: clients are served" listens_with ">$tmp/out 2>$tmp/fifo"
wait "$reader"
kill -USR1 "$arenad_pid"
sleep 0.2
ok "the reader of the log goes away: the processes log and live on" answers
is "the reader of the log goes away: there are three processes" "$(processes | wc -l)" 3
arenad_stop
is "the reader of the log goes away: status" "$status" 0

sleep 1000 <>"$tmp/fifo" &
reader=$!
ok "nobody reads the log: clients are served" listens_with ">$tmp/out 2>$tmp/fifo"
for ((i = 0; i < 400; i++)); do
	kill -USR1 "$arenad_pid"
	sleep 0.005
done
ok "nobody reads the log, which is full: clients are served" answers
arenad_stop
is "nobody reads the log, which is full: status" "$status" 0
kill "$reader"
wait "$reader" 2>/dev/null

ok "the log cannot be written: clients are served" listens_with ">$tmp/out 2>/dev/full"
arenad_stop
is "the log cannot be written: status" "$status" 0

arenad "${arguments[@]}" --listen 127.0.0.1:0 >/dev/full 2>"$tmp/log"
is "the line \"ready\" cannot be written: status" $? 1
ok "the line \"ready\" cannot be written: it says so" says 'cannot write the line "ready"'
done_testing
