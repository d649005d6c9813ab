#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: Prometheus collects what arena-metrics serves; each expression of the alerts and of the
# dashboard is right, names metrics that there are, and gives an answer under traffic; and an alert
# is raised when there is no arenad.
# timeout: 300
# shellcheck disable=SC2154,SC2016 # status is set by lib.sh; $ is part of expressions
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
requires python3 prometheus promtool qemu-io
command -v arena-metrics >/dev/null || skip_all "there is no arena-metrics, which needs libsystemd 257"

rules=$PWD/user/dist/alerts.yml
dashboard=$PWD/user/dist/dashboard.json
ok "promtool finds nothing wrong with the alerts" promtool check rules "$rules"

# Expressions, one a line, with what Grafana puts in for its variables.
python3 - "$dashboard" >"$tmp/panels" <<'END'
import json, sys
for panel in json.load(open(sys.argv[1]))['panels']:
    for target in panel['targets']:
        print(target['expr'].replace('$__rate_interval', '1m').replace('$instance', '.*')
              .replace('$export', '.*'))
END
ok "the dashboard has expressions" test "$(wc -l <"$tmp/panels")" -ge 15
# Controllers that are made up, as nobody knows which a machine has; see inside/nvme.c.
inside=$BUILD/tests/native/inside/nvme.so
health=()
if [ -e "$inside" ] && capsh --has-p=cap_sys_admin 2>/dev/null; then
	python3 -c 'import sys
log = bytes([0, 44, 1, 100, 10, 3]) + bytes(506)
sys.stdout.buffer.write(b"r" + log + b"-" + bytes(1538))' >"$tmp/nvme"
	health=(--nvme-health --nvme-health-interval 1)
else
	skip "panels on NVMe controllers have answers" "controllers cannot be made up here"
	sed -i '/msharearena_nvme/d' "$tmp/panels"
fi
sed -n '/expr: >-/,/\(for\|labels\):/{//!p}' "$rules" >"$tmp/conditions"

common=(--disk "one=$(disk one 64M)" --disk "two=$(disk two 64M)")
adopt_start "${common[@]}"
if [ -n "${health[*]}" ]; then
	export FAKE_NVME=$tmp/nvme
	LD_PRELOAD=$inside arena-metrics --runtime-dir "$RUNTIME_DIRECTORY" --listen "127.0.0.1:0" \
		"${health[@]}" 2>"$tmp/metrics.log" &
else
	arena-metrics --runtime-dir "$RUNTIME_DIRECTORY" --listen "127.0.0.1:0" 2>"$tmp/metrics.log" &
fi
at_exit kill $!
ok "arena-metrics starts" wait_for 20 grep -q 'serving http' "$tmp/metrics.log"
target=$(sed -n 's,.*serving http://\([^/]*\)/.*,\1,p' "$tmp/metrics.log")
cat >"$tmp/prometheus.yml" <<END
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["$rules"]
scrape_configs:
  - job_name: msharearena
    static_configs: [{ targets: ["$target"] }]
END
ok "promtool finds nothing wrong with the configuration" promtool check config "$tmp/prometheus.yml"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
prometheus --config.file "$tmp/prometheus.yml" --storage.tsdb.path "$tmp/tsdb" \
	--web.listen-address "127.0.0.1:$port" >"$tmp/prometheus.log" 2>&1 &
prometheus_pid=$!
at_exit kill "$prometheus_pid"

# query EXPRESSION: print the series of an answer
query() { promtool query instant "http://127.0.0.1:$port" "$1"; }
answers() { [ -n "$(query "$1" 2>/dev/null)" ]; }
ok "Prometheus collects the numbers" wait_for 60 answers 'up{job="msharearena"} == 1'

traffic()
{
	while :; do
		qemu-io -f raw -c "write 0 64k" -c "read 0 64k" -c flush "nbd://$address/one"
		sleep 0.2
	done >/dev/null 2>&1
}
traffic &
traffic_pid=$!
at_exit kill "$traffic_pid"
ok "traffic is seen" wait_for 60 answers 'rate(msharearena_np_writes_total[1m]) > 0'
while read -r expression; do
	ok "a panel has an answer: $expression" wait_for 30 answers "$expression"
done <"$tmp/panels"
# Metrics of arenad alone, and of controllers where there are some.
{
	arenactl metrics
	[ -z "${health[*]}" ] || python3 -c 'import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1]).read().decode())' "http://$target/metrics"
} | sed -n 's/^\(msharearena_[a-z_]*\)[{ ].*/\1/p' | sort -u >"$tmp/have"
grep -ohE 'msharearena_[a-z_]+' "$tmp/conditions" | sort -u >"$tmp/wanted"
[ -n "${health[*]}" ] || sed -i '/^msharearena_nvme/d' "$tmp/wanted"
ok "the alerts have metrics" test "$(wc -l <"$tmp/wanted")" -ge 7
is "all metrics of the alerts are there" "$(comm -13 "$tmp/have" "$tmp/wanted")" ""
alerts=$(query 'ALERTS{alertname!="ArenaDiskSlow"}')
is "Prometheus says which alerts are raised" "$?" 0
is "none is while all is well" "$alerts" ""

kill "$traffic_pid"
kill_arenad
ok "an alert is about to be raised when there is no arenad" \
	wait_for 60 answers 'ALERTS{alertname="ArenaUnknown",alertstate="pending"}'
arenad_again
ok "it is withdrawn when there is one again" \
	wait_for 60 answers 'up{job="msharearena"} == 1'
kill "$prometheus_pid"
wait "$prometheus_pid"
is "Prometheus ends in good order" "$?" 0
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
