# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034,SC2016 # some are set by lib.sh, some are for tests, some run later
# Helpers for tests of arena-metrics --nvme-health. A test sources this file after lib.sh.

# Options of each start.
metrics_options=()

# metrics_start OPTION...: start arena-metrics; sets $metrics_pid, $http_pid and $port
metrics_start()
{
	# Emptied here, as the shell in the background may do it only after somebody looks.
	: >"$tmp/metrics.log"
	arena-metrics --runtime-dir "$RUNTIME_DIRECTORY" --listen 127.0.0.1:0 \
		"${metrics_options[@]}" "$@" 2>"$tmp/metrics.log" &
	metrics_pid=$!
	wait_for 20 grep -q 'serving http' "$tmp/metrics.log" || return
	port=$(sed -n 's,.*serving http://.*:\([0-9]*\)/.*,\1,p' "$tmp/metrics.log")
	wait_for 20 eval 'http_pid=$(pgrep -P $metrics_pid -x arena-http)'
}

# health_start OPTION...: the same with --nvme-health; sets $health_pid, too
health_start()
{
	metrics_start --nvme-health --nvme-health-interval 1 "$@" &&
		wait_for 20 eval 'health_pid=$(pgrep -P $metrics_pid -x arena-health)'
}

metrics_end() { [ -z "${metrics_pid:-}" ] || kill -KILL "$metrics_pid" 2>/dev/null; }
at_exit metrics_end

# page: put the page into $tmp/page, or fail; no program has to be started for it, which takes long
# in a virtual machine
page()
{
	local socket

	exec {socket}<>"/dev/tcp/127.0.0.1/$port" || return
	printf 'GET /metrics HTTP/1.0\r\n\r\n' >&"$socket"
	cat <&"$socket" >"$tmp/page"
	exec {socket}>&-
	grep -qx '# EOF' "$tmp/page"
}

# value NAME [CONTROLLER]: print a number of the page
value()
{
	page && sed -n "s/^msharearena_$1${2:+{controller=\"$2\"\}} //p" "$tmp/page" || echo "no page"
}
value_is() { [ "$(value "$1" "$2")" = "$3" ]; }

# numbers CONTROLLER: print all that the page has of its log
numbers()
{
	page && sed -n "/health/d; s/^msharearena_nvme_\(.*\){controller=\"$1\"}/\1/p" "$tmp/page" ||
		echo "no page"
}

# status_of PID KEY: a value in /proc/PID/status
status_of() { awk -v key="$2:" '$1 == key { print $2 }' "/proc/$1/status"; }
