#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: clients of TLS are served by whatever name they call the server, over IPv4, IPv6 and UNIX
# sockets; and those who may use an export are known by the distinguished names in their
# certificates, however these are made.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires certtool openssl psktool nbdinfo nbdcopy qemu-img nbdkit python3
# shellcheck source-path=SCRIPTDIR source=tls-lib.sh
. "$(dirname "$0")/tls-lib.sh"

for ca in authority stranger; do
	certificate "$ca" "$ca" ca cert_signing_key
done
certificate node authority 'ip_address = "127.0.0.1"' 'ip_address = "::1"' \
	'dns_name = "localhost"' tls_www_server signing_key
folder node authority server node
# person NAME CA LINE...: make a client whose certificate has these lines in its template
person()
{
	local name=$1 ca=$2

	shift 2
	printf '%s\n' "$@" signing_key >"$tmp/template"
	certtool --generate-privkey --key-type ecdsa --outfile "$pki/$name.key" >/dev/null 2>&1
	certtool --generate-certificate --load-privkey "$pki/$name.key" \
		--load-ca-certificate "$pki/$ca.pem" --load-ca-privkey "$pki/$ca.key" \
		--template "$tmp/template" --outfile "$pki/$name.pem" 2>/dev/null
	folder "$name" authority client "$name"
}
person alice authority 'cn = "alice"' tls_www_client
person bob authority 'cn = "bob"' tls_www_client
person longer authority 'cn = "alice"' 'organization = "Site"' tls_www_client
person joerg authority 'cn = "Jörg €"' 'organization = "Site, Inc"' tls_www_client
person liar authority 'cn = "mallory,CN=alice"' tls_www_client
person forged stranger 'cn = "alice"' tls_www_client
person plain authority 'cn = "plain"'
person server authority 'cn = "alice"' tls_www_server
person eve authority 'cn = "eve"' tls_www_client
openssl req -new -key "$pki/eve.key" -subj $'/CN=eve\narena-np 0: all is well' \
	-out "$tmp/request" && openssl x509 -req -in "$tmp/request" -CA "$pki/authority.pem" \
	-CAkey "$pki/authority.key" -days 10 -out "$tmp/eve/client-cert.pem" 2>/dev/null
psktool --username CN=alice --pskfile "$tmp/keys" >/dev/null 2>&1
path=$(disk d 4M)
head -c 4M /dev/urandom >"$path"

listen=(--listen 127.0.0.1:0 --listen '[::1]:0' --listen "unix:$tmp/socket")
arenad_start --size 256M --tls require --tls-certificates "$tmp/node" --disk "d=$path"
read -r _ v4 v6 _ < <(grep '^ready' "$tmp/out")
folder=tls-certificates=$tmp/alice
qemu()
{
	qemu-img info --object "tls-creds-x509,dir=$tmp/alice,id=t,endpoint=client" --image-opts \
		"driver=nbd,host=$1,port=${2##*:},export=d,tls-creds=t"
}
for family in IPv4 IPv6; do
	case $family in
	IPv4) at=$v4 host=127.0.0.1 ;;
	IPv6) at=$v6 host=::1 ;;
	esac
	ok "nbdinfo is served at an address of $family, which it gives as the server's name" \
		nbdinfo --size "nbds://$at/d?$folder"
	ok "nbdcopy reads at an address of $family what is on the disk" \
		eval "nbdcopy 'nbds://$at/d?$folder' '$tmp/back' && cmp '$path' '$tmp/back'"
	ok "qemu-img is served at an address of $family" qemu "$host" "$at"
	# shellcheck disable=SC2016 # nbdkit sets $uri
	ok "the plugin nbd of nbdkit is served at an address of $family" \
		nbdkit -U - nbd hostname="$host" port="${at##*:}" export=d tls=require \
		tls-certificates="$tmp/alice" --run 'nbdinfo --size "$uri"'
