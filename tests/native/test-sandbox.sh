#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-np and arena-sp serve without any right that they do not need, and code that runs in
# one of them cannot get it back.
# sanitizers: no
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=exposure-lib.sh
. "$(dirname "$0")/exposure-lib.sh"
requires nbdcopy systemd-analyze
[ "$(id -u)" = 0 ] || skip_all "must be root, to look at processes that cannot be traced"

# field PID NAME: a line of /proc/PID/status
field()
{
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

# all_threads PID NAME: the same of all threads, each value once
all_threads()
{
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1"/task/*/status | sort -u
}

path=$(disk d 16M)
arena_options=(--size 256M --page-size 4K --disk "d=$path")
head -c 16M /dev/urandom >"$tmp/image"

# limit PID NAME: the soft and the hard limit of a process
limit()
{
	sed -n "s/^$2  *\([^ ]*\)  *\([^ ]*\) .*/\1 \2/p" "/proc/$1/limits"
}

# is_limited PID NAME: it has a limit, which it cannot raise
is_limited()
{
	limit "$1" "$2"
	[[ $(limit "$1" "$2") =~ ^([0-9]+)\ ([0-9]+)$ ]] && [ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]
}

# The program that starts arenad may have files open.
echo secret >"$tmp/secret"
exec {secret}<"$tmp/secret"
own_score=$(cat /proc/self/oom_score_adj)
arenad_start "${arena_options[@]}" --verbose
exec {secret}<&-
for pid in $(children arena-np) $(children arena-sp); do
	program=$(cat "/proc/$pid/comm")
	is "each thread of $program has no_new_privs" "$(all_threads "$pid" NoNewPrivs)" 1
	is "each thread of $program has a filter of system calls" "$(all_threads "$pid" Seccomp)" 2
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		is "$program has no capability in $set in any thread" \
			"$(all_threads "$pid" "$set")" 0000000000000000
	done
	is "$program writes no core file" "$(limit "$pid" "Max core file size")" "0 0"
	ok "$program cannot write files of any length" is_limited "$pid" "Max file size"
	ok "$program cannot open any number of files" is_limited "$pid" "Max open files"
	if says "no more memory: on" >/dev/null; then
		ok "$program cannot map any amount of memory" is_limited "$pid" "Max address space"
	else
		skip "$program cannot map any amount of memory" "a sanitizer maps much of it"
	fi
	ok "when memory runs out, the kernel ends $program before it ends arenad" \
		[ "$(cat "/proc/$pid/oom_score_adj")" -gt "$own_score" ]
	not_ok "$program has no file that was open where arenad was started" \
		eval "ls -l /proc/$pid/fd | grep -F $tmp/secret"
	for space in net ipc uts; do
		ok "$program has a namespace of its own: $space" \
			[ "$(readlink "/proc/$pid/ns/$space")" != "$(readlink "/proc/$$/ns/$space")" ]
	done
	if says "an empty file system: on" >/dev/null; then
		is "$program has an empty file system" "$(find "/proc/$pid/root/" -xdev | wc -l)" 1
		ok "systemd-analyze finds $program less exposed than 2.0" exposure_of "$pid"
		diag "$(score "$pid")"
	else
		skip "$program has an empty file system" "a sanitizer reads files"
	fi
	ok "$program logs that Landlock is on" says "sandbox: Landlock for files: on"
done
ok "nbdcopy writes an image through processes in their sandbox" \
	nbdcopy "$tmp/image" "nbd://$address/d"
ok "the image that nbdcopy wrote through the sandbox is on the disk" cmp "$tmp/image" "$path"
arenad_stop
is "arenad ends with status 0 when both programs are in their sandbox" "$status" 0

arenad_start "${arena_options[@]}" --sandbox off --hold 0
is "arena-np has no filter of system calls with --sandbox off" \
	"$(field "$(children arena-np | head -n 1)" Seccomp)" 0
is "arena-sp has no filter of system calls with --sandbox off" \
	"$(field "$(children arena-sp | head -n 1)" Seccomp)" 0
says_once()
{
	[ "$(grep -cF -- "$1" "$tmp/log")" = 1 ]
}
for pid in $(children arena-np) $(children arena-sp); do
	not_ok "with --sandbox off, systemd-analyze does not find it of $(cat "/proc/$pid/comm")" \
		exposure_of "$pid"
	diag "$(score "$pid")"
done
ok "arenad says once that nothing is given up with --sandbox off" says_once "--sandbox off"
kill -SYS "$(children arena-sp | head -n 1)"
arenad_wait
is "arenad ends with status 1 when an arena-sp was killed by SIGSYS" "$status" 1
ok "arenad says in words that arena-sp made a forbidden system call" \
	says "made a system call that its sandbox forbids"

# The attempts run as programs of their own in the sandbox of each role.
cd "$tmp" || exit 1
: >victim
sandbox-try np drop open
[ $? != 77 ] || { skip "attempts to break out" "builds with sanitizers have a wider sandbox"; done_testing; }

# killed COMMAND...: the filter of system calls kills it
killed()
{
	"$@"
	[ $? = $((128 + 31)) ]
}

for role in np sp; do
	for attempt in open create unlink socket connect connect-early ptrace kill tgkill exec \
		fork io_uring_setup exec-memory F_SETFL MADV_REMOVE; do
		ok "the filter of arena-$role kills a process that tries $attempt" \
			killed sandbox-try "$role" filter "$attempt"
	done
	sandbox-try "$role" filter socket 2>"$tmp/said"
	ok "the number of the system call that arena-$role must not make is logged" \
		grep -q "sandbox: system call 41 is not" "$tmp/said"
	for attempt in open create unlink connect connect-early ptrace kill; do
		ok "without its filter, arena-$role still cannot $attempt" \
			sandbox-try "$role" drop "$attempt"
	done
done
ok "the file that all attempts were to remove is still there" test -e victim

# As a user without rights, since root may look into every process.
arenad()
{
	exec setpriv --reuid nobody --regid nogroup --clear-groups "$BUILD/arenad" "$@"
}

# can_be_traced PROGRAM: can a process of the same user look into it?
can_be_traced()
{
	setpriv --reuid nobody --regid nogroup --clear-groups cat "/proc/$(children "$1" | head -n 1)/maps"
}

chmod 755 "$tmp"
chown nobody "$path"
RUNTIME_DIRECTORY=$tmp/of-nobody
install -d -o nobody "$RUNTIME_DIRECTORY"
for sandbox in auto off; do
	arenad_start "${arena_options[@]}" --sandbox "$sandbox"
	for program in arena-np arena-sp; do
		if [ "$sandbox" = off ]; then
			ok "a process of its user can look into $program without its sandbox" \
				can_be_traced "$program"
		else
			not_ok "a process of its user cannot look into $program" can_be_traced "$program"
		fi
	done
	arenad_stop
done
done_testing
