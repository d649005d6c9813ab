#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: libnbd's tools find in arenad, by each of their ways, what the disks have.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdinfo nbdcopy nbddump nbdfuse python3 losetup

# mixed: data, a hole of 8 MiB, data, and a hole up to the end
truncate -s 32M "$tmp/mixed.img"
dd if=/dev/urandom of="$tmp/mixed.img" bs=1M count=2 conv=notrunc status=none
dd if=/dev/urandom of="$tmp/mixed.img" bs=1M count=1 seek=10 conv=notrunc status=none
readonly_disk=$(loop "$(data readonly 4M)" --read-only)
[ -z "$readonly_disk" ] || at_exit losetup --detach "$readonly_disk"
arenad_start --size 256M --listen "unix:$tmp/sock" --disk "mixed=$tmp/mixed.img" \
	--disk "empty=$(disk empty 32M)" \
	--disk "full=$(data full 32M)" ${readonly_disk:+--disk "readonly=$readonly_disk"}
mixed=nbd://$address/mixed
empty=nbd://$address/empty
full=nbd://$address/full
local_socket() { echo "nbd+unix:///$1?socket=$tmp/sock"; }

# nbdinfo: --size, --uri, --is, --isnt, --can, --cannot
is "nbdinfo --size prints the size" "$(nbdinfo --size "$mixed")" 33554432
is "nbdinfo --size prints the size over a UNIX socket" \
	"$(nbdinfo --size "$(local_socket full)")" 33554432
is "nbdinfo --uri prints the URI of the export" "$(nbdinfo --uri "$mixed")" "$mixed"
for what in connect cache df fast-zero flush fua multi-conn read structured-reply extended-headers \
	trim write zero; do
	ok "nbdinfo --can $what is true of a file" nbdinfo --can "$what" "$mixed"
	not_ok "nbdinfo --cannot $what is false of a file" nbdinfo --cannot "$what" "$mixed"
done
for what in read-only rotational; do
	ok "nbdinfo --isnt $what is true of a file" nbdinfo --isnt "$what" "$mixed"
	not_ok "nbdinfo --is $what is false of a file" nbdinfo --is "$what" "$mixed"
done
ok "nbdinfo --isnt tls is true of a connection without TLS" nbdinfo --isnt tls "$mixed"
if [ -n "$readonly_disk" ]; then
	ok "nbdinfo --is read-only is true of a read-only loop device" \
		nbdinfo --is read-only "nbd://$address/readonly"
	for what in write trim zero; do
		ok "nbdinfo --cannot $what is true of a read-only loop device" \
			nbdinfo --cannot "$what" "nbd://$address/readonly"
	done
fi

# nbdinfo: all at once, --json, --list, --map
ok "nbdinfo tells all of an export" nbdinfo --no-content "$mixed"
field() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }
json() { nbdinfo --no-content --json "$mixed" | field "$1"; }
is "nbdinfo --json has the protocol" "$(json "['protocol']")" newstyle-fixed
is "nbdinfo --json says that the headers are extended" "$(json "['extended']")" True
is "nbdinfo --json has the context base:allocation and no other" \
	"$(json "['exports'][0]['contexts']")" "['base:allocation']"
is "nbdinfo --json has the least length of requests" \
	"$(json "['exports'][0]['block_size_minimum']")" 1
is "nbdinfo --json has the preferred length of requests" \
	"$(json "['exports'][0]['block_size_preferred']")" 4096
names() { nbdinfo --no-content --list --json "nbd://$address" |
	field "['exports']" | grep -o "'export-name': '[a-z]*'" | sed "s/.*: '//; s/'//" | xargs; }
is "nbdinfo --list --json has all exports in their order" "$(names)" \
	"mixed empty full${readonly_disk:+ readonly}"
ok "nbdinfo --list shows each export" nbdinfo --no-content --list "nbd://$address"
map() { nbdinfo --map "$@" | awk '{ print $1, $2, $3 }' | xargs; }
is "nbdinfo --map shows data and holes" "$(map "$mixed")" \
	"0 2097152 0 2097152 8388608 3 10485760 1048576 0 11534336 22020096 3"
is "nbdinfo --map shows a disk of data as one extent" "$(map "$full")" "0 33554432 0"
is "nbdinfo --map shows a disk of holes as one extent" "$(map "$empty")" "0 33554432 3"
is "nbdinfo --map --json has the same extents" \
	"$(nbdinfo --map --json "$mixed" | field "[1]['length']")" 8388608
is "nbdinfo --map --totals adds up" \
	"$(nbdinfo --map --totals "$mixed" | awk '{ print $1, $3 }' | xargs)" "3145728 0 30408704 3"
not_ok "nbdinfo --map of an unknown context fails" nbdinfo --map=x-none:none "$mixed"
not_ok "nbdinfo of an unknown export fails" nbdinfo "nbd://$address/none"

