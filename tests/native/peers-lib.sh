# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp, status and arenad_pid are those of lib.sh
# Helpers for tests of the filter of peers. A test sources this file after lib.sh, adopt-lib.sh and
# net-lib.sh, and calls peers_begin first. The client's machine has further addresses then, 10.9.0.3
# and fd00:9::3, and the daemons listen at port 10809 of all addresses.
#
# The kernel drops packets of strangers without a word, so a test that somebody is not served looks
# at what was counted, too: it fails if the packets have not come.

# shellcheck disable=SC2034 # for lib.sh
listen=(--listen "*:10809")

# may_use_bpf: can this process make a map that not everybody may make?
may_use_bpf()
{
	python3 - <<-'END'
		import ctypes, struct, sys
		# BPF_MAP_CREATE, of BPF_MAP_TYPE_LRU_HASH, on x86-64
		attr = struct.pack("IIIII", 9, 4, 4, 1, 0) + bytes(100)
		sys.exit(ctypes.CDLL(None).syscall(321, 0, attr, len(attr)) < 0)
	END
}

peers_begin()
{
	requires ip nsenter unshare nbdinfo nbdsh python3
	command -v arenactl >/dev/null || skip_all "there is no arenactl, which needs libsystemd 257"
	net_enter
	may_use_bpf || skip_all "THE FILTER OF PEERS IS NOT TESTED: this process may not use BPF"
	net_client
	there ip address add 10.9.0.3/24 dev client
	there ip address add fd00:9::3/64 dev client nodad
	cat >"$tmp/reach.py" <<-'END'
		# reach.py SOURCE DESTINATION SECONDS [COUNT] [options]: begin so many connections at
		# once, and print how many of them are greeted in that time. With "options", packets
		# have options of IP.
		import select, socket, sys, time
		source, to, limit = sys.argv[1], sys.argv[2], float(sys.argv[3])
		count = int(sys.argv[4]) if len(sys.argv) > 4 else 1
		six = ":" in to
		all, greeted = {}, 0
		for i in range(count):
		    s = socket.socket(socket.AF_INET6 if six else socket.AF_INET)
		    if "options" in sys.argv and six:
		        # IPV6_DSTOPTS with padding
		        s.setsockopt(41, 59, b"\0\0\1\4\0\0\0\0")
		    elif "options" in sys.argv:
		        # IP_OPTIONS, of which each does nothing
		        s.setsockopt(0, 4, b"\1" * 8)
		    s.bind((source, 0))
		    s.setblocking(False)
		    s.connect_ex((to, 10809))
		    all[s.fileno()] = s
		poll = select.poll()
		for fd in all:
		    poll.register(fd, select.POLLIN)
		end = time.monotonic() + limit
		while all and time.monotonic() < end:
		    for fd, _ in poll.poll(max(0, (end - time.monotonic()) * 1000)):
		        poll.unregister(fd)
		        try:
		            greeted += all.pop(fd).recv(8) == b"NBDMAGIC"
		        except OSError:
		            pass
		print(greeted)
	END
}

# reach SOURCE DESTINATION SECONDS [COUNT] [options]: print how many connections are greeted
reach() { there python3 "$tmp/reach.py" "$@"; }

# The time that a client has to be served in: a SYN that is dropped is sent again after 1 s, 3 s, 7 s
# and 15 s. That which a stranger has is of no matter, as what is counted tells the rest.
served_from() { [ "$(reach "$1" "$2" 40)" = 1 ]; }

# told EXPRESSION: print what a Python expression makes of the list of peers, which is p
told()
{
	arenactl peers --json | python3 -c "import json, sys
p = json.load(sys.stdin)
print($1)"
}

# packets_of ADDRESS [REASON]: how many packets of a source were dropped, if that was why
packets_of()
{
	told "sum(r['packets'] for r in p['refused'] if r['address'] == '$1' and '${2:-}' in ['', r['reason']])"
}

# kept_out SOURCE DESTINATION: the source is not served, and that is because of the filter
kept_out()
{
	local before all

	before=$(packets_of "$1") all=$(told "p['droppedPackets']['stranger']")
	[ "$(reach "$1" "$2" 2)" = 0 ] && [ "$(packets_of "$1" stranger)" -gt "$before" ] &&
		[ "$(told "p['droppedPackets']['stranger']")" -gt "$all" ]
}

networks() { told "' '.join(sorted(p['networks']))"; }
