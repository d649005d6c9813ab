#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: what a storage process that was taken over can do harms the clients of its disk, and those
# of other disks read what they wrote, and nobody makes them wait.
# Method: storage process 0 is built with one line or two that an attacker would like. Clients of
# another disk, over two network processes, write and verify without pause meanwhile.
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=many-lib.sh
. "$(dirname "$0")/many-lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
# shellcheck source-path=SCRIPTDIR source=hostile-lib.sh
. "$(dirname "$0")/hostile-lib.sh"
requires nbdinfo qemu-io

ok "an arena-sp that gives wrong data is built" hostile wrong sp \
	replies.c 's/if \(r->own.count\) \{/if (r->operation == PROTO_READ \&\& r->own.count)\
		*(char *)arena_ptr(r->peer->sp->arena, r->own) ^= 1;\
	&/'
ok "an arena-sp that loses what is written is built" hostile loses sp \
	request.c '/^static bool is_answered/,/^\}/s/\*status = PROTO_EIO;/\*status = PROTO_OK;\
	if (q->operation == PROTO_WRITE)\
		return true;\
	&/'
ok "an arena-sp that does nothing but turn in circles is built" hostile circles sp \
	loop.c '/^static int turn/,/^\{/s/^\{/{ while (sp->active) __asm__ volatile("");/'

# next_sp NAME: the next storage process 0 is the one of that name
next_sp()
{
	taken_over sp 0 "$1"
	next_process arena-sp 0
}

honest sp
arenad_start --nps 2 --size 384M --bindir "$tmp/bin" --max-deaths 100 \
	--disk "d0=$(disk d0 32M)" --disk "d1=$(disk d1 32M)"
crowd_start d1 d1 4
is "four clients of another disk over two network processes write and verify" "$answer" ready
ok "a client reads what it wrote while the storage process is honest" \
	eval 'io d0 "write -P 5 0 64k" && io d0 "read -P 5 0 64k"'

next_sp wrong
not_ok "a storage process can give its own clients wrong data" io d0 "read -P 5 0 64k"
ok "clients of another disk go on beside it" crowd_goes d1 4

next_sp loses
ok "a storage process can say that it has written what it has not" io d0 "write -P 6 0 64k"
not_ok "its own clients have lost that" io d0 "read -P 6 0 64k"
ok "clients of another disk go on beside one that loses writes" crowd_goes d1 4

next_sp circles
sp=$(process_of arena-sp 0)
timeout 2 qemu-io -r -f raw -c "read 0 4k" "nbd://$address/d0" >"$tmp/served" 2>&1
is "a storage process can turn in circles and not serve" "$?" 124
ok "a storage process that turns in circles keeps a processor busy" is_busy "$sp"
ok "no client of another disk waits beside it" none_waits 4 d1=4
is "a client of another disk that comes beside it is served" \
	"$(timeout 60 nbdinfo --size "nbd://$address/d1")" $((32 << 20))

honest sp
next_process arena-sp 0
ok "clients are served again when the process is gone, and find what was there before" \
	io d0 "read -P 5 0 64k"
crowd_stop d1
is "clients of another disk have lost nothing" "$answer" "lost 0 wrong 0"
arenad_stop
done_testing
