#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenad starts a process again that has ended without being asked, gives one up that dies
# again and again, and does meanwhile what it is asked to do.
# timeout: 300
# shellcheck disable=SC2016 # the conditions are for eval
# shellcheck disable=SC2034 # for lib.sh: the test says how many network processes there are
NPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
requires nbdinfo

all_gone() { local pid; for pid; do gone "$pid" || return 1; done; }
is_served() { timeout 60 nbdinfo --size "nbd://$address/$1" >/dev/null; }

# kill_often PROGRAM N TIMES: kill the process and its successors
kill_often() { local i; for ((i = 0; i < $3; i++)); do kill_process "$1" "$2"; done; }

one=$(disk one 64M)
two=$(disk two 64M)

arenad_start --size 128M --disk "one=$one"
kill_process arena-np 0
ok "the only network process is started again when it was killed" wait_for 30 runs arena-np 0
ok "the successor of the only network process serves a client" is_served one
ok "arenad says that the network process is started again" says "arena-np 0 is started again"
is "arenad says once that clients may come, also after a death" "$(grep -c '^ready' "$tmp/out")" 1
arenad_stop
is "arenad ends with status 0 when all that had died were started again" "$status" 0

arenad_start --size 128M --disk "one=$one" --hold 0
kill_process arena-np 0
arenad_wait
is "with --hold 0 arenad ends with status 1 when its network process was killed" "$status" 1

# The fourth successor comes after 1.6 s at the earliest.
arenad_start --size 128M --disk "one=$one"
pids=$(children arena-sp)
kill_often arena-np 0 4
kill -HUP "$arenad_pid"
kill -USR1 "$arenad_pid"
ok "after SIGHUP and SIGUSR1 in the pause arenad starts the fourth successor" is_served one
kill_process arena-np 0
arenad_wait
is "arenad ends with status 1 when its only network process was killed five times" "$status" 1
is "arenad says once that a network process is given up" \
	"$(said "arena-np 0 has died 5 times")" 1
# shellcheck disable=SC2086 # a list
ok "no process is left when arenad has given up its only network process" \
	wait_for 10 all_gone $pids

arenad_start --size 128M --disk "one=$one"
pids=$(children arena-sp)
kill_often arena-np 0 4
kill -TERM "$arenad_pid"
arenad_wait
is "arenad ends with status 1 on SIGTERM while a process is dead" "$status" 1
# shellcheck disable=SC2086 # a list
ok "no process is left after SIGTERM while a process was dead" wait_for 10 all_gone $pids

arenad_start --nps 2 --size 256M --disk "one=$one"
kill_often arena-np 0 5
ok "arenad says that one of two network processes is given up" \
	wait_for 10 says "arena-np 0 has died 5 times"
ok "the other network process serves clients when one was given up" is_served one
ok "a network process that was given up is not started again" eval '! runs arena-np 0'
arenad_stop
is "arenad ends with status 1 when a process was given up before" "$status" 1

arenad_start --nps 2 --size 256M --disk "one=$one" --disk "two=$two" --no-disk two=refuse
kill_process arena-sp 1
kill_process arena-np 0
ok "arenad says that no network process follows when a storage process was lost before" \
	wait_for 10 says "arena-np 0 is not started again: export 'two' has lost its process"
ok "the other network process serves the disk that is left" is_served one
arenad_stop
ok "no network process was started when a storage process was lost before" \
	eval '! says "arena-np 0 is started again"'
done_testing
