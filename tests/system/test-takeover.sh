#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a client goes on without an error when the node that serves it hands a disk that DRBD
# replicates to the other node, or dies and the other one takes over, and both disks are equal when
# the node is back; by the commands of docs/takeover.md.
# Method: each node is a network namespace with an arenad, and one of two ends of DRBD, which know no
# namespaces, so that all of them are in the first one. fio writes and verifies by QEMU's NBD client.
# timeout: 900
# run: long
# vm: once
# shellcheck disable=SC2016 # the conditions are for eval
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires drbdadm qemu-storage-daemon fio nbdcopy

modprobe -a veth bridge dm-mod || skip_all "this kernel lacks veth, bridge or dm"
# The kernel would run drbdadm, which does not know where the configuration of a node is here.
modprobe drbd usermode_helper=disabled || skip_all "this kernel lacks drbd"

node_end()
{
	node_kill "$1"
	drbdsetup secondary "$1"
	drbdsetup down "d$1"
	dmsetup remove "half$1"
	ip netns del "node$1"
	ip address del "198.51.100.$1/32" dev lo
}

nodes_end()
{
	[ -z "${client:-}" ] || end_process "$client"
	node_end 1
	node_end 2
	ip link del clients
} >/dev/null 2>&1
at_exit nodes_end

# of_node NODE COMMAND...: run it in the node's network
of_node() { ip netns exec "node$1" "${@:2}"; }

# commands HEADING: print the commands below a heading of the document
commands() { sed -n "/^## $1\$/,/^## /s/^    //p" "$top/docs/takeover.md" | grep .; }

# runbook NODE HEADING [LINES]: run the commands, or those lines of them, on a node
runbook()
{
	local node=$1 line

	while read -r line; do
		diag "node $node: $line"
		eval "on_$line" || return 1
	done < <(commands "$2" | sed -n "${3:-1,\$}p")
}

# The commands of the document call these functions. Each end of DRBD has a resource of its own.
on_modprobe() { modprobe "$@"; }
on_ip() { of_node "$node" ip "$@"; }
on_drbdadm()
{
	# It finds its own node by the name of the machine.
	unshare --uts sh -c 'hostname "$0" && exec drbdadm "$@"' "node$node" \
		-c "$tmp/d$node.res" "${@:1:$# - 1}" "d$node" </dev/null
}
on_systemctl() { "node_$1" "$node"; }

is_ready() { grep -q . "$tmp/node$1.out"; }

node_start()
{
	# Emptied here, as the shell in the background may do it only after somebody looks.
	: >"$tmp/node$1.out"
	RUNTIME_DIRECTORY=$tmp/run$1 ip netns exec "node$1" "$BUILD/arenad" \
		--config "$tmp/node$1.conf" --backend module --replace \
		>"$tmp/node$1.out" 2>>"$tmp/node$1.log" </dev/null &
	echo $! >"$tmp/node$1.pid"
	wait_for 60 is_ready "$1"
}

node_stop()
{
	kill -TERM "$(cat "$tmp/node$1.pid")"
	wait "$(cat "$tmp/node$1.pid")"
}

# node_kill NODE: kill all of its processes
node_kill() { RUNTIME_DIRECTORY=$tmp/run$1 arenad_kill; }

# node_make NODE DISK: a node whose disk has 64 MiB
node_make()
{
	ip netns add "node$1"
	ip link add "to$1" type veth peer name eth0 netns "node$1"
	ip link set "to$1" master clients up
	ip netns exec "node$1" ip link set eth0 up
	ip netns exec "node$1" ip link set lo up
	ip address add "198.51.100.$1/32" dev lo
	dmsetup create "half$1" --table "0 131072 linear $2 0"
	dmsetup mknodes "half$1"
	mkdir -m 700 "$tmp/run$1"
	commands "Configure DRBD" | sed "s/^resource d /resource d$1 /
		s|disk /.*|disk /dev/mapper/half$1;|; s|/dev/drbd0|/dev/drbd$1|" >"$tmp/d$1.res"
	commands "Configure arenad" | sed "s/^region = .*/region = node$1/
		s|/dev/drbd0|/dev/drbd$1|" >"$tmp/node$1.conf"
}

