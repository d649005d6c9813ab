#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: qemu's tools use disks of arenad as their own: raw and with qcow2 on top, by several
# clients, and through qemu-storage-daemon, which exports them again.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires qemu-img qemu-io qemu-storage-daemon nbdcopy nbdinfo

head -c 32M /dev/urandom >"$tmp/image"
truncate -s 64M "$tmp/sparse"
dd if="$tmp/image" of="$tmp/sparse" bs=1M count=3 seek=20 conv=notrunc status=none
disk_b=$(loop "$(disk b 64M)")
[ -z "$disk_b" ] || at_exit losetup --detach "$disk_b"
arenad_start --size 256M --listen "unix:$tmp/sock" --disk "a=$(disk a 64M)" \
	--disk "b=${disk_b:-$tmp/b.img}"
diag "disk b is ${disk_b:-a file}"
a=nbd://$address/a
b=nbd://$address/b
field() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }
# quiet COMMAND...: qemu-io fails if it prints that a pattern is not there
quiet()
{
	"$@" >"$tmp/said" 2>&1 && ! grep -iE 'fail|error|invalid' "$tmp/said" && return
	cat "$tmp/said"
	return 1
}

# qemu-img
is "qemu-img info has the size" \
	"$(qemu-img info --output=json "$a" | field "['virtual-size']")" 67108864
is "qemu-img info has the size over a UNIX socket" "$(qemu-img info --output=json --image-opts \
	"driver=nbd,path=$tmp/sock,export=a" | field "['virtual-size']")" 67108864
ok "qemu-img convert writes an image" qemu-img convert -n -f raw -O raw "$tmp/sparse" "$a"
ok "qemu-img compare finds no difference to the image" qemu-img compare -f raw -F raw "$tmp/sparse" "$a"
is "qemu-img map shows the data between the holes" \
	"$(qemu-img map --output=json -f raw "$a" | python3 -c '
import json, sys
for e in json.load(sys.stdin):
    print(e["start"] >> 20, e["length"] >> 20, e["zero"], end=" ")')" \
	"0 20 True 20 3 False 23 41 True "
ok "qemu-img convert writes by 16 coroutines out of order" \
	qemu-img convert -n -W -m 16 -f raw -O raw "$tmp/sparse" "$b"
ok "qemu-img compare finds no difference between two exports" qemu-img compare -f raw -F raw "$a" "$b"
ok "qemu-img convert copies one export to the other with --target-is-zero" eval "
	qemu-io -f raw '$b' -c 'write -z -u 0 64M' -c flush &&
	qemu-img convert -n --target-is-zero -f raw -O raw '$a' '$b' &&
	qemu-img compare -f raw -F raw '$a' '$b'"
not_ok "qemu-img compare finds a byte that differs" eval \
	"qemu-io -f raw '$b' -c 'write -P 7 12345 1' && qemu-img compare -f raw -F raw '$a' '$b'"
ok "qemu-img bench reads at depth 64" short qemu-img bench -f raw -c 4000 -d 64 -s 4096 -t none "$a"
ok "qemu-img bench writes at depth 32 with a flush after each 100" \
	short qemu-img bench -f raw -w --flush-interval 100 -c 2000 -d 32 -s 8192 -t none "$b"
ok "qemu-img bench writes across the bounds of blocks" \
	short qemu-img bench -f raw -w -c 500 -d 16 -s 5000 -S 5001 -o 13 -t none "$b"
ok "qemu-img dd copies a part" eval "qemu-img dd -f raw -O raw bs=1M skip=20 count=23 'if=$a' \
	'of=$tmp/part' && cmp -n 3145728 '$tmp/part' '$tmp/image'"

# qemu-io: every kind of request, each alone and across the bounds of blocks
ok "qemu-io reads what it wrote, of all kinds of writes" quiet qemu-io -f raw "$a" \
	-c "write -P 1 0 4M" -c "write -z 1M 1M" -c "write -z -u 2M 512k" -c "discard 3M 64k" \
	-c "write -f -P 4 5000 10001" -c "read -P 1 0 5000" -c "read -P 4 5000 10001" \
	-c "read -P 1 15001 1033575" -c "read -P 0 1M 1536k" -c "read -P 1 2560k 512k" \
	-c "flush" -c "writev -P 5 0 512 1024 4096" -c "readv -P 5 0 512 1024 4096"
