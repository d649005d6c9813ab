# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp, address, backend, answer and arenad_pid are those of lib.sh
# Attempts of code that runs inside of serving daemons (inside/breakout.c), on the memfd and on the
# module. A test sources this file after lib.sh and many-lib.sh.

requires_inside breakout
[ "$(id -u)" = 0 ] || skip_all "must be root, as most attempts would fail without its rights"

# Files that the programs may not remove, one for each.
export BREAKOUT_FILES=$tmp/victims
mkdir -m 777 "$BREAKOUT_FILES"

# The table of attempts, by their numbers: what stops each of them, and what it is.
# shellcheck disable=SC2034 # read by name, with local -n
declare -A by_np what_np by_sp what_sp

# A log to which all is appended can be written at its end only, so an attempt to write it elsewhere
# would say nothing.
arenad_again()
{
	: >"$tmp/out"
	"${arenad_command[@]}" >"$tmp/out" 2<>"$tmp/log" &
	# shellcheck disable=SC2034 # for lib.sh
	arenad_pid=$!
}

# breakout_start OFF ARGUMENT...: start arenad with two network processes, and with code in each
# process; without the defences OFF
breakout_start()
{
	local off=$1

	shift
	touch "$BREAKOUT_FILES/arena-np" "$BREAKOUT_FILES/arena-sp"
	LD_PRELOAD=$inside BREAKOUT_OFF=$off arenad_start --nps 2 --hold 0 --verbose "$@"
	np=$(process arena-np 0)
	sp=$(process arena-sp 1)
	# No line of the log is read twice; it is the same file for all starts.
	exec {told}<"$tmp/log"
	begun=''
	attempt "$np" "$((100000 + $(process arena-sp 0)))"
	attempt "$sp" "$((100000 + $(process arena-np 1)))"
	attempt "$np" "$((10000000 + $(process arena-np 1)))"
	attempt "$sp" "$((10000000 + $(process arena-sp 0)))"
}

# process PROGRAM ID: print the id of that process
process()
{
	local pid

	for pid in $(children "$1"); do
		! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -- "--id $2 " || echo "$pid"
	done
}

# next_line() keeps the beginning of a line here until the rest can be read: a reader may see a line
# that lies on two pages of the log before its end is written.
begun=''

