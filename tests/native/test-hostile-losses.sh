#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: lies about what a disk has lost harm those who depend on the liar. A storage process can have
# one FLUSH of each connection of its own clients fail each time, or none; a network process can keep
# a loss from its clients, or have one FLUSH of each fail when it is replaced. Nobody else sees an
# error.
# Method: storage process 0 or network process 0 is built with a line that lies. Of each connection
# to d0 it is known which network process has it. Clients of d1 flush all the time, and end at the
# first error.
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=many-lib.sh
. "$(dirname "$0")/many-lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
# shellcheck source-path=SCRIPTDIR source=replace-lib.sh
. "$(dirname "$0")/replace-lib.sh"
# shellcheck source-path=SCRIPTDIR source=lost-lib.sh
. "$(dirname "$0")/lost-lib.sh"
# shellcheck source-path=SCRIPTDIR source=hostile-lib.sh
. "$(dirname "$0")/hostile-lib.sh"
requires nbdsh

gone='s/before\.disk != sp->backend\.sequence/1/'
ok "an arena-sp whose disk has always gone and come back is built" hostile gone sp stake.c "$gone"
ok "an arena-sp that says that it has lost something is built" hostile claims sp \
	stake.c 's/if \(before\.is_at_stake && .*/if (1)/'
ok "an arena-sp that lets its successor say so is built" hostile leaves sp \
	stake.c 's/(__atomic_store_n\(&shared->disk, sp->backend\.sequence)/\1 + 7/'
ok "an arena-sp that keeps losses to itself is built" hostile hides sp \
	stake.c 's/note\(&s->note->is_at_stake, 1\);/;/'
ok "an arena-np that keeps losses from its clients is built" hostile hushes np \
	reply.c 's/c->losses == peer->losses/1/'
ok "an arena-np that hands over wrong numbers of losses is built" hostile miscounts np \
	handoff.c 's/\.losses = c->losses/& + 7/'

# next_sp NAME: the next storage process 0 is the one of that name
next_sp()
{
	taken_over sp 0 "$1"
	next_process arena-sp 0
}

# The numbers of the connections that each network process has.
of=('' '')
n=0
# connections: make connections to d0, until each of two network processes has two
connections()
{
	local np

	counters_refresh
	while [ "$(wc -w <<<"${of[0]}")" -lt 2 ] || [ "$(wc -w <<<"${of[1]}")" -lt 2 ]; do
		np=$((n % 2))
		at_np "$np" client new "$n"
		[ "$answer" = ok ] || return 1
		of[np]+=" $n"
		n=$((n + 1))
	done
}

# flushes ANSWER WHAT CONNECTION...: the next FLUSH of each connection gets this answer
flushes()
{
	local answers=() i wanted=$1 what=$2

	shift 2
	for i; do
		client flush "$i"
		answers+=("$answer")
	done
	is "$what" "${answers[*]}" "$(printf "$wanted %.0s" "$@" | sed 's/ $//')"
}

# one_fails WHAT CONNECTION...: one FLUSH of each of them fails, and no more
one_fails()
{
	local what=$1

	shift
	flushes EIO "one flush of each connection fails after $what" "$@"
	flushes ok "the next one succeeds after $what" "$@"
}

honest sp
honest np
arenad_start --nps 2 --size 384M --bindir "$tmp/bin" --max-deaths 100 \
	--disk "d0=$(disk d0 32M)" --disk "d1=$(disk d1 32M)"
crowd_start d1 d1 4
is "four clients of another disk over two network processes write and flush" "$answer" ready
client_start d0
ok "two connections to each network process are made" connections
read -ra all <<<"${of[*]}"
flushes ok "no flush fails while nobody lies" "${all[@]}"

next_sp claims
one_fails "a storage process has said that its disk has lost something" "${all[@]}"
next_sp claims
one_fails "it has said so once more" "${all[@]}"
next_sp leaves
ok "a client writes while the storage process prepares a lie of its successor" gets ok write 0
honest sp
next_process arena-sp 0
one_fails "the successor has said so" "${all[@]}"

# This time the disk has really gone.
next_sp gone
ok "a client writes before the disk has gone" gets ok write 0
next_sp gone
one_fails "the disk has gone and come back" "${all[@]}"
next_sp hides
ok "a client writes before a loss that is kept secret" gets ok write 0
next_sp gone
flushes ok "a storage process can keep a loss to itself, also in the name of its successor" \
	"${all[@]}"

# The connections stay when their processes are replaced.
taken_over np 0 hushes
replace
ok "network process 0 is replaced by one that keeps losses from its clients" \
	wait_for 60 replaced 2
ok "a client writes before a loss that one network process keeps secret" gets ok write 0
next_sp gone
read -ra own <<<"${of[0]}"
read -ra others <<<"${of[1]}"
flushes ok "a network process can keep a loss from its own clients" "${own[@]}"
one_fails "a loss that another network process keeps from its clients" "${others[@]}"

crowd_stop d1
is "no flush of a client of another disk has failed" "$answer" "lost 0 wrong 0"
at_np 1 crowd_start d1 d1 2
is "two clients of another disk over network process 1 write and flush" "$answer" ready

taken_over np 0 miscounts
replace
ok "network process 0 is replaced by one that hands over wrong numbers" wait_for 60 replaced 4
client flush "${own[0]}"
client flush "${own[1]}"
flushes ok "no flush fails before such a process is replaced" "${all[@]}"
honest np
replace
ok "the process that hands over wrong numbers is replaced" wait_for 60 replaced 6
one_fails "a process has handed wrong numbers of losses over" "${own[@]}"
flushes ok "no flush of the other network process's connections fails" "${others[@]}"

client_end
crowd_stop d1
is "no flush of a client of another disk and network process has failed" "$answer" "lost 0 wrong 0"
arenad_stop
is "arenad ends with status 0 after lies about losses" "$status" 0
done_testing
