# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the shell tests share. A test begins with
#
#	. "$(dirname "$0")/../lib.sh"
#
# and from then on has the programs of the build in its PATH, a directory $tmp
# of its own, and these:
#
#   ok NAME COMMAND...       one test: the command succeeds
#   not_ok NAME COMMAND...   one test: the command fails
#   is NAME GOT WANT         one test: the two strings are equal
#   skip NAME REASON         one test that cannot run here
#   skip_all REASON          nothing here can run; ends the test
#   requires COMMAND...      skip_all unless these programs exist
#   wait_for S COMMAND...    try until it succeeds, at most S seconds
#   at_exit COMMAND...       run when the test ends, last come first
#   daemon COMMAND...        start in the background, ended with the test; its
#                            process id is in $daemon, its output in $tmp/log
#   free_port                print a TCP port that nobody uses
#   diag TEXT                a line for the reader
#   done_testing             write the plan; the last line of every test
#
# A test that ends without done_testing has failed.
set -u

BUILD=${BUILD:-build}
case $BUILD in
/*) ;;
*) BUILD=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/$BUILD ;;
esac
PATH=$BUILD:$BUILD/tests/$(basename "$(dirname "$0")"):$PATH
export PATH BUILD
tmp=$(mktemp -d)

tests_run=0
tests_failed=0
exit_commands=()

run_exit_commands()
{
	local status=$? i

	trap - EXIT
	for ((i = ${#exit_commands[@]} - 1; i >= 0; i--)); do
		eval "${exit_commands[i]}"
	done
	rm -rf "$tmp"
	exit "$status"
}
trap run_exit_commands EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

at_exit()
{
	exit_commands+=("$(printf '%q ' "$@")")
}

diag()
{
	printf '%s\n' "$*" | sed 's/^/# /'
}

# result STATUS NAME: the one place that counts
result()
{
	tests_run=$((tests_run + 1))
	if [ "$1" = 0 ]; then
		printf 'ok %d - %s\n' "$tests_run" "$2"
	else
		tests_failed=$((tests_failed + 1))
		printf 'not ok %d - %s\n' "$tests_run" "$2"
	fi
	return "$1"
}

ok()
{
	local name=$1 status=0

	shift
	"$@" >"$tmp/.output" 2>&1 || status=$?
	result "$((status != 0))" "$name" && return
	diag "status $status of: $*"
	tail -n 20 "$tmp/.output" | sed 's/^/#   /'
	return 1
}

not_ok()
{
	local name=$1 status=0

	shift
	"$@" >"$tmp/.output" 2>&1 || status=$?
	# Died of a signal is no orderly failure.
	result "$((status == 0 || status > 128))" "$name" && return
	diag "status $status of: $*"
	tail -n 20 "$tmp/.output" | sed 's/^/#   /'
	return 1
}

is()
{
	[ "$2" = "$3" ]
	result "$?" "$1" && return
	diag "got:    $2"
	diag "wanted: $3"
	return 1
}

skip()
{
	tests_run=$((tests_run + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tests_run" "$1" "$2"
}

skip_all()
{
	printf '1..0 # SKIP %s\n' "$*"
	exit 0
}

requires()
{
	local program

	for program in "$@"; do
		command -v "$program" >/dev/null || skip_all "needs $program"
	done
}

wait_for()
{
	local end=$((SECONDS + $1))

	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# Ask it to go, and insist after five seconds.
end_process()
{
	kill -TERM "$1" 2>/dev/null || return 0
	wait_for 5 gone "$1" || kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

gone()
{
	! kill -0 "$1" 2>/dev/null || grep -q '^State:.*Z' "/proc/$1/status"
}

daemon()
{
	"$@" >>"$tmp/log" 2>&1 &
	daemon=$!
	at_exit end_process "$daemon"
}

free_port()
{
	local port

	for port in $(shuf -i 20000-29999 -n 50); do
		ss -Hltn "sport = :$port" | grep -q . || { echo "$port"; return; }
	done
	return 1
}

done_testing()
{
	printf '1..%d\n' "$tests_run"
	exit "$((tests_failed > 0 || tests_run == 0))"
}
