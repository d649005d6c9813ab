# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp and address are those of lib.sh
# Crowds of clients that write and verify without pause (nbd-many), while the test ends or stops a
# part of the server. A test sources this file after lib.sh.

tools=$BUILD/tests/native
declare -A crowd_pid crowd_in crowd_out
# The report, also where ok and is have another output.
exec {report}>&1

# crowd_answer NAME: read it into $answer, and report how long the slowest round took
crowd_answer()
{
	local number=

	answer=
	read -r -t 90 -u "${crowd_out[$1]}" answer number
	if [ "$answer" = stuck ]; then
		answer="stuck $number"
	else
		diag "crowd $1 is $answer: its slowest round took $number ms" >&"$report"
	fi
}

# crowd_start NAME EXPORT CLIENTS [ROUNDS]: run nbd-many until crowd_stop; $answer is "ready"
crowd_start()
{
	local in out

	rm -f "$tmp/$1.in" "$tmp/$1.out"
	mkfifo "$tmp/$1.in" "$tmp/$1.out"
	"$tools/nbd-many" "${address%:*}" "${address##*:}" "${@:2}" \
		<"$tmp/$1.in" >"$tmp/$1.out" 2>>"$tmp/crowds" &
	crowd_pid[$1]=$!
	at_exit end_process "$!"
	exec {in}>"$tmp/$1.in" {out}<"$tmp/$1.out"
	crowd_in[$1]=$in crowd_out[$1]=$out
	crowd_answer "$1"
}

# crowd_ask NAME N: ask whether N clients go on; $answer is "going" or says how many are stuck
crowd_ask()
{
	echo "$2" >&"${crowd_in[$1]}"
	crowd_answer "$1"
}

# crowd_goes NAME N: true if N clients go on
crowd_goes()
{
	crowd_ask "$1" "$2"
	[ "$answer" = going ] || { echo "$1: $answer"; return 1; }
}

# crowds_watch SECONDS NAME=N...: watch the N busiest clients of each crowd so long; sets $slowest to
# the slowest round in microseconds, and reports how long rounds took
crowds_watch()
{
	local seconds=$1 of word rounds p50 p99 max

	shift
	slowest=0
	for of; do
		echo "watch $seconds ${of#*=}" >&"${crowd_in[${of%=*}]}"
	done
	for of; do
		read -r -t $((seconds + 90)) -u "${crowd_out[${of%=*}]}" word rounds p50 p99 max
		[ "$word" = watched ] || max=999999999
		diag "$rounds rounds of $of clients in $seconds s: p50 $p50, p99 $p99, max $max us" \
			>&"$report"
		[ "$max" -le "$slowest" ] || slowest=$max
	done
}

# none_waits SECONDS NAME=N...: true if no round of these clients took half of the time for which
# somebody else does nothing. Another program may hold up the machine's disk for so long, but hardly
# three times; a client that waits for the one that does nothing is late each time.
none_waits()
{
	local i

	for i in 1 2 3; do
		crowds_watch "$@"
		[ "$slowest" -ge $(($1 * 500000)) ] || return 0
	done
	echo "the slowest round took $slowest us"
	return 1
}

# crowd_stop NAME: end it; $answer is "lost N wrong N"
crowd_stop()
{
	# No number ends it. Its input does not end, because the other crowds have that open, too.
	echo stop >&"${crowd_in[$1]}"
	answer=
	# shellcheck disable=SC2034 # for the tests
	read -r -t 90 -u "${crowd_out[$1]}" answer
	wait "${crowd_pid[$1]}"
}

# clients_of NP: print how many clients network process NP has had
clients_of()
{
	counter "arena-np $1" connections
}

# unread_start N EXPORT: start N clients that ask for much and read nothing, until unread_stop
unread_start()
{
	local i

	rm -f "$tmp/unread.in"
	mkfifo "$tmp/unread.in"
	unread_pids=()
	for ((i = 0; i < $1; i++)); do
		: >"$tmp/unread.$i"
		"$tools/nbd-unread" "${address%:*}" "${address##*:}" "$2" <"$tmp/unread.in" \
			>"$tmp/unread.$i" &
		unread_pids+=("$!")
		at_exit end_process "$!"
	done
	exec {unread}>"$tmp/unread.in"
	for ((i = 0; i < $1; i++)); do
		ok "client $i of those that take nothing has asked for much" \
			wait_for 30 grep -q asked "$tmp/unread.$i"
	done
}

unread_stop()
{
	exec {unread}>&-
	kill "${unread_pids[@]}"
	wait "${unread_pids[@]}"
}
