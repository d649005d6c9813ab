#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-np serves no more connections than its option allows, and serves a later client when
# there is room again. It does not let clients write a read-only disk.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"
requires nbdinfo nbdcopy qemu-io

rig_start -- --max-connections 3
exec 4<>"/dev/tcp/$host/$port" 5<>"/dev/tcp/$host/$port" 6<>"/dev/tcp/$host/$port"
for fd in 4 5 6; do
	read -r -t 5 -N 8 greeting <&$fd
	is "arena-np greets client $((fd - 3)) of the 3 that it may serve" "$greeting" NBDMAGIC
done
exec 7<>"/dev/tcp/$host/$port"
greeted()
{
	# not_ok expects status 1; a timeout of read has another one.
	read -r -t "$1" -N 8 greeting <&7 || return 1
	[ "$greeting" = NBDMAGIC ]
}
not_ok "arena-np does not greet a fourth client while it serves 3" greeted 2
exec 5>&-
ok "arena-np greets the fourth client when another one has left" greeted 5
exec 4>&- 6>&- 7>&-
ok "nbdcopy reads by 2 connections when all other clients have left" \
	nbdcopy --connections=2 "nbd://$address/d0" null:
arenad_stop
is "arena-np ends with status 0 after it was full" "$status" 0

rig_start --readonly --
ok "arena-np says to clients that a read-only disk is read-only" eval \
	"nbdinfo nbd://$address/d0 | grep -q 'is_read_only: true'"
ok "nbdcopy reads a read-only disk" nbdcopy "nbd://$address/d0" null:
# The default export by hand: EXPORT_NAME, then a WRITE of 3 bytes and a READ.
exec 4<>"/dev/tcp/$host/$port"
printf '\0\0\0\3IHAVEOPT\0\0\0\1\0\0\0\0' >&4
printf '\x25\x60\x95\x13\0\0\0\1cookie-1\0\0\0\0\0\0\0\0\0\0\0\3abc' >&4
printf '\x25\x60\x95\x13\0\0\0\0cookie-2\0\0\0\0\0\0\0\0\0\0\0\3' >&4
hex() { od -An -v -tx1 | tr -d ' \n'; }
# The handshake's bytes come before: greeting, size and flags.
reply=$(timeout 5 head -c $((18 + 10 + 16 + 16 + 3)) <&4 | tail -c 35 | hex)
good=6744669800000000$(printf cookie-2 | hex)000000
bad=6744669800000001$(printf cookie-1 | hex)
is "a WRITE to a read-only disk gets EPERM, and a READ then finds the old contents" \
	"$reply" "$bad$good"
exec 4>&-
arenad_stop
is "arena-np ends with status 0 after it served a read-only disk" "$status" 0
done_testing
