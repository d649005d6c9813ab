#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-metrics --nvme-health serves what NVMe controllers tell, each number as the log has it.
# One that hangs, fails or goes away keeps nobody from the page, and its numbers are left out when
# they are old. The right to ask is with one process alone, and arena-metrics goes on without that.
# timeout: 240
# sanitizers: no
# shellcheck disable=SC2154,SC2016 # some are set by lib.sh; some text is for other shells
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
# shellcheck source=metrics-lib.sh
. "$(dirname "$0")/metrics-lib.sh"
requires python3 capsh
requires_inside nvme
command -v arena-metrics >/dev/null || skip_all "there is no arena-metrics, which needs libsystemd 257"
capsh --has-p=cap_sys_admin 2>/dev/null || skip_all "needs CAP_SYS_ADMIN"

value_is_time() { [[ "$(value nvme_health_timestamp_seconds "$1")" =~ ^[0-9]+\.[0-9]+$ ]]; }

# how N LETTER: what controller N does, see inside/nvme.c
how() { printf %s "$2" | dd of="$tmp/nvme" bs=1 seek=$((513 * $1)) conv=notrunc status=none; }

# Each number of nvme0 is another one; those of nvme1 are as great as can be.
python3 - "$tmp/nvme" <<'END'
import sys

def wide(n):
    return n.to_bytes(16, 'little')
log = bytearray(512)
log[0:6] = bytes([0x15]) + (301).to_bytes(2, 'little') + bytes([97, 11, 104])
for i, n in enumerate([3, 5, 0xbad, 0xbad, 0xbad, 17, 19, 23, 29, (1 << 70) + (1 << 40)]):
    log[32 + 16 * i:48 + 16 * i] = wide(n)
open(sys.argv[1], 'wb').write(b'r' + log + b'r' + bytes([255] * 512) + b'-' + bytes(512) +
                              b'-' + bytes(512))
END

# start OPTION...: start arena-metrics with these controllers
start()
{
	export FAKE_NVME=$tmp/nvme
	LD_PRELOAD=$inside health_start "$@"
}

adopt_start --disk "one=$(disk one 64M)"
ok "arena-metrics starts" start
ok "the controllers tell" wait_for 20 eval 'value_is nvme_health_known nvme1 1'
is "each number is that of the log" "$(numbers nvme0 | xargs)" "$(xargs <<'END'
critical_warning 21 temperature_celsius 28 available_spare_ratio 0.97
available_spare_threshold_ratio 0.11 used_ratio 1.04 read_bytes_total 1536000
written_bytes_total 2560000 media_errors_total 29 error_log_entries_total 1180591621816922931200
unsafe_shutdowns_total 23 power_on_seconds_total 68400 power_cycles_total 17
END
)"
is "numbers that are too great are numbers" "$(numbers nvme1 | tr ' ' '\n' | sed -n 's/^[0-9].*/N/p' | wc -l)" 12
is "there are no other controllers" "$(numbers nvme2)$(numbers nvme3)" ""
ok "the time is the one of the reading" \
	eval '(( $(date +%s) - $(value nvme_health_timestamp_seconds nvme0 | cut -d . -f 1) < 20 ))'
is "a disk that is a file has no controller" "$(page && grep -c '^msharearena_export_nvme_info' "$tmp/page")" 0

is "the process that asks has CAP_SYS_ADMIN alone" "$(status_of "$health_pid" CapPrm) $(status_of "$health_pid" CapEff) $(
	status_of "$health_pid" CapBnd)" "0000000000200000 0000000000200000 0000000000000000"
is "a filter says what it may call" "$(status_of "$health_pid" Seccomp)" 2
is "the process that serves HTTP has no capability" "$(status_of "$http_pid" CapEff)" 0000000000000000
is "the one between them has lost CAP_SYS_ADMIN" "$((0x$(status_of "$metrics_pid" CapEff) & 0x200000))" 0
is "the process that asks has no socket that listens" \
	"$(ss -Hltnp "sport = :$port" | grep -c arena-health)" 0

