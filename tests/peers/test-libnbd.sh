#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the tests with which libnbd tests itself pass with arenad in the place of nbdkit, as far as
# they ask for a disk that arenad can have. Others say why they cannot; those that use no server are
# not named.
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires python3 losetup setpriv
requires_built libnbd

libnbd=$built/libnbd
mkdir "$tmp/bin" "$tmp/work"
cp "$top/tests/peers/as-nbdkit" "$tmp/bin/nbdkit"
export AS_NBDKIT_ENDS=$tmp/ends
stand_in() { env -C "$tmp/work" PATH="$tmp/bin:$PATH" timeout 60 "$@"; }
all_have_ended() { [ -z "$(processes_left)" ]; }
# passes NAME: run a test of libnbd
passes()
{
	case $1 in
	*.py) set -- "$1" python3 "$libnbd/python/$1" ;;
	*) set -- "$1" "$libnbd/$1" ;;
	esac
	ok "libnbd's test $1 passes with arenad in the place of nbdkit" stand_in "${@:2}"
}
# cannot REASON NAME...: name tests of libnbd that cannot run
cannot()
{
	local name

	for name in "${@:2}"; do
		skip "libnbd's test $name passes with arenad in the place of nbdkit" "$1"
	done
}

for name in 200-connect-command.py 210-opt-abort.py 240-opt-list-meta.py \
	245-opt-list-meta-queries.py 250-opt-set-meta.py 255-opt-set-meta-queries.py \
	300-get-size.py 400-pread.py 405-pread-structured.py 410-pwrite.py 500-aio-pread.py \
	505-aio-pread-callback.py 510-aio-pwrite.py 600-debug-callback.py closure-lifetimes \
	errors-bad-cookie errors-client-oversize errors-client-unknown-flags \
	errors-client-zerosize errors-connect-twice errors-not-negotiating \
	errors-not-negotiating-aio errors-notify-not-blocked errors-pread-structured \
	errors-server-invalid-offset errors-server-unknown-flags errors-server-zerosize get-size \
	opt-abort opt-list-meta opt-list-meta-queries opt-set-meta-queries opt-structured-twice \
	pread-initialize pwrite-extended read-write-flag server-death shutdown-flags; do
	passes "$name"
done
if losetup --find >/dev/null 2>&1; then
	passes read-only-flag
else
	cannot "this machine gives no loop device" read-only-flag
fi
is "each arenad that took the place of nbdkit ended with status 0" "$(sort -u "$tmp/ends")" 0

cannot "it scripts a server's errors and flags by nbdkit's plugins sh and eval" \
	220-opt-list.py 230-opt-info.py 460-block-status.py 465-block-status-64.py opt-list \
	opt-info meta-base-allocation errors-multiple-disconnects newstyle-limited eflags \
	errors-client-unadvertised-cmd errors-server-unadvertised-cmd errors-server-oversize
cannot "it wants requests refused that are not aligned, and arenad serves them" \
	errors-client-unaligned errors-server-unaligned
cannot "it counts the bytes of nbdkit's simple replies, and arena-np speaks extended headers" \
	620-stats.py
cannot "it wants a server that has no structured replies" opt-set-meta
cannot "it wants the oldstyle handshake, which tells no errors" oldstyle shutdown-opt-mode
cannot "it starts the server by nbdkit's own options" aio-connect-port connect-tcp connect-tcp6 \
	connect-unix connect-uri connect-systemd-socket-activation get-subprocess-pid \
	socket-activation-name
cannot "its certificates are made by libnbd's build; tests/native/test-tls.sh does the same" \
	connect-tls opt-starttls aio-parallel-tls aio-parallel-load-tls synch-parallel-tls
cannot "it copies 512 MiB: test-long-runs.sh runs it in make check-long" 590-aio-copy.py

# These three work on disks of their own for ten seconds, so they do it at the same time.
declare -A job
# busy NAME MIB: start an arenad and a test that uses its disk, of the pattern that it knows
busy()
{
	python3 -c 'import struct, sys
sys.stdout.buffer.write(b"".join(struct.pack(">Q", i) for i in range(0, int(sys.argv[1]) << 20, 8)))
' "$2" >"$tmp/$1.img"
	listen=(--listen "unix:$tmp/$1")
	# Each has its own arenad, and two of these cannot have one disk beside it.
	SPS=1 RUNTIME_DIRECTORY=$tmp/run-$1 arenad_start --size 128M --page-size 4K \
		--disk "d=$tmp/$1.img"
	at_exit end_process "$arenad_pid"
	timeout 120 "$libnbd/$1" "$tmp/$1" >"$tmp/$1.out" 2>&1 &
	job[$1]=$!
}
busy aio-parallel 64
busy aio-parallel-load 64
busy synch-parallel 8
ends_well() { wait "${job[$1]}" || { cat "$tmp/$1.out"; return 1; }; }
ok "libnbd's test aio-parallel reads what it wrote by 8 connections with 64 requests each" \
	ends_well aio-parallel
ok "libnbd's test aio-parallel-load has all its requests answered on 8 connections" \
	ends_well aio-parallel-load
ok "libnbd's test synch-parallel reads what it wrote by 8 threads" ends_well synch-parallel
done_testing
