#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a client that mirrors over two nodes by MD goes on when one of them is cut off or all of its
# processes are killed, and both halves are equal when the node is back; by the commands of
# docs/two-nodes.md.
# Method: each node is a network namespace with an arenad and a disk of its own, and the kernel's NBD
# client and MD connect to both. fio writes and verifies meanwhile.
# timeout: 600
# run: long
# vm: once
# shellcheck disable=SC2016 # the conditions are for eval
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbd-client mdadm mkfs.ext4 fsck.ext4 fio ss

modprobe -a nbd raid1 veth || skip_all "this kernel lacks nbd, raid1 or veth"
declare -A node_pid

nodes_end()
{
	local node

	umount "$tmp/mnt" 2>/dev/null
	mdadm --stop /dev/md0
	nbd-client -d /dev/nbd0
	nbd-client -d /dev/nbd1
	for node in 1 2; do
		node_kill "$node"
		ip netns del "node$node"
	done
} >/dev/null 2>&1
at_exit nodes_end

# commands HEADING: print the commands below a heading of the document
commands() { sed -n "/^## $1\$/,/^## /s/^    //p" "$top/docs/two-nodes.md" | grep .; }

# runbook HEADING SED...: run them, changed by SED
runbook() { commands "$1" | sed "${@:2}" -e '' >"$tmp/commands" && bash -eu "$tmp/commands"; }

# of_node NODE COMMAND...: run it in the node's network
of_node() { ip netns exec "node$1" "${@:2}"; }

node_network()
{
	ip netns add "node$1"
	ip link add "to$1" type veth peer name eth0 netns "node$1"
	ip address add "192.0.2.$((128 + $1))" peer "192.0.2.$1" dev "to$1"
	ip link set "to$1" up
	of_node "$1" ip address add "192.0.2.$1" peer "192.0.2.$((128 + $1))" dev eth0
	of_node "$1" ip link set eth0 up
	of_node "$1" ip link set lo up
}

is_ready() { grep -q . "$tmp/node$1.out"; }

# node_start NODE DISK: with the options of the document
node_start()
{
	commands "Configure the nodes" |
		sed "s/^listen = .*/listen = 192.0.2.$1:10809/; s|^disk = .*|disk = $2|
		     s/^region = .*/region = node$1/" >"$tmp/node$1.conf"
	[ -d "$tmp/run$1" ] || mkdir -m 700 "$tmp/run$1"
	RUNTIME_DIRECTORY=$tmp/run$1 ip netns exec "node$1" "$BUILD/arenad" \
		--config "$tmp/node$1.conf" --backend module --replace \
		>"$tmp/node$1.out" 2>>"$tmp/node$1.log" &
	node_pid[$1]=$!
	wait_for 60 is_ready "$1"
}

# node_kill NODE: kill all of its processes
node_kill() { RUNTIME_DIRECTORY=$tmp/run$1 arenad_kill; }

# write_begin: let fio write to the file system, and verify
write_begin()
{
	fio --name=verify --filename="$tmp/mnt/file" --size=48M --bs=4k-64k --rw=randwrite \
		--direct=1 --ioengine=libaio --iodepth=8 --rate=4m --verify=crc32c --loops=10 \
		--time_based --runtime="$1" --do_verify=1 --verify_fatal=1 \
		--lat_percentiles=1 --percentile_list=50:99:99.9:100 >"$tmp/fio" 2>&1 &
	fio=$!
}

is_degraded() { grep -q '\[\(U_\|_U\)\]' /proc/mdstat; }
is_whole() { grep -q '\[UU\]' /proc/mdstat; }
has_forgotten() { [ -z "$(commands "See that the node has forgotten" | of_node "$1" bash -eu)" ]; }
pauses() { diag "pauses are in these latencies: $(grep -A 2 'lat percentiles' "$tmp/fio" | tr '\n' ' ')"; }

# second NODE: a sed script that makes the commands for the second half those for a node
second() { echo "s|/dev/nbd1|/dev/nbd$(($1 - 1))|; s|192.0.2.2|192.0.2.$1|"; }

pages_2m 600
# As systemd has it: what is unmounted later is so in the namespaces of ip-netns(8), too.
mount --make-rshared /
mkdir "$tmp/mnt"
for node in 1 2; do
	node_network "$node"
done
ok "the first node serves" node_start 1 "$disk0"
ok "the second node serves" node_start 2 "$disk1"
ok "the mirror is made" runbook "Make the mirror"
ok "the mirror is whole" wait_for 60 is_whole
ok "the file system is mounted" mount /dev/md0 "$tmp/mnt"

write_begin 40
sleep 3
of_node 2 ip link set eth0 down
ok "MD gives up the half of a node that was cut off" wait_for 120 is_degraded
runbook "See which half is missing" | sed 's/^/# /'
ok "fio has written and verified while a node was cut off" wait "$fio"
pauses
ok "the half is taken out" runbook "Take a half out"
ok "the node forgets a client that it cannot reach" wait_for 60 has_forgotten 2
of_node 2 ip link set eth0 up
ok "the half is put back" runbook "Put a half back"
ok "the mirror is whole after the node was cut off" wait_for 120 is_whole
is "both halves are equal after the node was cut off" "$(runbook "Compare both halves" | tail -n 1)" 0

write_begin 30
sleep 3
node_kill 1
ok "MD gives up the half of a node whose processes were killed" wait_for 120 is_degraded
ok "fio has written and verified while all processes of a node were killed" wait "$fio"
pauses
ok "the half is taken out after the death" runbook "Take a half out" -e "$(second 1)"
ok "the node serves again" node_start 1 "$disk0"
ok "the node knows no client" has_forgotten 1
ok "the half is put back after the death" runbook "Put a half back" -e "$(second 1)"
ok "the mirror is whole after the death" wait_for 120 is_whole
is "both halves are equal after the death" "$(runbook "Compare both halves" | tail -n 1)" 0

ok "the file system is unmounted" umount "$tmp/mnt"
ok "fsck.ext4 finds no error on the mirror" fsck.ext4 -f -n /dev/md0
ok "all is stopped" runbook "Stop it"
for node in 1 2; do
	kill -TERM "${node_pid[$node]}"
	wait "${node_pid[$node]}"
	is "the arenad of node $node ends with status 0" $? 0
done
done_testing
