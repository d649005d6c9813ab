#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: code that runs inside a serving arena-np or arena-sp, with its ring and its descriptors,
# reaches nothing that the process does not need, and the other processes serve on.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdcopy
inside=$BUILD/tests/native/inside/breakout.so
[ -e "$inside" ] || skip_all "a library cannot be loaded into programs with sanitizers"

# inside/breakout.c tries operations and registrations of the ring, and system calls. Each of the
# system calls costs a process, so there are as many processes, and one more.
by_ring=(1 2 3 4 5 6 7)
by_call=(11 12 13 14 15 16 17 18)
last=${#by_call[@]}
head -c 4M /dev/urandom >"$tmp/image"

# start NPS DISKS: start arenad so that it goes on when processes end
start()
{
	local i options=(--size 2G --page-size 4K --nps "$1")

	for ((i = 0; i < $2; i++)); do
		options+=(--disk "d$i=$(disk "d$i" 4M)" --no-disk "d$i=refuse")
	done
	LD_PRELOAD=$inside arenad_start "${options[@]}"
}

# results: print how many attempts have said what became of them
results()
{
	grep -c '^breakout: ' "$tmp/log"
}

has_more()
{
	[ "$(results)" -gt "$1" ]
}

# try PID NUMBER: let code in the process try it
try()
{
	/bin/kill -s USR2 -q "$2" "$1"
}

# ring_is_held PID PROGRAM: what the ring is not for is refused, and the process serves on
ring_is_held()
{
	local number before last_line

	for number in "${by_ring[@]}"; do
		before=$(results)
		try "$1" "$number"
		wait_for 10 has_more "$before"
		last_line=$(grep '^breakout: ' "$tmp/log" | tail -n 1)
		is "code in $2 cannot $(cut -d: -f2 <<<"${last_line// : / }" | xargs)" \
			"$(sed -n 's/^breakout: .*: \([a-zA-Z]*\).*/\1/p' <<<"$last_line")" refused
	done
}

# calls_end PROGRAM PID...: each attempt by a system call ends the process that makes it
calls_end()
{
	local i program=$1

	shift
	for ((i = 0; i < ${#by_call[@]}; i++)); do
		try "$1" "${by_call[i]}"
		ok "attempt ${by_call[i]} by a system call ends $program" wait_for 10 gone "$1"
		shift
	done
	is "no forbidden system call of $program was carried out" \
		"$(results)" "${#by_ring[@]}"
	is "the log names each forbidden system call of $program" \
		"$(grep -c 'sandbox: system call [0-9]* is not on' "$tmp/log")" "${#by_call[@]}"
}

start $((last + 1)) 1
mapfile -t pids < <(children arena-np)
ring_is_held "${pids[last]}" arena-np
calls_end arena-np "${pids[@]}"
ok "the network process that is left writes an image" nbdcopy "$tmp/image" "nbd://$address/d0"
arenad_stop
ok "the image that the network process which is left wrote is on the disk" \
	cmp "$tmp/image" "$tmp/d0.img"

start 1 $((last + 1))
ok "nbdcopy writes to a disk before its storage process is taken over" \
	nbdcopy "$tmp/image" "nbd://$address/d$last"
mapfile -t pids < <(children arena-sp)
ring_is_held "${pids[last]}" arena-sp
calls_end arena-sp "${pids[@]}"
ok "nbdcopy reads from the disk whose storage process is left" \
	nbdcopy "nbd://$address/d$last" "$tmp/copy"
ok "what is read from the last disk is what was written before" cmp "$tmp/image" "$tmp/copy"
arenad_stop
done_testing
