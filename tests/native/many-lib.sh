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