# drbd NODE: print the state of its end of DRBD
drbd() { awk -v end="$1:" '$1 == end' /proc/drbd; }
drbd_is() { [[ "$(drbd "$1")" == *"$2"* ]]; }
# are_split: has one seen that, and does none of them compare what the disks have?
are_split()
{
	grep -q cs:StandAlone /proc/drbd &&
		[ "$(grep -cE 'cs:(StandAlone|WFConnection)' /proc/drbd)" = 2 ]
}
is_whole() { drbd_is 1 "cs:Connected" && drbd_is 1 "ds:UpToDate/UpToDate"; }
has_verified() { is_whole && ! drbd_is 1 "cs:Verify"; }
out_of_sync() { sed -n '/^ *1:/,/^ *2:/s/.* oos:\([0-9]*\).*/\1/p' /proc/drbd | head -n 1; }

client_start()
{
	qemu-storage-daemon \
		--blockdev "$(commands "Connect clients" | sed 's/^-blockdev//' | tr -d '\\ \n')" \
		--nbd-server "addr.type=unix,addr.path=$tmp/client" \
		--export type=nbd,id=d,node-name=d,name=d,writable=on 2>"$tmp/client.log" &
	client=$!
	wait_for 30 test -S "$tmp/client"
}

# write_begin LOOPS: let fio write 48 MiB that often, and verify them each time
write_begin()
{
	fio --name=verify --ioengine=nbd --uri="nbd+unix:///d?socket=$tmp/client" --size=48M \
		--bs=4k-64k --rw=randwrite --iodepth=8 --rate=4m --verify=crc32c --loops="$1" \
		--do_verify=1 --verify_fatal=1 \
		--lat_percentiles=1 --percentile_list=50:99:99.9:100 >"$tmp/fio" 2>&1 &
	fio=$!
}
# fio_ends: wait for it; it has to have read what it has written
fio_ends()
{
	wait "$fio" && grep -q 'read: IOPS' "$tmp/fio" && return
	cat "$tmp/fio"
	return 1
}
pauses() { diag "pauses are in these latencies: $(grep -A 2 'lat percentiles' "$tmp/fio" | tr '\n' ' ')"; }

pages_2m 300
ip link add clients type bridge
ip address add 192.0.2.129/24 dev clients
ip link set clients up
node_make 1 "$disk0"
node_make 2 "$disk1"
ok "DRBD is started on the first node" runbook 1 "Start DRBD"
ok "DRBD is started on the second node" runbook 2 "Start DRBD"
ok "the first disk is filled" runbook 1 "Fill the first disk"
ok "the other one becomes equal" wait_for 120 is_whole
ok "the first node serves" runbook 1 "Serve"
ok "a client connects" client_start
sed 's/^listen = .*/listen = 127.0.0.1:0/' "$tmp/node2.conf" >"$tmp/secondary.conf"
start_on_secondary()
{
	timeout 60 "$BUILD/arenad" --config "$tmp/secondary.conf" --backend module 2>"$tmp/log"
}
not_ok "arenad does not start on the other node" start_on_secondary
ok "it says that the disk cannot be opened" says "cannot open disk /dev/drbd2"

write_begin 2
sleep 5
ok "the first node stops serving" runbook 1 "Stop serving"
ok "the second node serves" runbook 2 "Serve"
ok "fio has written and verified while the other node took over" fio_ends
pauses

drbdsetup down d1
write_begin 3
sleep 2
ok "a node that was off is brought back" runbook 1 "Bring a node back"
ok "it gets what it has missed" wait_for 120 is_whole
node_kill 2
ip netns exec node2 ip link set eth0 down
ip address del 198.51.100.2/32 dev lo
ok "the other node takes over from one that has died" wait_for 60 runbook 1 "Serve"
ok "fio has written and verified while a node died" fio_ends
pauses

# It was switched off.
drbdsetup secondary 2
drbdsetup down d2
ip netns exec node2 ip address flush dev eth0
ip netns exec node2 ip link set eth0 up
ip address add 198.51.100.2/32 dev lo
ok "the node is brought back" runbook 2 "Bring a node back" 1
ok "a node has seen that each may have written alone" wait_for 60 are_split
drbd_is 2 cs:StandAlone || node=2 on_drbdadm disconnect d
ok "the node throws away what it alone has" runbook 2 "Throw away what one node alone has" 1,2
! drbd_is 1 cs:StandAlone ||
	ok "the other one connects to it" runbook 1 "Throw away what one node alone has" 3
ok "both disks are equal again" wait_for 120 is_whole
ok "both disks are compared" runbook 1 "Compare both disks"
ok "that ends" wait_for 120 has_verified
is "they do not differ" "$(out_of_sync)" 0
end_process "$client"
client=''
ok "the first node stops serving at the end" runbook 1 "Stop serving"
ok "the node that died serves again" runbook 2 "Serve"
ok "a client reads there" nbdcopy "nbd://192.0.2.10/d" null:
ok "it stops serving" runbook 2 "Stop serving"
done_testing
