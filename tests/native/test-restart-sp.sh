#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: clients notice nothing but pauses when arena-sp is killed at any moment and a successor
# starts: no request fails, all data is right, and no buffer is missing at the end.
# Method: restart-rig kills arena-sp again and again under load that verifies what it reads.
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
requires fio nbdcopy nbdinfo

kills=${KILLS:-25}
: "${SEED:=$RANDOM}"
echo "# SEED=$SEED KILLS=$kills"
restart_rig "$kills" "$SEED" d
uri=nbd://$address/d0

# Load that goes on until the last kill is over, or until fio fails.
load()
{
	local n=0

	until grep -q '^killed' "$tmp/out"; do
		fio --name=restart --ioengine=nbd --uri="$uri" --rw=randrw --size=64M \
			--io_size=24M --iodepth=16 --verify=crc32c --verify_state_save=0 \
			--randseed="$((SEED + n))" "$@" >"$tmp/fio" 2>&1 || return 1
		n=$((n + 1))
	done
	echo "$n rounds"
}

kill -USR2 "$arenad_pid"
ok "fio verifies all that it reads while arena-sp is killed $kills times" \
	load --bsrange=512-128k --blockalign=512
ok "restart-rig has killed arena-sp $kills times" wait_for 120 grep -q '^killed' "$tmp/out"
head -c 64M /dev/urandom >"$tmp/image"
ok "nbdcopy writes an image after the last kill" \
	nbdcopy --flush --request-size=33554432 "$tmp/image" "$uri"
ok "nbdcopy reads the image" nbdcopy --request-size=33554432 "$uri" "$tmp/back"
ok "the image that was read is the one that was written" cmp "$tmp/image" "$tmp/back"

kill -USR1 "$arenad_pid"
ok "arena-np prints its counters" wait_for 30 grep -q "arena-np 0: counters" "$tmp/log"
ok "arena-sp prints its counters" wait_for 30 grep -q "arena-sp 0: counters" "$tmp/log"
# A successor that is killed before it has said HELLO changes nothing for arena-np.
ok "arena-np has held requests when arena-sp died" test "$(counter arena-np holds)" -gt 0
echo "# $(counter arena-np holds) deaths of an arena-sp that served," \
	"$(counter arena-np replays) requests sent again"
ok "arena-np has sent requests again" test "$(counter arena-np replays)" -gt 0
is "no payload buffer is withheld at the end" "$(counter arena-np withheld_buffers)" 0
is "arena-np has dropped no message" "$(counter arena-np bad_messages)" 0
is "the last arena-sp has dropped no message" "$(counter arena-sp bad_messages)" 0
arenad_stop
is "arena-np ends with status 0" "$status" 0
done_testing
