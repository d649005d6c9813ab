#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: on the module, a network process that is killed under load is started again on the view of its
# role, no client reads other data than it wrote, no buffer or page stays with the dead process, and
# the successor has the files of TLS, the limits and the rules that the node has.
# timeout: 300
# run: long
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/many-lib.sh
. "$(dirname "$0")/../native/many-lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/tls-lib.sh
. "$(dirname "$0")/../native/tls-lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/restart-lib.sh
. "$(dirname "$0")/../native/restart-lib.sh"
requires certtool nbdinfo nbdsh nbdcopy
# shellcheck source-path=SCRIPTDIR source=../native/options-lib.sh
. "$(dirname "$0")/../native/options-lib.sh"

pages_2m 192
free=$(free_pages 2048)
pages_back() { [ "$(free_pages 2048)" = "$free" ]; }
are_attached() { [ "$(region attached)" = 4 ] && on_own_views; }
used() { counters_refresh && counter arena-sp used_buffers; }
has_all_buffers() { [ "$(used)" -le "$usual" ]; }

arenad_start --nps 2 --size 384M --page-size 2M --disk "one=$disk0" --disk "two=$disk1"
# Buffers of the messages of the start are returned within a second.
sleep 2
usual=$(used)
for i in 0 1; do
	crowd_start "of$i" one 4
	is "kill $i: four clients write and verify" "$answer" ready
	kill_process arena-np "$i"
	ok "kill $i: a new client is served" timeout 60 nbdinfo --size "nbd://$address/two"
	ok "kill $i: the successor is attached through the view of its role" \
		wait_for 30 are_attached
	crowd_stop "of$i"
	ok "kill $i: no client read other data than it wrote" [ "${answer#* wrong }" = 0 ]
done
# As many connections as wake each network process.
head -c 16M /dev/urandom >"$tmp/image"
copies()
{
	nbdcopy --connections=4 --flush "$tmp/image" "nbd://$address/$1" &&
		nbdcopy --connections=4 "nbd://$address/$1" - | head -c 16M | cmp - "$tmp/image"
}
for name in one two; do
	ok "disk $name is written and read through the successors" copies "$name"
done
ok "the storage processes have all of their buffers after two deaths" wait_for 60 has_all_buffers
is "no message was bad" "$(counter arena-sp bad_messages)" 0
arenad_stop
is "arenad ends with status 0 after its network processes were started again" "$status" 0
ok "all huge pages are free after two deaths" wait_for 20 pages_back

try_options "$disk0" "$disk1" --size 384M --page-size 2M
ok "successors are attached through the views of their roles" are_attached
arenad_stop
is "arenad ends with status 0 after three deaths of each network process" "$status" 0
ok "all huge pages are free after more deaths" wait_for 20 pages_back
done_testing
