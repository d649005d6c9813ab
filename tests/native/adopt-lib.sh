# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp and the like are those of lib.sh
# Helpers for tests in which an arenad dies or is replaced and another one adopts its processes. A
# test sources this file after lib.sh.

# workers: print the ids of the NPs and SPs
workers()
{
	{ children arena-np; children arena-sp; } | sort -n | xargs
}

are_started() { [ "$(workers | wc -w)" = "$1" ]; }

# are_replaced NPS SPS: do others run in the place of so many processes, since the log was emptied?
are_replaced()
{
	[ "$(grep -c 'was replaced: process' "$tmp/log")" -ge "$1" ] &&
		[ "$(grep -c 'has ended, as it was asked to$' "$tmp/log")" -ge "$2" ] &&
		are_started "$(($1 + $2))"
}

keeper() { children arena-keeper; }
has_keeper() { [ "$(keeper | wc -l)" = 1 ]; }
all_gone() { local pid; for pid; do gone "$pid" || return 1; done; }

# status_of PID KEY: a value in /proc/PID/status
status_of() { awk -v key="$2:" '$1 == key { print $2 }' "/proc/$1/status"; }

# np I: print the id of NP I
np()
{
	local pid

	for pid in $(children arena-np); do
		tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -- " --id $1 " && echo "$pid"
	done 2>/dev/null
}

# adopt_start ARGUMENT...: arenad_start, which also sets $first_address
adopt_start()
{
	arenad_start "$@"
	# shellcheck disable=SC2034 # for the tests
	first_address=$address
}

# arenad_next ARGUMENT...: run an arenad that is expected to end, beside what there is; sets
# $next_status
arenad_next()
{
	local pid=$arenad_pid

	arenad_run "$@"
	wait "$arenad_pid"
	# shellcheck disable=SC2034 # for the tests
	next_status=$?
	arenad_pid=$pid
}

# kill_arenad: kill arenad alone
kill_arenad()
{
	kill -KILL "$arenad_pid"
	wait "$arenad_pid" 2>/dev/null
	wait_for 10 gone "$arenad_pid"
}

# install_arenad FILE: put it in the place of the arenad in the test's own folder, as an installation
# does it: the file of the program that runs stays as it is
install_arenad()
{
	cp "$1" "$tmp/bin/.new"
	chmod 755 "$tmp/bin/.new"
	mv "$tmp/bin/.new" "$tmp/bin/arenad"
}

# load EXPORT: a client writes, and reads and compares, in a connection each, until load_ends
load()
{
	fio --name=load --ioengine=nbd --uri="nbd://$address/$1" --rw=randwrite --bs=4k \
		--size=48M --iodepth=16 --numjobs=1 --verify=crc32c --verify_backlog=64 \
		--aux-path="$tmp" --rate_iops=2000 --continue_on_error=none >"$tmp/load" 2>&1 &
	load_pid=$!
	at_exit end_process "$load_pid"
	wait_for 20 eval "ss -Htn state established | grep -q ':${address##*:} *$\|:${address##*:} '"
}

load_ends() { wait "$load_pid" || { cat "$tmp/load"; return 1; }; }

# still_served: new clients are served, and the load goes on
still_served()
{
	local name

	for name in one two; do
		[ "$(nbdinfo --size "nbd://$address/$name")" = 67108864 ] || return 1
	done
}

# all_served: several clients are served, some by each NP
all_served()
{
	still_served && still_served && still_served && still_served
}
