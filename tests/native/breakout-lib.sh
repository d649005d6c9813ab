# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp, address, backend, answer and arenad_pid are those of lib.sh
# Attempts of code that runs inside of serving daemons (inside/breakout.c), on the memfd and on the
# module. A test sources this file after lib.sh and many-lib.sh.

inside=$BUILD/tests/native/inside/breakout.so
[ -e "$inside" ] || skip_all "a library cannot be loaded into programs with sanitizers"
[ "$(id -u)" = 0 ] || skip_all "must be root, as most attempts would fail without its rights"

# The table of attempts, by their numbers: what stops each of them, and what it is.
# shellcheck disable=SC2034 # read by name, with local -n
declare -A by_np what_np by_sp what_sp

# breakout_start OFF ARGUMENT...: start arenad with two network processes, and with code in each
# process; without the defences OFF
breakout_start()
{
	local off=$1

	shift
	LD_PRELOAD=$inside BREAKOUT_OFF=$off arenad_start --nps 2 --hold 0 --verbose "$@"
	np=$(process arena-np 0)
	sp=$(process arena-sp 1)
	# No line of the log is read twice; it is the same file for all starts.
	exec {told}<"$tmp/log"
}

# process PROGRAM ID: print the id of that process
process()
{
	local pid

	for pid in $(children "$1"); do
		! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -- "--id $2 " || echo "$pid"
	done
}

# next_line: set $line to the next line of the code in the daemons; false if there is none yet
next_line()
{
	while read -r -u "$told" line; do
		[[ $line != breakout* ]] || return 0
	done
	return 1
}

# attempt PID NUMBER: let code in the process try it; $outcome is what became of that, and $table
# has the lines of the table that came before
attempt()
{
	local end=$((SECONDS + 20)) line

	outcome='' table=()
	/bin/kill -s USR2 -q "$2" "$1"
	while [ "$SECONDS" -lt "$end" ]; do
		if ! next_line; then
			! gone "$1" || return
			sleep 0.02
		elif [[ $line == "breakout: $2 "* ]]; then
			outcome=${line#breakout: "$2" }
			return
		else
			table+=("${line#breakout-table: }")
		fi
	done
}

# read_table PID BY WHAT: fill two arrays with the table of a process
read_table()
{
	local -n table_by=$2 table_what=$3
	local number by what

	attempt "$1" 0
	while read -r number by what; do
		# shellcheck disable=SC2004,SC2034 # associative arrays of the caller
		table_by[$number]=$by table_what[$number]=$what
	done < <(printf '%s\n' "${table[@]}")
}

read_tables()
{
	read_table "$np" by_np what_np
	read_table "$sp" by_sp what_sp
}

# can_be_tried BY: can such an attempt be made here?
can_be_tried()
{
	case $backend in
	memfd) [[ $1 != *[VM]* ]] ;;
	*) [[ $1 != *f* ]] ;;
	esac
}

# numbers ROLE: print the attempts of np or sp that can be made here
numbers()
{
	local -n of=by_$1
	local number

	for number in "${!of[@]}"; do
		! can_be_tried "${of[$number]}" || echo "$number"
	done | sort -n
}

# refused PID NUMBER: try it, and see it refused
refused()
{
	attempt "$1" "$2"
	echo "${outcome:-no answer}"
	[[ $outcome == refused* && $outcome != *ETIME* ]]
}

succeeds()
{
	attempt "$1" "$2"
	echo "${outcome:-no answer}"
	[[ $outcome == SUCCEEDED ]]
}

# all_are_refused ROLE PID CROWD...: all attempts of code in a process are refused, and the clients
# of the crowds, which it does not serve, go on all the time
all_are_refused()
{
	local role=$1 pid=$2 number crowd n=0
	local -n what_of=what_$1

	shift 2
	for number in $(numbers "$role"); do
		ok "code in arena-$role cannot ${what_of[$number]}" refused "$pid" "$number"
		n=$((n + 1))
		[ "$((n % 8))" = 0 ] || continue
		for crowd; do
			ok "clients of $crowd go on after $n attempts of code in arena-$role" \
				crowd_goes "$crowd" 1
		done
	done
}

# all_end REGEX CHECK DEFENCES CAN: each attempt whose letters match passes the check; the last two
# are for the names of the tests
all_end()
{
	local regex=$1 check=$2 defences=$3 can=$4 role number pid

	for role in np sp; do
		local -n by_of=by_$role what_of=what_$role
		pid=${!role}
		for number in $(numbers "$role"); do
			[[ ${by_of[$number]} =~ $regex ]] || continue
			ok "$defences, code in arena-$role $can ${what_of[$number]}" \
				"$check" "$pid" "$number"
		done
	done
}

