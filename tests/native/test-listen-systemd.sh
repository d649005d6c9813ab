#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenad and arena-np serve the sockets that systemd passes to them, by name or all of them,
# say what is wrong with others, and leave the sockets as they were when they end.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"
requires systemd-socket-activate nbdinfo python3

disk=$(disk d 4M)
one=$(free_port)
socket=$tmp/disk.sock
server=(arenad --region test --backend memfd --size 512M --nps 2 --disk "d=$disk"
	--disk "e=$(disk e 4M)")
ended() { gone "$arenad_pid"; }

# activate OPTION... -- COMMAND...: run the command by systemd-socket-activate in the background
activate()
{
	: >"$tmp/log"
	: >"$tmp/out"
	systemd-socket-activate "$@" >"$tmp/out" 2>"$tmp/log" &
	arenad_pid=$!
	wait_for 10 says "Listening on"
}

activate --listen "127.0.0.1:$one" --listen "$socket" --fdname tcp:unix \
	"${server[@]}" --listen systemd
ok "a client that connects starts arenad, and is served at the TCP socket" \
	timeout 60 nbdinfo --size "nbd://127.0.0.1:$one/d"
ok "arenad lists both sockets in their order" \
	wait_for 20 grep -qx "ready 127.0.0.1:$one unix:$socket" "$tmp/out"
ok "a client is served at the UNIX socket that systemd has made" \
	nbdinfo --size "nbd+unix:///d?socket=$socket"
# Its only socket is that by which arenad speaks to it.
has_socket()
{
	local sp control

	sp=$(children arena-sp | head -n 1)
	control=$(tr '\0' '\n' <"/proc/$sp/cmdline" | sed -n '/^--control-fd$/{n;p}')
	find "/proc/$sp/fd" -lname 'socket:*' ! -name "$control" | grep .
}
not_ok "the storage process has not inherited a listening socket" has_socket
not_ok "the network process has no LISTEN_FDS in its environment" \
	grep -qz ^LISTEN_ "/proc/$(children arena-np | head -n 1)/environ"
arenad_stop
is "arenad ends with status 0 after it was started by a client" "$status" 0
ok "arenad leaves the file of a socket that systemd has made" test -S "$socket"
rm "$socket"

activate --listen "127.0.0.1:$one" --listen "$socket" --fdname tcp:unix \
	"${server[@]}" --listen systemd:unix --listen 127.0.0.1:0
ok "a client starts arenad through the socket that is named" \
	timeout 60 nbdinfo --size "nbd+unix:///d?socket=$socket"
ok "a socket of systemd stands beside an address" \
	wait_for 20 grep -q "^ready unix:$socket 127.0.0.1:[1-9]" "$tmp/out"
ok "arenad warns of a socket that no option names" \
	says "descriptor 3, which systemd passed as 'tcp', is not used"
arenad_stop

activate --listen "127.0.0.1:$one" --fdname tcp "${server[@]}" --listen systemd:other
exec 4<>"/dev/tcp/127.0.0.1/$one"
arenad_wait
exec 4>&-
is "arenad ends with status 1 if no socket has the name" "$status" 1
ok "arenad says that no such socket was passed" \
	says "cannot listen on systemd:other: no such socket was passed"

activate --listen "127.0.0.1:$one" --accept "${server[@]}" --listen systemd
exec 4<>"/dev/tcp/127.0.0.1/$one"
ok "arenad says that a connection is no listening socket" wait_for 20 says "Accept=no"
exec 4>&-
arenad_stop

activate --datagram --listen "127.0.0.1:$one" "${server[@]}" --listen systemd
echo >"/dev/udp/127.0.0.1/$one"
arenad_wait
is "arenad ends with status 1 if a socket is one of datagrams" "$status" 1
ok "arenad says that a datagram socket is no stream socket" says "not a stream socket"

"${server[@]}" --listen systemd >"$tmp/out" 2>"$tmp/log"
is "arenad ends with status 1 if systemd has passed nothing" $? 1
LISTEN_PID=1 LISTEN_FDS=1 "${server[@]}" --listen systemd >"$tmp/out" 2>"$tmp/log"
is "arenad does not take sockets that are for another process" $? 1
ok "arenad does not find a socket that is for another process" says "no such socket was passed"
bash -c 'LISTEN_PID=$$ LISTEN_FDS=$0 exec "$@"' 99 "${server[@]}" --listen systemd \
	>"$tmp/out" 2>"$tmp/log"
is "arenad ends with status 1 if too many descriptors are announced" $? 1
bash -c 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&-' 0 "${server[@]}" --listen systemd \
	>"$tmp/out" 2>"$tmp/log"
is "arenad ends with status 1 if an announced descriptor is not open" $? 1
ok "arenad names the descriptors that are wrong" says "LISTEN_FDS"

# A parent, as systemd is one, keeps its listening socket, and starts arenad again for it.
cat >"$tmp/manager.py" <<'PYTHON'
import os, signal, socket, subprocess, sys
s = socket.create_server(("127.0.0.1", 0))
uri = "nbd://127.0.0.1:%d/%s" % (s.getsockname()[1], sys.argv[1])
for turn in range(2):
    p = subprocess.Popen(sys.argv[2:] + ["--listen", "fd:%d" % s.fileno()],
                         pass_fds=[s.fileno()])
    size = subprocess.run(["nbdinfo", "--size", uri], timeout=60).returncode
    p.send_signal(signal.SIGTERM)
    if size or p.wait(timeout=60):
        sys.exit(1)
    # Nobody accepts, but the kernel does: the socket still listens.
    socket.create_connection(s.getsockname()).close()
    s.accept()[0].close()
PYTHON
ok "a socket that arenad has inherited listens on when arenad has ended" \
	python3 "$tmp/manager.py" d "${server[@]}"
ok "a socket that arena-np has inherited listens on when arena-np has ended" \
	python3 "$tmp/manager.py" d0 "$tools/np-rig" --sps 1 "$BUILD/arena-np"
done_testing
