#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: rules of who may use an export that come while a network process is being replaced count for
# its successor, too, which was started with the old ones; a client of the process is not ended then,
# as it gets another name, and the operator is told so.
# Method: a script in the place of arena-np waits until the rules have come, and then becomes it.
# shellcheck disable=SC2034,SC2154 # for lib.sh: how many processes there are
NPS=1 SPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=restart-lib.sh
. "$(dirname "$0")/restart-lib.sh"
# shellcheck source-path=SCRIPTDIR source=replace-lib.sh
. "$(dirname "$0")/replace-lib.sh"
# shellcheck source=fence-lib.sh
. "$(dirname "$0")/fence-lib.sh"
requires nbdinfo
command -v arenactl >/dev/null || skip_all "there is no arenactl, which needs libsystemd 257"

mkdir "$tmp/bin"
cp "$BUILD/arenad" "$BUILD/arena-np" "$BUILD/arena-sp" "$tmp/bin"
config=$tmp/node.conf
printf '%s\n' '[arenad]' >"$config"
arenad_start --config "$config" --disk "d=$(disk d 4M)" --bindir "$tmp/bin"
is_served() { nbdinfo "nbd://$address/d" >/dev/null 2>&1; }
# The log tells why a client was not served.
is_refused() { ! is_served && says "may not use export 'd': "; }
ok "a client is served" is_served
enter d
first=$(process_of arena-np 0)

install_np "until [ -e '$tmp/go' ]; do sleep 0.1; done
exec '$BUILD/arena-np' \"\$@\""
replace
ok "the network process is to be replaced" wait_for 30 says "is to be replaced: process"
client=$(arenactl clients | awk 'NR == 2 { print $1 }')
not_ok "a client of it cannot be ended now" arenactl clients kill "$client"
ok "the error says why" eval "arenactl clients kill $client 2>&1 | grep -q 'is being replaced'"
printf '%s\n' '[export d]' 'allow = 192.0.2.0/24' >>"$config"
kill -HUP "$arenad_pid"
ok "arenad has read the new rules" wait_for 30 says "the rules of export 'd' are now: 192.0.2.0/24"
ok "the network process that runs has them" wait_for 30 is_refused
touch "$tmp/go"
ok "the network process is replaced" wait_for 60 replaced 1
not_ok "another one serves now" test "$(process_of arena-np 0)" = "$first"
: >"$tmp/log"
ok "it has the new rules" wait_for 20 is_refused
exec {fd}>&-
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
