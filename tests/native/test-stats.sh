#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenactl tells what the processes count, and how long requests take, as traffic makes it grow;
# also of processes that were started again, replaced or adopted. Of a process that has no statistics
# it says so, and tells everything else.
# timeout: 300
# shellcheck disable=SC2154,SC2016 # status is set by lib.sh; some text is for other shells
NPS=2
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
requires python3 nbdinfo qemu-io
command -v arenactl >/dev/null || skip_all "there is no arenactl, which needs libsystemd 257"

# json EXPRESSION: reads JSON, prints what a Python expression makes of it
json() { python3 -c "import json, sys; v = json.load(sys.stdin); print($1)"; }

# told ROLE COUNTER: print the sum of a counter of all processes of a role, as arenactl tells it
told()
{
	arenactl counters --json |
		json "sum(p['counters']['$2'] for p in v['processes'] if p['role'] == '$1')"
}

# latency ROLE EXPORT OPERATION FIELD: print a number of a row, 0 if there is no such row
latency()
{
	arenactl latency --json 2>/dev/null | json "sum(r['$4'] for r in v['latencies']
		if (r['role'], r['export'], r['operation']) == ('$1', '$2', '$3'))"
}

# io EXPORT COMMAND...: have a client do it
io()
{
	local export=$1 command=() each

	shift
	for each; do command+=(-c "$each"); done
	qemu-io -f raw "${command[@]}" "nbd://$address/$export"
}

# buffers ROLE USE STATE: print how many buffers of a use and a state the processes of a role have
buffers()
{
	arenactl groups --json | json "sum(g['$3'] for p in v['processes'] if p['role'] == '$1'
		for g in p['groups'] if g['use'] == '$2')"
}
# clients EXPRESSION: print what it makes of the clients c
clients() { arenactl clients --json | json "[$1 for p in v['processes'] for c in p['clients']]"; }
# all_told: are there the numbers of all four processes?
all_told() { [ "$(arenactl counters --json | json 'sum("counters" in p for p in v["processes"])')" = 4 ]; }

mkdir "$tmp/bin"
install_arenad "$BUILD/arenad"
cp "$BUILD/arena-np" "$BUILD/arena-sp" "$tmp/bin/"
PATH=$tmp/bin:$PATH
common=(--disk "one=$(disk one 64M)" --disk "two=$(disk two 64M)" --bindir "$tmp/bin")
adopt_start "${common[@]}"

# Counters
counters_refresh
for each in connections requests reads writes bytes_in; do
	is "arenactl tells the counter of network processes that the log has: $each" \
		"$(told np "$each")" "$(counter arena-np "$each")"
done
is "no request was counted before there was any" "$(latency np one write count)" 0
ok "a client writes, reads, flushes and discards" \
	io one "write 0 64k" "write 64k 64k" "read 0 4k" flush "discard 0 64k"
is "arenactl counts two writes in the network processes" "$(told np writes)" 2
is "arenactl counts their bytes" "$(told np bytes_in)" 131072
is "arenactl counts two writes in the storage processes" "$(told sp writes)" 2
ok "arenactl shows people what is not 0" eval "arenactl counters | grep -Eq '^  writes +[12]$'"
not_ok "arenactl shows people nothing that is 0" eval "arenactl counters | grep -Eq '^  [a-z_]+ +0$'"
counters_refresh
for each in requests writes flushes bytes_written errors; do
	is "arenactl tells the counter of storage processes that the log has: $each" \
		"$(told sp "$each")" "$(counter arena-sp "$each")"
done

# Latencies
for role in np sp; do
	is "the writes of the export have times: $role" "$(latency "$role" one write count)" 2
	is "their bytes are counted: $role" "$(latency "$role" one write bytes)" 131072
	is "a read has a time: $role" "$(latency "$role" one read count)" 1
	ok "a flush has a time: $role" test "$(latency "$role" one flush count)" -ge 1
	ok "a discard has a time: $role" test "$(latency "$role" one other count)" -ge 1
	is "the other export has none: $role" "$(latency "$role" two write count)" 0
	is "percentiles are in their order, and the longest time is the last: $role" \
		"$(arenactl latency --json | json "all(0 <= r['p50NSec'] <= r['p99NSec'] <=
			r['p999NSec'] <= r['maxNSec'] for r in v['latencies'] if r['role'] == '$role')")" True
