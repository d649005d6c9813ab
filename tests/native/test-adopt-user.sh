#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: an arenad that a user without rights has started is followed by one of the same user, which
# adopts the processes, with a sandbox and without one; and nobody else gets what the keeper has.
# Method: setpriv(1) runs each arenad as nobody, which has no CAP_SYS_PTRACE.
# shellcheck disable=SC2034 # for lib.sh: one network process serves while the other one is killed
NPS=2
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
requires setpriv nbdinfo python3
[ "$(id -u)" = 0 ] || skip_all "must be root, to become another user"

# as USER COMMAND...: run it as that user, without any right
as()
{
	local user=$1

	shift
	setpriv --reuid "$user" --regid nogroup --clear-groups "$@"
}

arenad()
{
	exec setpriv --reuid nobody --regid nogroup --clear-groups "$BUILD/arenad" "$@"
}

# Print what became of an attempt to take the first descriptors of a process.
cat >"$tmp/take.py" <<'PYTHON'
import ctypes, os, sys

PIDFD_GETFD = 438
libc = ctypes.CDLL(None, use_errno=True)
fd = os.pidfd_open(int(sys.argv[1]))
if libc.syscall(PIDFD_GETFD, fd, 0, 0) < 0:
    print(os.strerror(ctypes.get_errno()))
else:
    print("taken")
PYTHON

chmod 755 "$tmp"
one=$(disk one 64M)
two=$(disk two 64M)
chown nobody "$one" "$two"
RUNTIME_DIRECTORY=$tmp/of-nobody
install -d -o nobody "$RUNTIME_DIRECTORY"
common=(--disk "one=$one" --disk "two=$two")

for sandbox in auto off; do
	with="with --sandbox $sandbox"
	arenad_start "${common[@]}" --sandbox "$sandbox"
	before=$(workers)
	old_keeper=$(keeper)
	is "arenad runs as nobody, without a capability, $with" \
		"$(status_of "$arenad_pid" Uid) $(status_of "$arenad_pid" CapEff)" \
		"$(id -u nobody) 0000000000000000"
	is "the keeper has no capability $with" "$(status_of "$old_keeper" CapEff)" 0000000000000000
	is "a process of the same user may take what the keeper has $with" \
		"$(as nobody python3 "$tmp/take.py" "$old_keeper")" taken
	is "a process of another user may not $with" \
		"$(as games python3 "$tmp/take.py" "$old_keeper")" "Operation not permitted"
	kill_arenad
	ok "clients are served while there is no arenad of nobody $with" still_served
	arenad_start "${common[@]}" --sandbox "$sandbox"
	ok "the next arenad of nobody says that it has adopted four processes $with" \
		says "has adopted region test and 4 processes"
	is "the next arenad of nobody has the processes of the earlier one $with" \
		"$(workers)" "$before"
	ok "the keeper of the earlier arenad of nobody has ended $with" \
		wait_for 10 gone "$old_keeper"
	ok "clients are served by the processes that nobody has adopted $with" all_served
	kill -KILL "$(np 0)"
	ok "a network process that nobody has adopted is started again $with" \
		wait_for 20 says "arena-np 0 is started again"
	ok "it serves clients after that $with" wait_for 20 all_served
	arenad_stop
	is "the arenad of nobody that has adopted processes ends with status 0 $with" "$status" 0
	is "no process of nobody is left $with" "$(processes_left)" ""
done
done_testing
