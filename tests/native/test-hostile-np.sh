#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: what a network process that was taken over can do harms its own clients: others, also of the
# same disks, read what they wrote, and nobody makes them wait. Clients are served again when the
# process is gone, whatever it has left.
# Method: network process 0 is built with one line or two that an attacker would like. Clients of
# network process 1 write and verify without pause meanwhile, and no round of theirs may take half of
# the time for which it lasts.
# run: long
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=many-lib.sh
. "$(dirname "$0")/many-lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
# shellcheck source-path=SCRIPTDIR source=hostile-lib.sh
. "$(dirname "$0")/hostile-lib.sh"
requires nbdinfo nbdsh qemu-io

# The lines that change. A payload is changed just before the storage process gets it.
ok "an arena-np that changes payloads is built" hostile changes np \
	peer.c 's/lent_note\(np, peer, r->buf\);/*(char *)arena_ptr(np->arena, r->buf) ^= 1; &/'
# It never waits for an event, and sends as many messages as have room when its clients are stuck.
ok "an arena-np that returns nothing and floods is built" hostile greedy np \
	main.c 's/(NP_EVENTS_A_TURN), -1\)/\1, 0)/' \
	peer.c 's/sent\(peer, proto_returns_hold\(.*/(void)ref; (void)what;/' \
	peer.c 's/ret && !is_end\(ret\)\)/ret \&\& !is_end(ret) \&\& ret != -EAGAIN)/' \
	peer.c '/^void peer_turn/,/^\{/s/^\{/{ flood(peer);/' \
	peer.c '/^void peer_turn/i\
static void flood(struct peer *peer)\
{\
	const struct arena_msg junk = { .type = 100 };\
	static int64_t begun;\
\
	if (peer->n_queue)\
		begun = peer->np->now;\
	while (begun && peer->np->now > begun + 2 && peer->state == PEER_OPEN &&\
	       !arena_channel_send(peer->channel, &junk))\
		;\
}'
ok "an arena-np that does nothing but turn in circles is built" hostile circles np \
	peer.c '/^void peer_turn/,/^\{/s/^\{/{ while (peer->n_queue) __asm__ volatile("");/'
ok "an arena-np that stops itself is built" hostile stops np \
	peer.c '/^void peer_turn/,/^\{/s/^\{/{ if (peer->n_queue) raise(SIGSTOP);/' \
	peer.c 's/^#include <stdio.h>/#include <signal.h>\n&/'
ok "an arena-np that accepts clients and does not serve them is built" hostile deaf np \
	listen.c 's/conn_new\(l->np, fd, &peer\);/for (unsigned int n = 0; ; )\
		if (accept4(l->fd, NULL, NULL, SOCK_CLOEXEC) >= 0 || !n++)\
			log_info("a client is not served");/'
ok "an arena-np that notes the wrong storage process is built" hostile misnotes np \
	lent.c '/^void lent_note/,/^\}/s/\(int\)peer->id \+ 1/(int)(peer->id ^ 1) + 1/'

# The clients of network process 1 use d0 and d1, and those of network process 0 write d2 and d3. No
# client writes the last 256 KiB of d0, as two of them divide the disk in blocks of that length.
disks=(--disk "d0=$(disk d0 33024K)")
for name in d1 d2 d3; do
	disks+=(--disk "$name=$(disk $name 32M)")
done
start()
{
	arenad_start --nps 2 --size 512M --bindir "$tmp/bin" --max-deaths 100 "${disks[@]}"
	for name in d0 d1; do
		at_np 1 crowd_start $name $name 2
		is "clients of network process 1 write and verify $name" "$answer" ready
	done
}
# others_were_served WHAT: its clients have noticed nothing
others_were_served()
{
	local name

	for name in d0 d1; do
		crowd_stop $name
		is "clients of network process 1 lose nothing on $name beside $1" "$answer" \
			"lost 0 wrong 0"
	done
}
# visit COMMAND...: let a client come that asks for the size of d2, and wait for what becomes of that
visit()
{
	timeout 60 nbdinfo --size "nbd://$address/d2" >/dev/null 2>&1 &
	visitor=$!
	wait_for 20 "$@"
}
visitor_waits() { kill -0 "$visitor"; }
visitor_stop() { end_process "$visitor"; }
# next_np NAME: the next network process 0 is the one of that name
next_np()
{
	taken_over np 0 "$1"
	next_process arena-np 0
}

