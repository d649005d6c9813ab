#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-metrics serves over HTTP what `arenactl metrics` prints; clients that send nonsense, say
# nothing or do not read keep nobody else from it; it outlives arenad, and its two processes end
# together. The third one, of --nvme-health, needs a right, and the others go on without it.
# timeout: 300
# shellcheck disable=SC2154,SC2016 # status is set by lib.sh; some text is for other shells
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
# shellcheck source=metrics-lib.sh
. "$(dirname "$0")/metrics-lib.sh"
requires python3 setpriv capsh
command -v arena-metrics >/dev/null || skip_all "there is no arena-metrics, which needs libsystemd 257"

[ "$(id -u)" != 0 ] || metrics_options=(--user nobody)

# http METHOD PATH: print the status, the type of the content, and the content
cat >"$tmp/get.py" <<'END'
import sys, urllib.request, urllib.error

request = urllib.request.Request(sys.argv[2], method=sys.argv[1])
try:
    reply = urllib.request.urlopen(request, timeout=60)
except urllib.error.HTTPError as e:
    reply = e
print(reply.status, reply.headers['content-type'])
print(reply.read().decode())
END
http() { python3 "$tmp/get.py" "$1" "http://127.0.0.1:$port$2" 2>&1; }
status_is() { [[ $(http GET /metrics) == "$1 "* ]]; }
# names: of all metrics in the text that is read
names() { sed -n 's/^# TYPE //p' | sort; }

adopt_start --disk "one=$(disk one 64M)"
ok "arena-metrics starts" metrics_start
is "the page has the type of OpenMetrics" "$(http GET /metrics | head -n 1)" \
	"200 application/openmetrics-text; version=1.0.0; charset=utf-8"
is "it has the metrics that arenactl prints" "$(http GET /metrics | names)" "$(arenactl metrics | names)"
is "it ends with the mark of OpenMetrics" "$(http GET /metrics | grep -v '^$' | tail -n 1)" "# EOF"
ok "HEAD is served" eval '[[ $(http HEAD /metrics) == "200 "* ]]'
ok "the first page names the other one" eval 'http GET / | grep -q "the numbers are at /metrics"'
ok "other paths are not found" eval '[[ $(http GET /../etc/passwd) == "404 "* ]]'
ok "other methods are refused" eval '[[ $(http POST /metrics) == "405 "* ]]'
if [ "$(id -u)" = 0 ]; then
	is "HTTP is served by the user" "$(ps -o user= -p "$http_pid")" nobody
fi
is "the process that serves HTTP has no capability" "$(status_of "$http_pid" CapEff)" 0000000000000000
is "a filter says what it may call" "$(status_of "$http_pid" Seccomp)" 2

# Clients that are no good, all at the same time. Those that say nothing are cut off after 10 s.
cat >"$tmp/bad.py" <<'END'
import os, socket, sys, time

host, port = sys.argv[1].split('//')[1].split(':')
kept = []
def connect():
    s = socket.create_connection((host, int(port)), timeout=5)
    kept.append(s)
    return s
def send(data):
    try:
        connect().sendall(data)
    except OSError:
        pass
for i in range(8):
    send(os.urandom(4096))
    send(b'GET /metrics HTTP/1.1\r\n' + b'X: ' + b'y' * 100000)
    send(b'GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n')
    send(b'POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n')
    send(b'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n' * 200)
    send(b'')
print('ready', flush=True)
time.sleep(120)
END
python3 "$tmp/bad.py" "http://127.0.0.1:$port" >"$tmp/bad.log" 2>&1 &
bad=$!
ok "clients come that are no good" wait_for 60 grep -q ready "$tmp/bad.log"
ok "a good one is served all the same" wait_for 60 status_is 200
kill "$bad"
wait "$bad" 2>/dev/null
is "the same process serves it" "$(pgrep -P "$metrics_pid")" "$http_pid"

# As many as may be connected, who all leave between two looks of the server.
cat >"$tmp/all.py" <<'END'
import socket, sys, time

