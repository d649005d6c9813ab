#!/bin/bash
# SPDX-License-Identifier: MIT
# The measuring part of `make bench-nbd-vm`: in the virtual machine, with the module, arenad
# with NVMe commands and with the block device, nbd-server, qemu-nbd and the kernel's nvmet-tcp
# serve the same emulated NVMe disk, in turn, to a client in the same kernel: nbd.ko or nvme-tcp.
# fio drives the block device that the client makes. Writes CSV to stdout, in the columns of
# nbd-measure.sh. Emulation makes all times long: they are read as ratios.
#
# Usage: tests/bench/nbd-guest.sh >CSV     with ROUNDS=3 SECONDS=2 WORK=RE SERVERS=RE
rounds=${ROUNDS:-3} seconds=${BENCH_SECONDS:-2} work_re=${WORK:-.} server_re=${SERVERS:-.}
REGION=2G PAGES=1G MADE_OF=module
# shellcheck source=nbd-lib.sh
. "$(dirname "$0")/nbd-lib.sh"
disk=${VM_DISK0:?names a disk that may be overwritten}
device='' loaded='' nqn=bench-nbd
subsystem=/sys/kernel/config/nvmet/subsystems/$nqn port=/sys/kernel/config/nvmet/ports/1

all_works="randread/4k/1/1 randread/4k/32/1 randwrite/4k/1/1 randwrite/4k/32/1 randrw/4k/32/1
	read/128k/8/1 write/128k/8/1"

client_options()
{
	echo --ioengine=io_uring --direct=1 --filename="$device"
}

# wait_for_device: of the right size, and ready
wait_for_device()
{
	local i

	for ((i = 0; i < 100; i++)); do
		[ -z "$device" ] || [ "$(blockdev --getsize64 "$device" 2>/dev/null || echo 0)" = 0 ] ||
			return 0
		sleep 0.1
	done
	fail "the client has no disk"
}

# attach_nbd PORT EXPORT
attach_nbd()
{
	nbd-client 127.0.0.1 "$1" -N "$2" /dev/nbd0 >"$tmp/client.log" 2>&1 ||
		{ cat "$tmp/client.log" >&2; fail "nbd-client"; }
	device=/dev/nbd0
	wait_for_device
}

nvmet_begin()
{
	mkdir "$subsystem" "$subsystem/namespaces/1" "$port"
	echo 1 >"$subsystem/attr_allow_any_host"
	echo -n "$disk" >"$subsystem/namespaces/1/device_path"
	echo 1 >"$subsystem/namespaces/1/enable"
	echo ipv4 >"$port/addr_adrfam"
	echo tcp >"$port/addr_trtype"
	echo 4420 >"$port/addr_trsvcid"
	echo 127.0.0.1 >"$port/addr_traddr"
	ln -s "$subsystem" "$port/subsystems/$nqn"
	# One queue, as nbd.ko has one connection.
	echo "transport=tcp,traddr=127.0.0.1,trsvcid=4420,nqn=$nqn,nr_io_queues=1" >/dev/nvme-fabrics
	wait_until nvmet_device
	wait_for_device
}

# Which of the controllers is ours, and what its disk is called.
nvmet_device()
{
	local controller name

	for controller in /sys/class/nvme/nvme*; do
		[ "$(cat "$controller/subsysnqn")" = "$nqn" ] || continue
		name=$(basename "$(find "$controller/" -maxdepth 1 -name 'nvme*n1' | head -n 1)")
		# Of several paths to one disk it may be nvme3c3n1.
		[[ $name =~ ^(nvme[0-9]+)(c[0-9]+)?(n[0-9]+)$ ]] || continue
		name=${BASH_REMATCH[1]}${BASH_REMATCH[3]}
		[ ! -b "/dev/$name" ] || device=/dev/$name
	done
	[ -n "$device" ]
}

