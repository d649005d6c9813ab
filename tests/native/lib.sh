# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Helpers for the tests of the daemons, beside those of ../lib.sh. They run arenad with
# the backend $backend, which is a memfd unless the script that sources this file sets
# another one before, as ../system/lib.sh does.
: "${backend:=memfd}"

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ "$backend" = memfd ]; then
	# The disks lie in $tmp and are opened with O_DIRECT, which not every tmpfs has.
	export TMPDIR=$top/build/tmp
	mkdir -p "$TMPDIR"
fi
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$top/tests/lib.sh"
cd "$top" || exit 1

arenad_pid=''

# of_this_test PID...: print those of the processes that arenads of this test have started
of_this_test()
{
	local pid

	for pid; do
		tr '\0' '\n' <"/proc/$pid/environ" |
			grep -qFx "RUNTIME_DIRECTORY=$RUNTIME_DIRECTORY" && echo "$pid"
	done 2>/dev/null
}

# processes_left: print the processes of all arenads of this test, also of those that have died
processes_left()
{
	# shellcheck disable=SC2046 # ids
	of_this_test $(pgrep '^arena')
}

# arenad_kill: kill arenad and all of its processes, which leaves what a crash of all leaves
arenad_kill()
{
	local pid pids

	pids=$(processes_left)
	for pid in $pids; do
		kill -KILL "$pid" 2>/dev/null
	done
	for pid in $pids; do
		wait_for 20 gone "$pid"
	done
}
at_exit arenad_kill

# disk NAME SIZE: create a disk of zeroes and print its path
disk()
{
	truncate -s "$2" "$tmp/$1.img"
	echo "$tmp/$1.img"
}

# Where arenad listens; a test that needs other options sets them.
listen=(--listen 127.0.0.1:0)

# How many network processes arenad starts where a test does not say it. A test whose subject does
# not depend on it may set another default; NPS=2 in the environment tries all of them with two.
: "${NPS:=1}"

# default_size ARGUMENT...: print a size of the region that suffices for these arguments and one
# network process, and less than arenad's own, because arenad clears the memory at each start
default_size()
{
	local disks

	disks=$(printf '%s\n' "$@" | grep -c '^--disk\(=\|$\)')
	[ "$disks" -gt 4 ] && echo 1G || echo 256M
}

# for_nps ARGUMENT...: set $arguments to these, with a region that is large enough for $NPS network
# processes
for_nps()
{
	local i size

	arguments=("$@")
	[[ $backend != memfd || " $* " == *" --size"* ]] ||
		arguments=(--size "$(default_size "$@")" "$@")
	for ((i = 1; i < ${#arguments[@]}; i++)); do
		[ "${arguments[i - 1]}" = --size ] || continue
		size=$(numfmt --from=iec "${arguments[i]}") &&
			arguments[i]=$((size * NPS))
	done
}

# arenad_run ARGUMENT...: run arenad in the background; its log and output are in $tmp
arenad_run()
{
	local arguments=()

	for_nps "$@"
	arenad_command=(arenad --region test --backend "$backend" "${listen[@]}" --nps "$NPS"
		"${arguments[@]}")
	: >"$tmp/log"
	arenad_again
}

# arenad_again: run the same arenad once more, with the log behind that of the one before
arenad_again()
{
	# Emptied here, as the shell in the background may do it only after a caller looks.
	: >"$tmp/out"
	"${arenad_command[@]}" >"$tmp/out" 2>>"$tmp/log" &
	arenad_pid=$!
}

# How long arenad may take to become ready; a test with a very large region sets more.
start_seconds=90

# arenad_start ARGUMENT...: run arenad and wait until it is ready; $address is where it
# listens
arenad_start()
{
	arenad_run "$@"
	if ! wait_for "$start_seconds" grep -q '^ready' "$tmp/out"; then
		echo "Bail out! arenad does not become ready"
		sed 's/^/# /' "$tmp/log"
		exit 1
	fi
	# shellcheck disable=SC2034 # for the tests
	address=$(awk '/^ready/ { print $2; exit }' "$tmp/out")
}

# arenad_wait: wait until arenad ends; $status is its exit status
arenad_wait()
{
	wait "$arenad_pid" 2>/dev/null
	# shellcheck disable=SC2034 # for the tests
	status=$?
	arenad_pid=''
}

arenad_stop()
{
	kill -TERM "$arenad_pid"
	arenad_wait
}

# children PROGRAM: print the ids of arenad's processes of that name, also of those that it has
# adopted, whose parent is dead
children()
{
	pgrep -P "$arenad_pid" -x "$1"
	# shellcheck disable=SC2046 # ids
	of_this_test $(pgrep -P 1 -x "$1")
}

# counter PROGRAM KEY: print a counter from the last line of counters of each process of that name:
# the sum of numbers, or else the last text. PROGRAM may have the number of a process, as in
# "arena-np 1"
counter()
{
	awk -v program="^$1( [0-9]+)?: counters " -v key="$2=" '
		$0 ~ program {
			for (i = 1; i <= NF; i++)
				if (index($i, key) == 1)
					value[$2] = substr($i, length(key) + 1)
		}
		END {
			for (i in value) {
				total += value[i]
				text = value[i]
			}
			print text ~ /^[0-9]+$/ ? total : text
		}' "$tmp/log"
}

# counters_printed: print the number of lines of counters in the log
counters_printed()
{
	grep -c ': counters' "$tmp/log"
}

# counters_refresh: make all processes print their counters, and wait for them
counters_refresh()
{
	local wanted

	wanted=$(($(counters_printed) + $(children 'arena-np|arena-sp' | wc -l)))
	kill -USR1 "$arenad_pid"
	wait_for 15 eval "[ \$(counters_printed) -ge $wanted ]"
}

# says TEXT: true if the log contains the text
says()
{
	grep -qF -- "$1" "$tmp/log" || { cat "$tmp/log"; return 1; }
}
