# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Helpers of the shell tests. A test begins with
#
#	. "$(dirname "$0")/../lib.sh"
#
# and from then on has the programs of the build in its PATH, a private directory $tmp,
# and these functions:
#
#   ok NAME COMMAND...       one test: the command succeeds
#   not_ok NAME COMMAND...   one test: the command fails
#   is NAME GOT WANT         one test: the two strings are equal
#   skip NAME REASON         one test is skipped because it cannot run here
#   skip_all REASON          the whole file is skipped
#   requires COMMAND...      the whole file is skipped unless these programs exist
#   wait_for S COMMAND...    repeat the command until it succeeds, at most S seconds
#   at_exit COMMAND...       run the command when the test ends, the last one first
#   daemon COMMAND...        run the command in the background until the test ends; its
#                            process id is in $daemon, its output in $tmp/log
#   free_port                print a TCP port that nobody uses
#   diag TEXT                print a comment into the report
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
# An arenad adopts only processes of the same test.
export RUNTIME_DIRECTORY=$tmp/run

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

# result STATUS NAME: print and count one result
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

# Show the checks in the output of the last command that failed, and the end of the output.
show_output()
{
	{ grep -a -m 20 -A 3 '^not ok' "$tmp/.output"; tail -n 20 "$tmp/.output"; } | sed 's/^/#   /'
}

ok()
{
	local name=$1 status=0

	shift
	"$@" >"$tmp/.output" 2>&1 || status=$?
	result "$((status != 0))" "$name" && return
	diag "status $status of: $*"
	show_output
	return 1
}

not_ok()
{
	local name=$1 status=0

	shift
	"$@" >"$tmp/.output" 2>&1 || status=$?
	# A command that a signal ended has crashed; that is not the failure that is expected.
	result "$((status == 0 || status > 128))" "$name" && return
	diag "status $status of: $*"
	show_output
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

# end_process PID: end a process of this shell, with SIGKILL after five seconds
end_process()
{
	kill -TERM "$1" 2>/dev/null || return 0
	wait_for 5 gone "$1" || kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# gone PID: has the process ended? Its parent may wait for it between the two looks.
gone()
{
	! kill -0 "$1" 2>/dev/null || ! grep -qs '^State:[[:space:]][^Z]' "/proc/$1/status"
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
