#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenactl stop --drain stops when the last client has left, and takes no others meanwhile; if it
# gives up, clients are taken again, but not for an export that was drained before.
# shellcheck disable=SC2154,SC2016 # address and status are set by lib.sh; some text is for eval
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdinfo qemu-io ss
command -v arenactl >/dev/null || skip_all "there is no arenactl, which needs libsystemd 257"

size() { nbdinfo --size "nbd://$address/$1" 2>/dev/null; }
serves() { [ "$(size "$1")" = 67108864 ]; }
hides() { ! size "$1"; }
# idle_np: print the id of the network process that no client uses
idle_np()
{
	local pid

	for pid in $(children arena-np); do
		ss -Htnp state established | grep -q "pid=$pid," || { echo "$pid"; return; }
	done
}
# begin_client: a client writes to export one, and stays until the file "go" is there
begin_client()
{
	rm -f "$tmp/go" "$tmp/wrote"
	{
		echo "write -P 1 0 4k"
		until [ -e "$tmp/go" ]; do sleep 0.1; done
		echo "write -P 2 4k 4k"
	} | stdbuf -oL qemu-io -f raw "nbd://$address/one" >"$tmp/wrote" 2>&1 &
	client=$!
	wait_for 30 grep -q "wrote 4096" "$tmp/wrote"
}
# end_client: have it write once more and leave; true if both writes have succeeded
end_client()
{
	touch "$tmp/go"
	wait "$client"
	[ "$(grep -c 'wrote 4096' "$tmp/wrote")" = 2 ]
}
at_exit touch "$tmp/go"

arenad_start --disk "one=$(disk one 64M)" --disk "two=$(disk two 64M)" --disk "three=$(disk three 64M)"
arenactl exports --drain 2>"$tmp/told"
is "--drain is wrong with exports" $? 2
ok "the error says how one export is drained" grep -q "exports drain NAME" "$tmp/told"
ok "an export is drained by an operator" arenactl exports drain two
ok "a client writes" begin_client
arenactl stop --drain --timeout 2 >"$tmp/told" 2>&1
is "stop --drain fails if a client stays" $? 1
ok "it says how many there are, and what to do" \
	eval 'grep -q "1 clients are connected" "$tmp/told" && grep -q "give a longer --timeout" "$tmp/told"'
ok "it says that arenad goes on" grep -q "its exports take clients again" "$tmp/told"
ok "exports take clients again" wait_for 20 eval "serves one && serves three"
ok "but not the one that was drained before" hides two

arenactl stop --drain >"$tmp/told" 2>&1 &
steering=$!
ok "it waits for the client" wait_for 20 grep -q "1 clients are connected" "$tmp/told"
ok "other clients are not taken" wait_for 20 eval "hides one && hides three"
kill -INT "$steering"
wait "$steering"
is "it ends with status 1 on SIGINT" $? 1
ok "exports take clients after that" wait_for 20 eval "serves one && serves three && hides two"
ok "the client writes on" end_client

ok "a client writes again" begin_client
arenactl stop --drain >"$tmp/told" 2>&1 &
steering=$!
ok "no others are taken while it waits" wait_for 20 eval "hides one && hides three"
if [ "$(id -u)" = 0 ]; then
	kill -KILL "$(idle_np)"
	ok "the death of a network process without clients changes nothing" \
		wait_for 30 says "is started again"
fi
ok "arenad runs as long as the client does" eval 'sleep 1; kill -0 "$steering" && kill -0 "$arenad_pid"'
ok "the client writes on until it leaves" end_client
wait "$steering"
is "stop --drain succeeds when it has left" $? 0
ok "it says so" grep -q "arenad has ended, with all of its processes" "$tmp/told"
arenad_wait
is "arenad ends with status 0" "$status" 0
not_ok "no arenad answers then" arenactl stop --drain
done_testing
