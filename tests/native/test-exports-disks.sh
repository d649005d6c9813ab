#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a disk that grew or shrank is told to new clients, and established ones keep the size that
# they were told; a read-only export is not written; and where an export may be without a disk, the
# death of its storage process, or a disk that is not there, leaves the other exports in service.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdinfo nbdsh python3 qemu-io

#
# Sizes
#

path=$(disk d 8M)
arenad_start --nps 2 --disk "d=$path"
uri=nbd://$address/d

# An established client. It writes "ready", and goes on with each line that it reads.
cat >"$tmp/client.py" <<'END'
import sys
import nbd
def say(*words):
    print(*words, flush=True)
    sys.stdin.readline()
def attempt(f):
    try:
        f()
        return "ok"
    except nbd.Error as e:
        return e.errno
h = nbd.NBD()
h.set_strict_mode(0)
h.connect_uri(sys.argv[1])
say(h.get_size())
# The disk has grown.
say(h.get_size(), attempt(lambda: h.pread(512, 8 << 20)))
# The disk has shrunk.
say(attempt(lambda: h.pread(4096, 6 << 20)), attempt(lambda: h.pwrite(b"x" * 4096, 6 << 20)),
    attempt(lambda: h.trim(4096, 6 << 20)), attempt(lambda: h.pwrite(b"x" * 4096, 0)))
END
coproc client { exec python3 "$tmp/client.py" "$uri" 2>"$tmp/error"; }
# said: print the next line of the client
said() { local line; read -rt 60 line <&"${client[0]}"; echo "$line"; }
go_on() { echo >&"${client[1]}"; }

is "a client is told the size of the disk" "$(said)" 8388608
truncate -s 16M "$path"
is "a new client is told that the disk has grown" "$(nbdinfo --size "$uri")" 16777216
is "INFO tells that the disk has grown, too" \
	"$(nbdsh -c "
h.set_opt_mode(True)
h.connect_uri('$uri')
h.opt_info()
print(h.get_size())
h.opt_abort()")" 16777216
ok "a new client writes and reads where the disk has grown" \
	qemu-io -f raw -c 'write -P 7 12M 64k' -c 'read -P 7 12M 64k' "$uri"
go_on
is "the established client keeps the size that it was told, and is served no more" "$(said)" \
	"8388608 EINVAL"
truncate -s 4M "$path"
is "a new client is told that the disk has shrunk" "$(nbdinfo --size "$uri")" 4194304
go_on
is "of the established client, a READ and a TRIM beyond the end get EIO, a WRITE ENOSPC, and one \
within the disk is served" "$(said)" "EIO ENOSPC EIO ok"
go_on
is "no WRITE beyond the end has made the file longer" "$(stat -c %s "$path")" 4194304
truncate -s 0 "$path"
ok "a disk of no bytes refuses new clients" eval "! nbdinfo --size '$uri' 2>'$tmp/error'"
truncate -s 2M "$path"
is "a disk that was empty for a while serves new clients" "$(nbdinfo --size "$uri")" 2097152
ok "the log says which sizes the disk had" says "had 4194304 bytes, and has 0 now"
arenad_stop
is "arenad ends with status 0 after its disk has changed its size" "$status" 0

#
# Read-only
#

head -c 1M /dev/urandom >"$tmp/image"
cp "$tmp/image" "$tmp/ro.img"
arenad_start --disk "ro=$tmp/ro.img" --read-only ro --disk "rw=$(disk rw 1M)"
ok "a client is told that a read-only export is read-only" \
	nbdinfo --is read-only "nbd://$address/ro"
ok "a client is told that another export is writable" eval \
	"! nbdinfo --is read-only nbd://$address/rw"
is "a WRITE, a TRIM and a WRITE_ZEROES of a read-only export get EPERM" "$(nbdsh -c "
h.set_strict_mode(0)
h.connect_uri('nbd://$address/ro')
for f in (lambda: h.pwrite(b'x' * 512, 0), lambda: h.trim(4096, 0), lambda: h.zero(4096, 0)):
    try:
        f()
    except nbd.Error as e:
        print(e.errno, end=' ')")" "EPERM EPERM EPERM "
sp=$(children arena-sp | head -n 1)
ok "the storage process has opened the disk of a read-only export for reading only" eval \
	"! find /proc/$sp/fd -lname '*/ro.img' -perm -u+w | grep -q ."
