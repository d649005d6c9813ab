# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Helpers for tests with a network of their own. A test calls net_enter first, which starts it anew
# in a network namespace; net_client makes another one, as a client's machine. The two are connected
# by a cable, of which "server" is the end here and "client" the end there:
#
#	server	10.9.0.1/24  fd00:9::1/64  fe80::1	client	10.9.0.2/24  fd00:9::2/64  fe80::2

# net_enter: run this test in a new network namespace
net_enter()
{
	[ -z "${NET_ENTERED:-}" ] || return 0
	[ "$(id -u)" = 0 ] || skip_all "must be root, to make network namespaces"
	unshare --net true 2>/dev/null || skip_all "this machine makes no network namespaces"
	trap - EXIT
	# shellcheck disable=SC2154 # ../lib.sh has made it
	rm -rf "$tmp"
	NET_ENTERED=1 exec unshare --net -- "$0"
}

# there COMMAND...: run a command on the client's machine
there()
{
	nsenter --target "$client_pid" --net -- "$@"
}

# settled COMMAND...: true if no address is tentative any more
settled()
{
	[ -z "$("$@" ip -6 address show tentative)" ]
}

# net_client: make the client's machine and the cable
net_client()
{
	ip link set lo up
	unshare --net -- sleep 1000 &
	client_pid=$!
	at_exit end_process "$client_pid"
	wait_for 10 net_is_new "$client_pid" || skip_all "no second network namespace"
	ip link add server type veth peer name client netns "$client_pid"
	ip address add 10.9.0.1/24 dev server
	ip address add fd00:9::1/64 dev server nodad
	ip link set server addrgenmode none up
	ip address add fe80::1/64 dev server nodad
	there ip address add 10.9.0.2/24 dev client
	there ip address add fd00:9::2/64 dev client nodad
	there ip link set client addrgenmode none up
	there ip address add fe80::2/64 dev client nodad
	wait_for 10 settled env && wait_for 10 settled there
}

# net_is_new PID: true if the process is in another network namespace than this shell
net_is_new()
{
	[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}
