#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: nbd-tester-client, with which the NBD project tests its own server, finds nothing wrong
# with arenad in any of its cases. A case that makes no sense for arenad says why.
# timeout: 600
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires losetup nbd-client
requires_built nbd

nbd=$built/nbd
# port: print where arenad listens on TCP
port() { echo "${address##*:}"; }
# tester CASE COMMAND...: one case of nbd's own test suite, with a time limit
tester()
{
	local name=$1

	shift
	ok "nbd-tester-client: $name" short timeout 250 "$nbd/nbd-tester-client" "$@"
}

small=$(disk small 4M)
readonly_disk=$(loop "$(disk readonly 4M)" --read-only)
[ -z "$readonly_disk" ] || at_exit losetup --detach "$readonly_disk"
# The traces find zeroes where they have not written, so each has a disk of its own.
arenad_start --size 256M --listen "unix:$tmp/sock" --disk "small=$small" \
	--disk "trace=$(disk trace 50M)" --disk "huge=$(disk huge 50M)" \
	${readonly_disk:+--disk "readonly=$readonly_disk"}

tester "cfg1: reads of an export are answered" -N small 127.0.0.1 "$(port)"
tester "cfgnew: reads of an export are answered by name of the host" -N small localhost "$(port)"
tester "cfgmulti: reads of another export are answered" -N trace localhost "$(port)"
tester "cfgsize: requests of more than 1 MiB are answered" -o -N small 127.0.0.1 "$(port)"
tester "write: writes are answered" -w -N small localhost "$(port)"
tester "flush: writes and flushes are answered" -w -f -N small localhost "$(port)"
tester "unix: reads over a UNIX socket are answered" -N small -u "$tmp/sock"
tester "handshake: each option of the handshake gets the right reply" \
	-h -N small localhost "$(port)"
tester "integrity: a recorded run of many requests reads what it wrote" \
	-i -t "$nbd/integrity-test.tr" -N trace localhost "$(port)"
tester "integrityhuge: a recorded run of requests of up to 50 MiB reads what it wrote" \
	-i -t "$nbd/integrityhuge-test.tr" -N huge localhost "$(port)"
if [ -n "$readonly_disk" ]; then
	tester "cfgmulti: reads of a read-only export are answered" -N readonly localhost "$(port)"
	tester "rowrite: a write to a read-only export is refused" \
		-w -F -N readonly localhost "$(port)"
else
	skip "nbd-tester-client: rowrite: a write to a read-only export is refused" \
		"this machine gives no loop device"
fi
exports() { nbd-client -l localhost "$(port)" | sed 1d | sort | xargs; }
is "nbd-tester-client: list: nbd-client lists the exports" "$(exports)" \
	"huge ${readonly_disk:+readonly }small trace"
skip "nbd-tester-client: dirconfig: exports are read from a folder of configurations" \
	"arenad has no configuration files; the client does the same as in cfgnew"
skip "nbd-tester-client: tree: a write to a disk of many small files is answered" \
	"arenad serves no disks that are made of many files"
skip "nbd-tester-client: rotree: a write to a read-only disk of many small files is refused" \
	"arenad serves no disks that are made of many files"
skip "nbd-tester-client: inetd: a server that inetd has started is used by its standard input" \
	"arenad is no child of its clients; systemd may hand it the listening socket instead"
arenad_stop
is "arenad ends with status 0 after nbd-tester-client" "$status" 0

mkdir "$tmp/tls"
cp "$nbd"/certs/{ca-cert,server-cert,server-key}.pem "$tmp/tls/"
rm "$tmp"/*.img
arenad_start --size 256M --tls require --tls-verify-clients --tls-certificates "$tmp/tls" \
	--disk "trace=$(disk trace 50M)" --disk "huge=$(disk huge 50M)"
known=(-C "$nbd/certs/client-cert.pem" -K "$nbd/certs/client-key.pem" -A "$nbd/certs/ca-cert.pem")
tester "tls: a recorded run of many requests over TLS reads what it wrote" \
	-i -t "$nbd/integrity-test.tr" -N trace "${known[@]}" localhost "$(port)"
tester "tlshuge: a recorded run of requests of up to 50 MiB over TLS reads what it wrote" \
	-i -t "$nbd/integrityhuge-test.tr" -N huge "${known[@]}" -H localhost 127.0.0.1 "$(port)"
tester "tlswrongcert: a client whose certificate nobody has signed is refused" -F -N trace \
	-C "$nbd/certs/selfsigned-cert.pem" -K "$nbd/certs/selfsigned-key.pem" localhost "$(port)"
arenad_stop
is "arenad ends with status 0 after nbd-tester-client over TLS" "$status" 0
done_testing
