#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: whenever the host loses its power, the disk has all that was acknowledged before a FLUSH that
# was acknowledged, by whichever connection and network process, and each acknowledged WRITE with
# FUA; also if the storage process is killed and replaced meanwhile.
# Method: dm-log-writes keeps the order in which the disk made writes durable: a write is in its log
# when a flush has followed, or at once if it has FUA. The client marks its place in the log after
# each answer that promises something. What the log has up to a mark is what a loss of power at that
# moment would leave. A storage process that does not flush is found.
# timeout: 300
# vm: once
# shellcheck disable=SC2034 # for lib.sh: the other disk has the log
SPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires dmsetup python3

modprobe dm-log-writes || skip_all "this kernel has no dm-log-writes"

log_end()
{
	arenad_kill
	dmsetup remove --retry logged 2>/dev/null
}
at_exit log_end

cat >"$tmp/client.py" <<'END'
# client.py URI RANDOM KILL: write, and print what each mark promises: "mark NAME", and what is not
# as at the mark before, "BLOCK VERSION". KILL is run after every eighth FLUSH.
import nbd, random, struct, subprocess, sys

BLOCK, BLOCKS = 4096, 1024
rng = random.Random(int(sys.argv[2]))
conns = []
for _ in range(4):
    h = nbd.NBD()
    h.connect_uri(sys.argv[1])
    conns.append(h)
written, version, unflushed = {}, 0, set()

def content(first, n):
    return b"".join(struct.pack("<QQ", b, version) * (BLOCK // 16) for b in range(first, first + n))

def mark(name, blocks):
    subprocess.run(["dmsetup", "message", "logged", "0", "mark", name], check=True)
    print("mark", name)
    for b, v in sorted(blocks.items()):
        print(b, v)

for i in range(24):
    for _ in range(rng.randrange(1, 12)):
        version += 1
        n = rng.choice((1, 1, 2, 8, 64))
        first = rng.randrange(BLOCKS - n)
        h, what = rng.choice(conns), rng.randrange(8)
        blocks = {b: version for b in range(first, first + n)}
        # The log would have an older write that was not flushed behind one with FUA.
        if what in (0, 2) and unflushed & blocks.keys():
            what = 3
        if what == 0:
            h.pwrite(content(first, n), first * BLOCK, nbd.CMD_FLAG_FUA)
            mark("fua-%d" % version, blocks)
        elif what == 1:
            blocks = dict.fromkeys(blocks, 0)
            h.zero(n * BLOCK, first * BLOCK, nbd.CMD_FLAG_NO_HOLE)
        elif what == 2:
            blocks = dict.fromkeys(blocks, 0)
            h.zero(n * BLOCK, first * BLOCK, nbd.CMD_FLAG_FUA)
            mark("zero-%d" % version, blocks)
        else:
            h.pwrite(content(first, n), first * BLOCK)
        written.update(blocks)
        if what not in (0, 2):
            unflushed |= blocks.keys()
    rng.choice(conns).flush()
    mark("flush-%d" % i, written)
    unflushed.clear()
    if i % 8 == 3:
        subprocess.run(sys.argv[3], shell=True, check=True)
END
cat >"$tmp/check.py" <<'END'
# check.py LOG PROMISES: compare what the log has up to each mark with what was promised there
import struct, sys

BLOCK = 4096
FUA, DISCARD, MARK = 2, 4, 8
promises, name = {}, None
for line in open(sys.argv[2]):
    word, value = line.split()
    if word == "mark":
        name = value
        promises[name] = {}
    else:
        promises[name][int(word)] = int(value)
log = open(sys.argv[1], "rb")
magic, version, n, size = struct.unpack("<QQQI", log.read(28))
assert magic == 0x6a736677736872 and version == 1, "this is no log"
disk, lost, seen, at, fua = {}, 0, 0, size, 0
for _ in range(n):
    log.seek(at)
    sector, sectors, flags, length = struct.unpack("<QQQQ", log.read(32))
    at += size
    if flags & MARK:
        name = log.read(length).rstrip(b"\0").decode()
        # The kernel marks the end of the log itself.
        seen += name in promises
        for block, wanted in promises.get(name, {}).items():
            lost += disk.get(block, 0) != wanted
        continue
    fua += bool(flags & FUA)
    first, count = sector * size // BLOCK, sectors * size // BLOCK
    if flags & DISCARD:
        for block in range(first, first + count):
            disk[block] = 0
        continue
    log.seek(at)
    data = log.read(sectors * size)
    at += sectors * size
    for i in range(count):
        number, disk[first + i] = struct.unpack_from("<QQ", data, i * BLOCK)
        assert number == first + i or not disk[first + i], "a block is elsewhere"
print("marks", seen, "of", len(promises), "lost", lost, "fua", fua)
END

# power KILL OPTION...: run the client, with KILL now and then, and set $marks to what the log says
power()
{
	local kill=$1

	shift
	dmsetup create logged --table "0 131072 log-writes $disk0 $disk1" ||
		echo "Bail out! cannot make a device"
	dmsetup mknodes logged
	arenad_start --size 256M --page-size 2M --nps 2 --disk "d=/dev/mapper/logged" "$@"
	python3 "$tmp/client.py" "nbd://$address/d" 15 "$kill" >"$tmp/promises" ||
		echo "Bail out! the client failed"
	arenad_stop
	dmsetup remove --retry logged
	marks=$(python3 "$tmp/check.py" "$disk1" "$tmp/promises")
	diag "$marks"
}

lost() { awk '{ print $6 }' <<<"$marks"; }
all_marks() { [[ $marks =~ ^marks\ ([0-9]+)\ of\ ([0-9]+) && ${BASH_REMATCH[1]} = "${BASH_REMATCH[2]}" ]]; }

pages_2m 128
power "pkill -KILL -x arena-sp"
is "arenad ends with status 0" "$status" 0
ok "the log has all marks" all_marks
is "nothing that was promised would be lost with the power of the host" "$(lost)" 0
ok "storage processes were killed meanwhile" says "was killed"

PLANT=unflushed LD_PRELOAD=$BUILD/tests/native/inside/plant.so power true --sandbox off
ok "what a storage process does not flush would be lost" [ "$(lost)" -gt 0 ]
done_testing
