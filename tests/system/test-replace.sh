#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the network process is replaced while the kernel's NBD client has a file system on a disk,
# fio verifies what it writes, and clients use TLS of the kernel: all of them see a pause, and
# nothing else.
# timeout: 300
# shellcheck disable=SC2016 # the conditions are for eval
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/many-lib.sh
. "$(dirname "$0")/../native/many-lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/restart-lib.sh
. "$(dirname "$0")/../native/restart-lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/replace-lib.sh
. "$(dirname "$0")/../native/replace-lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/tls-lib.sh
. "$(dirname "$0")/../native/tls-lib.sh"
requires nbd-client mkfs.ext4 fsck.ext4 fio certtool

modprobe nbd nbds_max=2 || skip_all "this kernel has no nbd module"
modprobe tls || skip_all "this kernel has no TLS"
tools=$BUILD/tests/native
pages_2m 256
certificate authority authority ca cert_signing_key
certificate server authority 'dns_name = "localhost"' tls_www_server encryption_key signing_key
folder server authority server server
tls13=NORMAL:-VERS-ALL:+VERS-TLS1.3
tls12=NORMAL:-VERS-ALL:+VERS-TLS1.2
mkdir "$tmp/mnt"
detach()
{
	umount "$tmp/mnt" 2>/dev/null
	nbd-client -d /dev/nbd0 >/dev/null 2>&1
}
at_exit detach

arenad_start --size 512M --page-size 2M --disk "one=$disk0" --disk "d=$disk1" \
	--tls allow --tls-certificates "$tmp/server" --ktls always
ok "the kernel's client connects" nbd-client "${address%:*}" "${address##*:}" -N one /dev/nbd0
ok "mkfs.ext4 makes a file system" mkfs.ext4 -q -F /dev/nbd0
ok "the file system is mounted" mount /dev/nbd0 "$tmp/mnt"
fio --name=verify --filename="$tmp/mnt/file" --size=48M --bs=4k-64k --rw=randwrite --direct=1 \
	--ioengine=libaio --iodepth=8 --verify=crc32c --loops=3 --do_verify=1 --verify_fatal=1 \
	--lat_percentiles=1 --percentile_list=50:99:99.9:100 >"$tmp/fio" 2>&1 &
fio=$!
secret_start new "$tls13" read read small bye
secret_start old "$tls12" read read small bye
secret_start rekey "$tls13" read rekey small
for i in 1 2 3; do
	replace
	ok "replacement $i under fio, ext4 and TLS" wait_for 60 replaced "$i"
	sleep 1
done
ok "fio reads what it has written to the file system" wait "$fio"
diag "pauses are in these latencies: $(grep -A 2 'lat percentiles' "$tmp/fio" | tr '\n' ' ')"
pauses
ok "a client of TLS 1.3 of the kernel goes on in the third process after its own" secret_stop new
ok "a client of TLS 1.2 of the kernel goes on in the third process after its own" secret_stop old
not_ok "a client that changes its key then is cut off" secret_stop rekey
ok "it is told why by an alert" grep -q 'alert: Unexpected message' "$tmp/rekey.out"
is "no client was cut off by a replacement" "$(said 'and this process is being replaced')" 0
ok "the file system is unmounted" umount "$tmp/mnt"
ok "fsck.ext4 finds no error on the disk itself" fsck.ext4 -f -n "$disk0"
ok "the kernel's client disconnects" nbd-client -d /dev/nbd0
arenad_stop
is "arenad ends with status 0 after three replacements" "$status" 0
done_testing
