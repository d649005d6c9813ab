#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the kernel's own NBD client uses disks of arenad by four connections at once, set up by
# netlink and by ioctl. What fio, xfs and ext4 write is there after discards, and after the client
# has disconnected and connected again.
# run: long
# timeout: 400
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbd-client mkfs.ext4 fsck.ext4 mkfs.xfs xfs_repair fio blkdiscard fstrim

modprobe nbd nbds_max=4 || skip_all "this kernel has no nbd module"
grep -qw xfs /proc/filesystems || modprobe xfs || skip_all "this kernel has no xfs"
pages_2m 128
arenad_start --size 256M --page-size 2M --disk "one=$disk0" --disk "two=$disk1"
host=${address%:*} port=${address##*:}
mkdir "$tmp/xfs" "$tmp/ext4"
detach()
{
	local path

	for path in "$tmp/xfs" "$tmp/ext4"; do
		umount "$path" 2>/dev/null
	done
	for path in /dev/nbd0 /dev/nbd1; do
		nbd-client -d "$path" >/dev/null 2>&1
	done
}
at_exit detach

connections() { ss -Htn state established "sport = :$port" | wc -l; }
has_connections() { [ "$(connections)" = "$1" ]; }
attach_netlink() { nbd-client -C 4 -N one "$host" "$port" /dev/nbd0; }
attach_ioctl() { nbd-client -nonetlink -C 4 -N two "$host" "$port" /dev/nbd1; }
unattached() { nbd-client -d "$1" && wait_for 20 not_attached "$1"; }
not_attached() { ! nbd-client -c "$1"; }
limit() { cat "/sys/block/nbd0/queue/$1"; }

ok "the kernel's client makes four connections by netlink" attach_netlink
ok "arena-np has four connections of the kernel's client" wait_for 10 has_connections 4
ok "the kernel's client makes four connections by ioctl" attach_ioctl
ok "arena-np has eight connections of the kernel's client" wait_for 10 has_connections 8
is "the kernel's client has the size of the disk" \
	"$(blockdev --getsize64 /dev/nbd0)" "$(blockdev --getsize64 "$disk0")"
ok "the kernel's client may discard" test "$(limit discard_max_bytes)" -gt 0
ok "the kernel's client may write zeroes" test "$(limit write_zeroes_max_bytes)" -gt 0
ok "fio reads what it wrote by four jobs on four connections" fio --name=parts --direct=1 \
	--filename=/dev/nbd0 --ioengine=io_uring --numjobs=4 --rw=randrw --bsrange=4k-128k \
	--iodepth=16 --size=24M --offset_increment=24M --verify=crc32c --verify_state_save=0
ok "blkdiscard -z makes a part of the disk zero" eval \
	"blkdiscard -f -z -o 1M -l 3M /dev/nbd0 && cmp -n 3145728 -i 1M:0 /dev/nbd0 /dev/zero"
ok "blkdiscard discards all of the disk" blkdiscard -f /dev/nbd0

# Two file systems at the same time, with one file that is removed before fstrim.
fill()
{
	cp -r "$top/kmod" "$top/user" "$1/" &&
		head -c 40M /dev/urandom >"$1/big" && head -c 60M /dev/urandom >"$1/gone" &&
		(cd "$1" && find . -type f ! -name gone -print0 | xargs -0 sha256sum) >"$2" &&
		sync -f "$1" && rm "$1/gone"
}
intact() { (cd "$1" && sha256sum --quiet -c "$2"); }
ok "mkfs.xfs makes a file system on the connections made by netlink" mkfs.xfs -q -f /dev/nbd0
ok "mkfs.ext4 makes a file system on the connections made by ioctl" mkfs.ext4 -q -F /dev/nbd1
ok "xfs is mounted" mount -t xfs /dev/nbd0 "$tmp/xfs"
ok "ext4 is mounted" mount -t ext4 /dev/nbd1 "$tmp/ext4"
fill "$tmp/xfs" "$tmp/xfs.sums" &
filler=$!
ok "files are written to ext4" fill "$tmp/ext4" "$tmp/ext4.sums"
ok "files are written to xfs at the same time" wait "$filler"
ok "fstrim trims xfs" fstrim "$tmp/xfs"
ok "fstrim trims ext4" fstrim "$tmp/ext4"
ok "xfs has its files after fstrim" intact "$tmp/xfs" "$tmp/xfs.sums"
ok "xfs is unmounted" umount "$tmp/xfs"
ok "ext4 is unmounted" umount "$tmp/ext4"
ok "the kernel's client disconnects what netlink set up" unattached /dev/nbd0
ok "the kernel's client disconnects what ioctl set up" unattached /dev/nbd1
ok "arena-np has no connection any more" wait_for 20 has_connections 0
ok "xfs_repair finds no error on the disk itself" xfs_repair -n "$disk0"
ok "fsck.ext4 finds no error on the disk itself" fsck.ext4 -f -n "$disk1"

ok "the kernel's client connects again by netlink" attach_netlink
ok "the kernel's client connects again by ioctl" attach_ioctl
ok "xfs is mounted again" mount -t xfs /dev/nbd0 "$tmp/xfs"
ok "ext4 is mounted again" mount -t ext4 /dev/nbd1 "$tmp/ext4"
ok "xfs has the same files after the client has connected again" intact "$tmp/xfs" "$tmp/xfs.sums"
ok "ext4 has the same files after the client has connected again" intact "$tmp/ext4" "$tmp/ext4.sums"
ok "xfs is unmounted again" umount "$tmp/xfs"
ok "ext4 is unmounted again" umount "$tmp/ext4"
ok "the kernel's client disconnects again what netlink set up" unattached /dev/nbd0
ok "the kernel's client disconnects again what ioctl set up" unattached /dev/nbd1
counters_refresh
is "arena-np counts no bad message after the kernel's client" "$(counter arena-np bad_messages)" 0
arenad_stop
is "arenad ends with status 0 after the kernel's client" "$status" 0
done_testing
