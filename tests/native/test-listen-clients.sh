#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: one client gets no more than its share of connections; clients that are slow, silent or
# unreachable lose theirs in time, and others are served meanwhile.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"
# shellcheck source-path=SCRIPTDIR source=net-lib.sh
. "$(dirname "$0")/net-lib.sh"
requires ip nsenter unshare nbdinfo ss python3
net_enter
net_client

# greeted FD: true if the server's greeting comes
greeted() { read -r -t 10 -N 8 greeting <&"$1" && [ "$greeting" = NBDMAGIC ]; }
# ended FD: true if the server closes the connection
ended() { ! timeout 10 cat <&"$1" | grep -q NBDMAGIC; }
gone_from() { [ -z "$(ss -Htn state established "sport = :$port")" ]; }

socket=$tmp/np.sock
listen=(--listen "*:0" --listen "unix:$socket")
rig_start -- --max-connections-per-client 2
exec 4<>"/dev/tcp/127.0.0.1/$port" 5<>"/dev/tcp/127.0.0.1/$port"
ok "a client gets the first of the 2 connections that it may have" greeted 4
ok "a client gets the second of the 2 connections that it may have" greeted 5
exec 6<>"/dev/tcp/127.0.0.1/$port"
ok "a third connection of the same client is closed at once" ended 6
ok "arena-np says which client has too many connections" says "it has 2 connections already"
ok "a client on another machine is served while one has all its connections" \
	there nbdinfo --size "nbd://10.9.0.1:$port/d0"
ok "a client over IPv6 is served while one over IPv4 has all its connections" \
	nbdinfo --size "nbd://[::1]:$port/d0"
ok "a client over a UNIX socket is served while one over TCP has all its connections" \
	nbdinfo --size "nbd+unix:///d0?socket=$socket"
exec 4>&-
again() { exec 4<>"/dev/tcp/127.0.0.1/$port" && greeted 4; }
ok "a client gets a connection again when it has closed one" wait_for 10 again
exec 4>&- 5>&- 6>&-
arenad_stop

# Three silent clients take all places. Nobody could wait for --handshake-timeout here.
listen=(--listen 127.0.0.1:0)
rig_start -- --max-connections 3 --handshake-timeout 1000
exec 4<>"/dev/tcp/127.0.0.1/$port" 5<>"/dev/tcp/127.0.0.1/$port" 6<>"/dev/tcp/127.0.0.1/$port"
ok "a client is served although silent ones have taken all places" \
	timeout 60 nbdinfo --size "nbd://127.0.0.1:$port/d0"
ok "arena-np has cut a silent client off to make room" says "its handshake lasts too long"
exec 4>&- 5>&- 6>&-
arenad_stop

# EXPORT_NAME of the default export, then a WRITE of 1 MiB of which a byte comes now and then.
rig_start -- --stall-timeout 4
cat >"$tmp/trickle.py" <<'PYTHON'
import socket, struct, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"\0\0\0\3IHAVEOPT" + struct.pack(">II", 1, 0))
s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 1, 1, 0, 1 << 20))
for i in range(60):
    time.sleep(0.5)
    try:
        s.sendall(b"x")
    except OSError:
        sys.exit(0)
sys.exit(1)
PYTHON
ok "a client whose payload comes a byte at a time is cut off" \
	python3 "$tmp/trickle.py" "$port"
ok "arena-np says that the payload of this client does not come" says "its payload does not come"
arenad_stop

# Clients whose machine is gone: one that is idle, and one that has not taken its replies.
listen=(--listen 10.9.0.1:0)
rig_start -- --unreachable-timeout 6 --stall-timeout 1000 -v
cat >"$tmp/idle.py" <<'PYTHON'
import socket, struct, sys, time
kind, host, port = sys.argv[1:]
s = socket.create_connection((host, int(port)))
s.sendall(b"\0\0\0\3IHAVEOPT" + struct.pack(">II", 1, 0))
if kind == "greedy":
    for i in range(16):
        s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, i, 0, 1 << 20))
print("ready", flush=True)
time.sleep(300)
PYTHON
for kind in idle greedy; do
	nsenter --target "$client_pid" --net -- \
		python3 "$tmp/idle.py" "$kind" 10.9.0.1 "$port" >"$tmp/$kind" &
	at_exit end_process "$!"
	wait_for 20 grep -q ready "$tmp/$kind"
done
ok "two clients on another machine are connected" eval \
	"[ \$(ss -Htn state established 'sport = :$port' | wc -l) = 2 ]"
ip link set server down
ok "connections of a machine that does not answer are ended" wait_for 60 gone_from
ok "arena-np says that a connection timed out" says "Connection timed out"
ip link set server up
ip address add fe80::1/64 dev server nodad
wait_for 10 there ping -c 1 -W 1 10.9.0.1
ok "another client is served when the machine answers again" \
	there timeout 60 nbdinfo --size "nbd://10.9.0.1:$port/d0"
arenad_stop
is "arena-np ends with status 0 after clients whose machine was gone" "$status" 0
done_testing
