#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: an export that a client may not use looks to it as one that does not exist, whatever it asks
# with; rules of networks and of identities hold together; the log says what was refused and why;
# and the empty name is the default export where there is one.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires nbdinfo nbdsh psktool

exports=()
for name in open local far unix carol; do
	exports+=(--disk "$name=$(disk "$name" 1M)")
done
mkdir "$tmp/keys"
psktool --username carol --pskfile "$tmp/keys/keys.psk" >/dev/null 2>&1
psktool --username dave --pskfile "$tmp/keys/keys.psk" >/dev/null 2>&1
listen=(--listen '*:0' --listen "unix:$tmp/socket")
arenad_start "${exports[@]}" --nps 2 --allow local=127.0.0.0/8 --allow local=::1 \
	--allow far=192.0.2.0/24 --allow far=2001:db8::/32 --allow unix=unix \
	--allow carol=psk:carol --allow carol=127.0.0.1 --tls allow --tls-psk "$tmp/keys/keys.psk"
port=${address##*:}
v4=nbd://127.0.0.1:$port
v6="nbd://[::1]:$port"
un=nbd+unix://
socket="?socket=$tmp/socket"

# list URI: the names of the exports that a client finds there
list() { nbdinfo --list --json "$1" | grep -o '"export-name": "[^"]*"' | cut -d '"' -f 4 | xargs; }

is "a client at 127.0.0.1 is told of the exports that it may use and of no others" \
	"$(list "$v4")" "open local"
is "a client at ::1 is told of the exports that it may use and of no others" \
	"$(list "$v6")" "open local"
is "a client of the UNIX socket is told of the exports that it may use and of no others" \
	"$(list "$un/$socket")" "open unix"
is "a client at 127.0.0.1 uses an export that a network of IPv4 may use" \
	"$(nbdinfo --size "$v4/local")" 1048576
is "a client at ::1 uses an export that an address of IPv6 may use" \
	"$(nbdinfo --size "$v6/local")" 1048576
is "a client of the UNIX socket uses an export that UNIX sockets may use" \
	"$(nbdinfo --size "$un/unix$socket")" 1048576

# answer NAME URI: what INFO, GO and EXPORT_NAME of the export answer, without its name
answers()
{
	local name=$1 uri=$2

	nbdsh -c "
import nbd
def say(what, f):
    try:
        f()
        print(what, 'ok')
    except nbd.Error as e:
        print(what, e.errno, str(e).replace('$name', 'NAME'))
def connect(opt):
    g = nbd.NBD()
    g.set_opt_mode(opt)
    g.set_export_name('$name')
    return g
g = connect(True)
g.connect_uri('$uri')
g.set_export_name('$name')
say('info', g.opt_info)
say('go', g.opt_go)
g = connect(True)
g.set_handshake_flags(0)
g.connect_uri('$uri')
g.set_export_name('$name')
say('export_name', g.opt_go)
"
}
for name in far unix carol; do
	is "INFO, GO and EXPORT_NAME of export $name, which a client at 127.0.0.1 may not use, \
answer as those of one that does not exist" "$(answers "$name" "$v4")" "$(answers none "$v4")"
	ok "the log says that a client at 127.0.0.1 may not use export $name" eval \
		"grep -q \"127.0.0.1:[0-9]* may not use export '$name': no rule names its\" '$tmp/log'"
done
ok "INFO and GO of an export that does not exist are errors" eval \
	"answers none '$v4' | grep -c '^info [^o]\|^go [^o]' | grep -qx 2"

keyed() { echo "nbds://$1@127.0.0.1:$port/carol?tls-psk-file=$tmp/keys/keys.psk"; }
is "a client with the key that a rule names uses the export" \
	"$(nbdinfo --size "$(keyed carol)")" 1048576
ok "a client with another key does not find the export" eval \
	"! nbdinfo --size '$(keyed dave)' 2>'$tmp/error'"
ok "the log says which identity may not use the export" says \
	"may not use export 'carol': no rule names its identity (psk:dave)"
ok "a client with the right key at another address does not find the export" eval \
	"! nbdinfo --size 'nbds+unix://carol@/carol$socket&tls-psk-file=$tmp/keys/keys.psk' \
		2>'$tmp/error'"
ok "the log says that the address may not use the export" says \
	"may not use export 'carol': no rule names its address (psk:carol)"
ok "of several exports none is the default one" eval "! nbdinfo --size '$v4' 2>'$tmp/error'"
arenad_stop
is "arenad ends with status 0 after it has hidden exports" "$status" 0

listen=(--listen 127.0.0.1:0)
arenad_start "${exports[@]:0:4}" --default-export local
ok "the empty name is the default export that was chosen" eval \
	"nbdinfo --json 'nbd://$address' | grep -q '\"export-name\": \"local\"'"
arenad_stop
SPS=1 arenad_start "${exports[@]:0:2}"
is "the empty name is the only export" "$(nbdinfo --size "nbd://$address")" 1048576
arenad_stop
SPS=1 arenad_start "${exports[@]:0:2}" --allow open=192.0.2.1
ok "a default export that a client may not use does not exist for it" eval \
	"! nbdinfo --size 'nbd://$address' 2>'$tmp/error'"
arenad_stop
done_testing
