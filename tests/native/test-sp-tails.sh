#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a file that ends within a block is served up to its last byte, with all commands, and never
# grows.
# Method: for each size, libnbd writes, zeroes, discards and reads random ranges, mostly at the end,
# several at once that do not overlap, and compares with a copy in memory; afterwards the file itself
# is compared with it. Set SEED to repeat a run.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdsh qemu-io cmp

export SEED=${SEED:-$RANDOM}
echo "# SEED=$SEED"
sizes=(1 511 513 1000 4095 4097 70001 4195303)

cat >"$tmp/model.py" <<'PY'
import os, random
size = h.get_size()
rng = random.Random(int(os.environ["SEED"]) + size)
model = bytearray(size)

# A range that ends with the disk in most cases, and begins near its end.
def piece():
	end = size - (rng.randrange(min(size, 9000)) if rng.random() < 0.5 else 0)
	length = rng.randrange(1, min(end, rng.choice([3, 600, 5000, 200000])) + 1)
	return end - length, length

def cut(offset, length):
	at = offset
	while at < offset + length:
		n = min(rng.randrange(1, 1500), offset + length - at)
		yield at, n
		at += n

def write_at_once(offset, length):
	buffers, cookies = [], []
	for at, n in cut(offset, length):
		data = rng.randbytes(n)
		model[at:at + n] = data
		buffers.append(nbd.Buffer.from_bytearray(bytearray(data)))
		flags = nbd.CMD_FLAG_FUA if rng.random() < 0.2 else 0
		cookies.append(h.aio_pwrite(buffers[-1], at, flags=flags))
	while cookies:
		h.poll(-1)
		cookies = [c for c in cookies if not h.aio_command_completed(c)]

for step in range(int(os.environ["STEPS"])):
	offset, length = piece()
	what = rng.randrange(10)
	if what < 4:
		write_at_once(offset, length)
	elif what < 5:
		h.zero(length, offset, nbd.CMD_FLAG_NO_HOLE if rng.random() < 0.5 else 0)
		model[offset:offset + length] = bytes(length)
	elif what < 6:
		# Discarded bytes may be anything.
		h.trim(length, offset)
		model[offset:offset + length] = h.pread(length, offset)
	elif what < 7:
		h.flush()
	assert h.pread(length, offset) == model[offset:offset + length], (step, what, offset, length)

for at in range(0, size, 1 << 20):
	n = min(1 << 20, size - at)
	assert h.pread(n, at) == model[at:at + n], at
h.flush()
open(os.environ["MODEL"], "wb").write(model)
PY

arguments=()
for size in "${sizes[@]}"; do
	path=$(disk "d$size" "$size")
	arguments+=(--disk "d$size=$path")
done
arenad_start --size 512M "${arguments[@]}"

# beyond EXPORT OFFSET: a byte behind the end can neither be read nor written
beyond()
{
	! nbdsh -u "nbd://$address/$1" -c 'h.set_strict_mode(0)' -c "h.pwrite(b'x', $2)" 2>&1 &&
		! nbdsh -u "nbd://$address/$1" -c 'h.set_strict_mode(0)' -c "h.pread(1, $2)" 2>&1
}

for size in "${sizes[@]}"; do
	export STEPS=400 MODEL=$tmp/model
	is "a file of $size bytes is served in its whole length" \
		"$(nbdinfo --size "nbd://$address/d$size")" "$size"
	ok "a file of $size bytes has what clients have written up to its last byte" \
		nbdsh -u "nbd://$address/d$size" -c "$(cat "$tmp/model.py")"
	ok "the file of $size bytes itself has the same bytes" cmp "$tmp/model" "$tmp/d$size.img"
	ok "a byte behind a file of $size bytes cannot be written nor read" \
		beyond "d$size" "$size"
	is "a file of $size bytes has not grown" "$(stat -c %s "$tmp/d$size.img")" "$size"
done
ok "qemu-io writes and reads the last bytes of a file that is no whole number of blocks" \
	qemu-io -f raw -c "write -P 5 69990 11" -c "read -P 5 69990 11" "nbd://$address/d70001"
arenad_stop
is "arenad ends with status 0 after it has served the ends of files" "$status" 0
is "no log line says that bytes are not used" "$(grep -c 'not used' "$tmp/log")" 0
done_testing