nvmet_end()
{
	local controller

	for controller in /sys/class/nvme/nvme*; do
		[ "$(cat "$controller/subsysnqn")" != "$nqn" ] || echo 1 >"$controller/delete_controller"
	done
	rm "$port/subsystems/$nqn"
	rmdir "$port" "$subsystem/namespaces/1" "$subsystem"
}

# begin NAME: serve the disk and attach it; 1 if this server cannot
begin()
{
	local command=() number=$((20000 + RANDOM % 10000))

	device=
	drop_cache "$disk"
	case $1 in
	nvmet-tcp) nvmet_begin; return ;;
	arena-*)
		arena_command "$number" "$disk"
		command+=(--disk-backend "${1#arena-}") ;;
	*) server_command "$1" "$disk" "$number" ;;
	esac
	command_start "$number" "$(server_export "$1")" "${command[@]}"
	attach_nbd "$number" "$(server_export "$1")"
}

finish()
{
	if [ "$1" = nvmet-tcp ]; then
		nvmet_end
	else
		nbd-client -d /dev/nbd0 >/dev/null
		server_stop
	fi
}

time_one()
{
	local cpu machine ios iops p50 p99 p999

	cpu=$(server_cpu) machine=$(machine_cpu)
	# shellcheck disable=SC2086 # its four parts
	fio_run ${2//\// } "$seconds"
	cpu=$(($(server_cpu) - cpu)) machine=$(($(machine_cpu) - machine))
	read -r ios iops p50 p99 p999 <<<"$fio"
	cpu=$(awk "BEGIN { printf \"%.3f\", $cpu / $ios }")
	# Its work is done by threads of the kernel.
	[ "$1" != nvmet-tcp ] || cpu=
	echo "time,$1,$(server_cache "$1"),${2//\//,},$3,$ios,$iops,$p50,$p99,$p999,$cpu,$(awk \
		"BEGIN { printf \"%.3f\", $machine / $ios }"),,,,,"
}

find_servers()
{
	local name

	servers=()
	for name in arena-nvme arena-block nbd-server qemu-nbd nvmet-tcp; do
		[[ $name =~ $server_re ]] || continue
		if [ "$name" = nvmet-tcp ] || command -v "$(server_program "$name")" >/dev/null; then
			servers+=("$name")
		else
			note "NOT MEASURED: $name"
			echo "# not measured: $name"
		fi
	done
}

unload()
{
	[ -z "$started" ] || nbd-client -d /dev/nbd0 >/dev/null 2>&1 || true
	[ ! -d "$subsystem" ] || nvmet_end || true
	(undo) || true
	[ -z "$loaded" ] || rmmod msharearena
}

main()
{
	local name round work order

	trap unload EXIT
	if ! grep -q '^msharearena ' /proc/modules; then
		insmod "${MSHAREARENA_KO:-$BUILD/module/$(uname -r)/msharearena.ko}"
		loaded=1
	fi
	modprobe -a nbd nvmet-tcp nvme-tcp
	mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
	make_group
	disk_bytes=$(blockdev --getsize64 "$disk") disk_says="an emulated NVMe disk"
	client_says="ioengine=io_uring on the block device of nbd.ko or nvme-tcp"
	describe
	find_servers
	echo "# options: $rounds rounds of $seconds s"
	echo "pass,server,cache,pattern,block,depth,connections,round,ios,iops,p50_us,p99_us,p999_us,server_cpu_us,machine_cpu_us,memory_kib,calls_io,enters_io,wakeups_s,idle_cpu_percent"
	# Blocks that were never written are answered without a disk.
	dd if=/dev/urandom of="$disk" bs=1M oflag=direct status=none 2>/dev/null || true
	for ((round = 1; round <= rounds; round++)); do
		order=("${servers[@]}")
		[ $((round % 2)) = 1 ] || mapfile -t order < <(printf '%s\n' "${servers[@]}" | tac)
		for name in "${order[@]}"; do
			note "round $round of $rounds: $name"
			begin "$name"
			for work in $all_works; do
				[[ ! $work =~ $work_re ]] || time_one "$name" "$work" "$round"
			done
			finish "$name"
		done
	done
}

main
