# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp, status and the like are those of lib.sh
# Checks of the filter of peers, which the tests on the memfd and on the module have in common. A test
# sources this file after peers-lib.sh.

four=10.9.0.1 six=fd00:9::1

# A client that reads whenever the file NAME.go has another number, and writes that number to NAME.did.
cat >"$tmp/reader.py" <<'END'
import nbd, sys, time

h = nbd.NBD()
h.connect_uri(sys.argv[1])
done = ''
open(sys.argv[2] + '.did', 'w').close()
while done != 'end':
    time.sleep(0.05)
    try:
        wanted = open(sys.argv[2] + '.go').read().strip()
    except OSError:
        continue
    if wanted and wanted != done:
        h.pread(4096, 0)
        done = wanted
        with open(sys.argv[2] + '.did', 'w') as f:
            f.write(done)
END

# reader NAME ADDRESS: start one on the client's machine
reader()
{
	there /usr/bin/python3 "$tmp/reader.py" "nbd://$2/one" "$tmp/$1" >"$tmp/$1.out" 2>&1 &
	at_exit end_process "$!"
	wait_for 40 test -e "$tmp/$1.did"
}

did() { [ "$(cat "$tmp/$1.did")" = "$2" ]; }
# reads NAME NUMBER: the client reads now
reads() { echo "$2" >"$tmp/$1.go"; wait_for 100 did "$1" "$2"; }

# This process has the sockets of a network process, and tries to get rid of the filter.
cat >"$tmp/attack.py" <<'END'
import ctypes, errno, os, socket, struct, sys

libc = ctypes.CDLL(None, use_errno=True)
pidfd = os.pidfd_open(int(sys.argv[1]))
# A filter of the kind before BPF, which lets everything pass: ret #-1
accept_all = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0xffffffff))
program = struct.pack("HxxxxxxQ", 1, ctypes.addressof(accept_all))
# A BPF program that does it: r0 = -1; exit
code = ctypes.create_string_buffer(struct.pack("BBhiBBhi", 0xb7, 0, 0, -1, 0x95, 0, 0, 0))
licence = ctypes.create_string_buffer(b"MIT\0")
attr = struct.pack("IIQQ", 1, 2, ctypes.addressof(code), ctypes.addressof(licence)) + bytes(120)
bpf = libc.syscall(321, 5, attr, len(attr))
kinds = {}
for fd in map(int, os.listdir("/proc/%s/fd" % sys.argv[1])):
    if not os.readlink("/proc/%s/fd/%d" % (sys.argv[1], fd)).startswith("socket:"):
        continue
    # pidfd_getfd(2)
    own = libc.syscall(438, pidfd, fd, 0)
    s = socket.socket(fileno=own)
    if s.family not in (socket.AF_INET, socket.AF_INET6):
        continue
    listens = s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    for name, number, value in (("SO_DETACH_FILTER", 27, struct.pack("i", 0)),
                                ("SO_ATTACH_FILTER", 26, program),
                                ("SO_ATTACH_BPF", 50, struct.pack("i", bpf)),
                                ("SO_LOCK_FILTER", 44, struct.pack("i", 0))):
        try:
            s.setsockopt(socket.SOL_SOCKET, number, value)
            result = "done"
        except OSError as e:
            result = errno.errorcode[e.errno]
        kinds.setdefault("listening" if listens else "connected", set()).add(name + " " + result)
for kind in sorted(kinds):
    print(kind, *sorted(kinds[kind]))
# The same on a socket without the filter, so that it is the filter which forbids it.
s = socket.create_server(("127.0.0.1", 0))
s.setsockopt(socket.SOL_SOCKET, 26, program)
s.setsockopt(socket.SOL_SOCKET, 50, struct.pack("i", bpf))
s.setsockopt(socket.SOL_SOCKET, 27, struct.pack("i", 0))
print("others may")
END

# attack: what comes of it, for the first network process that has a connection
attack()
{
	local pid

	for pid in $(children arena-np); do
		python3 "$tmp/attack.py" "$pid"
	done | sort -u
}

