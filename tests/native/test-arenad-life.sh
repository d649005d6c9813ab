#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenad's processes live and end together, arenad logs the reason, and its exit
# status is right.
# shellcheck disable=SC2034 # for lib.sh: what is killed and counted is the only network process
NPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

all_gone() { local pid; for pid; do gone "$pid" || return 1; done; }
is_listened_at() { ss -Htln src "$1" | grep -q .; }
all() { children arena-np; children arena-sp; }
one=$(disk one 64M)
two=$(disk two 64M)
two_disks=(--disk "one=$one" --disk "two=$two")

arenad_start "${two_disks[@]}"
ok "arenad prints the address at which it listens" test -n "$address"
is "arenad runs one network process" "$(children arena-np | wc -l)" 1
is "arenad runs a storage process for each disk" "$(children arena-sp | wc -l)" 2
ok "without the module arenad warns that processes are not protected from each other" \
	says "not protected from each other"
pids=$(all)
arenad_stop
is "arenad ends with status 0 on SIGTERM" "$status" 0
# shellcheck disable=SC2086 # a list
ok "no process of arenad is left after SIGTERM" wait_for 10 all_gone $pids

arenad_start "${two_disks[@]}"
pids=$(all)
kill -INT "$arenad_pid"
arenad_wait
is "arenad ends with status 0 on SIGINT" "$status" 0

arenad_start "${two_disks[@]}" --hold 0
pids=$(all)
kill -KILL "$(children arena-np)"
arenad_wait
is "arenad ends with status 1 if its network process is killed" "$status" 1
ok "arenad names the network process that was killed" says "arena-np 0 (process"
ok "arenad names the signal that killed the network process" says "was killed by signal 9"
# shellcheck disable=SC2086 # a list
ok "no process of arenad is left after the network process was killed" wait_for 10 all_gone $pids

arenad_start "${two_disks[@]}" --hold 0
pids=$(all)
kill -KILL "$(children arena-sp | tail -n 1)"
arenad_wait
is "arenad ends with status 1 if a storage process is killed that is not started again" \
	"$status" 1
ok "arenad names the storage process that was killed and its disk" \
	says "arena-sp 1 (disk two) (process"
# shellcheck disable=SC2086 # a list
ok "no process of arenad is left after a storage process was killed" wait_for 10 all_gone $pids

arenad_start "${two_disks[@]}"
kill -STOP "$(children arena-np)"
kill -TERM "$arenad_pid"
ok "arenad kills a network process that does not end on SIGTERM" \
	wait_for 15 says "does not end: killing it"
arenad_wait
is "arenad ends with status 1 after it had to kill the network process" "$status" 1

arenad_start "${two_disks[@]}" --nps 2
kill -STOP "$(children arena-np | head -n 1)"
kill -TERM "$arenad_pid"
arenad_wait
is "arenad says of one network process alone that it does not end, if the other one has ended" \
	"$(grep -c 'does not end: killing it' "$tmp/log")" 1

arenad_run --disk "one=$tmp/missing.img"
arenad_wait
is "arenad ends with status 1 if a disk is missing" "$status" 1
ok "arenad says that there is no such file if a disk is missing" says "No such file"
not_ok "arenad does not create the region if a disk is missing" grep -q taking "$tmp/log"

arenad_start --disk "one=$one"
first=$arenad_pid taken=$address
arenad_run --disk "one=$two" --listen "$taken" --runtime-dir "$tmp/second"
arenad_wait
is "arenad ends with status 1 if its address is in use" "$status" 1
ok "arenad names the address that is in use" says "cannot listen on $taken"
not_ok "arenad does not create the region if its address is in use" grep -q taking "$tmp/log"
arenad_pid=$first
arenad_stop
is "the arenad that has the address is not disturbed" "$status" 0

nc -l "${taken%:*}" "${taken##*:}" &
other=$!
ok "another program listens at the address" wait_for 5 is_listened_at "$taken"
arenad_run --disk "one=$one" --listen "$taken"
ok "arenad says that the address is in use and that it tries again" \
	wait_for 5 says "$taken is in use: trying again"
kill "$other"
ok "arenad becomes ready when the other program has ended" wait_for 30 grep -q "^ready.* $taken" "$tmp/out"
arenad_stop

(
	ulimit -n 64
	arenad_run --disk "one=$one"
	arenad_wait
	exit "$status"
)
is "arenad ends with status 1 if it may open too few files" $? 1
ok "arenad says how many open files it needs" says "needs a limit of 592 open files, and it is 64"

# Pages of 4 KiB in a memfd are charged to no process, so that the OOM killer would end
# others first.
gigabytes=$(awk '/^MemAvailable/ { print int($2 / 1048576) + 2 }' /proc/meminfo)
if [ "$gigabytes" -lt 512 ]; then
	arenad_run --disk "one=$one" --backend memfd --page-size 4K --size "${gigabytes}G"
	arenad_wait
	is "arenad ends with status 1 if the region needs more memory than there is" "$status" 1
	ok "arenad says how much memory is left if the region needs more" says "MiB left"
else
	skip "arenad refuses a region that needs more memory than there is" \
		"no region can be larger than 512 GiB"
fi

# The signal comes while programs are executed, look for each other and connect.
failures=''
for ((i = 0; i < 40; i++)); do
	arenad_run "${two_disks[@]}" --size 128M --page-size 4K
	wait_for 5 grep -q taking "$tmp/log"
	sleep ".$(printf '%03d' $((i * 3)))"
	kill -TERM "$arenad_pid"
	arenad_wait
	[ "$status" = 0 ] || failures+=" $status"
done
is "arenad ends with status 0 on SIGTERM in its first 120 ms, 40 times" "$failures" ""

arenad_run --disk "one=$tmp"
arenad_wait
ok "arenad refuses a folder as a disk" says "neither a block device nor a regular file"

: >"$tmp/empty.img"
arenad_run --disk "one=$tmp/empty.img"
arenad_wait
ok "arenad refuses an empty file as a disk" says "is empty"

arenad_run --disk "one=$one" --disk "two=$one"
arenad_wait
is "arenad ends with status 1 if the same disk is given twice" "$status" 1
ok "arenad says that a disk that is given twice is in use" says "in use"

arenad_run --disk "one=$one" --sp-user nobody
arenad_wait
is "with a memfd arenad does not run the SP as another user: status" "$status" 1
ok "with a memfd arenad says that all processes have one user" says "all processes have one user"

arenad_run --disk "one=$one" --size 64M
arenad_wait
is "arenad ends with status 1 if the region is too small" "$status" 1
ok "arenad says that a region that is too small has too few buffers" says "are too few"

arenad_run --disk "one=$one" --bindir "$tmp"
arenad_wait
is "arenad ends with status 1 if --bindir has no programs" "$status" 1
ok "arenad says which program it cannot execute if --bindir has none" says "cannot execute"

if [ ! -e /dev/msharearena ]; then
	arenad_run --disk "one=$one" --backend module
	arenad_wait
	is "arenad ends with status 1 if the module's backend is asked for without the module" \
		"$status" 1
	ok "arenad says that the module is not loaded" says "module is not loaded"
fi
done_testing
