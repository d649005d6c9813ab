#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the kernel's own NBD client works, and a file system on it keeps its files.
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbd-client mkfs.ext4 fsck.ext4

modprobe nbd nbds_max=2 || skip_all "this kernel has no nbd module"
pages_2m 128
arenad_start --size 256M --page-size 2M --disk "one=$disk0"
mkdir "$tmp/mnt"
detach()
{
	umount "$tmp/mnt" 2>/dev/null
	nbd-client -d /dev/nbd0 >/dev/null 2>&1
}
at_exit detach

ok "the kernel's client connects" nbd-client "${address%:*}" "${address##*:}" -N one /dev/nbd0
ok "mkfs.ext4 makes a file system on the kernel's client" mkfs.ext4 -q -F /dev/nbd0
ok "the file system is mounted" mount /dev/nbd0 "$tmp/mnt"
ok "files are written to the file system" eval "cp -r $top/kmod $top/user $tmp/mnt/ &&
	head -c 48M /dev/urandom >$tmp/mnt/big"
sum=$(sha256sum <"$tmp/mnt/big")
ok "the file system is unmounted" umount "$tmp/mnt"
ok "fsck.ext4 finds no error on the kernel's client" fsck.ext4 -f -n /dev/nbd0
ok "fsck.ext4 finds no error on the disk itself" fsck.ext4 -f -n "$disk0"
ok "the file system is mounted again" mount /dev/nbd0 "$tmp/mnt"
ok "the files are the same after mounting again" eval "diff -r $top/kmod $tmp/mnt/kmod &&
	diff -r $top/user $tmp/mnt/user"
is "a large file is the same after mounting again" "$(sha256sum <"$tmp/mnt/big")" "$sum"
ok "the file system is unmounted again" umount "$tmp/mnt"
ok "the kernel's client disconnects" nbd-client -d /dev/nbd0
arenad_stop
is "arenad ends with status 0 after the kernel's client" "$status" 0
done_testing