try_strangers()
{
	ok "a client whose network is named is served" served_from 10.9.0.2 "$four"
	ok "a client of another address of IPv4 is kept out" kept_out 10.9.0.3 "$four"
	ok "a client of IPv6 is kept out" kept_out fd00:9::2 "$six"
	ok "a client on the machine itself is kept out" eval "[ \"\$(python3 '$tmp/reach.py' $four $four 2)\" = 0 ] &&
		[ \"\$(packets_of $four stranger)\" -gt 0 ]"
	ok "a client with options in its packets of IPv4 is served" \
		test "$(reach 10.9.0.2 "$four" 40 1 options)" = 1
	is "the list has the sources that were refused, the last one first" \
		"$(told "' '.join(r['address'] for r in p['refused'])")" "$four fd00:9::2 10.9.0.3"
	ok "each was refused just now" \
		test "$(told "max(abs(__import__('time').time() - r['lastUSec'] / 1e6) for r in p['refused']) < 300")" = True
	is "the sum of all is what was dropped" \
		"$(told "sum(r['packets'] for r in p['refused']) == p['droppedPackets']['stranger']")" True
	ok "people see the peers, and who was refused" eval "arenactl peers | grep -qx 'peer 10.9.0.2' &&
		arenactl peers | grep -Eq '^fd00:9::2 +stranger +[1-9][0-9]* +0d 00:'"
	is "metrics have what was dropped" \
		"$(arenactl metrics | grep -c 'msharearena_peers_dropped_total{reason="stranger"} [1-9]')" 1
}

try_edits()
{
	local dropped

	ok "a client connects" reader one "$four"
	ok "a network is added" arenactl peers add fd00:9::/64
	ok "its clients are served" served_from fd00:9::2 "$six"
	ok "its clients with options in their packets are served" \
		test "$(reach fd00:9::2 "$six" 40 1 options)" = 1
	ok "a client of this network connects" reader two "[$six]"
	is "the network is listed" "$(networks)" "10.9.0.2 fd00:9::/64"

	is "the filter can be taken off neither listening sockets nor connections by who has them" \
		"$(attack)" "$(printf '%s SO_ATTACH_BPF EPERM SO_ATTACH_FILTER EPERM SO_DETACH_FILTER EPERM SO_LOCK_FILTER EPERM\n' \
		connected listening; echo others may)"
	ok "a stranger is kept out after that" kept_out 10.9.0.3 "$four"

	ok "a client that is connected reads" reads one 1
	ok "a network is removed" arenactl peers remove 10.9.0.2
	dropped=$(packets_of 10.9.0.2)
	echo 2 >"$tmp/one.go"
	ok "packets of its connections are dropped" wait_for 40 eval "[ \$(packets_of 10.9.0.2 stranger) -gt $dropped ]"
	ok "the other client is served meanwhile" reads two 1
	ok "so the client of the network that was removed has not read" did one 1
	ok "it gets no new connection" kept_out 10.9.0.2 "$four"
	ok "the network is added again" arenactl peers add 10.9.0.2
	ok "its client goes on with the connection that it had" reads one 2
	is "no client was cut off" "$(cat "$tmp/one.out" "$tmp/two.out")" ""
	echo end >"$tmp/one.go"
	echo end >"$tmp/two.go"
}

# SYNs of TCP over IPv4 from 1000 addresses that the client's machine does not have.
cat >"$tmp/forge.py" <<'END'
import socket, struct, sys

def total(data):
    n = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    return ~((n & 0xffff) + (n >> 16)) & 0xffff

to = socket.inet_aton(sys.argv[1])
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for i in range(1000):
    source = bytes([198, 18, i >> 8, i & 255])
    def tcp(checksum):
        return struct.pack("!HHIIBBHHH", 1024 + i, 10809, i, 0, 5 << 4, 2, 1024, checksum, 0)
    pseudo = source + to + struct.pack("!BBH", 0, 6, 20)
    syn = tcp(total(pseudo + tcp(0)))
    def ip(checksum):
        return struct.pack("!BBHHHBBH", 0x45, 0, 40, i, 0, 64, 6, checksum) + source + to
    raw.sendto(ip(total(ip(0))) + syn, (sys.argv[1], 0))
END

forged_have_come() { [ "$(told "p['droppedPackets']['stranger']")" -ge $(($1 + 1000)) ]; }

try_forged()
{
	local before kept each

	# The kernel itself drops packets of addresses that have another way back, if it looks.
	for each in all server; do
		if ! echo 0 >"/proc/sys/net/ipv4/conf/$each/rp_filter"; then
			skip "packets with forged addresses are dropped" "rp_filter cannot be set"
			return
		fi
	done 2>/dev/null
	before=$(told "p['droppedPackets']['stranger']")
	there /usr/bin/python3 "$tmp/forge.py" "$four"
	ok "packets with forged addresses are dropped, each of them" wait_for 60 forged_have_come "$before"
	kept=$(told "len(p['refused'])")
	ok "the last ones are kept, of which the kernel forgets some before the room is full ($kept)" \
		test "$kept" -ge 1 -a "$kept" -le 256
	is "the last one is the first in the list" "$(told "p['refused'][0]['address']")" 198.18.3.231
	ok "a peer is served after them" served_from 10.9.0.2 "$four"
}

# refused_edit NAME TEXT WORD...: arenactl says why it does not do it
refused_edit()
{
	local name=$1 text=$2

	shift 2
	arenactl peers "$@" >"$tmp/said" 2>&1
	is "$name is an error" "$?" 1
	ok "the error says of it: $text" grep -qF -- "$text" "$tmp/said"
}

try_errors()
{
	local all

	all=$(networks)
	refused_edit "what is no network" "nonsense is neither NETWORK/BITS nor an address" add nonsense
	refused_edit "a network with bits behind its prefix" "10.9.0.1/24 has bits set behind its first 24" \
		add 10.9.0.1/24
	refused_edit "a peer that is one already" "fd00:9:0::/64 is a peer already" add fd00:9:0::/64
	refused_edit "a peer that is none" "10.9.0.0/24 is not one of the networks of peers" remove 10.9.0.0/24
	for words in "add" "remove" "nonsense 10.0.0.1" "add 10.0.0.1 10.0.0.2"; do
		# shellcheck disable=SC2086 # words
		arenactl peers $words >/dev/null 2>&1
		is "a wrong command line is: peers $words" "$?" 2
	done
	arenactl status add 10.0.0.1 >/dev/null 2>&1
	is "another command has no such words" "$?" 2
	is "nothing of this has changed the peers" "$(networks)" "$all"
}

try_nobody()
{
	local network

	for network in $(networks); do
		arenactl peers remove "$network"
	done
	is "all peers can be removed" "$(networks)" ""
	ok "then nobody is served: IPv4" kept_out 10.9.0.2 "$four"
	ok "then nobody is served: IPv6" kept_out fd00:9::2 "$six"
	ok "people see it" eval "arenactl peers | grep -qx 'nobody is a peer'"
	ok "a short prefix of IPv6 is added" arenactl peers add ::/0
	ok "it has addresses of IPv6" served_from fd00:9::3 "$six"
	ok "it has none of IPv4" kept_out 10.9.0.3 "$four"
}

# write LINE...: have these lines in the file
write() { printf '%s\n' '[arenad]' "$@" >"$tmp/peers.conf"; }
# reload TEXT: SIGHUP, after which the log has the text
reload() { : >"$tmp/log"; kill -HUP "$arenad_pid"; wait_for 40 says "$1"; }

try_reload()
{
	write 'peer = 10.9.0.0/24'
	ok "SIGHUP puts the peers of the file in use" reload "reload: the peers are now: 10.9.0.0/24"
	ok "one of them is served" served_from 10.9.0.3 "$four"
	ok "a peer that arenactl had added is none any more" kept_out fd00:9::3 "$six"
	write 'peer = 10.9.0.1/24'
	ok "SIGHUP changes nothing if a peer is wrong" reload "10.9.0.1/24 has bits set behind its first 24"
	is "the peers are as they were" "$(networks)" "10.9.0.0/24"
	write 'peer =' 'connect-rate = 1'
	ok "SIGHUP without a peer warns" reload "no peer is named any more: everybody may connect"
	is "all are peers" "$(networks)" "0.0.0.0/0 ::/0"
	ok "a client that was kept out is served" served_from fd00:9::3 "$six"
	ok "SIGHUP puts a limit of connections in use" says "an address may begin 1 connections a second"
}

# shares_limit: is a connection of an address dropped as another one of its network has begun one?
shares_limit()
{
	sleep 3
	reach fd00:9::2 "$six" 0.2 >/dev/null
	reach fd00:9::3 "$six" 0.2 >/dev/null
	[ "$(packets_of fd00:9::3 rate)" -gt 0 ]
}

try_rate()
{
	local n

	n=$(reach 10.9.0.2 "$four" 2 50)
	ok "some of 50 connections at once are served, and not all ($n)" test "$n" -gt 0 -a "$n" -lt 50
	ok "a client of another address is served at once" test "$(reach 10.9.0.3 "$four" 40)" = 1
	is "none of its packets was dropped" "$(packets_of 10.9.0.3 rate)" 0
	ok "the connections that came too fast were counted" test "$(packets_of 10.9.0.2 rate)" -gt 0
	is "all that was dropped for the limit is counted" \
		"$(told "p['droppedPackets']['rate'] > 0")" True
	is "metrics have that, too" \
		"$(arenactl metrics | grep -c 'msharearena_peers_dropped_total{reason="rate"} [1-9]')" 1
	n=$(told "p['droppedPackets']['rate']")
	reach 10.9.0.2 "$four" 1 50 options >/dev/null
	ok "connections with options in their packets of IPv4 are counted" \
		test "$(told "p['droppedPackets']['rate']")" -gt "$n"
	n=$(told "p['droppedPackets']['rate']")
	reach fd00:9::2 "$six" 1 50 options >/dev/null
	ok "connections with options in their packets of IPv6 are counted" \
		test "$(told "p['droppedPackets']['rate']")" -gt "$n"
	ok "addresses of one /64 of IPv6 share the limit" wait_for 60 shares_limit
	write 'connect-rate = 1000'
	ok "SIGHUP raises the limit" reload "an address may begin 1000 connections a second"
	is "50 connections at once are served then" "$(reach 10.9.0.2 "$four" 40 50)" 50
	write ''
	ok "SIGHUP takes the limit away" reload "an address may begin any number of connections"
	is "50 connections at once are served without a limit" "$(reach 10.9.0.2 "$four" 40 50)" 50
}

# try_peers ARGUMENT...: all of it, with arguments of arenad, of which one is the disk of export one
try_peers()
{
	write 'peer = 10.9.0.2'
	arenad_start --config "$tmp/peers.conf" "$@"
	ok "arenad says that a filter is in use" says "a filter of peers is in use, with 1 network"
	try_strangers
	try_edits
	try_forged
	try_errors
	try_nobody
	try_reload
	try_rate
	arenad_stop
	is "arenad ends with status 0" "$status" 0
}