ok "qemu-io reads what it wrote by requests that are under way together" quiet qemu-io -f raw "$a" \
	-c "aio_write -P 1 0 1M" -c "aio_write -P 2 1M 1M" -c "aio_write -P 3 2M 1M" \
	-c "aio_write -z 3M 1M" -c "aio_flush" -c "aio_read -P 1 0 1M" -c "aio_read -P 2 1M 1M" \
	-c "aio_read -P 3 2M 1M" -c "aio_read -P 0 3M 1M" -c "aio_flush"
ok "qemu-io writes and reads 48 MiB at once, which qemu divides" quiet qemu-io -f raw "$a" \
	-c "write -P 9 8M 48M" -c "read -P 9 8M 48M"
ok "qemu-io is told what is allocated" eval "qemu-io -f raw '$a' -c 'alloc 20M 1M' | grep -q allocated"
not_ok "qemu-io cannot read beyond the end" quiet qemu-io -f raw "$a" -c "read 64M 512"
not_ok "qemu-io cannot write to an export that it opened read-only" \
	quiet qemu-io -r -f raw "$a" -c "write 0 512"

# qcow2 on top
ok "qemu-img create makes a qcow2 image on an export" qemu-img create -q -f qcow2 "$b" 48M
ok "qemu-img convert writes the image into qcow2" eval \
	"truncate -s 48M '$tmp/sparse' && qemu-img convert -n -f raw -O qcow2 '$tmp/sparse' '$b'"
ok "qemu-img check finds no error in qcow2" qemu-img check -q -f qcow2 "$b"
ok "qemu-img compare finds no difference to what is in qcow2" \
	qemu-img compare -f raw -F qcow2 "$tmp/sparse" "$b"
ok "qemu-img bench writes into qcow2" \
	short qemu-img bench -f qcow2 -w -c 1000 -d 16 -s 65536 -t none "$b"
ok "qemu-img makes a snapshot in qcow2, and goes back to it" eval "
	qemu-img snapshot -c before '$b' && qemu-io -f qcow2 '$b' -c 'write -P 6 0 8M' &&
	qemu-img snapshot -a before '$b' && qemu-img check -q -f qcow2 '$b'"
ok "qemu-img commit writes an overlay back to an export" eval "
	qemu-img create -q -f qcow2 -b '$a' -F raw '$tmp/over' &&
	qemu-io '$tmp/over' -c 'write -P 8 1234567 54321' && qemu-img commit -q '$tmp/over' &&
	qemu-io -f raw '$a' -c 'read -P 8 1234567 54321' | grep -vq failed"

# qemu-storage-daemon reads our export as a client and serves it again, over two connections.
daemon qemu-storage-daemon \
	--blockdev "driver=nbd,node-name=n,server.type=unix,server.path=$tmp/sock,export=a" \
	--nbd-server "addr.type=unix,addr.path=$tmp/again" \
	--export type=nbd,id=e,node-name=n,name=again,writable=on
again="nbd+unix:///again?socket=$tmp/again"
ok "qemu-storage-daemon exports a disk of arenad again" wait_for 20 nbdinfo --size "$again"
ok "nbdcopy writes through qemu-storage-daemon" nbdcopy --flush "$tmp/image" "$again"
ok "what was written through qemu-storage-daemon is on the disk" cmp -n 33554432 "$tmp/image" "$tmp/a.img"
ok "nbdcopy reads through qemu-storage-daemon" eval \
	"nbdcopy '$again' '$tmp/back' && cmp -n 33554432 '$tmp/back' '$tmp/image'"
ok "zeroes and trims through qemu-storage-daemon are read as zeroes" quiet qemu-io -f raw "$again" \
	-c "write -z 4M 1M" -c "discard 5M 1M" -c "read -P 0 4M 1M" -c flush
end_process "$daemon"

counters_refresh
is "arena-np counts no bad message after qemu's tools" "$(counter arena-np bad_messages)" 0
arenad_stop
is "arenad ends with status 0 after qemu's tools" "$status" 0
done_testing
