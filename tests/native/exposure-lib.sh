# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp and BUILD are those of lib.sh
# What `systemd-analyze security` says of a process that is no unit. A test sources this file after
# lib.sh.

# unit_of PID: print a unit with those settings that hold for the process, as the kernel tells of its
# users, capabilities, namespaces, root and filters of system calls. Settings that
# systemd keeps by a cgroup, such as IPAddressDeny=, are left out.
unit_of()
{
	local pid=$1 calls space

	calls=$("$BUILD/tests/native/seccomp-unit" "$pid") || return

	# status FIELD: one of its lines of /proc/PID/status
	status() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$pid/status"; }
	# no CALL...: may it make none of these?
	no() { [ -n "$calls" ] && ! grep -qxFf <(printf 'SystemCallFilter=%s\n' "$@") <<<"$calls"; }
	# own NAMESPACE: is it not the one of this script?
	own() { [ "$(readlink "/proc/$pid/ns/$1")" != "$(readlink "/proc/self/ns/$1")" ]; }

	echo "[Service]"
	echo "ExecStart=$(readlink "/proc/$pid/exe")"
	echo "User=$(id -un "$(status Uid | cut -f 2)")"
	echo "SupplementaryGroups=$(status Groups)"
	echo "UMask=$(status Umask)"
	echo "$calls"
	[ "$(status NoNewPrivs)" != 1 ] || echo "NoNewPrivileges=yes"
	[[ $(status CapBnd)$(status CapPrm)$(status CapAmb) =~ [^0] ]] || echo "CapabilityBoundingSet="
	for space in ipc:RemoveIPC mnt:PrivateMounts user:PrivateUsers; do
		! own "${space%:*}" || echo "${space#*:}=yes"
	done
	# Sockets from before are still those of the network in which they were made.
	! own net || grep -qwFf <(find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n') \
		/proc/self/net/{tcp,tcp6} || echo "PrivateNetwork=yes"
	# An empty root has no devices, no /proc, no /sys, no /home, and no /tmp.
	if [ "$(find "/proc/$pid/root/" | wc -l)" = 1 ]; then
		printf '%s=yes\n' PrivateDevices PrivateTmp ProtectHome ProtectControlGroups \
			ProtectKernelTunables
		printf '%s\n' "RootDirectory=/var/empty" "ProtectSystem=strict" \
			"ProtectProc=invisible" "ProcSubset=pid"
		! no syslog || echo "ProtectKernelLogs=yes"
	fi
	! no init_module finit_module delete_module || echo "ProtectKernelModules=yes"
	! no clock_settime clock_adjtime adjtimex settimeofday || echo "ProtectClock=yes"
	! own uts || ! no sethostname setdomainname || echo "ProtectHostname=yes"
	! no personality || echo "LockPersonality=yes"
	! no sched_setscheduler sched_setattr || echo "RestrictRealtime=yes"
	! no chmod fchmod fchmodat fchmodat2 open openat openat2 creat mknod mknodat mkdir mkdirat ||
		echo "RestrictSUIDSGID=yes"
	! no clone clone3 unshare setns || echo "RestrictNamespaces=yes"
	! no socket || echo "RestrictAddressFamilies=none"
	! no keyctl add_key request_key || echo "KeyringMode=private"
}

# exposure_of PID: print what systemd-analyze says of the process, with its score at the end; fails if
# that is 2.0 or more
exposure_of()
{
	local unit=$tmp/process-$1.service

	unit_of "$1" >"$unit" &&
		SYSTEMD_COLORS=0 systemd-analyze security --offline=true --threshold=19 --no-pager "$unit"
}

# score PID: print the line of that with the score
score()
{
	exposure_of "$1" | sed -n 's/^.*Overall exposure level/exposure level/p'
}
