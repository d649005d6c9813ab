# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the scripts share that measure NBD servers: a disk, a server in a control group of
# its own, and what it took. It runs as root in the build root or in the virtual machine.
# Mounts are left to the namespace of the caller's; the rest is undone at the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${BUILD:=build}"
PATH=$BUILD:$BUILD/tests/bench:$PATH:/sbin:/usr/sbin
export PATH
tmp=$(mktemp -d)
# shellcheck source=nbd-servers.sh
. tests/bench/nbd-servers.sh

note() { printf '%s\n' "$*" >&2; }
fail() { note "$0: $*"; exit 1; }

loops=() disk='' disk_bytes=0 disk_says='' group='' pages_before='' server='' started='' scheme=nbd
pool=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
undo()
{
	local status=$?

	trap - EXIT
	[ -z "$started" ] || server_stop
	[ -z "$group" ] || rmdir "$group" || true
	[ "${#loops[@]}" = 0 ] || losetup -d "${loops[@]}" || true
	[ -z "$pages_before" ] || echo "$pages_before" >"$pool"
	! mountpoint -q "$tmp/disk" || umount --lazy "$tmp/disk"
	! mountpoint -q "$tmp/groups" || umount "$tmp/groups"
	rm -rf --one-file-system "$tmp"
	exit "$status"
}
trap undo EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Counts in groups are exact, and those of processes that have ended are in them.
make_group()
{
	mkdir "$tmp/groups"
	mount -t cgroup2 none "$tmp/groups" || fail "needs control groups of version 2"
	group=$tmp/groups/bench-nbd-$$
	mkdir "$group" || { group=; fail "cannot make a control group"; }
}

# open_disk SIZE [PATH]: a disk, in $disk, with its $disk_bytes and what it is in $disk_says:
# a loop device of that size over a file in tmpfs, or what is there
open_disk()
{
	disk=${2:-} disk_says=${2:-a loop device over tmpfs, $1}
	[ -n "$disk" ] || make_disk "$1"
	if [ -b "$disk" ]; then
		disk_bytes=$(blockdev --getsize64 "$disk")
	else
		disk_bytes=$(stat -Lc %s "$disk")
	fi
}

make_disk()
{
	mkdir "$tmp/disk"
	mount -t tmpfs -o "size=$(($(numfmt --from=iec "$1") + (16 << 20))),huge=always" tmpfs "$tmp/disk"
	head -c "$(numfmt --from=iec "$1")" /dev/urandom >"$tmp/disk/image"
	disk=$(losetup --find --show "$tmp/disk/image") || fail "needs a loop device, or a disk of your own"
	loops+=("$disk")
}

# make_certificates: of a server at 127.0.0.1, for all servers. fio cannot name the authority, so that
# the machine trusts it.
make_certificates()
{
	local dir=$tmp/tls

	mkdir "$dir"
	printf '%s\n' 'cn = "authority"' ca cert_signing_key >"$tmp/ca.cfg"
	printf '%s\n' 'cn = "server"' 'ip_address = "127.0.0.1"' tls_www_server signing_key \
		encryption_key >"$tmp/server.cfg"
	{
		certtool --generate-privkey --key-type ecdsa --outfile "$tmp/ca-key.pem"
		certtool --generate-self-signed --load-privkey "$tmp/ca-key.pem" \
			--template "$tmp/ca.cfg" --outfile "$dir/ca-cert.pem"
		certtool --generate-privkey --key-type ecdsa --outfile "$dir/server-key.pem"
		certtool --generate-certificate --load-privkey "$dir/server-key.pem" \
			--load-ca-certificate "$dir/ca-cert.pem" \
			--load-ca-privkey "$tmp/ca-key.pem" --template "$tmp/server.cfg" \
			--outfile "$dir/server-cert.pem"
	} >"$tmp/certtool.log" 2>&1 || fail "certtool: $(tail -n 1 "$tmp/certtool.log")"
	mount -t tmpfs tmpfs /etc/ssl/certs
	cp "$dir/ca-cert.pem" /etc/ssl/certs/ca-certificates.crt
}

