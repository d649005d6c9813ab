#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the successor of a storage process waits until its disk is there, requests wait with it, and
# other disks go on, also when another arenad has adopted the processes.
# ../system/test-disk-back.sh does the same with devices.
# Method: the file that is served is renamed, and its storage process is killed.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
# shellcheck source-path=SCRIPTDIR source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
requires qemu-io

# io EXPORT COMMAND: qemu-io's command
io() { timeout 100 qemu-io -f raw -c "$2" "nbd://$address/$1"; }

path=$(disk d0 64M)
disks=(--disk "d0=$path" --disk "d1=$(disk d1 64M)")
arenad_start "${disks[@]}"
mv "$path" "$path.away"
kill_process arena-sp 0
ok "the successor waits for a disk that is not there" wait_for 60 says "$path is not there: waiting"
io d0 "write -P 1 0 2M" >"$tmp/waits" 2>&1 &
writer=$!
ok "another disk is served meanwhile" io d1 "write -P 2 0 2M"
not_ok "the successor has not found the disk yet" grep -q "is there again" "$tmp/log"
mv "$path.away" "$path"
ok "a write that has waited for the disk succeeds" wait "$writer"
ok "the disk is served again, and has the data of the write" io d0 "read -P 1 0 2M"
ok "the log says that the disk is there again" says "$path is there again"

# What lies at the path when an arenad adopts the processes says nothing of the disk they have.
mv "$path" "$path.away"
kill_arenad
arenad_start "${disks[@]}"
kill_process arena-sp 0
ok "the successor waits for its disk that was not there when its arenad adopted the processes" \
	wait_for 60 says "$path is not there: waiting"
ok "another disk is served after the adoption" io d1 "read -P 2 0 2M"
# Nothing is written to what is no disk, or another one.
mkdir "$path"
kill_arenad
arenad_start "${disks[@]}"
kill_process arena-sp 0
ok "the successor waits when its arenad has found something else at the path" \
	wait_for 60 says "$path is not there: waiting"
rmdir "$path"
mv "$path.away" "$path"
ok "the disk is served when it is back after two adoptions, and has its data" \
	io d0 "read -P 1 0 2M"

mv "$path" "$path.away"
: >"$tmp/log"
kill_process arena-sp 0
mkdir "$path"
wait_for 60 says "is not there: waiting"
arenad_stop
is "arenad ends with status 0 while a storage process waits for its disk" "$status" 0
done_testing