arenad_stop
ok "no byte of the disk of a read-only export has changed" cmp "$tmp/image" "$tmp/ro.img"
chmod 400 "$tmp/ro.img"
# Root can write any file, unless it lacks the capability for that.
arenad_path=$(command -v arenad)
arenad() { exec setpriv --bounding-set -dac_override "$arenad_path" "$@"; }
arenad_run --disk "ro=$tmp/ro.img"
arenad_wait
is "a file that cannot be written is refused" "$status" 1
ok "the log says how a file that cannot be written can be served" says \
	"it cannot be written; --read-only serves it all the same"
arenad_start --disk "ro=$tmp/ro.img" --read-only ro
is "a file that cannot be written is served read-only if that is asked for" \
	"$(nbdinfo --size "nbd://$address/ro")" 1048576
arenad_stop
unset -f arenad

#
# Without a disk
#

arenad_start --nps 2 --disk "a=$(disk a 1M)" --disk "b=$(disk b 1M)" --disk "c=$(disk c 1M)" \
	--disk "n=$tmp/missing" --no-disk a=hide --no-disk b=refuse --no-disk n=refuse --hold 0
list() { nbdsh -c "
h.set_opt_mode(True)
h.connect_uri('nbd://$address')
h.opt_list(lambda name, description: print(name, end=' '))
h.opt_abort()"; }
fails_with()
{
	if "${@:2}" 2>"$tmp/error" || ! grep -qi -- "$1" "$tmp/error"; then
		cat "$tmp/error"
		return 1
	fi
}
ok "arenad warns of a disk that is not there" says "cannot find disk $tmp/missing"
ok "a client of an export whose disk was never there is told so" \
	fails_with "disk of the export is not there" nbdsh -u "nbd://$address/n" -c pass
coproc client { exec nbdsh -c "
import sys
h.connect_uri('nbd://$address/a')
print('ready', flush=True)
sys.stdin.readline()
try:
    h.pread(512, 0)
except nbd.Error as e:
    print(e.errno, flush=True)
"; }
is "a client of an export uses it before its storage process dies" "$(said)" ready
# sp_of NAME: the storage process of an export
sp_of() {
	local sp

	for sp in $(children arena-sp); do
		tr '\0' ' ' 2>/dev/null <"/proc/$sp/cmdline" | grep -q "/$1.img " && echo "$sp"
	done
}
kill -KILL "$(sp_of a)" "$(sp_of b)"
ok "arenad says that export a has no disk" wait_for 30 says "export 'a' has no disk now"
ok "arenad says that export b has no disk" wait_for 30 says "export 'b' has no disk now"
ok "both network processes know that export b has no disk" wait_for 30 eval \
	"[ \$(grep -c \"export 'b' is out of service\" '$tmp/log') = 2 ]"
ok "both network processes know that export a has no disk" wait_for 30 eval \
	"[ \$(grep -c \"export 'a' is out of service\" '$tmp/log') = 2 ]"
go_on
is "an established client of an export that has lost its disk gets EIO" "$(said)" EIO
is "an export without a disk is hidden or shown as --no-disk says" "$(list)" "b c n "
ok "a client does not find a hidden export" fails_with "no such export" \
	nbdsh -u "nbd://$address/a" -c pass
ok "a client of a shown export is told that its disk is not there" \
	fails_with "disk of the export is not there" nbdsh -u "nbd://$address/b" -c pass
ok "a client of another export is served on" \
	qemu-io -f raw -c 'write -P 9 0 64k' -c 'read -P 9 0 64k' "nbd://$address/c"
# Who asks for it can have processes started again that were given up.
disk missing 2M >/dev/null
mv "$tmp/missing.img" "$tmp/missing"
kill -HUP "$arenad_pid"
serves() { [ "$(nbdinfo --size "nbd://$address/$1" 2>/dev/null)" = "$2" ]; }
ok "after SIGHUP an export is served whose disk was never there before" wait_for 30 serves n 2097152
ok "after SIGHUP an export is served again that had lost its disk" wait_for 30 serves a 1048576
ok "after SIGHUP a client writes and reads what had lost its disk" \
	qemu-io -f raw -c 'write -P 9 0 64k' -c 'read -P 9 0 64k' "nbd://$address/b"
kill -KILL "$(sp_of c)"
arenad_wait
is "arenad ends with status 1 when an export that must have a disk loses it" "$status" 1
done_testing