done
ok "arenactl shows them to people" \
	eval "arenactl latency | grep -Eq '^one +np +write +2 +0 +[0-9.]+ (us|ms|s)'"
ok "a client reads from the other export" io two "read 0 4k"
is "that is counted for that export" "$(latency np two read count) $(latency sp two read count)" "1 1"
is "and not for the other one" "$(latency np one read count)" 1

# OpenMetrics: the samples that a parser of others finds, as NAME LABELS VALUE
cat >"$tmp/parse.py" <<'END'
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families

for family in text_string_to_metric_families(sys.stdin.read()):
    for s in family.samples:
        print(s.name, *(f'{k}={v}' for k, v in sorted(s.labels.items())), int(s.value))
END
samples() { arenactl metrics | python3 "$tmp/parse.py"; }
# sample NAME LABELS...: print the sum of all samples of a name that have these labels
sample()
{
	local labels='' each

	for each in "${@:2}"; do labels+=" && / $each /"; done
	samples | awk -v name="$1" '$1 == name'"$labels"' { sum += $NF } END { print sum + 0 }'
}
name=msharearena_np_request_duration_seconds
ok "arenactl prints metrics" eval 'arenactl metrics >"$tmp/metrics"'
is "metrics end with the mark of OpenMetrics" "$(tail -n 1 "$tmp/metrics")" "# EOF"
if python3 -c 'import prometheus_client' 2>/dev/null; then
	ok "a parser of OpenMetrics finds nothing wrong" samples
	is "it finds four processes that run" "$(sample msharearena_process_up)" 4
	is "it finds the writes of network processes" "$(sample msharearena_np_writes_total)" 2
	is "it finds the writes of storage processes" "$(sample msharearena_sp_writes_total)" 2
	is "it finds how many writes of the export there were" \
		"$(sample "${name}_count" export=one operation=write)" 2
	is "all of them are in the last bucket" \
		"$(sample "${name}_bucket" export=one operation=write "le=[+]Inf")" 2
	is "it finds their bytes" \
		"$(sample msharearena_np_request_bytes_total export=one operation=write)" 131072
	ok "a client writes once more" io one "write 0 4k"
	is "the metrics grow" "$(sample "${name}_count" export=one operation=write)" 3
	is "it finds the length of the region" "$(sample msharearena_region_bytes)" \
		"$(varlinkctl call "$(ls "$RUNTIME_DIRECTORY"/*.varlink)" \
			org.msharearena.Arenad.GetRegion '{}' | json 'v["lengthBytes"]')"
	is "it finds the disk of each export" "$(sample msharearena_export_info)" 2
	is "it finds how large a disk is" "$(sample msharearena_export_size_bytes export=two)" 67108864
	is "it finds a channel for each pair" "$(sample msharearena_channel_up)" 4
	ok "it finds messages of channels in both directions" eval \
		'[ "$(sample msharearena_channel_messages_total kind=request sp=0)" -ge 3 ] &&
		[ "$(sample msharearena_channel_messages_total kind=reply sp=0)" -ge 3 ]'
	is "it finds the buffers of network processes, by use and state" \
		"$(sample msharearena_np_buffers use=payload state=free)" "$(buffers np payload free)"
	is "it finds those of storage processes" \
		"$(sample msharearena_sp_buffers use=disk state=free)" "$(buffers sp disk free)"
else
	skip "a parser of OpenMetrics finds nothing wrong" "needs python3-prometheus-client"
	ok "a client writes once more" io one "write 0 4k"
fi

# Buffers, with a client whose requests a storage process that is stopped does not answer
free=$(buffers np payload free)
ok "all buffers for what clients write are free" eval "[ $free -gt 0 ] &&
	[ $(buffers np payload owned) = 0 ] && [ $(buffers np payload inIo) = 0 ] &&
	[ $(buffers np payload lent) = 0 ] && [ $(buffers np payload lost) = 0 ]"
# The disks are given to the storage processes in their order.
stopped=$(children arena-sp | sort -n | head -n 1)
{
	echo "write 0 4k"
	until [ -e "$tmp/go" ]; do sleep 0.1; done
	echo "write 0 64k"
} | qemu-io -f raw "nbd://$address/one" >/dev/null 2>&1 &
waiting=$!
at_exit touch "$tmp/go"
at_exit end_process "$waiting"
ok "a client writes" wait_for 30 eval '[ "$(clients "c[\"requests\"]")" = "[1]" ]'
kill -STOP "$stopped"
touch "$tmp/go"
ok "the payload of a write is lent to a storage process" \
	wait_for 30 eval '[ "$(buffers np payload lent)" = 16 ]'
is "and not free" "$(buffers np payload free)" "$((free - 16))"
ok "arenactl shows them to people" eval "arenactl groups | grep -Eq '^np [01] +payload +4096 +[0-9]+ +0 +0 +16 +0$'"
is "one client is connected" "$(clients "c['export']")" "['one']"
if python3 -c 'import prometheus_client' 2>/dev/null; then
	is "a parser of OpenMetrics finds the client" \
		"$(arenactl metrics | grep -c '^msharearena_client_requests_total{.*export="one"} 1$')" 1
fi
kill -CONT "$stopped"
wait "$waiting"
is "the write succeeds when the storage process goes on" $? 0
ok "the buffers come back" wait_for 30 eval '[ "$(buffers np payload free)" = "$free" ]'
ok "the channel has had messages in both directions" eval \
	"arenactl channels | awk '\$2 == 0 { n += \$4 > 1 && \$5 > 1 } END { exit !n }'"

# A process that takes the place of another one begins anew.
kill -KILL "$(np 0)"
ok "a network process that was killed is started again" wait_for 20 says "arena-np 0 is started again"
ok "its numbers are told" wait_for 20 all_told
ok "arenactl tells the numbers of a process that was started again" \
	wait_for 20 eval 'io one "write 0 4k" "write 4k 4k" && [ "$(told sp writes)" -ge 5 ]'
: >"$tmp/log"
kill -USR2 "$arenad_pid"
ok "all processes are replaced" wait_for 60 are_replaced 2 2
is "processes that have replaced others begin with 0" "$(latency np one write count)" 0
ok "a client writes after that" io one "write 0 4k"
is "arenactl tells the numbers of processes that have replaced others" \
	"$(told np writes) $(told sp writes)" "1 1"

# Another arenad has the memory of the processes, too.
kill_arenad
ok "a client writes while there is no arenad" io one "write 0 4k"
arenad_again
ok "the next arenad answers" wait_for 30 arenactl status
is "the next arenad tells the numbers of the processes that it has adopted" \
	"$(told np writes) $(told sp writes) $(latency np one write count)" "2 2 2"
kill_arenad
arenad_again
wait_for 30 arenactl status
is "the arenad after that tells them, too" "$(told np writes)" 2

# A process of a version that has no statistics: it knows no such option.
without='set -- "$@" end
while [ "$1" != end ]; do
	[ "$1" = --stats-fd ] && shift || set -- "$@" "$1"
	shift
done
shift
exec '
printf '#!/bin/sh\n%s"%s/arena-np" "$@"\n' "$without" "$BUILD" >"$tmp/script"
chmod 755 "$tmp/script"
mv "$tmp/script" "$tmp/bin/arena-np"
kill -KILL "$(np 1)"
ok "a network process without statistics is started" wait_for 20 says "arena-np 1 is started again"
ok "it serves clients" wait_for 20 all_served
ok "arenactl says that there are no counters of it" \
	eval "arenactl counters | grep -A 1 '^np 1' | grep -q 'it has not begun, or is of a version'"
ok "arenactl says that there are no times of it" \
	eval "arenactl latency 2>&1 | grep -q 'nothing is known of np 1: it has not begun, or'"
ok "arenactl tells the numbers of the other processes" \
	eval "arenactl counters | grep -A 1 '^np 0' | grep -q connections"
counters_refresh
ok "the log has its counters" test "$(counter 'arena-np 1' turns)" -ge 1
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
