#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenactl tells in which stage requests have spent their time: an export has a stage that is
# slow, and that one has the time, and no other one.
# Method: each export has requests of its own, which are held in one stage for some seconds: by a
# client that sends its payload late, by a storage process that is stopped, by a limit, and by a
# client that does not read. system/test-disk-hang.sh holds some in a disk.
# timeout: 300
# shellcheck disable=SC2154 # address and the like are set by lib.sh
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires python3
command -v arenactl >/dev/null || skip_all "there is no arenactl, which needs libsystemd 257"

# The time for which requests are held, which no stage has on its own however busy the machine is.
hold=6

cat >"$tmp/client.py" <<'END'
import os
import socket
import struct
import sys
import time

address, export, kind, count, length, held, hold, folder = sys.argv[1:]
host, port = address.rsplit(':', 1)
count, length, hold = int(count), int(length), int(hold)


def take(n):
    while n:
        n -= len(s.recv(min(n, 1 << 16)) or sys.exit('the server has closed the connection'))


def ask():
    s.sendall(struct.pack('>IHHQQI', 0x25609513, 0, kind == 'write', 0, 0, length))


s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
s.connect((host, int(port)))
take(18)
s.sendall(struct.pack('>I8sII', 3, b'IHAVEOPT', 1, len(export)) + export.encode())
take(10)
open(f'{folder}/entered.{export}', 'x')
while held == 'start' and not os.path.exists(f'{folder}/go'):
    time.sleep(0.1)
for _ in range(count):
    ask()
    if held == 'payload':
        time.sleep(hold)
    if kind == 'write':
        s.sendall(bytes(length))
if held == 'replies':
    time.sleep(hold)
take(count * (16 + (length if kind == 'read' else 0)))
END

# client EXPORT read|write COUNT LENGTH [start|payload|replies]: have a client send requests, that
# holds them there
client()
{
	timeout 120 python3 "$tmp/client.py" "$address" "$1" "$2" "$3" "$4" "${5:-nowhere}" "$hold" \
		"$tmp"
}

# tell EXPORT: print the stages of an export in their order: its name, how many requests have come
# through it, and "slow" if one of them was there for at least half of the time they were held
tell()
{
	arenactl latency --json | python3 -c '
import json, sys
for s in json.load(sys.stdin)["stages"]:
    if s["export"] == sys.argv[1]:
        long = s["maxNSec"] >= int(sys.argv[2]) * 10**9 / 2
        print(s["role"], s["stage"], s["count"], *(["slow"] if long else []), end="; ")' "$1" "$hold"
}

# stages COUNT SLOW: print the same of an export in which one stage is slow
stages()
{
	local each out=''

	for each in "np receive" "np channel" "sp queue" "sp disk" "np send"; do
		out+="$each $1$([ "${each#* }" = "$2" ] && echo " slow"); "
	done
	echo "$out"
}

limits=(--limit limited=iops=1)
arenad_start --size 256M --disk "late=$(disk late 64M)" --disk "stopped=$(disk stopped 64M)" \
	--disk "limited=$(disk limited 64M)" --disk "unread=$(disk unread 64M)" "${limits[@]}"

is "an export without requests has no stages" "$(tell late)" ""
ok "a client writes whose payload comes late" client late write 1 4096 payload
is "the time is that of receiving" "$(tell late)" "$(stages 1 receive)"

# The disks are given to the storage processes in their order.
stopped=$(children arena-sp | sort -n | sed -n 2p)
client stopped write 1 4096 start & writer=$!
wait_for 30 test -e "$tmp/entered.stopped"
kill -STOP "$stopped"
touch "$tmp/go"
sleep "$hold"
kill -CONT "$stopped"
wait "$writer"
is "a write succeeds whose storage process was stopped" $? 0
is "the time is that of the channel" "$(tell stopped)" "$(stages 1 channel)"

ok "a client has more reads at once than a limit lets through" \
	client limited read $((2 + 2 * hold)) 4096
is "the time is that of the queue" "$(tell limited)" "$(stages $((2 + 2 * hold)) queue)"

ok "a client reads that takes no replies for some time" client unread read 16 1048576 replies
is "the time is that of sending" "$(tell unread)" "$(stages 16 send)"

# People, and Prometheus
ok "arenactl shows people the stages" eval \
	"arenactl latency | grep -Eq '^late +np +receive +1 +[0-9.]+ s +[0-9.]+ s'"
ok "the metrics have the stages of network processes" eval \
	"arenactl metrics | grep -Eq '^msharearena_np_stage_duration_seconds_count{.*export=\"unread\",stage=\"send\"} 16$'"
ok "the metrics have the stages of storage processes" eval \
	"arenactl metrics | grep -Eq '^msharearena_sp_stage_duration_seconds_count{.*export=\"unread\",stage=\"disk\"} 16$'"
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
