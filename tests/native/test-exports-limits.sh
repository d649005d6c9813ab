#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: an export serves no more requests, bytes and clients than its limits say, over all network
# processes, and not much less; the clients of another export do not wait for those of a limited
# one; FLUSH and the end of a connection are not limited.
# timeout: 300
# Method: counts of several seconds, within a factor of two of what the limit allows.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdinfo nbdsh fio python3

arenad_start --size 512M --nps 2 --disk "slow=$(disk slow 256M)" --limit slow=iops=200,bytes=32M \
	--disk "rare=$(disk rare 1M)" --limit rare=iops=2 \
	--disk "few=$(disk few 1M)" --limit few=connections=3 --disk "free=$(disk free 256M)"

# measure NAME OPTION...: run fio for four seconds on an export, over 4 connections
measure()
{
	local name=$1

	shift
	fio --name=load --thread --ioengine=nbd --uri="nbd://$address/$name" --size=256M --time_based \
		--runtime=4 --numjobs=4 --group_reporting --output-format=json --output="$tmp/$name.json" \
		"$@" >"$tmp/fio" 2>&1
}
# total NAME KEY: how many ios or KiB fio has done, reads and writes together
total()
{
	python3 -c "
import json
text = open('$tmp/$1.json').read()
job = json.loads(text[text.index('{'):])['jobs'][0]
print(job['read']['$2'] + job['write']['$2'])"
}
# between LEAST MOST NUMBER
between() { diag "$3, of $1 to $2"; [ "$3" -ge "$1" ] && [ "$3" -le "$2" ]; }

measure slow --rw=randrw --bs=4k --iodepth=16
ok "with --limit iops=200, 4 clients of 2 network processes have 400 to 1600 requests in 4 s" \
	between 400 1600 "$(total slow total_ios)"
measure slow --rw=randwrite --bs=1M --iodepth=4
ok "with --limit bytes=32M, 4 clients of 2 network processes write 64 to 256 MiB in 4 s" \
	between 65536 262144 "$(total slow io_kbytes)"

# Large writes wait for the limit, with as many buffers as the export may have.
measure slow --rw=randwrite --bs=4M --iodepth=4 --runtime=10 &
flood=$!
wait_for 30 eval "counters_print 6 && [ \"\$(counter 'arena-sp 0' limited)\" -gt 0 ]"
measure free --rw=randrw --bs=64k --iodepth=8
ok "while writes of 4 MiB wait for the limit of one export, clients of another one have more \
requests in 4 s than that limit would allow in 20 s" \
	between 4000 1000000000 "$(total free total_ios)"
wait "$flood"
is "fio ends without an error after it had to wait for the limit" $? 0

# A client that is killed while its requests wait leaves nothing behind.
measure slow --rw=randwrite --bs=1M --iodepth=8 --runtime=20 &
killed=$!
sleep 2
kill -KILL "$(pgrep -P "$killed" -x fio)"
wait "$killed"
ok "the storage process serves a new client after others were killed while they waited" \
	nbdsh -u "nbd://$address/slow" -c 'h.pread(512, 0)'

cat >"$tmp/flush.py" <<'END'
import sys
import nbd
h = nbd.NBD()
h.connect_uri(sys.argv[1])
for i in range(600):
    h.flush()
h.shutdown()
END
ok "600 FLUSHes and a DISC end, though a limit of 2 requests a second would hold them up for minutes" \
	timeout 90 python3 "$tmp/flush.py" "nbd://$address/rare"

#
# Clients
#

cat >"$tmp/many.py" <<'END'
import sys
import time
import nbd
def client():
    h = nbd.NBD()
    h.set_opt_mode(True)
    h.connect_uri(sys.argv[1])
    return h
def go(h):
    try:
        h.opt_go()
        return "ok"
    except nbd.Error as e:
        return str(e).split(":")[1].strip()
held = [client() for i in range(6)]
print(*[go(h) for h in held], sep=", ")
h = client()
h.opt_info()
print("size", h.get_size())
held[0].shutdown()
# The storage process learns of the end after the client.
until = time.monotonic() + 60
while go(held[5]) != "ok" and time.monotonic() < until:
    time.sleep(0.01)
print("served", held[5].aio_is_ready(), go(held[4]))
END
python3 "$tmp/many.py" "nbd://$address/few" >"$tmp/many" 2>&1
diag "$(cat "$tmp/many")"
is "with --limit connections=3, 3 clients of 2 network processes are served and 3 are refused" \
	"$(head -n 1 "$tmp/many" | tr ',' '\n' | grep -c ok)/$(head -n 1 "$tmp/many" |
		tr ',' '\n' | grep -vc ok)" 3/3
is "INFO is answered when an export has as many clients as it may" \
	"$(sed -n 2p "$tmp/many")" "size 1048576"
ok "another client is served when one has ended, and no second one" eval \
	"sed -n 3p '$tmp/many' | grep -q 'served True' && ! sed -n 3p '$tmp/many' | grep -q 'ok$'"
arenad_stop
is "arenad ends with status 0 after it has limited its exports" "$status" 0
done_testing