# nbddump
same_dump()
{
	# shellcheck disable=SC2016 # expanded by nbdkit's shell
	nbdkit --exit-with-parent -r -U - file "$tmp/mixed.img" --run 'nbddump --no-color "$uri"' \
		>"$tmp/dump" && nbddump --no-color "$mixed" | cmp - "$tmp/dump"
}
ok "nbddump prints of arenad what it prints of nbdkit with the same disk" same_dump

# nbdcopy, in both directions
copy_back() { rm -f "$tmp/back"; nbdcopy "$@" "$tmp/back" && cmp "$tmp/back" "$tmp/mixed.img"; }
ok "nbdcopy reads a disk with holes" copy_back "$mixed"
ok "nbdcopy --allocated reads a disk with holes into a file without" copy_back --allocated "$mixed"
ok "nbdcopy --no-extents reads a disk with holes as data" copy_back --no-extents "$mixed"
ok "nbdcopy --synchronous reads one request after the other" copy_back --synchronous "$mixed"
ok "nbdcopy reads by 8 connections with 64 requests each" \
	copy_back --connections=8 --requests=64 "$mixed"
ok "nbdcopy reads in requests of 4 KiB" copy_back --request-size=4096 "$mixed"
ok "nbdcopy reads in requests of 32 MiB" copy_back --request-size=33554432 "$mixed"
ok "nbdcopy reads over a UNIX socket" copy_back "$(local_socket mixed)"
ok "nbdcopy writes to its standard output" eval \
	"nbdcopy '$mixed' - | cmp - '$tmp/mixed.img'"
# written OPTION...: copy the mixed image to the disk of random data
written()
{
	nbdcopy --flush "$@" "$tmp/mixed.img" "$full" && cmp "$tmp/mixed.img" "$tmp/full.img"
}
refill() { nbdcopy "$tmp/random" "$full"; }
head -c 32M /dev/urandom >"$tmp/random"
ok "nbdcopy writes an image over other data, with zeroes for its holes" written
refill
ok "nbdcopy --allocated writes an image over other data, all of it allocated" \
	written --allocated
is "nbdinfo finds all of the disk allocated after nbdcopy --allocated" \
	"$(nbdinfo --map --totals "$full" | awk '$3 % 2 { print $3 }')" ""
refill
ok "nbdcopy writes by 8 connections with 64 requests each" written --connections=8 --requests=64
refill
ok "nbdcopy --sparse=0 --synchronous writes data for zeroes" written --sparse=0 --synchronous
nbdcopy --flush "$tmp/mixed.img" "$empty"
ok "nbdcopy --destination-is-zero writes only the data to an empty disk" eval \
	"nbdsh -u '$empty' -c 'h.zero(1 << 25, 0)' &&
	nbdcopy --destination-is-zero --flush '$tmp/mixed.img' '$empty' &&
	cmp '$tmp/mixed.img' '$tmp/empty.img'"
ok "nbdcopy copies from one export to another one" eval \
	"nbdcopy --flush '$tmp/random' '$full' && nbdcopy --flush '$full' '$empty' &&
	cmp '$tmp/empty.img' '$tmp/random'"
ok "nbdcopy reads all for nothing" nbdcopy "$full" null:

# nbdfuse shows the disk as a file.
mkdir "$tmp/mount"
fuse_ends() { wait "$fuse"; }
unmount() { ! mountpoint -q "$tmp/mount" || umount "$tmp/mount"; }
if [ -c /dev/fuse ] && { command -v fusermount3 >/dev/null || [ "$(id -u)" = 0 ]; }; then
	nbdfuse "$tmp/mount/disk" "$mixed" >"$tmp/fuse" 2>&1 &
	fuse=$!
	at_exit unmount
	if wait_for 20 test -e "$tmp/mount/disk"; then
		ok "the file that nbdfuse shows has the bytes of the disk" \
			cmp "$tmp/mount/disk" "$tmp/mixed.img"
		ok "what is written to the file of nbdfuse is on the disk" eval \
			"dd if='$tmp/random' of='$tmp/mount/disk' bs=1M count=8 conv=notrunc,fsync status=none &&
			cmp -n 8388608 '$tmp/random' '$tmp/mixed.img'"
		umount "$tmp/mount"
		ok "nbdfuse ends well" fuse_ends
	else
		skip "the file that nbdfuse shows has the bytes of the disk" \
			"this machine mounts no FUSE: $(tail -n 1 "$tmp/fuse")"
	fi
else
	skip "the file that nbdfuse shows has the bytes of the disk" "this machine has no FUSE"
fi

counters_refresh
is "arena-np counts no bad message after libnbd's tools" "$(counter arena-np bad_messages)" 0
arenad_stop
is "arenad ends with status 0 after libnbd's tools" "$status" 0
done_testing