taken_over np 0 changes
start
at_np 0 io d2 "write -P 5 0 64k" >"$tmp/io"
not_ok "a network process can change what its own clients write" at_np 1 io d2 "read -P 5 0 64k"

next_np greedy
# Nobody is lent what a hole has.
at_np 1 io d0 "write -P 3 32M 256k" >"$tmp/io"
counters_refresh
waits=$(counter "arena-sp 0" waits)
at_np 0 read_start d0
ok "clients of a network process that returns nothing are stuck" wait_for 30 reads_stand
counters_refresh
diag "after $(wc -l <"$tmp/reads") reads $(counter "arena-sp 0" used_buffers) buffers are in use"
ok "it has all buffers that the storage process has for it" \
	[ "$(counter "arena-sp 0" waits)" -gt "$waits" ]
before=$(counter arena-sp bad_messages)
is_flooded() { counters_refresh; [ "$(counter arena-sp bad_messages)" -gt $((before + 10000)) ]; }
ok "it floods the storage processes within its windows" wait_for 30 is_flooded
ok "no client of another network process waits while one floods and has all of its buffers" \
	none_waits 4 d0=2 d1=2
not_ok "the storage processes have no reason to part with it" \
	grep -q "network process 0 sent" "$tmp/log"
ok "a write does not wait for reads of the same block for which there are no buffers" \
	at_np 1 timeout 60 qemu-io -f raw -c "write -P 9 32M 4k" "nbd://$address/d0"
next_np circles
read_stop

np=$(process_of arena-np 0)
ok "a network process can turn in circles and keep a processor busy" at_np 0 visit is_busy "$np"
ok "it does not serve its client" visitor_waits
ok "no client of another network process waits beside it" none_waits 4 d0=2 d1=2
visitor_stop

next_np stops
np=$(process_of arena-np 0)
has_stopped() { grep -q '^State:[[:space:]]*T' "/proc/$np/status"; }
ok "a network process can send signals to itself" at_np 0 visit has_stopped
visitor_stop
ok "clients of another network process go on beside one that has stopped itself" \
	eval 'crowd_goes d0 2 && crowd_goes d1 2'

# The wrong note is about the payloads of d2: it says that d3 has them.
next_np misnotes
at_np 0 io d2 "write -P 7 0 8M" >"$tmp/io"
at_np 0 crowd_start d2 d2 4
is "clients of a network process that notes the wrong storage process write and verify" \
	"$answer" ready
honest np
next_process arena-np 0
for name in d0 d1; do
	ok "clients of another network process go on when it is gone, on $name" crowd_goes $name 2
done
crowd_stop d2
is "its clients have read what they wrote until it was killed" "${answer#* wrong }" 0
ok "its successor serves the disk that it has noted wrongly" \
	eval 'at_np 0 io d3 "write -P 8 0 8M" && at_np 1 io d3 "read -P 8 0 8M"'
others_were_served "a network process that was taken over"
arenad_stop

# served N: let N clients come at the same time; print how many are served
served()
{
	local i pids=() n=0

	for ((i = 0; i < $1; i++)); do
		timeout 8 nbdinfo --size "nbd://$address/d2" >/dev/null 2>&1 &
		pids+=("$!")
	done
	for i in "${pids[@]}"; do
		wait "$i" && n=$((n + 1))
	done
	echo "$n"
}
# unserved: print how many clients the process that was taken over has accepted
unserved() { grep -c "a client is not served" "$tmp/log"; }

taken_over np 0 deaf
start
n=$(served 12)
diag "with common sockets $n of 12 clients are served"
ok "a network process can accept clients of common sockets and not serve them" [ "$n" -lt 12 ]
is "all others are served" "$n" "$((12 - $(unserved)))"
ok "no client that another network process has waits beside it" none_waits 4 d0=2 d1=2
others_were_served "one that accepts clients and does not serve them"
honest np
next_process arena-np 0
arenad_stop

honest np
arenad_start --nps 2 --size 512M --bindir "$tmp/bin" --max-deaths 100 "${disks[@]}" --reuse-port
next_np deaf
n=$(served 24)
diag "with a socket for each $n of 24 clients are served"
ok "a network process that does not serve takes no clients of another one's socket" [ "$n" -gt 0 ]
is "all clients of the other one's socket are served" "$n" "$((24 - $(unserved)))"
honest np
next_process arena-np 0
arenad_stop
is "arenad ends with status 0 after network processes that were taken over" "$status" 0
done_testing
