#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a listening socket that arenad gets from others, as systemd passes it, has the filter of peers;
# the filter stays on it when arenad ends, and the next arenad finds it there and steers it.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
# shellcheck source=net-lib.sh
. "$(dirname "$0")/net-lib.sh"
# shellcheck source=peers-lib.sh
. "$(dirname "$0")/peers-lib.sh"
peers_begin
requires setpriv

four=10.9.0.1 six=fd00:9::1

# A parent, as systemd is one, has the socket all the time, and starts an arenad whenever a line with
# its command comes.
cat >"$tmp/manager.py" <<'END'
import os, shlex, socket, subprocess, sys
s = socket.create_server(("::", 10809), family=socket.AF_INET6, dualstack_ipv6=True)
os.dup2(s.fileno(), 3)
for line in sys.stdin:
    words = shlex.split(line)
    if any(word.startswith("systemd") for word in words):
        words = ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=tcp exec "$@"', "sh"] + words
    p = subprocess.Popen(words, pass_fds=[3], stdout=open(os.environ["OUT"], "w"),
                         stderr=open(os.environ["LOG"], "w"))
    with open(os.environ["PIDS"], "w") as f:
        f.write(str(p.pid))
    status = p.wait()
    with open(os.environ["ENDS"], "w") as f:
        f.write(str(status))
END
mkfifo "$tmp/commands"
OUT=$tmp/out LOG=$tmp/log PIDS=$tmp/pid ENDS=$tmp/end /usr/bin/python3 "$tmp/manager.py" \
	<"$tmp/commands" >"$tmp/manager.out" 2>&1 &
at_exit end_process "$!"
exec 7>"$tmp/commands"
disk=$(disk one 4M)

# command WHERE ARGUMENT...: have the manager run arenad, perhaps $under something else
under=()
command_arenad()
{
	local arguments

	complete --disk "one=$disk" "${@:2}"
	rm -f "$tmp/pid" "$tmp/end"
	: >"$tmp/log"
	: >"$tmp/out"
	printf '%q ' "${under[@]}" "$BUILD/arenad" --region test --backend memfd --listen "$1" \
		"${arguments[@]}" >&7
	echo >&7
	wait_for 20 test -s "$tmp/pid"
	arenad_pid=$(cat "$tmp/pid")
}

starts()
{
	command_arenad "$@"
	wait_for 90 grep -q ^ready "$tmp/out" || { cat "$tmp/log"; return 1; }
}

ends() { kill -TERM "$arenad_pid"; wait_for 60 test -s "$tmp/end" && [ "$(cat "$tmp/end")" = 0 ]; }

# begins SOURCE DESTINATION SECONDS: does the kernel take a connection, whether somebody serves it or not?
begins()
{
	there /usr/bin/python3 - "$@" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET)
		s.bind((sys.argv[1], 0))
		s.settimeout(float(sys.argv[3]))
		s.connect((sys.argv[2], 10809))
	END
}

for where in systemd:tcp fd:3; do
	ok "arenad starts with the socket: $where" starts "$where" --peer fd00:9::2
	ok "a peer is served: $where" served_from fd00:9::2 "$six"
	ok "a stranger is kept out: $where" kept_out 10.9.0.2 "$four"
	dropped=$(told "p['droppedPackets']['stranger']")
	ok "arenad ends: $where" ends
	ok "the kernel takes a peer without any arenad: $where" begins fd00:9::2 "$six" 40
	not_ok "the kernel takes no stranger without any arenad: $where" begins 10.9.0.2 "$four" 2
	ok "another arenad starts with the socket, and other peers: $where" starts "$where" --peer 10.9.0.2
	ok "it has found the filter of the earlier one, with what that has dropped: $where" \
		test "$(told "p['droppedPackets']['stranger']")" -gt "$dropped"
	ok "its peers are served: $where" served_from 10.9.0.2 "$four"
	ok "those of the earlier one are kept out: $where" kept_out fd00:9::2 "$six"
	ok "that arenad ends: $where" ends
	ok "an arenad without peers starts with the socket: $where" starts "$where"
	ok "everybody is served then: IPv4: $where" served_from 10.9.0.2 "$four"
	ok "everybody is served then: IPv6: $where" served_from fd00:9::2 "$six"
	ok "the arenad without peers ends: $where" ends
done

# It finds no programs of others, but may load some.
under=(setpriv --bounding-set -sys_admin --inh-caps -sys_admin)
command_arenad systemd --peer 10.9.0.2
ok "an arenad that may not look for the filter ends" wait_for 60 test -s "$tmp/end"
is "its status is 1" "$(cat "$tmp/end")" 1
ok "it says that the socket has a filter that it cannot steer" \
	says "the filter of a socket that was passed to this process lets those connect that an earlier arenad has let"
under=()

# A socket that somebody else has locked.
cat >"$tmp/locked.py" <<'END'
import os, socket, struct, sys, ctypes
s = socket.create_server(("127.0.0.1", 0))
accept_all = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0xffffffff))
s.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HxxxxxxQ", 1, ctypes.addressof(accept_all)))
s.setsockopt(socket.SOL_SOCKET, 44, 1)
os.set_inheritable(s.fileno(), True)
os.execvp(sys.argv[1], sys.argv[1:] + ["--listen", "fd:%d" % s.fileno()])
END
python3 "$tmp/locked.py" "$BUILD/arenad" --region test --backend memfd --size 512M --disk "one=$disk" \
	--peer 127.0.0.1 >"$tmp/out" 2>"$tmp/log"
is "an arenad whose socket has a filter of somebody else ends with status 1" "$?" 1
ok "it says so" says "a socket that was passed to this process has a filter that no arenad has put there"
done_testing
