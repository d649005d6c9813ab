#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenad listens on each kind of TCP address, and clients of another machine reach it at this
# address and at no other one.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=net-lib.sh
. "$(dirname "$0")/net-lib.sh"
requires ip nsenter unshare nbdinfo ss python3
net_enter
net_client
disk=$(disk d 4M)

# reaches ADDRESS: a client on the other machine finds the disk there
reaches() { there timeout 20 nbdinfo --size "nbd://$1/d"; }
# arenad_ready ADDRESS: the address is in the line of arenad
arenad_ready() { grep -qF -- " $1" "$tmp/out" || { cat "$tmp/out"; return 1; }; }

listen=(--listen "*:10001" --listen "[fe80::1%server]:10002" --listen "[fd00:9::1]:10003"
	--listen 10.9.0.1:10004 --listen "[::]:10005")
arenad_start --verbose --disk "d=$disk"
ok "arenad says that it listens on all addresses" arenad_ready '*:10001'
ok "arenad prints a link-local address with its interface" arenad_ready '[fe80::1%server]:10002'
ok "a client reaches the dual-stack socket over IPv4" reaches 10.9.0.1:10001
ok "arenad logs the client of a dual-stack socket by its IPv4 address" \
	says "accepted from 10.9.0.2:"
ok "a client reaches the dual-stack socket over IPv6" reaches "[fd00:9::1]:10001"
ok "a client reaches a link-local address" reaches "[fe80::1%25client]:10002"
ok "arenad logs the client of a link-local address with the interface" \
	says "accepted from [fe80::2%server]:"
ok "a client reaches a global IPv6 address" reaches "[fd00:9::1]:10003"
ok "a client reaches an IPv4 address" reaches 10.9.0.1:10004
ok "a client reaches the socket of all IPv6 addresses over IPv6" reaches "[fd00:9::1]:10005"
not_ok "a client does not reach the socket of all IPv6 addresses over IPv4" reaches 10.9.0.1:10005
not_ok "a client does not reach an IPv4 address of another socket" reaches 10.9.0.1:10002
all_at_once()
{
	local where pids=() pid

	for where in 10.9.0.1:10001 "[fe80::1%25client]:10002" "[fd00:9::1]:10003" \
		10.9.0.1:10004 "[fd00:9::1]:10005"; do
		reaches "$where" &
		pids+=("$!")
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || return 1
	done
}
ok "clients of five sockets at once are served" all_at_once
is "five sockets have the backlog of 128 that is the default" \
	"$(ss -Hltn | awk '$3 == 128' | wc -l)" 5
# The sockets of clients inherit the options of the socket that accepted them.
python3 - "$arenad_pid" >"$tmp/options" <<'END'
import ctypes
import os
import socket
import sys
pid = int(sys.argv[1])
libc = ctypes.CDLL(None)
pidfd = os.pidfd_open(pid)
for name in os.listdir("/proc/%d/fd" % pid):
    if not os.readlink("/proc/%d/fd/%s" % (pid, name)).startswith("socket:"):
        continue
    fd = libc.syscall(438, pidfd, int(name), 0)
    s = socket.socket(fileno=fd)
    if s.family == socket.AF_UNIX or not s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        continue
    print(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY),
          s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
          s.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) // 1000)
END
is "five sockets have TCP_NODELAY, keepalive and a user timeout of a minute" \
	"$(sort "$tmp/options" | uniq -c | tr -s ' ')" " 5 1 1 60"
arenad_stop
is "arenad ends with status 0 after it listened on five sockets" "$status" 0

# A machine without IPv4 addresses but the loopback's.
ip -4 address flush dev server
there ip -4 address flush dev client
listen=(--listen "*:10001" --listen "[fd00:9::1]:10003" --backlog 7)
arenad_start --disk "d=$disk"
ok "a client reaches all addresses of a machine that has only IPv6" reaches "[fd00:9::1]:10001"
ok "a client reaches one address of a machine that has only IPv6" reaches "[fd00:9::1]:10003"
is "two sockets have the backlog that --backlog says" "$(ss -Hltn | awk '$3 == 7' | wc -l)" 2
arenad_stop

listen=(--listen "[fe80::9%server]:10002")
arenad_run --disk "d=$disk"
arenad_wait
is "arenad ends with status 1 if an address is not of this machine" "$status" 1
ok "arenad names the address that is not of this machine" \
	says "cannot listen on [fe80::9%server]:10002: Cannot assign requested address"
listen=(--listen "[fe80::1%none]:10002")
arenad_run --disk "d=$disk"
arenad_wait
is "arenad ends with status 2 if an interface does not exist" "$status" 2
ok "arenad names the interface that does not exist" \
	says "[fe80::1%none]:10002: there is no such interface"
listen=(--listen "[fe80::1]:10002")
arenad_run --disk "d=$disk"
arenad_wait
is "arenad ends with status 2 if a link-local address has no interface" "$status" 2
ok "arenad says that a link-local address needs its interface" says "needs its interface"
done_testing
