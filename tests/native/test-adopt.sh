#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the processes serve on when arenad dies, and the next arenad adopts them: clients see nothing
# of it, and what dies is started again. What cannot be adopted is left alone, and arenad says what
# to do.
# timeout: 600
# shellcheck disable=SC2154 # status is set by lib.sh
NPS=2
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
requires fio nbdinfo python3

one=$(disk one 64M)
two=$(disk two 64M)
common=(--disk "one=$one" --disk "two=$two")

# is_other_keeper PID: is there one keeper, which is not this one?
is_other_keeper() { has_keeper && [ "$(keeper)" != "$1" ]; }

# shares_namespace PID SPACE: has another process of this test, or the test, that namespace?
shares_namespace()
{
	local pid mine

	mine=$(readlink "/proc/$1/ns/$2")
	for pid in $$ $(processes_left); do
		[ "$pid" = "$1" ] || [ "$(readlink "/proc/$pid/ns/$2")" != "$mine" ] || return 0
	done
	[ -z "$mine" ]
}

adopt_start "${common[@]}"
before=$(workers)
ok "a keeper runs beside arenad" test -n "$(keeper)"
is "the keeper has no capability" "$(status_of "$(keeper)" CapEff)" 0000000000000000
is "the keeper may make no system call but those of its list" "$(status_of "$(keeper)" Seccomp)" 2
for space in net ipc uts; do
	not_ok "the keeper shares its namespace with neither arenad nor one of its processes: $space" \
		shares_namespace "$(keeper)" "$space"
done
if [ "$(readlink "/proc/$(np 0)/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]; then
	not_ok "the keeper shares its namespace with neither arenad nor one of its processes: mnt" \
		shares_namespace "$(keeper)" mnt
	is "the keeper has an empty file system" "$(find "/proc/$(keeper)/root/" -xdev | wc -l)" 1
	is "the only mount that the keeper has is read-only" \
		"$(awk '{ print $2, $3, substr($4, 1, 3) }' "/proc/$(keeper)/mounts")" "/ tmpfs ro,"
else
	skip "the keeper has an empty file system" "a sanitizer reads files"
fi
is "nobody but the user may look into the runtime folder" \
	"$(stat -c %a "$RUNTIME_DIRECTORY") $(stat -c %a "$RUNTIME_DIRECTORY/test.state")" "700 600"
load one
kill_arenad
ok "clients are served while there is no arenad" still_served
is "the processes are the same ones while there is no arenad" "$(workers)" "$before"
old_keeper=$(keeper)
arenad_start "${common[@]}"
is "the next arenad says the address of the earlier one" "$address" "$first_address"
ok "the next arenad says that it has adopted four processes" \
	says "has adopted region test and 4 processes"
is "the next arenad has the processes of the earlier one" "$(workers)" "$before"
ok "the keeper of the earlier arenad has ended" wait_for 10 gone "$old_keeper"
ok "the next arenad has one keeper" test "$(keeper | wc -l)" = 1
ok "a client that was connected to the end has read what it wrote" load_ends

killed=$(np 0)
kill -KILL "$killed"
ok "a network process that was adopted is started again when it is killed" \
	wait_for 20 says "arena-np 0 is started again"
ok "the network process that is started again serves clients" wait_for 20 all_served

kill_arenad
kill -KILL "$(np 1)"
arenad_start "${common[@]}"
ok "a network process that is killed while there is no arenad is started again by the next one" \
	wait_for 20 says "arena-np 1 is started again"
ok "both network processes serve clients after that" wait_for 20 all_served

arenad_next "${common[@]}" --runtime-dir "$RUNTIME_DIRECTORY"
ok "a second arenad says that another one runs" \
	says "another arenad (process $arenad_pid) runs region test"
is "a second arenad ends with status 1" "$next_status" 1

