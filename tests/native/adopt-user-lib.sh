# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp and the like are those of lib.sh
# The test of an arenad that a user without rights has started, and of its successor. A test sources
# this file after lib.sh and adopt-lib.sh.
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

# Print what became of an attempt to take the first descriptor of a process: "ask" sends it the
# signal first, and tries for 3 s.
cat >"$tmp/take.py" <<'PYTHON'
import ctypes, os, signal, sys, time

PIDFD_GETFD = 438
libc = ctypes.CDLL(None, use_errno=True)
pidfd = os.pidfd_open(int(sys.argv[1]))
asks = sys.argv[2] == "ask"
end = time.monotonic() + (3 if asks else 0)
if asks:
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGUSR1)
    except PermissionError:
        print("may not ask")
        sys.exit()
while libc.syscall(PIDFD_GETFD, pidfd, 0, 0) < 0:
    if time.monotonic() >= end:
        print(os.strerror(ctypes.get_errno()))
        sys.exit()
    time.sleep(0.01)
print("taken")
PYTHON

# takes USER ask|at-once: what a process of that user gets from the keeper
takes() { as "$1" python3 "$tmp/take.py" "$old_keeper" "$2"; }
is_refused() { [ "$(takes nobody at-once)" = "Operation not permitted" ]; }

chmod 755 "$tmp"
RUNTIME_DIRECTORY=$tmp/of-nobody
install -d -o nobody "$RUNTIME_DIRECTORY"

# adopt_as_nobody ARGUMENT...: try it with an arenad that has these options
adopt_as_nobody()
{
	local sandbox with before old_keeper

	for sandbox in auto off; do
		with="with --sandbox $sandbox"
		arenad_start "$@" --sandbox "$sandbox"
		before=$(workers)
		old_keeper=$(keeper)
		is "arenad runs as nobody, without a capability, $with" \
			"$(status_of "$arenad_pid" Uid) $(status_of "$arenad_pid" CapEff)" \
			"$(id -u nobody) 0000000000000000"
		is "the keeper has no capability $with" "$(status_of "$old_keeper" CapEff)" 0000000000000000
		ok "a process of the same user that has not asked gets nothing $with" is_refused
		is "a process of another user cannot ask $with" "$(takes games ask)" "may not ask"
		is "a process of another user gets nothing $with" "$(takes games at-once)" \
			"Operation not permitted"
		is "a process of the same user that asks gets a descriptor $with" "$(takes nobody ask)" taken
		ok "what the keeper allows has an end $with" wait_for 30 is_refused
		kill_arenad
		ok "clients are served while there is no arenad of nobody $with" still_served
		arenad_start "$@" --sandbox "$sandbox"
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
}