how 0 h
how 2 r
ok "its numbers are left out when they are old" wait_for 20 value_is nvme_health_known nvme0 0
is "that is so for all of them" "$(numbers nvme0)" ""
ok "when it told last is still said" value_is_time nvme0
ok "HTTP is served meanwhile, and does not wait for it" eval 'start_ms=$(date +%s%3N); page && (( $(date +%s%3N) - start_ms < 10000 ))'
how 0 r
ok "they are back when it goes on" wait_for 20 value_is nvme_power_cycles_total nvme0 17
ok "a controller that comes is asked" wait_for 20 value_is nvme_critical_warning nvme2 0
is "without a thermometer it has no temperature" "$(value nvme_temperature_celsius nvme2)" ""
how 1 s
how 2 -
ok "the log says once why a controller tells nothing" \
	wait_for 20 grep -q "nvme1 does not tell its health: Invalid Field" "$tmp/metrics.log"
ok "one that is gone has no metric any more" wait_for 20 eval 'page && ! grep -q nvme2 "$tmp/page"'
ok "the numbers of one that fails are left out, too" wait_for 20 value_is nvme_health_known nvme1 0
is "once is once" "$(grep -c "nvme1 does not tell" "$tmp/metrics.log")" 1
how 1 e
ok "another reason is another line" \
	wait_for 20 grep -q "nvme1 does not tell its health: No such device" "$tmp/metrics.log"
how 1 n
ok "one that says it has told, and has not, has nothing of another one" \
	wait_for 20 value_is nvme_power_cycles_total nvme1 0
how 1 r
ok "that it tells again is said, too" wait_for 20 grep -q "nvme1 tells its health again" "$tmp/metrics.log"

kill -KILL "$health_pid"
ok "the log says that the process was killed, and what to do" \
	wait_for 20 grep -q "has ended (Killed): going on without; start arena-metrics again" "$tmp/metrics.log"
ok "the page says that it does not run" wait_for 20 value_is nvme_health_up "" 0
ok "the last numbers are left out when they are old" wait_for 20 value_is nvme_health_known nvme0 0
ok "all else is served" eval '[ "$(value "process_up{role=\"sp\",number=\"0\"}")" = 1 ]'
kill "$metrics_pid"
wait "$metrics_pid"
is "arena-metrics ends with status 0 then" "$?" 0

start
# space PID KIND: print which namespace of a kind a process is in
space() { readlink "/proc/$1/ns/$2"; }
# left_net: has the process that serves HTTP left the network, without a namespace of users for it?
left_net()
{
	local net

	net=$(space "$http_pid" net) && [ "$net" != "$(space "$metrics_pid" net)" ] &&
		[ "$(space "$http_pid" user)" = "$(space "$metrics_pid" user)" ]
}
ok "the process that serves HTTP leaves the network by the right that it still has" \
	wait_for 20 left_net
how 3 f
ok "if controllers cannot be found, the process that asks ends" wait_for 20 value_is nvme_health_up "" 0
ok "the log says why" grep -q "no health of NVMe controllers any more: Permission denied" "$tmp/metrics.log"
how 3 -
kill "$metrics_pid"
wait "$metrics_pid"
start
kill -STOP "$health_pid"
kill "$metrics_pid"
wait "$metrics_pid"
is "arena-metrics ends with status 0 if the process that asks is stopped" "$?" 0
ok "and has killed that" gone "$health_pid"
start
kill -KILL "$metrics_pid"
ok "the process that asks ends if arena-metrics is killed" wait_for 20 gone "$health_pid"
start --sandbox off
ok "without a sandbox the numbers are the same" wait_for 20 value_is nvme_unsafe_shutdowns_total nvme0 23
kill "$metrics_pid"
wait "$metrics_pid"
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
