#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenad and arena-np serve clients over UNIX sockets, whose files are there for those who may
# connect and only while somebody listens.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"
requires nbdinfo nbdcopy qemu-img setpriv

socket=$tmp/disk.sock
uri="nbd+unix:///d?socket=$socket"
mode() { stat -c %a "$socket"; }
absent() { [ ! -e "$socket" ]; }
chmod 755 "$tmp"
head -c 8M /dev/urandom >"$tmp/image"
path=$(disk d 8M)

listen=(--listen "unix:$socket" --listen 127.0.0.1:0)
arenad_start --verbose --zerocopy-threshold 4K --disk "d=$path"
is "arenad prints the path of its UNIX socket first" "$address" "unix:$socket"
is "only the owner may connect to a UNIX socket by default" "$(mode)" 600
ok "nbdinfo finds the disk over a UNIX socket" nbdinfo --size "$uri"
ok "arenad logs the process and the user of a client" says "of user 0,"
ok "nbdcopy writes by several connections to a UNIX socket" \
	nbdcopy --connections=2 "$tmp/image" "$uri"
ok "what nbdcopy wrote over a UNIX socket is on the disk" cmp "$tmp/image" "$path"
ok "nbdcopy reads from a UNIX socket, where nothing can be sent without a copy" \
	nbdcopy "$uri" "$tmp/back"
ok "what nbdcopy read over a UNIX socket is what was written" cmp "$tmp/image" "$tmp/back"
ok "qemu-img compares the disk over a UNIX socket with the image" \
	qemu-img compare -f raw -F raw "$tmp/image" "nbd+unix:///d?socket=$socket"
ok "the same disk is served over TCP, too" \
	nbdinfo --size "nbd://$(awk '/^ready/ { print $3 }' "$tmp/out")/d"
first=$arenad_pid
out=$(cat "$tmp/out")
arenad --region other --backend memfd --listen "unix:$socket" --disk "d=$(disk e 4M)" \
	>"$tmp/second" 2>&1
is "a second arenad ends with status 1 if somebody listens at the path" $? 1
ok "the second arenad says that the address is in use" \
	grep -q "cannot listen on unix:$socket: Address already in use" "$tmp/second"
ok "the first arenad serves on after the second one was refused" nbdinfo --size "$uri"
is "the first arenad is still the same process" "$arenad_pid $(cat "$tmp/out")" "$first $out"
arenad_stop
is "arenad ends with status 0 after it served a UNIX socket" "$status" 0
ok "the file of the UNIX socket is gone when arenad has ended" absent

listen=(--listen "unix:$socket" --socket-mode 660 --socket-user nobody --socket-group nogroup)
arenad_start --disk "d=$path"
is "the file of the UNIX socket has the mode of --socket-mode" "$(mode)" 660
is "the file of the UNIX socket has the owner and group of the options" \
	"$(stat -c %U:%G "$socket")" nobody:nogroup
ok "the owner of the file may connect" \
	setpriv --reuid nobody --clear-groups --regid 12345 nbdinfo --size "$uri"
not_ok "a user who is neither owner nor in the group may not connect" \
	setpriv --reuid 12345 --clear-groups --regid 12345 nbdinfo --size "$uri"
arenad_kill
arenad_wait
# The kernel ends the ring of arena-np, which listens, too, some time later.
unheard() { ! ss -Hxl | grep -qF "$socket"; }
wait_for 20 unheard
ok "a killed arenad leaves the file of its socket behind" test -S "$socket"
arenad_start --disk "d=$path"
ok "the next arenad replaces the file that a killed one has left" nbdinfo --size "$uri"
rm "$socket"
echo text >"$socket"
arenad_stop
is "arenad does not remove another file that lies at the path" "$(cat "$socket")" text
arenad_run --disk "d=$path"
arenad_wait
is "arenad ends with status 1 if a regular file lies at the path" "$status" 1
ok "arenad says that the path is no socket" says "the path is something else than a socket"
rm "$socket"

listen=(--listen "unix:$socket")
rig_start --
ok "arena-np by itself serves a UNIX socket" nbdinfo --size "nbd+unix:///d0?socket=$socket"
# A READ beyond the end and a WRITE that is too long: the payload is thrown away.
ok "arena-np throws a payload away that came over a UNIX socket" \
	"$tools/nbd-hostile" unix "$socket" d0
arenad_stop
is "arena-np ends with status 0 after it served a UNIX socket" "$status" 0
ok "the file of the UNIX socket is gone when arena-np has ended" absent
done_testing