# next_line: set $line to the next line of the code in the daemons; false if there is none yet
next_line()
{
	local part

	while IFS= read -r -u "$told" part; do
		line=$begun$part
		begun=''
		[[ $line != breakout* ]] || return 0
	done
	begun+=$part
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

# has_attempts N: there are more than N for each program
has_attempts()
{
	echo "${#by_np[@]} for arena-np, ${#by_sp[@]} for arena-sp"
	[ "${#by_np[@]}" -gt "$1" ] && [ "${#by_sp[@]}" -gt "$1" ]
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

# Each defence refuses with its own errors of the kernel.
declare -A error_of=(
	[F]='by the filter'
	[L]='\((EACCES|EPERM)\)'
	[N]='\((ENOENT|EROFS|ENETUNREACH)\)'
	[P]='\(EPERM\)'
	[R]='\(EACCES\)'
	[V]='\((EFAULT|EACCES)\)'
	[G]='\((ENOMEM|EFBIG|EACCES)\)'
	[k]='\((EACCES|EBADFD|EBADF|EINVAL|EOPNOTSUPP|EPERM|EFAULT|EEXIST|ENOMEM|ENXIO|EALREADY|EISCONN)\)'
)

# refused_as PID NUMBER: it is refused as the defence $letter refuses it
refused_as()
{
	attempt "$1" "$2"
	echo "${outcome:-no answer}"
	[[ $outcome =~ ^refused\ ${error_of[$letter]}$ ]]
}

# alone NAME LETTERS: each attempt with one of the letters is refused where nothing else stops it,
# and as what the letter stands for refuses it
alone()
{
	local letter i

	for ((i = 0; i < ${#2}; i++)); do
		letter=${2:i:1}
		all_end "$letter" refused_as "with nothing but $1" cannot
	done
}

# undefended: each attempt succeeds that nothing but a defence stops
undefended() { all_end '^[^kx]*$' succeeds "without any defence" can; }

# has_counted PROCESS KEY N: true if a counter of a process is N
has_counted()
{
	counters_refresh
	[ "$(counter "$1" "$2")" = "$3" ]
}

# each_is_counted ROLE ID NUMBER KEY LEAST TEXT: code in a process does something to peer ID, LEAST
# times or more, and the peer counts each time
each_is_counted()
{
	local role=$1 peer before

	[ "$role" = np ] && peer="arena-sp $2" || peer="arena-np $2"
	counters_refresh
	before=$(counter "$peer" "$4")
	attempt "${!role}" "$(($3 + $2))"
	diag "code in arena-$role $6, $peer: $outcome times"
	ok "code in arena-$role $6, $peer" [ "${outcome:-0}" -ge "$5" ]
	wait_for 10 has_counted "$peer" "$4" "$((before + outcome))"
	is "$peer refuses and counts each time that code in arena-$role $6" \
		"$(($(counter "$peer" "$4") - before))" "$outcome"
}

# lie_to_each ROLE: messages to both peers that only a hostile process sends
lie_to_each()
{
	local id

	for id in 0 1; do
		# Newer kernels refuse the flag of a long completion.
		each_is_counted "$1" "$id" 1100 bad_messages 30 "forges completions of a peer's I/O"
		each_is_counted "$1" "$id" 1102 bad_messages 8 "sends messages of wrong types"
		each_is_counted "$1" "$id" 1104 bad_messages 20 "sends refs that it does not have"
		each_is_counted "$1" "$id" 1106 bad_messages 40 "returns what it was never lent"
	done
}

# lie_about_replies ARGUMENT...: code in storage process 1 lies about requests that it has, before
# it answers them
lie_about_replies()
{
	local path=$1 image=$tmp/image

	shift
	breakout_start '' --transport msg-ring "$@"
	attempt "$sp" 1115
	head -c 8M /dev/urandom >"$image"
	ok "a client writes an image while its storage process lies about its requests" \
		nbdcopy "$image" "nbd://$address/d1"
	attempt "$sp" 1002
	diag "code in arena-sp tells $outcome lies"
	ok "code in arena-sp tells more than 300 lies about requests that it has" \
		[ "${outcome:-0}" -gt 300 ]
	counters_refresh
	is "network processes refuse and count each lie about a request" \
		"$(counter arena-np bad_messages)" "$outcome"
	ok "the image is on the disk whose storage process lied" cmp -n "$((8 << 20))" "$image" "$path"
	arenad_stop
}

# flood_ends ROLE LINE ID...: these peers read a flood at once, end the channel and log the line
flood_ends()
{
	local role=$1 line=$2 id peer pid

	shift 2
	for id; do
		[ "$role" = np ] && peer=arena-sp || peer=arena-np
		pid=$(process "$peer" "$id")
		# A process that takes messages as fast as they come is not flooded.
		kill -STOP "$pid"
		attempt "${!role}" "$((1120 + id))"
		kill -CONT "$pid"
		diag "code in arena-$role sends $outcome messages to $peer $id"
		ok "code in arena-$role sends more messages to $peer $id than a window has" \
			[ "${outcome:-0}" -gt 8192 ]
		ok "$peer $id ends the channel to arena-$role that floods it, and says why" \
			wait_for 20 grep -qF "$peer $id: $line; " "$tmp/log"
		ok "the client of d0 goes on after code in arena-$role has flooded $peer $id" \
			crowd_goes d0 1
	done
}

# serve DISK: let network process 1 have a client of the disk, which writes and verifies
serve()
{
	local i before

	# New clients come to the network processes more or less in turn.
	for i in {1..20}; do
		counters_refresh
		before=$(clients_of 1)
		crowd_start "$1" "$1" 1 1
		counters_refresh
		[ "$(clients_of 1)" = "$before" ] || break
		crowd_stop "$1"
	done
	is "a client of network process 1 writes and verifies $1" \
		"$answer after $((before + 1)) clients" "ready after $(clients_of 1) clients"
}

# not_removed ROLE: code in the process has not removed the file that it was to remove
not_removed()
{
	ok "the file that code in arena-$1 was to remove is still there" \
		[ -e "$BREAKOUT_FILES/arena-$1" ]
}

# try_np_while_others_serve: all that code in network process 0 tries
try_np_while_others_serve()
{
	local id

	serve d0
	serve d1
	all_are_refused np "$np" d0 d1
	ok "a client is accepted after all that code in arena-np has tried" \
		nbdinfo --size "nbd://$address/d0"
	not_removed np
	lie_to_each np
	for id in 0 1; do
		each_is_counted np "$id" 1108 bad_messages 1 \
			"returns what a storage process has lent to others"
		each_is_counted np "$id" 1110 errors 30 "sends requests that make no sense"
	done
	flood_ends np "error: network process 0 sent more messages than agreed" 0 1
	for id in d0 d1; do
		crowd_stop "$id"
		is "the client of $id has read what it wrote while network process 0 was hostile" \
			"$answer" "lost 0 wrong 0"
	done
}

# try_sp_while_others_serve: all that code in storage process 1 tries
try_sp_while_others_serve()
{
	serve d0
	all_are_refused sp "$sp" d0
	not_removed sp
	lie_to_each sp
	each_is_counted sp 1 1108 bad_messages 1 "returns what a network process has lent to others"
	each_is_counted sp 1 1112 bad_messages 1 "answers requests that another storage process has"
	flood_ends sp "error: export 'd1' is out of service: it sent more messages than it may" 0 1
	crowd_stop d0
	is "the client of d0 has read what it wrote while storage process 1 was hostile" \
		"$answer" "lost 0 wrong 0"
}

# channel_ends ROLE ID NUMBER LINE: the peer ends the channel and says why
channel_ends()
{
	local role=$1 peer

	[ "$role" = np ] && peer="arena-sp $2" || peer="arena-np $2"
	attempt "${!role}" "$(($3 + $2))"
	ok "$peer ends the channel to arena-$role after wrong $5, and says why" \
		wait_for 20 grep -qF "$peer: $4; " "$tmp/log"
}

# d0_was_served WHAT: the client of d0 has noticed nothing
d0_was_served()
{
	ok "the client of d0 goes on after code in others has changed $1" crowd_goes d0 1
	crowd_stop d0
	is "the client of d0 has read what it wrote while others changed $1" \
		"$answer" "lost 0 wrong 0"
}

# break_messages NUMBER: wrong messages of the channel's own end it; two kinds to storage processes
break_messages()
{
	local what="messages of the channel's own"

	serve d0
	channel_ends np 0 "$1" "error: network process 0 sent what makes no sense" "$what"
	channel_ends np 1 "$(($1 + 2))" "error: network process 0 sent what makes no sense" "$what"
	channel_ends sp 1 "$1" "error: export 'd1' is out of service: Protocol error" "$what"
	d0_was_served "$what"
}

# change_shared NUMBER: what is in shared memory changes while peers read it, and has wrong numbers
change_shared()
{
	local what="numbers of messages"

	serve d0
	channel_ends np 0 "$1" "error: network process 0 sent what makes no sense" "$what"
	each_is_counted np 1 1116 bad_messages 256 "changes messages while a peer reads them"
	each_is_counted np 1 1118 errors 256 "changes requests while a peer reads them"
	each_is_counted sp 1 1116 bad_messages 256 "changes messages while a peer reads them"
	each_is_counted sp 1 1118 bad_messages 256 "changes replies while a peer reads them"
	channel_ends sp 1 "$(($1 + 2))" "error: export 'd1' is out of service: Protocol error" \
		"$what"
	d0_was_served "entries, records and $what"
}

# break_channels NUMBER ARGUMENT...: what breaks the rules of a channel ends that channel and no
# more; the number is 0 or 4, for other kinds of it
break_channels()
{
	local how=$1

	shift
	breakout_start '' --transport msg-ring "$@"
	break_messages "$((1200 + how))"
	arenad_stop
	breakout_start '' --transport hybrid "$@"
	change_shared "$((1300 + how))"
	arenad_stop
}

# forbidden_call_ends PROGRAM PID: the kernel ends the process, and the log says why
forbidden_call_ends()
{
	/bin/kill -s USR2 -q 1001 "$2"
	ok "a forbidden system call ends $1" wait_for 10 gone "$2"
	ok "the log names the system call that ended $1" \
		says "sandbox: system call 41 is not on this program's list"
}

# fault_ends PROGRAM PID: a store to a buffer of another process ends it, and the log says so
fault_ends()
{
	/bin/kill -s USR2 -q 1000 "$2"
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

# is_confined PROGRAM ID USER: a process has no rights, is this user, and has namespaces of its own
is_confined()
{
	local pid name="$1 $2" set space

	pid=$(process "$1" "$2")
	is "each thread of $name is user $3" \
		"$(sed -n 's/^Uid:[[:space:]]*//p' "/proc/$pid"/task/*/status | tr '\t' '\n' | sort -u)" \
		"$(id -u "$3")"
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		is "no thread of $name has a capability in $set" \
			"$(of_threads "$pid" "$set")" 0000000000000000
	done
	is "each thread of $name has no_new_privs" "$(of_threads "$pid" NoNewPrivs)" 1
	is "each thread of $name has a filter of system calls" "$(of_threads "$pid" Seccomp)" 2
	for space in net ipc uts mnt; do
		# Those that were looked at before.
		not_ok "$name has a namespace that no other process has: $space" \
			grep -qF "$(readlink "/proc/$pid/ns/$space")" "$tmp/spaces"
		readlink "/proc/$pid/ns/$space" >>"$tmp/spaces"
	done
}

# of_threads PID NAME: print a line of the status of all threads, each value once
of_threads()
{
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1"/task/*/status | sort -u
}

# all_are_confined NP_USER SP_USER: two network processes and two storage processes are
all_are_confined()
{
	local id

	readlink /proc/self/ns/{net,ipc,uts,mnt} >"$tmp/spaces"
	for id in 0 1; do
		is_confined arena-np "$id" "$1"
		is_confined arena-sp "$id" "$2"
	done
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

	BREAKOUT_LIVE=1 breakout_start "$(all_but filter)" "$@"
	alone "the filter of system calls" F
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
