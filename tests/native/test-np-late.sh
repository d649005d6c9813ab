#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: payload that an SP keeps after it has failed a WRITE is not used again before the SP returns
# it, and is used again afterwards; an SP that returns what it has not kept does no harm.
# Method: np-rig fails each WRITE and keeps the payload of the last 8.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"
requires nbdsh nbdcopy cmp

head -c 8M /dev/urandom >"$tmp/image"

# More bytes than the NP has buffers for.
cat >"$tmp/writes.py" <<'PY'
failed = 0
for i in range(400):
	try:
		h.pwrite(bytes([i % 256]) * (1 << 20), 0)
	except nbd.Error as e:
		assert e.errno == "EIO", e.errno
		failed += 1
print(failed)
PY

rig_start --mode late --sps 2 --
is "each write fails with EIO, and none is left without an answer" \
	"$(timeout 60 nbdsh -u "nbd://$address/d0" -c "$(cat "$tmp/writes.py")")" 400
counters_refresh
is "arena-np withholds the payload that the SP has kept, and no other" \
	"$(counter arena-np withheld_buffers)" $((8 * 256))
# Of each write the SP returns the payload too soon, and of all but 8 once too often.
is "arena-np drops a RETURN of payload that the SP has not kept" \
	"$(counter arena-np bad_messages)" $((400 + 392))
ok "reads of the export whose writes fail go on" nbdcopy "nbd://$address/d0" "$tmp/back"
ok "the other export takes an image" nbdcopy "$tmp/image" "nbd://$address/d1"
ok "the other export is read" nbdcopy "nbd://$address/d1" "$tmp/back"
ok "the other export has the image" cmp -n 8388608 "$tmp/image" "$tmp/back"
arenad_stop
is "arena-np ends with status 0 while payload is kept" "$status" 0
done_testing