before=$(workers)
old_keeper=$(keeper)
kill -KILL "$old_keeper"
ok "arenad starts another keeper when it is killed" wait_for 20 says "another one is started"
ok "there is a keeper again" wait_for 20 has_keeper
# --check-adopt, beside an arenad that runs, and without one.
arenad_next "${common[@]}" --check-adopt
is "--check-adopt ends with status 0 while an arenad runs" "$next_status" 0
ok "--check-adopt says what could be adopted" says "could adopt region test and 4 processes"
kill_arenad
kept=$(keeper; sha256sum "$RUNTIME_DIRECTORY/test.state")
arenad_next "${common[@]}" --check-adopt
is "--check-adopt ends with status 0 if arenad is dead" "$next_status" 0
arenad_next "${common[@]}" --check-adopt --np-buffers 512
is "--check-adopt ends with status 1 if options are others" "$next_status" 1
ok "--check-adopt names the options that are others" says "this arenad has --np-buffers 512"
is "--check-adopt has changed nothing" "$(keeper; sha256sum "$RUNTIME_DIRECTORY/test.state")" "$kept"
arenad_start "${common[@]}"
is "the next arenad adopts the processes by the keeper that was started later" \
	"$(workers)" "$before"

# A keeper is tried for ever, and what fails is said once.
killed=$(keeper)
for i in 1 2 3 4 5; do
	kill -KILL "$killed"
	ok "arenad starts another keeper when it has died $i times in a row" \
		wait_for 60 is_other_keeper "$killed"
	killed=$(keeper)
done
mkdir "$RUNTIME_DIRECTORY/test.state.new"
: >"$tmp/log"
kill -KILL "$killed"
ok "arenad says that it cannot write a state" wait_for 60 says "cannot start a keeper, or write"
kill -KILL "$(np 0)"
ok "arenad starts processes again without a keeper" wait_for 60 says "arena-np 0 is started again"
ok "clients are served without a keeper" wait_for 60 all_served
is "arenad says once that it cannot have a keeper" "$(grep -c 'cannot start a keeper' "$tmp/log")" 1
rmdir "$RUNTIME_DIRECTORY/test.state.new"
ok "arenad says that there is a keeper when a state can be written" \
	wait_for 90 says "there is a keeper again"
before=$(workers)

# Adoptions that fail midway.
kill_arenad
mkdir "$RUNTIME_DIRECTORY/test.state.new"
arenad_run "${common[@]}"
ok "an arenad that cannot write a state gives up to adopt" wait_for 60 gone "$arenad_pid"
arenad_wait
is "an arenad that cannot write a state ends with status 1" "$status" 1
rmdir "$RUNTIME_DIRECTORY/test.state.new"
is "the processes are the same ones after an arenad could not write a state" "$(workers)" "$before"
complete "${common[@]}"
arenad --region test --backend "$backend" "${listen[@]}" "${arguments[@]}" \
	>/dev/full 2>"$tmp/log" &
arenad_pid=$!
ok "an arenad that cannot say that clients may come ends" wait_for 60 gone "$arenad_pid"
arenad_wait
is "an arenad that cannot say that clients may come ends with status 1" "$status" 1
ok "clients are served after two adoptions that failed" all_served
arenad_start "${common[@]}"
is "the next arenad adopts the processes after two adoptions that failed" "$(workers)" "$before"
ok "the next arenad logs where clients are accepted" says "clients are accepted at $address"

kill_arenad
arenad_next "${common[@]}" --np-buffers 512
is "an arenad with another number of buffers ends with status 1" "$next_status" 1
ok "an arenad with another number of buffers says with which ones the processes run" \
	says "the running processes have --np-buffers 1024"
ok "an arenad with another number of buffers says what it was asked for" \
	says "this arenad has --np-buffers 512"
ok "clients are served after an arenad has refused to adopt" still_served
arenad_start "${common[@]}" --idle-timeout 700
ok "an arenad with another idle timeout says that the processes keep their options" \
	says "each keeps its options until it is started again"
is "an arenad with another idle timeout adopts the processes" "$(workers)" "$before"

pids=$(workers)
kill -TERM "$arenad_pid"
arenad_wait
is "arenad ends with status 0 on SIGTERM after it has adopted processes" "$status" 0
is "arenad leaves no process on SIGTERM after it has adopted some" "$(processes_left)" ""
is "arenad leaves no file in the runtime folder" "$(ls "$RUNTIME_DIRECTORY")" ""

