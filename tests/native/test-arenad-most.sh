#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenad starts as many processes as there may be, 16 network processes and 32 storage
# processes with 512 channels, each client reaches each disk, and all of them end.
# Method: the memory, the descriptors and the times are reported, not judged. Each pair takes 34 MiB
# at least; where there is too little memory for all at once, each number is the greatest by turns.
# Storage processes do not register their buffers, because the kernel takes minutes to pin a region
# of this size in pages of 4 KiB, and network processes wait 30 s for them.
# run: long
# timeout: 900
# shellcheck disable=SC2034 # for lib.sh: --nps says it
NPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdinfo python3
# shellcheck disable=SC2034 # for lib.sh
start_seconds=300

free=$(awk '/^MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
[ "$free" -ge 12 ] || skip_all "needs 12 GiB of memory, and has $free"

disks=()
for ((i = 0; i < 32; i++)); do
	disks+=(--disk "d$i=$(disk "d$i" 8M)")
done

# rss PROGRAM: print how much memory one of these processes has by itself, in KiB
rss()
{
	awk '/^RssAnon/ { print $2 }' "/proc/$(children "$1" | head -n 1)/status"
}
descriptors() { find "/proc/$(children "$1" | head -n 1)/fd" -type l | wc -l; }
all_gone() { local pid; for pid; do gone "$pid" || return 1; done; }

# Clients in turn, so that each network process has two of each disk.
cat >"$tmp/all.py" <<'END'
import sys, nbd
served = 0
for disk in range(int(sys.argv[2])):
    h = [nbd.NBD() for i in range(int(sys.argv[3]))]
    for i, c in enumerate(h):
        c.connect_uri("nbd://%s/d%d" % (sys.argv[1], disk))
        c.pwrite(bytes([disk + 1, i + 1]) * 2048, i * 4096)
    for i in range(len(h)):
        if h[i - 1].pread(4096, i * 4096) == bytes([disk + 1, i + 1]) * 2048:
            served += 1
    for c in h:
        c.shutdown()
print(served)
END

ulimit -n "$(ulimit -Hn)"

# try NPS SPS MEGABYTES
try()
{
	local nps=$1 sps=$2 of="of $1 network and $2 storage processes" began i pids program

	began=$(date +%s%N)
	arenad_start --nps "$nps" --size "$3M" --no-fixed-buffers "${disks[@]:0:sps * 2}"
	diag "$of: they were ready after $((($(date +%s%N) - began) / 1000000)) ms"
	for program in arena-np arena-sp; do
		diag "$of: an $program has $(rss $program) KiB of its own," \
			"and $(descriptors $program) descriptors"
	done
	diag "$of: arenad has $(find "/proc/$arenad_pid/fd" -type l | wc -l) descriptors"
	is "$of: arenad starts all network processes" "$(children arena-np | wc -l)" "$nps"
	is "$of: arenad starts all storage processes" "$(children arena-sp | wc -l)" "$sps"
	is "$of: on each disk, data written by one network process is read by another one" \
		"$(python3 "$tmp/all.py" "$address" "$sps" $((nps * 2)))" $((sps * nps * 2))
	counters_refresh
	for ((i = 0; i < nps; i++)); do
		[ "$(counter "arena-np $i" connections)" -gt 0 ] || break
	done
	is "$of: each network process has had clients" "$i" "$nps"
	for program in arena-np arena-sp; do
		is "$of: no $program found a message bad" "$(counter $program bad_messages)" 0
	done
	pids=$(children arena-np; children arena-sp)
	began=$(date +%s%N)
	arenad_stop
	diag "$of: they had ended $((($(date +%s%N) - began) / 1000000)) ms after they were asked to"
	is "$of: arenad ends with status 0" "$status" 0
	# shellcheck disable=SC2086 # a list
	ok "$of: none is left" wait_for 30 all_gone $pids
}

if [ "$free" -ge 20 ]; then
	try 16 32 17920
else
	try 16 16 9216
	try 8 32 9216
fi
done_testing
