#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: clients that come again and again to an export whose storage process does not answer do not
# take the connections of others.
# shellcheck disable=SC2034 # for lib.sh: one network process has to serve both disks
NPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdinfo timeout

arenad_start --size 256M --max-connections 12 --handshake-timeout 2 \
	--disk "one=$(disk one 1M)" --disk "two=$(disk two 1M)"
# The processes are found by their disks.
silent=$(pgrep -P "$arenad_pid" -f "arena-sp .*/one.img")
kill -STOP "$silent"
# Twice as many as there are connections.
asked=0
for ((i = 0; i < 24; i++)); do
	timeout 20 nbdinfo --size "nbd://$address/one" >/dev/null 2>&1 || asked=$((asked + 1))
done
is "no client is served whose storage process is stopped" "$asked" 24
is "a client of another disk is served after 24 clients have asked in vain" \
	"$(timeout 20 nbdinfo --size "nbd://$address/two" 2>&1)" 1048576
ok "the log names the export whose storage process does not answer" \
	says "the storage process of export 'one' does not answer"
kill -CONT "$silent"
served() { [ "$(timeout 20 nbdinfo --size "nbd://$address/one" 2>/dev/null)" = 1048576 ]; }
ok "clients are served again when the storage process goes on" wait_for 20 served
arenad_stop
is "arenad ends with status 0 after a storage process was stopped for a while" "$status" 0
done_testing
