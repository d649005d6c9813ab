#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the kernel's own NBD client and a file system on it.
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

ok "nbd-client" nbd-client "${address%:*}" "${address##*:}" -N one /dev/nbd0
ok "mkfs.ext4" mkfs.ext4 -q -F /dev/nbd0
ok "mount" mount /dev/nbd0 "$tmp/mnt"
ok "files are written" eval "cp -r $top/kmod $top/user $tmp/mnt/ &&
	head -c 48M /dev/urandom >$tmp/mnt/big"
sum=$(sha256sum <"$tmp/mnt/big")
ok "umount" umount "$tmp/mnt"
ok "fsck" fsck.ext4 -f -n /dev/nbd0
ok "the disk itself is that file system" fsck.ext4 -f -n "$disk0"
ok "mount again" mount /dev/nbd0 "$tmp/mnt"
ok "the files are the same" eval "diff -r $top/kmod $tmp/mnt/kmod &&
	diff -r $top/user $tmp/mnt/user"
is "the big one too" "$(sha256sum <"$tmp/mnt/big")" "$sum"
ok "umount" umount "$tmp/mnt"
ok "nbd-client -d" nbd-client -d /dev/nbd0
arenad_stop
is "SIGTERM: status 0" "$status" 0
done_testing
