# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp is that of lib.sh
# Helpers for tests that kill processes of an arenad, which starts them again. A test sources this
# file after lib.sh.

# process_of PROGRAM N: print the id of arenad's process with that number, if it runs
process_of()
{
	local pid

	for pid in $(children "$1"); do
		tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -- " --id $2 " && echo "$pid"
	done 2>/dev/null
}

# runs PROGRAM N: does it run? A process that was forked is not the program yet.
runs() { [ -n "$(process_of "$1" "$2")" ]; }

# kill_process PROGRAM N: kill it when it runs, and wait until it is gone; sets $killed
kill_process()
{
	wait_for 60 runs "$1" "$2"
	killed=$(process_of "$1" "$2")
	kill -KILL "$killed"
	wait_for 30 gone "$killed"
}

# restart_rig KILLS SEED DISK: run restart-rig with this disk, of 64 MiB; sets $arenad_pid, $address
# shellcheck disable=SC2034 # those are for the test
restart_rig()
{
	: >"$tmp/ready"
	: >"$tmp/out"
	"$BUILD/tests/native/restart-rig" "$1" "$2" "$BUILD/arena-sp" "$(disk "$3" 64M)" \
		"$BUILD/arena-np" --ready-fd 3 "${listen[@]}" \
		3>"$tmp/ready" >"$tmp/out" 2>"$tmp/log" &
	arenad_pid=$!
	if ! wait_for 60 grep -q '^READY' "$tmp/ready"; then
		echo "Bail out! arena-np does not become ready"
		sed 's/^/# /' "$tmp/log"
		exit 1
	fi
	address=$(awk '{ print $2 }' "$tmp/ready")
}

# said TEXT: print how many lines of the log have the text
said() { grep -cF -- "$1" "$tmp/log"; }