done
# named NAME: the handshake of a client that calls the server so
named()
{
	timeout 60 python3 -c '
import socket, ssl, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.recv(18, socket.MSG_WAITALL)
s.sendall(struct.pack(">I8sII", 3, b"IHAVEOPT", 5, 0))
s.recv(20, socket.MSG_WAITALL)
c = ssl.create_default_context(cafile=sys.argv[3])
c.check_hostname = False
print(c.wrap_socket(s, server_hostname=sys.argv[2]).version())' \
	"${v4##*:}" "$1" "$tmp/node/ca-cert.pem"
}
ok "a client of OpenSSL is served if it gives the server a name of DNS" named localhost
ok "a client of OpenSSL is served if it gives the server a name with an underscore" named node_1
ok "nbdinfo is served over a UNIX socket" \
	nbdinfo --size "nbds+unix:///d?socket=$tmp/socket&$folder"
arenad_stop

# Each export lets in the client after which it is named.
listen=(--listen 127.0.0.1:0)
exports=()
for name in open alice joerg both eve; do
	exports+=(--disk "$name=$(disk "$name" 1M)")
done
arenad_start --size 256M --verbose --tls require --tls-certificates "$tmp/node" \
	--tls-verify-clients --tls-psk "$tmp/keys" "${exports[@]}" \
	--allow 'alice=x509:CN=alice' --allow 'joerg=x509:CN=Jörg €,O=Site\, Inc' \
	--allow 'eve=x509:CN=eve\0Aarena-np 0: all is well' --allow 'both=x509:CN=alice' \
	--allow 'both=x509:CN=bob' --allow 'both=127.0.0.0/8'
# list CLIENT: the names of the exports that this client finds
list()
{
	timeout 60 nbdinfo --list --json \
		"nbds://localhost:$(port)?tls-certificates=$tmp/$1&tls-verify-peer=true" |
		grep -o '"export-name": "[^"]*"' | cut -d '"' -f 4 | xargs
}
use() { timeout 60 nbdinfo --size "nbds://localhost:$(port)/$2?tls-certificates=$tmp/$1"; }
is "alice finds the exports whose rules name her" "$(list alice)" "open alice both"
is "bob finds the export that two clients may use" "$(list bob)" "open both"
is "a client whose name has a comma and letters beyond ASCII finds its export" \
	"$(list joerg)" "open joerg"
ok "arena-np logs that name as a rule has to write it" \
	says 'client x509:CN=Jörg €,O=Site\, Inc'
is "a client whose name begins with alice's finds no export of hers" "$(list longer)" open
is "a client that has alice's name in a value finds no export of hers" "$(list liar)" open
ok "arena-np logs a comma in a name so that it is not taken for the end of a part" \
	says 'client x509:CN=mallory\,CN=alice'
is "a client whose name has a line feed finds its export" "$(list eve)" "open eve"
not_ok "a client whose name has a line feed writes no line of its own to the log" \
	grep "^arena-np 0: all is well" "$tmp/log"
ok "alice uses her export" use alice alice
ok "bob uses the export that alice may use, too" use bob both
not_ok "bob does not use alice's export" use bob alice
ok "arena-np says who was refused and why" wait_for 20 says "no rule names its identity"
not_ok "a client is refused whose certificate says alice, and was signed by a stranger" \
	use forged alice
not_ok "that client does not even use the export without rules" use forged open
not_ok "a client is refused whose certificate says alice, and is one of a server" use server open
ok "arena-np says what is wrong with the certificate of a server" wait_for 20 says "purpose"
ok "a client is served whose certificate names no purpose" use plain open
not_ok "a client with a pre-shared key of the name CN=alice does not use alice's export" \
	nbdinfo --size "nbds://CN%3Dalice@localhost:$(port)/alice?tls-psk-file=$tmp/keys"
ok "that client uses the export without rules" \
	nbdinfo --size "nbds://CN%3Dalice@localhost:$(port)/open?tls-psk-file=$tmp/keys"
arenad_stop

for rule in 'x509:' 'x509:alice' 'x509:CN=alice, O=Site' 'x509:/CN=alice'; do
	arenad_run --disk "d=$path" --allow "d=$rule"
	arenad_wait
	is "arenad ends with status 2 if a rule is '$rule'" "$status" 2
	ok "arenad says what is wrong with the rule '$rule'" grep -F -- "$rule " "$tmp/log"
done
done_testing
