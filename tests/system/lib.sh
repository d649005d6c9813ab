# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Helpers for the tests of the whole system in the virtual machine: those of the daemons'
# tests in ../native, on the module and on two NVMe disks, $disk0 and $disk1.
# shellcheck disable=SC2034 # used by what is sourced
backend=module
# shellcheck source-path=SCRIPTDIR source=../native/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../native/lib.sh"

PATH=$PATH:/sbin:/usr/sbin
[ -e /dev/msharearena ] || skip_all "needs the module: run in tests/vm/vm"
disk0=${VM_DISK0:?names a disk that may be overwritten}
disk1=${VM_DISK1:?names a disk that may be overwritten}

eval "beside_file() $(declare -f beside | tail -n +2)"
# beside N: print a disk that the clients of a test do not use: the second NVMe disk, or a file
beside()
{
	# shellcheck disable=SC2154 # of arenad_run
	[[ " ${arguments[*]} " == *"=$disk1 "* ]] && beside_file "$1" || echo "$disk1"
}

# free_pages KB: print the number of free huge pages of this size
free_pages()
{
	cat "/sys/kernel/mm/hugepages/hugepages-$1kB/free_hugepages"
}

# region KEY: print a number from the region's lines of fdinfo
region()
{
	local fd

	exec {fd}</dev/mshare/test/ro || return
	awk -v key="mshare_$1:" '$1 == key { print $2 }' "/proc/self/fdinfo/$fd"
	exec {fd}<&-
}

# links: print the path of the region's file "links" in debugfs
links()
{
	local addr

	addr=$(region addr)
	echo "/sys/kernel/debug/msharearena/${addr#0x}/links"
}

# views: print a line for each attached process: its program, the view that its own maps name,
# the view that the module names, and the tables of its P4D entry and of that view
views()
{
	local pid view entry table

	while read -r pid view entry table; do
		printf '%s %s %s %s %s\n' "$(cat "/proc/$pid/comm")" \
			"$(sed -n 's|.*/dev/mshare/test/||p' "/proc/$pid/maps")" \
			"$view" "$entry" "$table"
	done < <(tail -n +2 "$(links)" | sort -n)
}

# on_own_views: true if the NP is attached through view np-0 and each SP through view sp-0, sp-1
# and so on, and each view has a table of its own
on_own_views()
{
	views >"$tmp/views"
	awk '{ n++; seen[$3]; tables[$4]; role = $1; sub("arena-", "", role)
	       if ($2 != $3 || $4 != $5 || $3 !~ "^" role "-[0-9]+$")
			wrong++ }
	     END { for (v in seen) views++; for (t in tables) own++
	       exit !(n >= 2 && !wrong && views == n && own == n && "np-0" in seen &&
		      "sp-0" in seen) }' "$tmp/views" && return
	cat "$tmp/views"
	return 1
}

pages_return()
{
	echo 0 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
}

# pages_2m COUNT: have COUNT huge pages of 2 MiB for each network process that is started by default,
# until the end of the test
pages_2m()
{
	echo "$(($1 * NPS))" >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
	at_exit pages_return
}

slow_disk_end()
{
	dmsetup resume slow 2>/dev/null
	arenad_kill
	wait_for 10 dmsetup remove slow
}

# slow_disk: until the end of the test, make /dev/mapper/slow of the first 64 MiB of $disk0, which
# "dmsetup suspend --nolockfs slow" lets do nothing
slow_disk()
{
	requires dmsetup
	modprobe dm-mod || skip_all "this kernel has no device mapper"
	dmsetup create slow --table "0 131072 linear $disk0 0" || skip_all "cannot make a device"
	at_exit slow_disk_end
	dmsetup mknodes slow
}

has_taken() { counters_refresh; [ "$(counter "arena-sp 0" writes)" -gt "$1" ]; }

# begin_write COMMAND...: run the command in the background, and wait until the first disk's storage
# process has given the disk its write; sets $writer
begin_write()
{
	local before

	counters_refresh
	before=$(counter "arena-sp 0" writes)
	"$@" >"$tmp/writer" 2>&1 &
	# shellcheck disable=SC2034 # for the tests
	writer=$!
	ok "arena-sp has taken a write for a disk that does nothing: ${*: -1}" \
		wait_for 30 has_taken "$before"
	# It gives the disk what it has taken before it prints its counters once more.
	counters_refresh
}

target=/sys/kernel/config/nvmet
target_device=''

nvme_target_end()
{
	arenad_kill
	[ -z "$target_device" ] || echo 1 >"/sys/class/nvme/$target_device/delete_controller"
	rm -f "$target/ports/1/subsystems/arena"
	rmdir "$target/ports/1" "$target/subsystems/arena/namespaces/1" "$target/subsystems/arena"
}

has_target_disk()
{
	target_device=$(grep -lx arena /sys/class/nvme/nvme*/subsysnqn | awk -F / '{ print $5 }')
	target_disk=/dev/${target_device}n1
	[ -n "$target_device" ] && [ -b "$target_disk" ] && [ -c "/dev/ng${target_device#nvme}n1" ]
}

# nvme_target PATH: until the end of the test, make $target_disk, a namespace of the kernel's own NVMe
# target that has the disk or file PATH below it
nvme_target()
{
	local namespace=$target/subsystems/arena/namespaces/1

	modprobe -a nvmet nvme-loop || skip_all "this kernel has no NVMe target"
	mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
	mkdir -p "$namespace" "$target/ports/1"
	at_exit nvme_target_end
	echo 1 >"$target/subsystems/arena/attr_allow_any_host"
	echo "$1" >"$namespace/device_path"
	echo 1 >"$namespace/enable"
	echo loop >"$target/ports/1/addr_trtype"
	ln -s "$target/subsystems/arena" "$target/ports/1/subsystems/arena"
	echo "transport=loop,nqn=arena" >/dev/nvme-fabrics
	wait_for 20 has_target_disk || skip_all "the NVMe target makes no namespace"
}
