#!/bin/bash
# SPDX-License-Identifier: MIT
# The measuring part of `make bench-nbd`: NBD servers take turns at one disk, asked by one
# client, and what each took is written to stdout as CSV, below lines that say what was measured.
# docs/benchmarks.md says what the columns are.
#
# Usage: tests/bench/nbd-measure.sh >CSV, with these variables:
#
#   ROUNDS=3     turns of each server; in every second one the order is reversed
#   SECONDS=3    of one measurement
#   WORK=RE      only work whose name matches, such as ^randread/4k/32/1$: pattern, block,
#                queue depth of a connection, connections
#   SERVERS=RE   only servers whose names match
#   DISK=PATH    a disk that is overwritten, instead of a loop device over tmpfs of
#   DISK_SIZE=1G that size
#   CALLS=perf   what counts system calls: perf, strace or none; default: the first that works
#   BARS=1       only what the bars need: 3 rounds of a second
#   TLS=1        arenad, qemu-nbd and nbdkit, each without TLS and with it, by one certificate
#   IDLE=10      seconds for which each server is watched while it has nothing to do
#
# It says on stderr what it is at.
rounds=${ROUNDS:-} work_re=${WORK:-.} server_re=${SERVERS:-.} bars=${BARS:-} idle=${IDLE:-10}
# bash counts in SECONDS; env(1) gives it a beginning.
seconds=${BENCH_SECONDS:-}
# shellcheck source=nbd-lib.sh
. "$(dirname "$0")/nbd-lib.sh"

: "${rounds:=3}" "${seconds:=$([ -n "$bars" ] && echo 1 || echo 3)}"

# The bars are about these: the last two about all servers, the others only about those
# whose disk I/O is direct.
bar_works="randread/4k/32/1 randwrite/4k/32/1 randread/4k/1/1 randwrite/4k/1/1
	randread/4k/32/4 randwrite/4k/32/4 read/128k/8/1 write/128k/8/1"

all_works()
{
	local pattern depth connections

	for connections in 1 4; do
		for depth in 1 8 32 128; do
			for pattern in randread randwrite randrw; do
				echo "$pattern/4k/$depth/$connections"
			done
		done
		echo "read/128k/8/$connections"
		echo "write/128k/8/$connections"
	done
}

# is_needed SERVER WORK
is_needed()
{
	[ -z "$bars" ] || [[ $2 == */128k/* ]] || [ "$(server_cache "$1")" = direct ]
}

# is_counted ROUND WORK
is_counted()
{
	[ "$1" = 1 ] && { [ -z "$bars" ] || [[ $2 == */4k/32/1 ]]; }
}

# row PASS SERVER WORK ROUND IOS IOPS P50 P99 P999 CPU MACHINE MEMORY CALLS ENTERS WAKEUPS IDLE
row()
{
	local IFS=, cache

	cache=$(server_cache "$2")
	echo "$1,$2,$cache,${3//\//,},${*:4}"
}

