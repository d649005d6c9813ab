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

# requires_inside NAME: set $inside to the path of the library inside/NAME.c, which the test loads into
# the programs by LD_PRELOAD; skip the whole test in builds with sanitizers, which refuse such
# libraries
requires_inside()
{
	inside=$BUILD/tests/native/inside/$1.so
	[ -e "$inside" ] || skip_all "a library cannot be loaded into programs with sanitizers"
}

# disk NAME SIZE: create a disk of zeroes and print its path
disk()
{
	truncate -s "$2" "$tmp/$1.img"
	echo "$tmp/$1.img"
}

# Where arenad listens; a test that needs other options sets them.
listen=(--listen 127.0.0.1:0)

# How many network and storage processes arenad starts at least. A test that needs a number sets it,
# and says why; NPS and SPS in the environment try all others with other numbers.
: "${NPS:=2}" "${SPS:=2}"

# beside N: make the N'th small disk that the clients of a test do not use, and print its path
beside()
{
	local path

	path=$(disk "beside$1" 4M)
	# arenad, or its processes, may run as somebody else.
	chmod 666 "$path"
	echo "$path"
}

# add_disks: add disks to $arguments until there are $SPS
add_disks()
{
	local i n

	n=$(printf '%s\n' "${arguments[@]}" | grep -c '^--disk\(=\|$\)')
	for ((i = n; i < SPS; i++)); do
		arguments+=(--disk "beside$i=$(beside "$i")")
	done
	# About what is needed, because arenad clears the memory at each start.
	size=160M
	[ "$n" -le 2 ] || size=256M
	[ "$n" -le 4 ] || size=1G
}

# value_of OPTION: print the last value that $arguments have for the option
value_of()
{
	local i value=

	for ((i = 1; i < ${#arguments[@]}; i++)); do
		[ "${arguments[i - 1]}" != "$1" ] || value=${arguments[i]}
	done
	echo "$value"
}

# add_nps: without --nps there are $NPS network processes, each of which has as much of the region as
# a single one would have
add_nps()
{
	local nps given=$size

	nps=$(value_of --nps)
	size=$(value_of --size)
	if [ -z "$nps" ]; then
		arguments+=(--nps "$NPS")
		[ -z "$size" ] || arguments+=(--size $(($(numfmt --from=iec "$size") * NPS)))
	fi
	[[ $backend != memfd || -n $size ]] ||
		arguments+=(--size $(($(numfmt --from=iec "$given") * ${nps:-$NPS})))
}

# complete ARGUMENT...: set $arguments to these, and to what the defaults of this library add
complete()
{
	local size

	arguments=("$@")
	add_disks
	add_nps
}

# arenad_run ARGUMENT...: run arenad in the background; its log and output are in $tmp
arenad_run()
{
	local arguments=()

	complete "$@"
	arenad_command=(arenad --region test --backend "$backend" "${listen[@]}" "${arguments[@]}")
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

# arenad_stop: end arenad; if it does not end well, the report has what it said last
arenad_stop()
{
	kill -TERM "$arenad_pid"
	arenad_wait
	[ "$status" = 0 ] || tail -n 15 "$tmp/log" | cut -c 1-200 | sed 's/^/# /'
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
