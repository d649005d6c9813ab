#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a disk that somebody uses is refused, with the name of who uses it, and a disk that is
# served is refused by others that look.
# Method: QEMU's programs, flock(1), a loop device and a second arenad are the others.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires qemu-nbd qemu-io qemu-img flock losetup

path=$(disk d 16M)
other=''
loop=''

release()
{
	[ -z "$other" ] || { kill "$other" && wait "$other"; } 2>/dev/null
	[ -z "$loop" ] || losetup -d "$loop"
	other='' loop=''
	true
}
at_exit release

# refused WHO DISK: arenad does not serve the disk, and says that WHO uses it
refused()
{
	local status

	arenad_run --size 128M --disk "d=$2"
	arenad_wait
	[ "$status" = 1 ] && says "cannot open disk $2: it is in use by $1"
}

# has_lock: somebody has a lock of the file
has_lock()
{
	grep -q ":$(stat -c %i "$path") " /proc/locks
}

qemu-nbd -t -k "$tmp/socket" -f raw "$path" &
other=$!
wait_for 10 has_lock
ok "arenad refuses a file that qemu-nbd serves, and says so" \
	refused "process $other (qemu-nbd)" "$path"
release

qemu-nbd -r -t -k "$tmp/socket" -f raw "$path" &
other=$!
wait_for 10 has_lock
ok "arenad refuses to write a file that qemu-nbd reads, and says so" \
	refused "process $other (qemu-nbd)" "$path"
release

flock --no-fork "$path" sleep 60 &
other=$!
wait_for 10 has_lock
ok "arenad refuses a file that flock(1) has locked, and says so" \
	refused "process $other (sleep)" "$path"
release

if loop=$(losetup --find --show "$path" 2>/dev/null); then
	ok "arenad refuses a file that a loop device is made of, and says which" \
		refused "loop device $loop" "$path"
	arenad_start --size 128M --disk "d=$loop"
	first=$arenad_pid
	ok "arenad serves a loop device" grep -q '^ready' "$tmp/out"
	not_ok "qemu-io does not write a device that arenad serves" \
		qemu-io -f raw -c "write 0 4k" "$loop"
	arenad_pid=$first
	arenad_stop
	release
else
	loop=''
	skip "arenad refuses a file that a loop device is made of" "needs loop devices"
fi

arenad_start --size 128M --disk "d=$path"
not_ok "qemu-io does not write a file that arenad serves" qemu-io -f raw -c "write 0 4k" "$path"
not_ok "qemu-io does not read a file that arenad writes" qemu-io -r -f raw -c "read 0 4k" "$path"
not_ok "qemu-img does not convert a file that arenad writes" \
	qemu-img convert -f raw -O raw "$path" "$tmp/copy"
not_ok "qemu-nbd does not serve a file that arenad serves" \
	timeout 10 qemu-nbd -t -k "$tmp/socket" -f raw "$path"
not_ok "flock(1) does not get a file that arenad serves" flock -n "$path" true
arenad_stop
is "arenad ends with status 0 after others wanted its file" "$status" 0
ok "after that qemu-io writes the file" qemu-io -f raw -c "write 0 4k" "$path"
done_testing
