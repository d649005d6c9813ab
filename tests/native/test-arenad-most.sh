#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenad starts as many processes as there may be, 16 network processes and 32 storage
# processes with 512 channels, each client reaches each disk, and all of them end.
# Method: the memory, the descriptors and the times are reported, not judged.
# run: long
# timeout: 900
# shellcheck disable=SC2034 # for lib.sh: --nps says it
NPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdinfo python3

# Each pair has 34 MiB at least.
nps=16 sps=32 size=$((18 << 10))
free=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
[ "$free" -ge $((size + 2048)) ] || skip_all "needs $((size + 2048)) MiB of memory, and has $free"

disks=()
for ((i = 0; i < sps; i++)); do
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
began=$(date +%s%N)
arenad_start --nps "$nps" --size "${size}M" "${disks[@]}"
took=$((($(date +%s%N) - began) / 1000000))
diag "$nps network and $sps storage processes were ready after $took ms"
for program in arena-np arena-sp; do
	diag "an $program has $(rss $program) KiB of its own and $(descriptors $program) descriptors"
done
diag "arenad has $(find "/proc/$arenad_pid/fd" -type l | wc -l) descriptors"
is "arenad starts 16 network processes" "$(children arena-np | wc -l)" "$nps"
is "arenad starts 32 storage processes" "$(children arena-sp | wc -l)" "$sps"
is "what a client writes by one of 16 network processes another one reads, on each of 32 disks" \
	"$(python3 "$tmp/all.py" "$address" "$sps" 32)" $((sps * 32))
counters_refresh
for ((i = 0; i < nps; i++)); do
	[ "$(counter "arena-np $i" connections)" -gt 0 ] || break
done
is "each of 16 network processes has had clients" "$i" "$nps"
for program in arena-np arena-sp; do
	is "no $program of 48 processes found a message bad" "$(counter $program bad_messages)" 0
done
pids=$(children arena-np; children arena-sp)
began=$(date +%s%N)
arenad_stop
diag "they had ended $((($(date +%s%N) - began) / 1000000)) ms after they were asked to"
is "arenad ends with status 0 after it had as many processes as there may be" "$status" 0
# shellcheck disable=SC2086 # a list
ok "none of 48 processes is left" wait_for 30 all_gone $pids
done_testing