# time_one SERVER WORK ROUND
time_one()
{
	local cpu machine ios iops p50 p99 p999

	drop_cache "$disk"
	cpu=$(server_cpu) machine=$(machine_cpu)
	# shellcheck disable=SC2086 # its four parts
	fio_run ${2//\// } "$seconds"
	cpu=$(($(server_cpu) - cpu)) machine=$(($(machine_cpu) - machine))
	read -r ios iops p50 p99 p999 <<<"$fio"
	row time "$1" "$2" "$3" "$ios" "$iops" "$p50" "$p99" "$p999" \
		"$(awk "BEGIN { printf \"%.3f\", $cpu / $ios }")" \
		"$(awk "BEGIN { printf \"%.3f\", $machine / $ios }")" '' '' '' '' ''
}

# count_one SERVER WORK: system calls and memory, for a second that is not timed
count_one()
{
	local ios calls=' ' memory

	[ "$calls_by" = none ] || calls_begin
	# shellcheck disable=SC2086
	fio_run ${2//\// } 1 &
	sleep 0.8
	memory=$(server_memory)
	wait "$!" || fail "fio"
	ios=$(sed -n 's/.*"total_ios" : \([0-9]*\).*/\1/p' "$tmp/fio.json" | tail -n 1)
	[ "$calls_by" = none ] || calls_end "$ios"
	row count "$1" "$2" 0 "$ios" '' '' '' '' '' '' "$memory" "${calls% *}" "${calls#* }" '' ''
}

# watch_idle SERVER: with one client that asks nothing
watch_idle()
{
	local cpu switches crowd

	coproc CROWD { exec nbd-crowd "$3" "$(server_export "$1")"; }
	crowd=$CROWD_PID
	read -r -t 20 <&"${CROWD[0]}" || fail "no idle client"
	sleep 2
	cpu=$(server_cpu) switches=$(server_switches)
	sleep "$idle"
	cpu=$(($(server_cpu) - cpu)) switches=$(($(server_switches) - switches))
	row idle "$1" "///" 0 '' '' '' '' '' '' '' "$(server_memory)" '' '' \
		"$(awk "BEGIN { printf \"%.2f\", $switches / $idle }")" \
		"$(awk "BEGIN { printf \"%.4f\", $cpu / $idle / 1e4 }")"
	kill "$crowd"
	wait "$crowd" 2>/dev/null || true
}

# turn_of SERVER ROUND; the first is also the one in which it is counted and watched
turn_of()
{
	local work port=$((20000 + RANDOM % 10000))

	drop_cache "$disk"
	server_start "$1" "$disk" "$port"
	for work in $works; do
		is_needed "$1" "$work" || continue
		time_one "$1" "$work" "$2"
		! is_counted "$2" "$work" || count_one "$1" "$work"
	done
	# The client that asks nothing knows no TLS.
	if [ "$2" = 1 ] && [ -z "$TLS" ] && { [ -z "$bars" ] || [ "$1" = arena ]; }; then
		watch_idle "$1" "$2" "$port"
	fi
	server_stop
}

find_servers()
{
	local name program

	servers=()
	for name in $all_servers; do
		[[ $name =~ $server_re ]] || continue
		program=$(server_program "$name")
		if command -v "$program" >/dev/null; then
			servers+=("$name")
		else
			note "NOT MEASURED: $name, because $program is not installed"
			echo "# not measured: $name, because $program is not installed"
		fi
	done
	[ "${#servers[@]}" -gt 0 ] || fail "no server of that name"
}

head_of()
{
	local name command

	describe
	echo "# options: $rounds rounds of $seconds s${bars:+, bars only}; calls counted by $calls_by"
	for name in "${servers[@]}"; do
		server_command "$name" DISK PORT
		echo "# $name: $(server_cache "$name"): ${command[*]//"$tmp"/DIR}"
	done
	echo "pass,server,cache,pattern,block,depth,connections,round,ios,iops,p50_us,p99_us,p999_us,server_cpu_us,machine_cpu_us,memory_kib,calls_io,enters_io,wakeups_s,idle_cpu_percent"
}

main()
{
	local round order name began

	command -v fio >/dev/null || fail "needs fio"
	find_servers
	find_counter
	if [ -n "$bars" ]; then works=$bar_works; else works=$(all_works); fi
	works=$(tr -s '[:space:]' '\n' <<<"$works" | grep -E -- "$work_re") || fail "no such work"
	[ -z "$TLS" ] || make_certificates
	make_group
	make_pages "$REGION"
	open_disk "${DISK_SIZE:-1G}" "${DISK:-}"
	head_of
	for ((round = 1; round <= rounds; round++)); do
		order=("${servers[@]}")
		[ $((round % 2)) = 1 ] || mapfile -t order < <(printf '%s\n' "${servers[@]}" | tac)
		for name in "${order[@]}"; do
			printf -v began '%(%T)T' -1
			note "$began round $round of $rounds: $name"
			turn_of "$name" "$round"
		done
	done
}

main
