#!/bin/bash
# SPDX-License-Identifier: MIT
# The measuring part of `make bench-scale`: what an I/O costs arenad as there are more
# connections, exports (each with an SP of its own), NPs, buffers and memory. Writes CSV to stdout;
# docs/benchmarks.md says what it means. Run it as tests/bench/nbd.sh does.
#
# Usage: tests/bench/nbd-scale.sh >CSV     with these variables:
#
#   ROUNDS=3     how often
#   SECONDS=2    of one measurement
#   WHAT=RE      only dimensions whose name matches: connections, idle, exports, nps, pairs, region,
#                buffers, cpus, alone
#   CONNECTIONS="1 10 100 1000" EXPORTS="1 2 4 8" NPS="1 2 4" PAIRS="1 2 4"
#   REGIONS="128M 512M 2G" BUFFERS="256 1024 4096 16380" CPUS="1 2"
#   DISK_SIZE=128M of each disk, a loop device over tmpfs
#
# In each measurement 32 reads of 4 KiB are under way at a time. "connections" spreads them over
# all connections; "idle" puts them on one, and the others ask nothing. "nps" has one disk, and
# "pairs" as many disks as NPs. "cpus" has CPUS pairs with --cpus none and auto, which go first by
# turns, and "alone" is the same with one request under way.
rounds=${ROUNDS:-3} seconds=${BENCH_SECONDS:-2} what_re=${WHAT:-.} size=${DISK_SIZE:-128M}
connections=${CONNECTIONS:-1 10 100 1000} exports=${EXPORTS:-1 2 4 8}
pairs=${PAIRS:-1 2 4} nps=${NPS:-1 2 4}
cpus=${CPUS:-1 2}
regions=${REGIONS:-128M 512M 2G} buffers=${BUFFERS:-256 1024 4096 16380}
# shellcheck source=nbd-lib.sh
. "$(dirname "$0")/nbd-lib.sh"

# make_disks COUNT: in $loops
make_disks()
{
	local i

	mkdir "$tmp/disk"
	mount -t tmpfs -o "size=$(($1 * $(numfmt --from=iec "$size") + (16 << 20))),huge=always" tmpfs "$tmp/disk"
	for ((i = 0; i < $1; i++)); do
		head -c "$(numfmt --from=iec "$size")" /dev/urandom >"$tmp/disk/$i"
		loops+=("$(losetup --find --show "$tmp/disk/$i")") || fail "needs loop devices"
	done
}

# cpu_of PROGRAM: us that all processes of that name have used
cpu_of()
{
	local pid

	for pid in $(server_pids); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$1" ] || cat "/proc/$pid/schedstat"
	done | awk '{ ns += $1 } END { printf "%.0f\n", ns / 1000 }'
}

# measure DIMENSION VALUE ROUND DISKS CROWD-OPTION... ; arenad has $ARENA_OPTIONS
measure()
{
	local where=$1,$2,$3 n=$4 port=$((20000 + RANDOM % 10000)) command names=(d) i cpu np sp line memory crowd

	shift 4
	for ((i = 1; i < n; i++)); do names+=("d$i"); done
	arena_command "$port" "${loops[@]:0:n}"
	command_start "$port" d "${command[@]}"
	coproc CROWD { exec nbd-crowd "$@" -t "$seconds" "$port" "${names[@]}"; }
	crowd=$CROWD_PID
	read -r -t 60 line <&"${CROWD[0]}" || fail "the clients cannot connect"
	cpu=$(server_cpu) np=$(cpu_of arena-np) sp=$(cpu_of arena-sp)
	echo >&"${CROWD[1]}"
	read -r -t "$((seconds + 60))" line <&"${CROWD[0]}" || fail "the clients have no answers"
	cpu=$(($(server_cpu) - cpu)) np=$(($(cpu_of arena-np) - np)) sp=$(($(cpu_of arena-sp) - sp))
	kill "$crowd"
	wait "$crowd" 2>/dev/null || true
	memory=$(crowd_memory "$port" "${names[0]}" "$@")
	server_stop
	awk -v where="$where" -v cpu="$cpu" -v np="$np" -v sp="$sp" -v memory="$memory" '{
		printf "%s,%d,%.0f,%.3f,%d,%.3f,%.3f\n", where, $2, $2 / $4, cpu / $2, memory,
			np / $2, sp / $2 }' <<<"$line"
}

