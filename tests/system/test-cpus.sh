#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: on a machine with two NUMA nodes --cpus auto binds each pair of processes at the node of
# its disk, and the region's memory is there, too, also where CPUs are offline or not allowed.
# timeout: 300
# vm: once
# vm: nodes=2
# shellcheck disable=SC2016 # the conditions are for eval
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# The numbers of pages at each node are those of the processes that are named.
NPS=1 SPS=1
requires nbdcopy

[ -d /sys/devices/system/node/node1 ] || skip_all "needs a machine with two NUMA nodes"
pool=hugepages/hugepages-2048kB
for node in 0 1; do
	echo 160 >"/sys/devices/system/node/node$node/$pool/nr_hugepages"
done
at_exit pages_return
disks=(--disk "one=$disk0" --disk "two=$disk1")

# free_at NODE: print the number of free huge pages of a node
free_at()
{
	cat "/sys/devices/system/node/node$1/$pool/free_hugepages"
}

# cpus_of PROGRAM N: print the CPUs of all threads of the N'th process of this name
cpus_of()
{
	sed -n 's/^Cpus_allowed_list:\t//p' \
		"/proc/$(children "$1" | sed -n "$2p")/task/"*/status | sort -u
}

# at_node NODE PROGRAM N: is the process, with all threads, bound to one CPU of this node?
at_node()
{
	local cpus

	cpus=$(cpus_of "$2" "$3")
	echo "$2 $3: $cpus"
	[ -e "/sys/devices/system/node/node$1/cpu$cpus" ]
}

start() { arenad_start --size 256M --page-size 2M "${disks[@]}" "$@"; }
head -c 8M /dev/urandom >"$tmp/image"
works()
{
	nbdcopy "$tmp/image" "nbd://$address/$1" && nbdcopy "nbd://$address/$1" - |
		head -c 8M | cmp - "$tmp/image"
}

before=("$(free_at 0)" "$(free_at 1)")
start --nps 2 --cpus auto
for i in 0 1; do
	name=$([ $i = 0 ] && echo one || echo two)
	ok "disk $name is served by processes that arenad has placed" works "$name"
	ok "storage process $i is bound at the node of its disk" at_node $i arena-sp $((i + 1))
	ok "network process $i is bound at the node of the disk of its pair" \
		at_node $i arena-np $((i + 1))
	ok "arenad says that the disk of storage process $i is at this node" \
		eval 'grep "arena-sp $i (disk .*) is bound to CPU .* of node $i, .*its disk is at this node" "$tmp/log"'
	ok "a third of the region and more is at node $i" \
		[ $((before[i] - $(free_at $i))) -ge 42 ]
done
arenad_stop
is "arenad ends with status 0 after it has placed its processes" "$status" 0

pages_back() { [ "$(free_at 0) $(free_at 1)" = "${before[*]}" ]; }
ok "the huge pages of both nodes are free when arenad has ended" wait_for 20 pages_back
disks=(--disk "one=$disk0")
start --cpus np=2,sp=3
is "all of the region is at node 1 if all CPUs that the user names are" \
	"$((before[1] - $(free_at 1)))" 128
arenad_stop
wait_for 20 pages_back

disks=(--disk "two=$disk1")
echo 0 >/sys/devices/system/cpu/cpu3/online
start --cpus auto
is "a storage process is bound to the CPU that is left at the node of its disk" \
	"$(cpus_of arena-sp 1)" 2
ok "its network process is bound to a CPU that is online" at_node 0 arena-np 1
arenad_stop
arenad_run --size 256M --page-size 2M "${disks[@]}" --cpus np0=3
arenad_wait
is "arenad refuses a CPU that is offline" "$status" 1
echo 1 >/sys/devices/system/cpu/cpu3/online

group=/sys/fs/cgroup/placed
if echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control && mkdir "$group"; then
	at_exit rmdir "$group"
	echo 0-1 >"$group/cpuset.cpus"
	echo $$ >"$group/cgroup.procs"
	start --cpus auto
	ok "a storage process is bound at the other node if its cpuset has no CPU of the disk's" \
		at_node 0 arena-sp 1
	ok "arenad says that it may use no CPU of the disk's node" \
		says "its disk is at node 1, of which it may use no CPU"
	arenad_stop
	arenad_run --size 256M --page-size 2M "${disks[@]}" --cpus np0=3
	arenad_wait
	is "arenad refuses a CPU that its cpuset does not have" "$status" 1
	echo $$ >/sys/fs/cgroup/cgroup.procs
else
	skip "arenad places processes within a cpuset" "there is no cpuset controller here"
fi
done_testing
