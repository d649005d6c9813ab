# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp is that of lib.sh, and coproc sets established_PID
# Clients of a device that grows and shrinks while it is served. A test, here or in ../system,
# sources this file after lib.sh.

# An established client. It prints the size that it was told, and then carries out each line of
# its input, for instance "read 0 4096", and prints "ok" or the error.
cat >"$tmp/established.py" <<'END'
import sys
import nbd
h = nbd.NBD()
h.set_strict_mode(0)
h.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION)
h.connect_uri(sys.argv[1])
print(h.get_size(), flush=True)
commands = {
    "read": lambda offset, length: h.pread(length, offset),
    "write": lambda offset, length: h.pwrite(b"\x05" * length, offset),
    "zero": lambda offset, length: h.zero(length, offset),
    "trim": lambda offset, length: h.trim(length, offset),
    "cache": lambda offset, length: h.cache(length, offset),
    "status": lambda offset, length: h.block_status(length, offset, lambda *a: 0),
}
for line in sys.stdin:
    name, offset, length = line.split()
    try:
        commands[name](int(offset), int(length))
        print("ok", flush=True)
    except nbd.Error as e:
        print(e.errno, flush=True)
END

# established URI: start the established client; its process id is in $established_PID
established()
{
	# shellcheck disable=SC2093 # the program of a coprocess
	coproc established { exec python3 "$tmp/established.py" "$1" 2>"$tmp/error"; }
	read -rt 60 told <&"${established[0]}"
}

# tries COMMAND...: print the result of the established client for each command, as in "ok EIO"
tries()
{
	local command line answers=()

	for command in "$@"; do
		echo "$command" >&"${established[1]}"
		read -rt 60 line <&"${established[0]}"
		answers+=("$line")
	done
	echo "${answers[*]}"
}

# resize_checks NAME URI RESIZE: a served device of 16 MiB, which the function RESIZE sets to as many
# bytes as its argument says, grows and shrinks under an established client and new ones
resize_checks()
{
	local name=$1 uri=$2 resize=$3 mib=$((1 << 20)) beyond when
	local inside=("read 0 4096" "write 0 4096" "read 4194304 65536")

	established "$uri"
	is "$name: a client is told the size of the device" "$told" $((16 * mib))
	"$resize" $((24 * mib))
	is "$name: a new client is told that the device has grown" \
		"$(nbdinfo --size "$uri")" $((24 * mib))
	ok "$name: a new client writes and reads where the device has grown" \
		qemu-io -f raw -c 'write -P 7 23M 64k' -c 'read -P 7 23M 64k' "$uri"
	is "$name: the established client keeps the size that it was told, and is served no more" \
		"$(tries "read $((20 * mib)) 4096" "read $((15 * mib)) 4096")" "EINVAL ok"

	beyond=$((12 * mib))
	for when in "at once" "after two seconds"; do
		tries "read 0 4096" >/dev/null
		"$resize" $((8 * mib))
		[ "$when" = "at once" ] || sleep 2
		is "$name: the device has shrunk: of the established client, $when, a READ beyond \
the end gets EIO, a WRITE ENOSPC" "$(tries "read $beyond 4096" "write $beyond 4096")" "EIO ENOSPC"
		is "$name: the device has shrunk: of the established client, $when, a WRITE_ZEROES \
beyond the end gets ENOSPC, and TRIM, CACHE and BLOCK_STATUS EIO" "$(tries "zero $beyond 65536" \
			"trim $beyond 65536" "cache $beyond 65536" "status $beyond 65536")" \
			"ENOSPC EIO EIO EIO"
		"$resize" $((16 * mib))
		tries "read 0 4096" >/dev/null
		"$resize" $((8 * mib))
		[ "$when" = "at once" ] || sleep 2
		is "$name: the device has shrunk: of the established client, $when, a READ across \
the end gets EIO, a WRITE ENOSPC" "$(tries "read $((8 * mib - 65536)) 131072" \
			"write $((8 * mib - 65536)) 131072")" "EIO ENOSPC"
		is "$name: the device has shrunk: the established client is served $when within it" \
			"$(tries "${inside[@]}")" "ok ok ok"
		is "$name: a new client is told $when that the device has shrunk" \
			"$(nbdinfo --size "$uri")" $((8 * mib))
		[ "$when" = "at once" ] || break
		"$resize" $((16 * mib))
	done
	"$resize" $((32 * mib))
	is "$name: a new client is told that the device has grown again" \
		"$(nbdinfo --size "$uri")" $((32 * mib))
	is "$name: the established client reads and writes again where the device was shorter" \
		"$(tries "write $beyond 4096" "read $beyond 4096")" "ok ok"
	kill "$established_PID"
	wait "$established_PID" 2>/dev/null
}
