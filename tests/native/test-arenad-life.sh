#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenad's processes live and die together, it says why, and its exit
# status is right.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

all_gone() { local pid; for pid; do gone "$pid" || return 1; done; }
all() { children arena-np; children arena-sp; }
one=$(disk one 64M)
two=$(disk two 64M)
two_disks=(--disk "one=$one" --disk "two=$two")

arenad_start "${two_disks[@]}"
ok "arenad says where it listens" test -n "$address"
is "arenad runs one network process" "$(children arena-np | wc -l)" 1
is "arenad runs a storage process for each disk" "$(children arena-sp | wc -l)" 2
ok "without the module arenad says that processes are not protected" says "not protected from each other"
pids=$(all)
arenad_stop
is "SIGTERM: status" "$status" 0
# shellcheck disable=SC2086 # a list
ok "SIGTERM: no process is left" wait_for 10 all_gone $pids

arenad_start "${two_disks[@]}"
pids=$(all)
kill -INT "$arenad_pid"
arenad_wait
is "SIGINT: status" "$status" 0

arenad_start "${two_disks[@]}"
pids=$(all)
kill -KILL "$(children arena-np)"
arenad_wait
is "the network process is killed: status" "$status" 1
ok "the network process is killed: it says so" says "arena-np (process"
ok "the network process is killed: and how" says "was killed by signal 9"
# shellcheck disable=SC2086 # a list
ok "the network process is killed: no process is left" wait_for 10 all_gone $pids

arenad_start "${two_disks[@]}"
pids=$(all)
kill -KILL "$(children arena-sp | tail -n 1)"
arenad_wait
is "a storage process is killed: status" "$status" 1
ok "a storage process is killed: it says which" says "arena-sp 1 (disk two) (process"
# shellcheck disable=SC2086 # a list
ok "a storage process is killed: no process is left" wait_for 10 all_gone $pids

arenad_start "${two_disks[@]}"
pids=$(all)
kill -KILL "$arenad_pid"
arenad_wait
# shellcheck disable=SC2086 # a list
ok "arenad is killed: no process is left" wait_for 10 all_gone $pids

arenad_start "${two_disks[@]}"
kill -STOP "$(children arena-np)"
kill -TERM "$arenad_pid"
ok "a network process that hangs is killed" wait_for 15 says "does not end: killing it"
arenad_wait
is "a network process that hangs is killed: status" "$status" 1

arenad_run --disk "one=$tmp/missing.img"
arenad_wait
is "a missing disk: status" "$status" 1
ok "a missing disk: it says so" says "No such file"
not_ok "a missing disk: it is found before the region is made" grep -q taking "$tmp/log"

arenad_start --disk "one=$one"
first=$arenad_pid taken=$address
arenad_run --disk "one=$two" --listen "$taken"
arenad_wait
is "an address in use: status" "$status" 1
ok "an address in use: it says which" says "cannot listen on $taken"
not_ok "an address in use: it is found before the region is made" grep -q taking "$tmp/log"
arenad_pid=$first
arenad_stop
is "an address in use: whoever has it is left alone" "$status" 0

(
	ulimit -n 64
	arenad_run --disk "one=$one"
	arenad_wait
	exit "$status"
)
is "too few open files: status" $? 1
ok "too few open files: it says how many are needed" says "needs a limit of 592 open files, and it is 64"

# Pages of 4 KiB count for no process: others would be killed first.
gigabytes=$(awk '/^MemAvailable/ { print int($2 / 1048576) + 2 }' /proc/meminfo)
if [ "$gigabytes" -lt 512 ]; then
	arenad_run --disk "one=$one" --backend memfd --page-size 4K --size "${gigabytes}G"
	arenad_wait
	is "more memory than there is: status" "$status" 1
	ok "more memory than there is: it says how much is left" says "MiB left"
else
	skip "more memory than there is" "a region has 512 GiB at most"
fi

# While programs are executed, look for each other and connect.
failures=''
for ((i = 0; i < 40; i++)); do
	arenad_run "${two_disks[@]}" --size 128M --page-size 4K
	wait_for 5 grep -q taking "$tmp/log"
	sleep ".$(printf '%03d' $((i * 3)))"
	kill -TERM "$arenad_pid"
	arenad_wait
	[ "$status" = 0 ] || failures+=" $status"
done
is "SIGTERM within the first 120 ms, 40 times: status" "$failures" ""

arenad_run --disk "one=$tmp"
arenad_wait
ok "a folder is no disk" says "neither a block device nor a regular file"

: >"$tmp/empty.img"
arenad_run --disk "one=$tmp/empty.img"
arenad_wait
ok "an empty disk is refused" says "is empty"

arenad_run --disk "one=$one" --disk "two=$one"
arenad_wait
is "the same disk twice: status" "$status" 1
ok "the same disk twice: it says so" says "in use"

arenad_run --disk "one=$one" --size 64M
arenad_wait
is "too small a region: status" "$status" 1
ok "too small a region: it says so" says "are too few"

arenad_run --disk "one=$one" --bindir "$tmp"
arenad_wait
is "no programs in --bindir: status" "$status" 1
ok "no programs in --bindir: it says so" says "cannot execute"

if [ ! -e /dev/msharearena ]; then
	arenad_run --disk "one=$one" --backend module
	arenad_wait
	is "no module: status" "$status" 1
	ok "no module: it says so" says "module is not loaded"
fi
done_testing
