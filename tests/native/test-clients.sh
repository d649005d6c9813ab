#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenactl lists the connections of clients as they are: whose they are, which export they use,
# and how much they have done, also after their network process was replaced; it ends the one that is
# named, and no other; and what is wrong is refused with an error.
# shellcheck disable=SC2154 # status is set by lib.sh
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
requires python3 nbdsh
command -v arenactl >/dev/null || skip_all "there is no arenactl, which needs libsystemd 257"
command -v varlinkctl >/dev/null || skip_all "there is no varlinkctl"

# told EXPRESSION: print what a Python expression makes of the list of all clients
told()
{
	arenactl clients --json | python3 -c "import json, sys
all = [dict(c, np=p['number']) for p in json.load(sys.stdin)['processes'] for c in p['clients']]
print($1)"
}

# Two clients, which write and then wait to be told to go on.
cat >"$tmp/client.py" <<'END'
import nbd, os, sys, time

h = nbd.NBD()
h.connect_uri(sys.argv[1])
for i in range(int(sys.argv[2])):
    h.pwrite(bytes(4096), 4096 * i)
open(sys.argv[3], 'w').close()
while not os.path.exists(sys.argv[4]):
    time.sleep(0.05)
try:
    h.pread(512, 0)
except nbd.Error as e:
    print('error', e.errno)
else:
    print('served')
END
clients_end() { touch "$tmp/tcp.go" "$tmp/unix.go"; }
at_exit clients_end
# client NAME URI WRITES: start one; sets $client_NAME
client()
{
	/usr/bin/python3 "$tmp/client.py" "$2" "$3" "$tmp/$1.ready" "$tmp/$1.go" >"$tmp/$1.out" 2>&1 &
	declare -g "client_$1=$!"
	wait_for 30 test -e "$tmp/$1.ready"
}

listen=(--listen 127.0.0.1:0 --listen "unix:$tmp/socket")
adopt_start --disk "one=$(disk one 1M)" --disk "two=$(disk two 1M)"
is "there are no clients at first" "$(told 'len(all)')" 0
ok "a client connects over TCP" client tcp "nbd://${first_address%% *}/one" 3
ok "a client connects over a UNIX socket" client unix "nbd+unix:///two?socket=$tmp/socket" 5
is "both are listed" "$(told 'len(all)')" 2
is "the one over TCP has its export" \
	"$(told '[c["export"] for c in all if c["peer"].startswith("127.0.0.1:")]')" "['one']"
is "the other one has its export, and its user" \
	"$(told '[c["export"] for c in all if c["peer"] == "user '"$(id -u)"'"]')" "['two']"
is "their requests are counted" "$(told 'sorted(c["requests"] for c in all)')" "[3, 5]"
is "and their bytes" "$(told 'sorted(c["bytes"] for c in all)')" "[12288, 20480]"
is "neither has TLS" "$(told '[c["isTls"] for c in all]')" "[False, False]"
ok "they have come just now" test "$(told 'max(abs(__import__("time").time() - c["sinceUSec"] / 1e6) for c in all) < 300')" = True
ok "people see them" eval "arenactl clients | grep -Eq '^[01]/[0-9]+ +127\.0\.0\.1:[0-9]+ +one +no '"

: >"$tmp/log"
kill -USR2 "$arenad_pid"
ok "all processes are replaced" wait_for 60 are_replaced 2 2
is "the clients are listed after that, too" \
	"$(told 'sorted((c["export"], c["peer"][:4]) for c in all)')" "[('one', '127.'), ('two', 'user')]"
tcp=$(told '["%d/%d" % (c["np"], c["connection"]) for c in all if c["export"] == "one"][0]')

not_ok "a client that there is not cannot be ended" arenactl clients kill "${tcp%/*}/4000000000"
not_ok "nor can one of a network process that there is not" arenactl clients kill 15/1
arenactl clients kill nonsense 2>"$tmp/error"
is "what is no client is a wrong command line" "$?" 2
ok "the error says what one is" grep -q "NP/CONNECTION, e.g. 0/17" "$tmp/error"
arenactl clients kill 2>"$tmp/error"
is "so is none" "$?" 2
arenactl clients end 0/1 2>"$tmp/error"
is "so is a word that there is not" "$?" 2
ok "the error says which ones there are" grep -q "end is none of kill" "$tmp/error"
service=$(ls "$RUNTIME_DIRECTORY"/*.varlink)
for parameters in '{}' '{"np":0}' '{"np":-1,"connection":1}' '{"np":0,"connection":4294967296}' \
	'{"np":"0","connection":1}'; do
	not_ok "the service refuses the parameters $parameters" \
		varlinkctl call "$service" org.msharearena.Arenad.KillClient "$parameters"
done
not_ok "the service refuses a network process that there is not" \
	varlinkctl call "$service" org.msharearena.Arenad.KillClient '{"np":2,"connection":1}'
is "all clients are still there" "$(told 'len(all)')" 2

ok "a client is ended" arenactl clients kill "$tcp"
is "only the other one is listed" "$(told '[c["export"] for c in all]')" "['two']"
ok "the log says who was ended, and why" says "connection ${tcp#*/}: closed, as an operator"
touch "$tmp/tcp.go" "$tmp/unix.go"
wait "$client_tcp" "$client_unix"
ok "that client's connection is closed" grep -q error "$tmp/tcp.out"
is "the other client is served on" "$(cat "$tmp/unix.out")" served
ok "a client that has gone is not listed" wait_for 30 eval "[ \"\$(told 'len(all)')\" = 0 ]"
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
