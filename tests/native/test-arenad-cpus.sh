#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenad binds its processes to the CPUs that the user names or that it chooses, with all of
# their threads, also those that it starts again, says so, and refuses CPUs that cannot be used.
# Method: machines that hwloc makes of a description in HWLOC_SYNTHETIC have two nodes, and caches
# that nobody shares, of the CPUs that this machine has.
# shellcheck disable=SC2016 # the conditions are for eval
# shellcheck disable=SC2034 # for lib.sh: a machine of two CPUs has room for two processes
NPS=1 SPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
requires taskset nbdsh

own=$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)
[[ $own == 0-* ]] || skip_all "needs CPUs 0 and 1, and has $own"
disks=(--disk d0="$(disk d0 64M)" --disk d1="$(disk d1 64M)")

start()
{
	arenad_start --size 256M "${disks[@]}" "$@"
}

# cpus_of PID: print the CPUs on which the threads of a process may run, each list once
cpus_of()
{
	sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$1/task/"*/status | sort -u
}

# bound PROGRAM CPUS [N]: have all threads of the N'th of arenad's processes of this name exactly
# these CPUs?
bound()
{
	local pid found

	pid=$(children "$1" | sed -n "${3:-1}p")
	found=$(cpus_of "$pid")
	[ "$found" = "$2" ] || { echo "$1 $pid: $found"; return 1; }
}

# work: read, write, flush, zero and trim both disks
work()
{
	nbdsh -c '
for name in ["d0", "d1"]:
	h = nbd.NBD()
	h.set_export_name(name)
	h.connect_uri("nbd://'"$address"'/" + name)
	for i in range(16):
		h.pwrite(b"x" * 65536, i * 65536)
		h.flush()
		h.zero(65536, i * 65536)
		h.trim(65536, i * 65536)
		assert h.pread(65536, i * 65536) == b"\0" * 65536
	h.shutdown()'
}

start
ok "without --cpus the network process may run on all CPUs that arenad has" bound arena-np "$own"
ok "without --cpus a storage process may run on all CPUs that arenad has" bound arena-sp "$own"
not_ok "without --cpus arenad does not speak of bound processes" says "is bound to"
arenad_stop

start --cpus np0=0,sp0=1,sp1=0-1
ok "clients are served by processes that are bound to CPUs" work
ok "all threads of the network process are on the CPU that np0=0 names" bound arena-np 0
ok "all threads of the first storage process are on the CPU that sp0=1 names" bound arena-sp 1
ok "all threads of the second storage process are on the CPUs that sp1=0-1 names" \
	bound arena-sp 0-1 2
ok "arenad says which CPU the user has named for the first storage process" \
	says "arena-sp 0 is bound to CPUs 1, as asked"
# They are known by their numbers from here on, as they have not started in the order of these.
for process in "arena-np 0" "arena-sp 0"; do
	# shellcheck disable=SC2086 # a name and a number
	kill_process $process
	ok "$process is started again when it was killed" \
		wait_for 30 grep -q "^arenad: $process .*is started again$" "$tmp/log"
	# shellcheck disable=SC2086 # the same
	wait_for 30 runs $process
done
ok "clients are served by processes that were started again" wait_for 30 work
is "all threads of the network process that was started again are on the CPU that np0=0 names" \
	"$(cpus_of "$(process_of arena-np 0)")" 0
is "all threads of the storage process that was started again are on the CPU that sp0=1 names" \
	"$(cpus_of "$(process_of arena-sp 0)")" 1
arenad_stop
is "arenad ends with status 0 after its processes were bound" "$status" 0

start --nps 2 --cpus sp=1
ok "both storage processes are on the CPU that sp=1 names" \
	eval 'bound arena-sp 1 1 && bound arena-sp 1 2'
ok "network processes that --cpus does not name are not bound" \
	eval 'bound arena-np "$own" 1 && bound arena-np "$own" 2'
arenad_stop

arenad_run --size 256M "${disks[@]}" --cpus sp0=0,4095
arenad_wait
is "arenad ends with status 1 if the user names a CPU that does not exist" "$status" 1
ok "arenad says which of the CPUs of the user can be used" \
	says "of the CPUs 0,4095 of arena-sp 0 only these can be used: 0."
arenad_run --size 256M "${disks[@]}" --cpus sp2=0
arenad_wait
is "arenad ends with status 2 if the user names a process that there will not be" "$status" 2

start --cpus auto
ok "clients are served by processes that arenad has placed" work
is "arenad says for each process which CPU it has chosen" "$(grep -c "is bound to CPU" "$tmp/log")" 3
arenad_stop

pid=$$
taskset -cp 1 $pid >/dev/null
start --cpus auto
ok "arenad that may use one CPU only binds each process to it" \
	eval 'bound arena-np 1 && bound arena-sp 1 1 && bound arena-sp 1 2'
ok "arenad says that there are more processes than CPUs" says "there are more processes than CPUs"
ok "clients are served by processes that share one CPU" work
arenad_stop
start --cpus np0=0
ok "a user may name a CPU that arenad itself does not run on" bound arena-np 0
arenad_stop
taskset -cp "$own" $pid >/dev/null

disks=(--disk d0="$tmp/d0.img")
export HWLOC_SYNTHETIC='node:2 l3:1 core:1 pu:1'
start --cpus auto
ok "two processes on two nodes have a CPU each" eval \
	'bound arena-sp 0 && bound arena-np 1 || { bound arena-sp 1 && bound arena-np 0; }'
ok "arenad says that the network process shares no cache with the storage process" \
	says "it shares no last-level cache with arena-sp 0"
# This machine may have one node, and then the kernel refuses to prefer the other one.
ok "the region has memory though its processes are at different nodes" test -n "$address"
arenad_stop
HWLOC_SYNTHETIC='l3:1 core:1 pu:2'
start --cpus auto
ok "arenad says that two processes have one core, of two threads" \
	says "with a core that another process of ours has, too"
arenad_stop
HWLOC_SYNTHETIC='nonsense'
start --cpus auto
ok "arenad looks at the machine itself if HWLOC_SYNTHETIC cannot be understood" \
	says "is bound to CPU"
arenad_stop
done_testing
