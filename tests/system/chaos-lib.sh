# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of lib.sh, and those of ../chaos/chaos-lib.sh
# The chaos test on the module, with disks that have errors, hang, become slow and go away. The
# export d0 is a device of device mapper on the first NVMe disk, and d1 is the second NVMe disk, by
# NVMe commands. A test sources this file after lib.sh.
# shellcheck source-path=SCRIPTDIR source=../chaos/chaos-lib.sh
. "$(dirname "$0")/../chaos/chaos-lib.sh"
requires dmsetup flock
slow_disk
modprobe dm-delay || skip_all "this kernel has no dm-delay"

chaos_kinds+=(disk-errors disk-hangs disk-delays disk-gone)
chaos_options=(--page-size 2M)
chaos_wants=()
pages=$((384 / NPS))

chaos_bus=$(basename "$(readlink -f "/sys/block/$(basename "$disk1")/device/device")")

# chaos_link: have the path of the second disk lead to it. It comes back by another name if a process
# still has the old one open, so arenad has a path that follows it, as those of /dev/disk do.
chaos_link()
{
	local device

	for device in "/sys/bus/pci/devices/$chaos_bus"/nvme/nvme*/nvme*n*; do
		[ -b "/dev/${device##*/}" ] || continue
		ln -sfn "/dev/${device##*/}" "$tmp/d1"
		return
	done
	return 1
}

chaos_link || skip_all "the second disk is not found by its bus"

chaos_disk()
{
	[ "$1" = d0 ] && echo /dev/mapper/slow || echo "$tmp/d1"
}

chaos_zero()
{
	dd if=/dev/zero of="$(chaos_disk "$1")" bs=1M count=8 oflag=direct status=none
}

# chaos_table TARGET: let the device of device mapper have this table
chaos_table()
{
	dmsetup suspend --nolockfs slow
	dmsetup load slow --table "0 131072 $1"
	dmsetup resume slow
}

# chaos_alone LOCK COMMAND...: run the command when no other one has the lock
chaos_alone()
{
	local lock=$tmp/$1.lock

	shift
	{
		flock 9
		"$@"
	} 9>"$lock"
}

chaos_table_for()
{
	chaos_table "$2"
	chaos_sleep "$1"
	chaos_table "linear $disk0 0"
}

chaos_hang_for()
{
	dmsetup suspend --nolockfs slow
	chaos_sleep "$1"
	dmsetup resume slow
}

chaos_unbind_for()
{
	echo "$chaos_bus" >/sys/bus/pci/drivers/nvme/unbind
	chaos_sleep "$1"
	echo "$chaos_bus" >/sys/bus/pci/drivers/nvme/bind
	wait_for 30 chaos_link
}

chaos_disk_errors() { chaos_alone mapper chaos_table_for "$1" error; }
chaos_disk_delays() { chaos_alone mapper chaos_table_for "$1" "delay $disk0 0 100"; }
chaos_disk_hangs() { chaos_alone mapper chaos_hang_for "$1"; }
chaos_disk_gone() { chaos_alone nvme chaos_unbind_for "$1"; }

# chaos_in_machine SECONDS SEED: run it, and see that all of it has happened
chaos_in_machine()
{
	local kind

	pages_2m "$pages"
	mkdir "$tmp/run"
	diag "seed $2"
	chaos_plan "$1" "$2" >"$tmp/run/actions"
	chaos_start "${chaos_options[@]}"
	counters_refresh
	is "the second disk is served by NVMe commands" "$(counter "arena-sp 1" backend)" nvme
	ok "clients lose nothing while processes are killed and disks fail" \
		chaos_run "$tmp/run" "$2"
	chaos_report "$tmp/run"
	for kind in kill-np kill-sp upgrade disk-errors disk-hangs disk-delays disk-gone; do
		ok "the seed has $kind" grep -q " $kind" "$tmp/run/actions"
	done
	ok "requests were answered with errors" [ "$(verdict_of errors)" -gt 0 ]
	ok "a storage process has said that its disk is gone" says "$tmp/d1 is gone"
}