# alone NAME LETTERS: each attempt with one of the letters is refused where nothing else stops it
alone() { all_end "[$2]" refused "with nothing but $1" cannot; }

# undefended: each attempt succeeds that nothing but a defence stops
undefended() { all_end '^[^kx]*$' succeeds "without any defence" can; }

# at_least COUNTER PROGRAM N: true if a counter of a process is N or more
at_least()
{
	counters_refresh
	[ "$(counter "$2" "$1")" -ge "$3" ]
}

# peers_see_nonsense ROLE PID PEER: messages that make no sense are dropped and counted
peers_see_nonsense()
{
	local i

	attempt "$2" 1000
	ok "code in arena-$1 can send messages to the processes that it has channels to" \
		[ "$outcome" -ge 2 ]
	for i in 0 1; do
		ok "$3 $i drops a message of arena-$1 that makes no sense, and counts it" \
			at_least bad_messages "$3 $i" 1
	done
}

# try_while_others_serve: all that code in network process 0 and in storage process 1 tries
try_while_others_serve()
{
	# All clients come to network process 1.
	kill -STOP "$np"
	crowd_start d0 d0 1 1
	is "a client of network process 1 writes and verifies d0" "$answer" ready
	crowd_start d1 d1 1 1
	is "a client of network process 1 writes and verifies d1" "$answer" ready
	kill -CONT "$np"
	all_are_refused np "$np" d0 d1
	crowd_stop d1
	is "the client of d1 has read what it wrote while network process 0 was hostile" \
		"$answer" "lost 0 wrong 0"
	all_are_refused sp "$sp" d0
	ok "a client is accepted after all that code in arena-np has tried" \
		nbdinfo --size "nbd://$address/d0"
	peers_see_nonsense np "$np" arena-sp
	peers_see_nonsense sp "$sp" arena-np
	attempt "$np" 1001
	ok "code in arena-np floods both storage processes" [ "$outcome" -ge 2 ]
	# Either side may be the first to end it.
	ok "the channel that is flooded ends" wait_for 20 \
		grep -qE "^arena-sp 0: .*(network process 0 (sent|has ended)|cannot send to)" "$tmp/log"
	ok "the client of d0 goes on after a flood of messages" crowd_goes d0 1
	crowd_stop d0
	is "the client of d0 has read what it wrote while others were hostile" \
		"$answer" "lost 0 wrong 0"
}

# forbidden_call_ends PROGRAM PID: the kernel ends the process, and the log says why
forbidden_call_ends()
{
	/bin/kill -s USR2 -q 1003 "$2"
	ok "a forbidden system call ends $1" wait_for 10 gone "$2"
	ok "the log names the system call that ended $1" \
		says "sandbox: system call 41 is not on this program's list"
}

# fault_ends PROGRAM PID: a store to a buffer of another process ends it, and the log says so
fault_ends()
{
	/bin/kill -s USR2 -q 1002 "$2"
	ok "a store to a buffer of another process ends $1" wait_for 10 gone "$2"
	ok "the log names the signal that ended $1" \
		wait_for 10 says "(process $2) was killed by signal 11"
}

# all_but NAME...: print all defences but these, as breakout_start takes them
all_but()
{
	local name list=

	for name in filter landlock namespaces privileges rings view limits; do
		[[ " $* " == *" $name "* ]] || list+=,$name
	done
	echo "${list#,}"
}

# try_alone ARGUMENT...: the defences that depend most on the kernel stop their attempts alone, and
# the attempts succeed without any defence
try_alone()
{
	breakout_start "$(all_but landlock)" "$@"
	if says "Landlock for signals and abstract sockets: on" >/dev/null; then
		alone Landlock L
	else
		skip "Landlock stops its attempts alone" "this kernel does not have all of it"
	fi
	arenad_stop

	breakout_start "$(all_but rings view limits)" "$@"
	alone "its view, its limits and the restrictions of its rings" RVGk
	arenad_stop

	breakout_start "$(all_but)" "$@"
	undefended
	arenad_stop
}

# try_more_alone ARGUMENT...: other defences stop their attempts alone
try_more_alone()
{
	breakout_start "$(all_but namespaces)" "$@"
	if says "no network and no IPC objects: on" >/dev/null; then
		alone "its namespaces" N
	else
		skip "namespaces stop their attempts alone" "they are not allowed here"
	fi
	arenad_stop

	breakout_start "$(all_but privileges)" "$@"
	alone "its lack of capabilities" P
	arenad_stop
}