adopt_start "${common[@]}"
pids=$(workers)
dead=$(keeper)
kill -STOP "$arenad_pid"
kill -KILL "$dead"
kill_arenad
ok "clients are served when arenad and the keeper are dead" still_served
arenad_next "${common[@]}" --check-adopt
is "--check-adopt ends with status 1 if the keeper is dead, too" "$next_status" 1
ok "--check-adopt says that there is no keeper" says "there is no keeper"
arenad_next "${common[@]}"
is "the next arenad ends with status 1 if the keeper is dead, too" "$next_status" 1
ok "the next arenad names the processes that still run" says "of an earlier arenad still runs"
ok "the next arenad says that --replace ends the processes" says "--replace ends them"
ok "clients are served after an arenad has found no keeper" still_served
arenad_start "${common[@]}" --replace
# shellcheck disable=SC2086 # a list
ok "--replace ends the processes of the earlier arenad" all_gone $pids
ok "--replace starts others, which serve clients" all_served
pids=$(workers)
kill_arenad
arenad_start "${common[@]}" --np-buffers 512 --replace
# shellcheck disable=SC2086 # a list
ok "--replace also ends processes that have a keeper" all_gone $pids
ok "--replace starts processes with other options" all_served
arenad_stop
is "arenad ends with status 0 after --replace" "$status" 0

# An arenad that dies while it says that clients may come: nobody empties its standard output.
writes_ready() { [[ $(cat "/proc/$arenad_pid/syscall") == "1 0x1 "* ]]; }
mkfifo "$tmp/full"
exec {full}<>"$tmp/full"
dd if=/dev/zero of="$tmp/full" bs=4k oflag=nonblock 2>/dev/null
complete "${common[@]}"
: >"$tmp/log"
arenad --region test --backend "$backend" "${listen[@]}" "${arguments[@]}" \
	>"$tmp/full" 2>"$tmp/log" &
arenad_pid=$!
ok "arenad waits until it can say that clients may come" wait_for 90 writes_ready
before=$(workers)
kill_arenad
exec {full}>&-
arenad_start "${common[@]}"
is "processes are adopted of an arenad that has died while it said that clients may come" \
	"$(workers)" "$before"
arenad_stop

# An arenad that does not become ready.
mkdir "$tmp/bin"
cp "$BUILD/arenad" "$BUILD/arena-sp" "$tmp/bin"
printf '#!/bin/sh\nexec sleep 1000\n' >"$tmp/bin/arena-np"
chmod 755 "$tmp/bin/arena-np"
starting() { { children sleep; children arena-sp; } | xargs; }
all_start() { [ "$(starting | wc -w)" = 4 ]; }
arenad_run "${common[@]}" --bindir "$tmp/bin"
ok "processes run that do not become ready" wait_for 60 all_start
pids=$(starting)
kill_arenad
arenad_start "${common[@]}"
ok "the next arenad says that everything is started anew" \
	says "ended before clients were told to come"
# shellcheck disable=SC2086 # a list
ok "the processes of an arenad that was killed before it was ready are ended" all_gone $pids
ok "an arenad that is killed while it starts is followed by one that serves" all_served
arenad_stop
is "the arenad that has followed ends with status 0" "$status" 0
is "no process of the arenad that was killed at its start is left" "$(processes_left)" ""

# SIGTERM that has come before arenad has begun.
cat >"$tmp/asked.py" <<'PYTHON'
import os, signal, sys

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.kill(os.getpid(), signal.SIGTERM)
os.execvp(sys.argv[1], sys.argv[1:])
PYTHON
complete "${common[@]}"
python3 "$tmp/asked.py" arenad --region test --backend "$backend" "${listen[@]}" \
	"${arguments[@]}" >"$tmp/out" 2>"$tmp/log"
is "arenad that was asked to stop before it has begun ends with status 0" $? 0
is "arenad that was asked to stop before it has begun leaves no process" "$(processes_left)" ""
is "arenad that was asked to stop before it has begun leaves no file" \
	"$(ls "$RUNTIME_DIRECTORY")" ""
done_testing