# For regions of @1 bytes in all: arenad's pages are 4 KiB where there are no huge ones.
make_pages()
{
	local have want=$(($(numfmt --from=iec "$1") >> 21))

	[ "$PAGES" = 2M ] || return 0
	have=$(cat "${pool%/*}/free_hugepages")
	[ "$have" -lt "$want" ] || return 0
	pages_before=$(cat "$pool")
	echo $((pages_before + want - have)) >"$pool"
	[ "$(cat "${pool%/*}/free_hugepages")" -ge "$want" ] && return
	note "there are too few huge pages: arenad's region has pages of 4 KiB"
	PAGES=4K
}

describe()
{
	cat <<-EOF
		# kernel: $(uname -r)
		# cpu: $(nproc) x $(sed -n 's/^model name[[:blank:]]*: //p' /proc/cpuinfo | head -n 1)
		# date: $(date -u +%Y-%m-%dT%H:%MZ)
		# load average at the beginning: $(cut -d' ' -f1 /proc/loadavg)
		# disk: $disk_says
		# client: $(fio --version), ${client_says:-ioengine=nbd}
	EOF
}

# server_start NAME DISK PORT: $uri is where it answers
server_start()
{
	local command=()

	server_command "$@"
	scheme=nbd
	[[ $1 != *-tls ]] || scheme=nbds
	command_start "$3" "$(server_export "$1")" "${command[@]}"
}

# command_start PORT EXPORT COMMAND...: the same for a command that is written out
command_start()
{
	local port=$1 i

	uri=$scheme://127.0.0.1:$port/$2
	shift 2
	(echo "$BASHPID" >"$group/cgroup.procs"; exec "$@") >"$tmp/server.log" 2>&1 </dev/null &
	server=$!
	started=1
	for ((i = 0; i < 900; i++)); do
		! timeout 10 nbdinfo --size "$uri" >/dev/null 2>&1 || return 0
		[ -d "/proc/$server" ] || break
		sleep 0.1
	done
	tail -n 20 "$tmp/server.log" >&2
	fail "$1 does not answer at $uri"
}

# Those that ended in the meantime are none of this shell's business.
server_stop()
{
	local i

	started=
	kill -TERM "$server" 2>/dev/null || true
	for ((i = 0; i < 100; i++)); do
		[ -n "$(server_pids)" ] || break
		sleep 0.1
	done
	echo 1 >"$group/cgroup.kill"
	wait "$server" 2>/dev/null || true
	for ((i = 0; i < 50; i++)); do
		[ -n "$(server_pids)" ] || return 0
		sleep 0.1
	done
}

server_pids() { cat "$group/cgroup.procs"; }

# server_cpu: us that its processes have used since the group was made
server_cpu()
{
	awk '$1 == "usage_usec" { print $2 }' "$group/cpu.stat"
}

# machine_cpu: us in which a processor did anything
machine_cpu()
{
	awk -v hz="$(getconf CLK_TCK)" '$1 == "cpu" { printf "%.0f\n", ($2 + $3 + $4 + $7 + $8) * 1e6 / hz; exit }' /proc/stat
}

# server_memory: KiB, where what several processes share counts once
server_memory()
{
	local pid

	for pid in $(server_pids); do
		cat "/proc/$pid/smaps_rollup" 2>/dev/null || true
		echo end
	done | awk '$1 == "Pss:" { pss += $2 } /_Hugetlb:/ { huge += $2 }
		$1 == "end" { if (huge > most) most = huge; huge = 0 } END { print pss + most }'
}

# server_switches: how often its threads have been put to sleep
server_switches()
{
	local pid

	for pid in $(server_pids); do
		cat "/proc/$pid/task"/*/status 2>/dev/null || true
	done | awk '$1 == "voluntary_ctxt_switches:" { n += $2 } END { print n + 0 }'
}

# What one server left in the page cache is written and dropped before the next begins.
drop_cache()
{
	local d

	for d in "$@"; do
		if [ -b "$d" ]; then blockdev --flushbufs "$d"; else sync "$d"; fi
	done
}

# What makes fio a client: of $uri, unless the one who sourced this says otherwise.
client_options()
{
	echo --ioengine=nbd --uri="$uri"
}

# fio_run PATTERN BLOCK DEPTH CONNECTIONS SECONDS: IOS IOPS P50 P99 P999, in $fio. The times
# are in us, from before a request is sent until its answer is there.
fio_run()
{
	# shellcheck disable=SC2046 # several words
	timeout "$(($5 * 5 + 60))" fio --name=x $(client_options) --rw="$1" --bs="$2" \
		--iodepth="$3" --numjobs="$4" --time_based --runtime="$5" --group_reporting \
		--unified_rw_reporting=mixed --clat_percentiles=0 --lat_percentiles=1 \
		--percentile_list=50:99:99.9 --output-format=json --size="$disk_bytes" \
		--rwmixread=70 --randrepeat=0 --norandommap \
		>"$tmp/fio.json" 2>"$tmp/fio.err" || { cat "$tmp/fio.err" "$tmp/fio.json" >&2; fail "fio"; }
	fio=$(awk -F '[:,]' '
		/"mixed" : / { here = 1 }
		!here { next }
		$1 ~ /"total_ios"/ { ios = $2 }
		$1 ~ /"iops"/ { iops = $2 }
		$1 ~ /"50\.0+"/ { p50 = $2 }
		$1 ~ /"99\.0+"/ { p99 = $2 }
		$1 ~ /"99\.90+"/ { p999 = $2 }
		/"job_runtime"/ { exit }
		END { printf "%d %.0f %.1f %.1f %.1f\n", ios, iops, p50 / 1000, p99 / 1000, p999 / 1000 }
	' "$tmp/fio.json")
	[ "${fio%% *}" -gt 0 ] || fail "fio did nothing"
}

# calls_begin: count the system calls of each process of the server. perf does not slow
# it down; strace does, and so changes what it counts.
calls_begin()
{
	local pid

	counters=()
	for pid in $(server_pids); do
		"count_by_$calls_by" "$pid"
		counters+=("$!")
	done
}

# perf says when it has begun.
count_by_perf()
{
	local fifo=$tmp/perf.$1 orders answers

	mkfifo "$fifo" "$fifo.ack"
	exec {orders}<>"$fifo" {answers}<>"$fifo.ack"
	perf stat -x, -o "$tmp/calls.$1" -p "$1" -D -1 --control "fifo:$fifo,$fifo.ack" \
		-e raw_syscalls:sys_enter,syscalls:sys_enter_io_uring_enter >/dev/null 2>&1 &
	echo enable >&"$orders"
	wait_until begun_or_ended "$1" read -r -t 0.1 <&"$answers"
	exec {orders}>&- {answers}>&-
	rm "$fifo" "$fifo.ack"
}

# strace stops the process for a moment when it attaches to it.
count_by_strace()
{
	strace -f -c -U calls,name -o "$tmp/calls.$1" -p "$1" 2>"$tmp/strace" &
	wait_until begun_or_ended "$1" grep -q attached "$tmp/strace"
}

# begun_or_ended PID COMMAND...: a server may replace a process at any time, as arenad does with its
# keeper; what counts that one ends with it
begun_or_ended() { "${@:2}" || [ ! -d "/proc/$1" ]; }

wait_until()
{
	local i

	for ((i = 0; i < 300; i++)); do
		! "$@" 2>/dev/null || return 0
		sleep 0.1
	done
	fail "timed out: $*"
}

# calls_end IOS: $calls is the calls an I/O of all processes, and io_uring_enter(2) an I/O of
# the process that makes the most of them
calls_end()
{
	kill -INT "${counters[@]}" 2>/dev/null || true
	wait "${counters[@]}" 2>/dev/null || true
	# shellcheck disable=SC2034 # for the one who sourced this
	calls=$(cat "$tmp"/calls.* | awk -F '[, ]+' -v ios="$1" '
		/raw_syscalls:sys_enter/ { calls += $1 }
		/sys_enter_io_uring_enter/ { if ($1 + 0 > most) most = $1 + 0 }
		$NF == "total" { calls += $(NF - 1) }
		$NF == "io_uring_enter" { if ($(NF - 1) + 0 > most) most = $(NF - 1) + 0 }
		END { printf "%.4f %.4f\n", calls / ios, most / ios }')
	rm -f "$tmp"/calls.*
}

find_counter()
{
	[ -z "${CALLS:-}" ] || { calls_by=$CALLS; return; }
	calls_by=strace
	! perf stat -e raw_syscalls:sys_enter,syscalls:sys_enter_io_uring_enter true >/dev/null 2>&1 ||
		calls_by=perf
	command -v "$calls_by" >/dev/null || calls_by=none
}