host, port = sys.argv[1].split('//')[1].split(':')
kept = [socket.create_connection((host, int(port))) for i in range(16)]
for s in kept:
    s.sendall(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    s.recv(4096)
print('ready', flush=True)
time.sleep(120)
END
python3 "$tmp/all.py" "http://127.0.0.1:$port" >"$tmp/all.log" 2>&1 &
all=$!
ok "as many clients as may be connected are served" wait_for 60 grep -q ready "$tmp/all.log"
kill -STOP "$http_pid"
kill "$all"
wait "$all" 2>/dev/null
kill -CONT "$http_pid"
ok "one that comes after all have left is served" wait_for 30 status_is 200

kill -STOP "$arenad_pid"
ok "clients of an arenad that hangs are told so in time" wait_for 60 status_is 503
ok "others are served meanwhile" eval '[[ $(http GET /) == "200 "* ]]'
kill -CONT "$arenad_pid"
ok "they get the numbers when it goes on" wait_for 30 status_is 200
is "and not the answers to earlier questions" "$(for i in {1..6}; do http GET /metrics | head -n 1; sleep 0.3; done |
	sort -u)" "200 application/openmetrics-text; version=1.0.0; charset=utf-8"

kill_arenad
ok "without an arenad clients are told so" wait_for 20 status_is 503
ok "the log says it" wait_for 20 grep -qE "has died|does not answer" "$tmp/metrics.log"
arenad_again
ok "the numbers are back with the next arenad" wait_for 30 status_is 200
ok "the log says that" grep -q "arenad answers again" "$tmp/metrics.log"

kill "$metrics_pid"
wait "$metrics_pid"
is "arena-metrics ends with status 0 on SIGTERM" "$?" 0
ok "its child has ended" gone "$http_pid"
metrics_start
kill -KILL "$http_pid"
wait "$metrics_pid"
is "it ends with status 1 if its child is killed" "$?" 1
ok "it says so" grep -q "was killed by signal 9" "$tmp/metrics.log"
metrics_start
kill -STOP "$http_pid"
kill "$metrics_pid"
wait "$metrics_pid"
is "it ends with status 1 if its child hangs" "$?" 1
ok "and has killed that" gone "$http_pid"
metrics_start
kill -KILL "$metrics_pid"
ok "the child ends if it is killed itself" wait_for 20 gone "$http_pid"

# The controllers of this machine, if it has any, are asked for real; test-nvme-health.sh has others.
setpriv --bounding-set -sys_admin --inh-caps -sys_admin \
	arena-metrics --listen 127.0.0.1:0 --nvme-health 2>"$tmp/metrics.log"
is "--nvme-health without CAP_SYS_ADMIN ends with status 1" "$?" 1
ok "the error names the right" grep -q -- "--nvme-health needs CAP_SYS_ADMIN" "$tmp/metrics.log"
# health_is UP: what the page says of the process that asks controllers
health_is() { http GET /metrics | grep -qx "msharearena_nvme_health_up $1"; }
if capsh --has-p=cap_sys_admin 2>/dev/null; then
	metrics_start --nvme-health
	ok "with --nvme-health the page is served" wait_for 20 health_is 1
	ok "it has as many controllers as the machine" wait_for 20 eval \
		'page && [ "$(grep -c "^msharearena_nvme_health_known{" "$tmp/page")" = \
		"$(find /sys/class/nvme -mindepth 1 2>/dev/null | wc -l)" ]'
	is "one more process runs" "$(pgrep -P "$metrics_pid" | wc -l)" 2
	kill -KILL "$(pgrep -P "$metrics_pid" -x arena-health)"
	ok "the page is served without that one, and says so" wait_for 20 health_is 0
	ok "the log says it, too" grep -q "going on without; start arena-metrics again" "$tmp/metrics.log"
	kill "$metrics_pid"
	wait "$metrics_pid"
	is "arena-metrics ends with status 0 then" "$?" 0
else
	skip "with --nvme-health the page is served" "needs CAP_SYS_ADMIN"
fi

arena-metrics --listen 127.0.0.1:0 --user nobody-at-all 2>"$tmp/metrics.log"
is "a user that there is not is refused" "$?" 2
ok "the error names the user" grep -q "there is no user nobody-at-all" "$tmp/metrics.log"
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