# crowd_memory PORT EXPORT CROWD-OPTION...: with all its connections there and idle
crowd_memory()
{
	local port=$1 name=$2 idle

	shift 2
	exec {idle}<> <(:)
	mkfifo "$tmp/ready"
	nbd-crowd "$@" "$port" "$name" <&"$idle" >"$tmp/ready" &
	read -r -t 60 <"$tmp/ready" || fail "the clients cannot connect"
	sleep 1.5
	server_memory
	kill "$!"
	wait "$!" 2>/dev/null || true
	exec {idle}>&-
	rm "$tmp/ready"
}

# measure_cpus DIMENSION PAIRS ROUND CROWD-OPTION...
measure_cpus()
{
	local way where=$1 pairs=$2 round=$3 ways=(none auto) base=$ARENA_OPTIONS

	shift 3
	[ $((round % 2)) = 1 ] || ways=(auto none)
	for way in "${ways[@]}"; do
		ARENA_OPTIONS="$base --nps $pairs --cpus $way"
		measure "$where" "$pairs-$way" "$round" "$pairs" "$@"
	done
	ARENA_OPTIONS=$base
}

# each DIMENSION ROUND: all its values, once
each()
{
	local value base=$ARENA_OPTIONS region=$REGION

	case $1 in
	connections | idle)
		ARENA_OPTIONS="$base --max-connections 1024 --np-buffers 4096"
		for value in $connections; do
			if [ "$1" = idle ]; then
				measure "$1" "$value" "$2" 1 -n "$value" -b 1
			else
				measure "$1" "$value" "$2" 1 -n "$value"
			fi
		done ;;
	exports)
		REGION=512M
		for value in $exports; do measure "$1" "$value" "$2" "$value" -n 8; done ;;
	nps)
		REGION=1G
		for value in $nps; do
			ARENA_OPTIONS="$base --nps $value"
			measure "$1" "$value" "$2" 1 -n 8
		done ;;
	pairs)
		REGION=1G
		for value in $pairs; do
			ARENA_OPTIONS="$base --nps $value"
			measure "$1" "$value" "$2" "$value" -n 8
		done ;;
	region)
		for value in $regions; do
			REGION=$value
			measure "$1" "$value" "$2" 1
		done ;;
	buffers)
		REGION=512M
		for value in $buffers; do
			ARENA_OPTIONS="$base --np-buffers $value"
			measure "$1" "$value" "$2" 1
		done ;;
	cpus)
		REGION=512M
		for value in $cpus; do measure_cpus "$1" "$value" "$2" -n 8; done ;;
	alone)
		REGION=512M
		for value in $cpus; do measure_cpus "$1" "$value" "$2" -n 8 -q 1; done ;;
	esac
	ARENA_OPTIONS=$base REGION=$region
}

main()
{
	local round dimension most=2G

	ulimit -n "$(ulimit -H -n)"
	[ -z "${REGIONS:-}" ] || most=${REGIONS##* }
	make_group
	make_pages "$most"
	make_disks "$(printf '%s\n' "${exports##* }" "${pairs##* }" "${cpus##* }" | sort -n | tail -n 1)"
	disk_says="loop devices over tmpfs, $size each"
	describe | sed 's/^# client: .*/# client: nbd-crowd/'
	echo "dimension,value,round,ios,iops,server_cpu_us,memory_kib,np_cpu_us,sp_cpu_us"
	for ((round = 1; round <= rounds; round++)); do
		for dimension in connections idle exports nps pairs region buffers cpus alone; do
			[[ $dimension =~ $what_re ]] || continue
			note "round $round of $rounds: $dimension"
			each "$dimension" "$round"
		done
	done
}

main
