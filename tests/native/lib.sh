# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For the tests of the daemons: what ../lib.sh has, and arenad on $backend, a
# memfd unless the one who sources this says otherwise (../system/lib.sh does).
: "${backend:=memfd}"

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [ "$backend" = memfd ]; then
	# Disks are made in $tmp and need O_DIRECT, which not every tmpfs has.
	export TMPDIR=$top/build/tmp
	mkdir -p "$TMPDIR"
fi
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$top/tests/lib.sh"
cd "$top" || exit 1

arenad_pid=''

arenad_kill()
{
	[ -z "$arenad_pid" ] || kill -KILL "$arenad_pid" 2>/dev/null
}
at_exit arenad_kill

# disk NAME SIZE: an empty disk; says its path
disk()
{
	truncate -s "$2" "$tmp/$1.img"
	echo "$tmp/$1.img"
}

# arenad_run ARGUMENT...: in the background, on $backend; log and output in $tmp
arenad_run()
{
	# Not left to the shell in the background: what the last one said must be gone.
	: >"$tmp/out"
	: >"$tmp/log"
	arenad --region test --backend "$backend" --listen 127.0.0.1:0 "$@" \
		>"$tmp/out" 2>"$tmp/log" &
	arenad_pid=$!
}

# arenad_start ARGUMENT...: and wait for it; $address is where it listens
arenad_start()
{
	arenad_run "$@"
	if ! wait_for 90 grep -q '^ready' "$tmp/out"; then
		echo "Bail out! arenad does not become ready"
		sed 's/^/# /' "$tmp/log"
		exit 1
	fi
	# shellcheck disable=SC2034 # for the tests
	address=$(awk '/^ready/ { print $2; exit }' "$tmp/out")
}

# arenad_wait: $status is what it ended with
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

# children PROGRAM: ids of arenad's processes of that name
children()
{
	pgrep -P "$arenad_pid" -x "$1"
}

# counter PROGRAM KEY: from the last line of counters that it printed
counter()
{
	sed -n "s/^$1: counters.* $2=\([^ ]*\).*/\1/p" "$tmp/log" | tail -n 1
}

# counters_printed: how many lines of counters there are
counters_printed()
{
	grep -c ': counters' "$tmp/log"
}

# counters_print COUNT: have the processes, that many, print their counters
counters_print()
{
	local wanted=$(($(counters_printed) + $1))

	kill -USR1 "$arenad_pid"
	wait_for 5 eval "[ \$(counters_printed) -ge $wanted ]"
}

# counters_refresh: of an NP and an SP
counters_refresh()
{
	counters_print 2
}

# says TEXT: does the log have it?
says()
{
	grep -qF -- "$1" "$tmp/log" || { cat "$tmp/log"; return 1; }
}
