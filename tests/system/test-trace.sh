#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenactl trace draws the path of a request through the network and the storage process, with
# all stages in their order, and its histograms have each request that clients have made.
# timeout: 300
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires bpftrace fio
command -v arenactl >/dev/null || skip_all "there is no arenactl, which needs libsystemd 257"
# The machine has not the flags of the build. native/test-probes sees whether all probes are there.
grep -q np__request "$BUILD/arena-np" ||
	skip_all "the programs were built without sys/sdt.h: install systemtap-sdt-dev"

# fails TEXT COMMAND...: the command ends with status 1, and its error has the text
fails()
{
	local text=$1 status=0

	shift
	"$@" >"$tmp/told" 2>&1 || status=$?
	cat "$tmp/told"
	[ "$status" = 1 ] && grep -qF -- "$text" "$tmp/told"
}

# path OPERATION: print the stages of the first request that has been drawn of that kind, each with
# the microseconds at which it came, as whole thousandths
path()
{
	awk -v kind="^np [0-9]+: $1 of " '$0 ~ kind { drawn = 1; next }
		drawn && / us / {
			sub(/\./, "", $3)
			print $3 + 0, $5, $6
			if ($5 == "sent")
				exit
		}' "$tmp/trace"
}

# counted NAME: print how many requests a histogram has, or how many there were
counted()
{
	awk -v name="@$1:" '$1 == name { here = 1; sum = $2 + 0; next }
		here && !/^[[(]/ { exit }
		here { sub(/^[^])]*[])]/, ""); sum += $1 }
		END { print sum + 0 }' "$tmp/trace"
}

# The script is where make install puts it, relative to the program.
mkdir -p "$tmp/sbin" "$tmp/share/msharearena"
cp "$BUILD/arenactl" "$tmp/sbin/"
ok "without its script arenactl says so" fails "cannot read $tmp/share/" "$tmp/sbin/arenactl" trace
cp user/dist/msharearena-requests.bt "$tmp/share/msharearena/"
pages_2m 128
arenad_start --size 256M --page-size 2M --disk "one=$disk0" --disk "two=$disk1"
ok "without bpftrace arenactl says so" \
	fails "bpftrace: it is not installed" env PATH=/none "$tmp/sbin/arenactl" trace

"$tmp/sbin/arenactl" trace --every 8 >"$tmp/trace" 2>&1 &
tracer=$!
at_exit end_process "$tracer"
ok "bpftrace attaches to the processes" wait_for 120 grep -q '^Watching' "$tmp/trace"
# It says so before it has attached to the last probe.
sleep 5
for export in one two; do
	ok "fio verifies what it wrote to $export meanwhile" fio --name=v --ioengine=nbd \
		"--uri=nbd://$address/$export" --rw=randrw --bs=4k --size=1M --iodepth=4 \
		--verify=crc32c --verify_state_save=0
done
counters_refresh
requests=$(($(counter arena-np reads) + $(counter arena-np writes)))
kill -INT "$tracer"
wait "$tracer"
is "arenactl trace ends well with Control-C" "$?" 0
grep -v '^np ' "$tmp/trace" | diag "$(cat)"
ok "clients have made some hundred requests" test "$requests" -ge 256

for operation in read write; do
	path "$operation" >"$tmp/path"
	diag "$operation: $(xargs <"$tmp/path")"
	is "the path of a $operation has all stages in their order" \
		"$(awk '{ print $2 ($3 == "done" ? "-done" : "") }' "$tmp/path" | xargs)" \
		"request handed taken begun disk disk-done replied answered sent"
	ok "their times do not go back" sort -c -n -k 1,1 "$tmp/path"
	ok "they take some time" test "$(tail -n 1 "$tmp/path" | cut -d ' ' -f 1)" -gt 0
done
ok "no request is missing" test "$(counted requests)" -ge "$requests"
drawn=$(grep -c ' us  sent$' "$tmp/trace")
diag "$requests requests, $(counted requests) counted, $drawn drawn"
ok "not more than one request of eight is drawn" test "$drawn" -le $(($(counted requests) / 8 + 1))
for each in receive_to_handed channel waiting disk channel_back answered_to_sent; do
	ok "the histogram has each of them: $each" test "$(counted "${each}_us")" -ge "$requests"
done
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
