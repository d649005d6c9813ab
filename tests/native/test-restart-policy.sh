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
requires nbdinfo python3

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

#
# Storage processes
#

arenad_start --size 128M --disk "one=$one"
kill_process arena-sp 0
ok "a client is served when the storage process of its disk was killed" is_served one
ok "arenad says that a storage process is started again" \
	says "arena-sp 0 (disk one) is started again"
pid=$(process_of arena-sp 0)
kill -TERM "$pid"
ok "a storage process ends on SIGTERM" wait_for 30 gone "$pid"
ok "a client is served when the storage process of its disk was asked to end" is_served one
arenad_stop
is "arenad ends with status 0 when its storage process was started again" "$status" 0

arenad_start --size 128M --disk "one=$one"
kill_often arena-sp 0 5
arenad_wait
is "arenad ends with status 1 when a storage process that must be there was killed five times" \
	"$status" 1
is "arenad says once that a storage process is given up" \
	"$(said "arena-sp 0 (disk one) has died 5 times")" 1

# install_sp TEXT: have a shell script in the place of arena-sp
install_sp()
{
	printf '#!/bin/sh\n%s\n' "$1" >"$tmp/bin/.new"
	chmod 755 "$tmp/bin/.new"
	mv "$tmp/bin/.new" "$tmp/bin/arena-sp"
}

# Status 4 says that the disk is gone; a disk that comes and goes has it said again and again.
mkdir "$tmp/bin"
cp "$BUILD/arenad" "$BUILD/arena-np" "$BUILD/arena-sp" "$tmp/bin"
arenad_start --size 128M --disk "one=$one" --bindir "$tmp/bin"
install_sp 'exit 4'
kill_process arena-sp 0
ok "arenad pauses between storage processes whose disk is gone, and goes on with that" \
	wait_for 60 eval '[ "$(said "is started again in 1600 ms")" -ge 3 ]'
is "a storage process whose disk is gone is not given up" "$(said "has died 5 times")" 0
cp "$BUILD/arena-sp" "$tmp/bin/.new"
mv "$tmp/bin/.new" "$tmp/bin/arena-sp"
ok "a client is served when the disk stays" wait_for 60 is_served one
arenad_stop
is "arenad ends with status 0 after a disk has come and gone" "$status" 0

install_sp "$BUILD/arena-sp"' "$@" & wait; exit 4'
arenad_start --size 128M --disk "one=$one" --bindir "$tmp/bin" --hold 0
# The real one is a child of the script.
kill -KILL "$(pgrep -x arena-sp -P "$(children arena-sp | head -n 1)")"
ok "with --hold 0 arenad ends when a disk is gone" wait_for 60 gone "$arenad_pid"
is "with --hold 0 no storage process is started again" "$(said "is started again")" 0
arenad_wait
is "with --hold 0 arenad ends with status 1 when a disk is gone" "$status" 1

# The claim of storage process 1 is taken as soon as it is free, and held until the input ends.
cat >"$tmp/claim.py" <<'END'
import fcntl, glob, os, struct, sys
F_OFD_SETLK = 37
memfds = {os.stat(f).st_ino: f for f in glob.glob(f"/proc/{sys.argv[1]}/fd/*")
          if os.readlink(f).startswith("/memfd:")}
files = [os.open(f, os.O_RDWR) for f in memfds.values()]
lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 1 << 16 | 1, 1, 0)
tries = False
while files:
    for f in list(files):
        try:
            fcntl.fcntl(f, F_OFD_SETLK, lock)
            files.remove(f)
        except OSError:
            pass
    if files and not tries:
        print("tries", flush=True)
    tries = True
print("held", flush=True)
sys.stdin.read()
END
arenad_start --size 192M --disk "one=$one" --disk "two=$two" --no-disk two=refuse
kill_often arena-sp 1 4
ok "a storage process that has died four times has its claim again, and serves" is_served two
mkfifo "$tmp/claim.in"
python3 "$tmp/claim.py" "$arenad_pid" <"$tmp/claim.in" >"$tmp/claim.out" 2>&1 &
at_exit end_process "$!"
exec {in}>"$tmp/claim.in"
ok "another process waits for the claim of a storage process" \
	wait_for 30 grep -q tries "$tmp/claim.out"
# arenad looks at the claim as soon as it sees the death.
kill -STOP "$arenad_pid"
kill_process arena-sp 1
ok "the claim of a storage process that was killed is held, as by operations of its disk" \
	wait_for 30 grep -q held "$tmp/claim.out"
kill -CONT "$arenad_pid"
ok "arenad says that a storage process is given up without which the node goes on" \
	wait_for 10 says "arena-sp 1 (disk two) has died 5 times"
kill_process arena-np 0
wait_for 30 runs arena-np 0
ok "a client of another disk is served though the disk of a dead process may read payload" \
	is_served one
exec {in}>&-
ok "a client of the disk whose storage process was given up is refused" \
	eval '! timeout 60 nbdinfo --size "nbd://$address/two" 2>"$tmp/error"'
kill -HUP "$arenad_pid"
ok "after SIGHUP a client of the disk whose storage process was given up is served" \
	wait_for 30 is_served two
arenad_stop
is "arenad ends with status 0 when what was given up was started again" "$status" 0
done_testing
