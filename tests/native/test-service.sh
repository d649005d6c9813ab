#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenad's Varlink service answers a client that nobody here wrote, and only root and arenad's
# own user; no client keeps arenad from its work, and each arenad has a socket of its own that the
# next one takes over.
# timeout: 300
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
requires varlinkctl python3 setpriv nbdinfo
[ "$(id -u)" = 0 ] || skip_all "must be root, to become somebody else"

interface=org.msharearena.Arenad
socket=$RUNTIME_DIRECTORY/test.varlink
chmod 755 "$tmp"

# json EXPRESSION: reads JSON, prints what a Python expression makes of it
json() { python3 -c "import json, sys; v = json.load(sys.stdin); print($1)"; }
# call METHOD [SOCKET]
call() { varlinkctl --json=short call "${2:-$socket}" "$interface.$1" '{}'; }
# as_nobody METHOD
as_nobody()
{
	setpriv --reuid 12345 --regid 12345 --clear-groups \
		varlinkctl --json=short call "$socket" "$interface.$1" '{}'
}

# tells TEXT COMMAND...: the command fails, and its output has the text
tells()
{
	local text=$1

	shift
	"$@" >"$tmp/told" 2>&1 && return 1
	grep -qF -- "$text" "$tmp/told" || { cat "$tmp/told"; return 1; }
}

adopt_start --disk "one=$(disk one 64M)" --disk "two=$(disk two 64M)"
is "varlinkctl finds the interface" \
	"$(varlinkctl list-interfaces "$socket" | grep -cx "$interface")" 1
ok "varlinkctl shows the interface" \
	eval "varlinkctl introspect '$socket' $interface | grep -q 'method Upgrade'"
is "varlinkctl gets the processes" \
	"$(call GetStatus | json 'sorted(p["pid"] for p in v["processes"])' | tr -d '[],')" "$(workers)"
ok "a method that does not exist is refused" tells MethodNotFound call Dance
ok "parameters that nobody expects are refused" \
	tells InvalidParameter varlinkctl call "$socket" $interface.Stop '{"now":true}'

# Only root and the user of arenad may connect.
is "the socket is for nobody else" "$(stat -c %a "$socket")" 600
chmod 755 "$RUNTIME_DIRECTORY"
ok "another user cannot connect" tells "Permission denied" as_nobody Stop
chmod 666 "$socket"
ok "another user gets no answer where the socket lets it connect" tells "reset by peer" as_nobody Stop
chmod 600 "$socket"
chmod 700 "$RUNTIME_DIRECTORY"
ok "root is answered after that" call GetStatus

# Clients that do what they should not: each has its own sentence below.
cat >"$tmp/client.py" <<'END'
import socket, sys, time

CALL = b'{"method":"org.msharearena.Arenad.GetStatus"}\0'

def connect():
    # One that has a timeout would not wait until others are accepted.
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[2])
    s.settimeout(20)
    return s

def ended(s):
    try:
        while s.recv(65536):
            pass
    except ConnectionError:
        pass
    return True

def junk():
    s = connect()
    s.sendall(b'\xff{]\0')
    return ended(s)

def deep():
    s = connect()
    s.sendall(b'[' * 60000 + b'\0')
    return ended(s)

def half():
    s = connect()
    s.sendall(CALL[:10])
    s.settimeout(90)
    return ended(s)

def much():
    s = connect()
    try:
        for i in range(64):
            s.sendall(b'[' * 65536)
    except ConnectionError:
        return True
    return ended(s)

def deaf():
    s = connect()
    s.settimeout(1)
    try:
        for i in range(1000):
            s.sendall(CALL)
    except (ConnectionError, TimeoutError):
        pass
    time.sleep(3)
    return True

def gone():
    for i in range(200):
        s = connect()
        s.sendall(CALL)
        s.close()
    return True

def many():
    held = [connect() for i in range(100)]
    time.sleep(1)
    # Of those that are left, the last ones were closed at once.
    open_ones = 0
    for s in held:
        s.settimeout(0.01)
        try:
            open_ones += s.recv(1) != b''
        except TimeoutError:
            open_ones += 1
        except ConnectionError:
            pass
    return 0 < open_ones <= 16

sys.exit(0 if globals()[sys.argv[1]]() else 1)
END
# misbehaves NAME WHO: a client does what it should not, and arenad answers another one afterwards
misbehaves()
{
	ok "$2" timeout 100 python3 "$tmp/client.py" "$1" "$socket"
	ok "arenad answers after that: $2" wait_for 40 call GetStatus
}
misbehaves junk "a client that sends junk is cut off"
misbehaves deep "a client that sends a very deep array is cut off"
misbehaves much "a client that sends too much is cut off"
misbehaves gone "200 clients do not wait for their answers"
misbehaves many "of 100 clients at once, some are served and the others refused"
python3 "$tmp/client.py" half "$socket" &
half=$!
python3 "$tmp/client.py" deaf "$socket" &
deaf=$!
sleep 1
ok "arenad answers others while a client does not read, and one sends half a message" call GetStatus
kill -KILL "$(np 0)"
ok "arenad starts a process again all the while" wait_for 20 says "arena-np 0 is started again"
ok "clients of NBD are served all the while" wait_for 20 all_served
ok "a client that does not read ends by itself" wait "$deaf"
ok "a client that sends half a message is cut off in the end" wait "$half"

# Sockets of two arenads, and of the next one
first=$arenad_pid first_log=$tmp/first-log
cp "$tmp/log" "$first_log"
arenad_start --region other --disk "three=$(disk three 4M)"
is "the arenad of another region has a socket of its own" \
	"$(call GetStatus "$RUNTIME_DIRECTORY/other.varlink" | json 'v["region"], v["pid"]')" \
	"other $arenad_pid"
is "both answer" "$(call GetStatus | json 'v["region"], v["pid"]')" "test $first"
arenad_stop
not_ok "the socket of an arenad that was stopped is gone" \
	test -e "$RUNTIME_DIRECTORY/other.varlink"
arenad_pid=$first
is "the other arenad is not disturbed" "$(call GetStatus | json 'v["pid"]')" "$first"
kill_arenad
ok "an arenad that was killed leaves its socket" test -S "$socket"
ok "nobody listens there" tells "Connection refused" call GetStatus
arenad_start --disk "one=$tmp/one.img" --disk "two=$tmp/two.img"
is "the next arenad listens at the same place" "$(call GetStatus | json 'v["pid"]')" "$arenad_pid"
arenad_stop
is "arenad ends with status 0" "$status" 0
not_ok "its socket is gone" test -e "$socket"
done_testing
