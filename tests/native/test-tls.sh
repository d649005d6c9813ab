#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: clients that this project did not write encrypt by X.509 certificates and by pre-shared
# keys; those who may not, or who try to do without, are refused; and nobody waits for a handshake.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires certtool psktool nbdinfo nbdcopy qemu-img gnutls-cli python3
# shellcheck source-path=SCRIPTDIR source=tls-lib.sh
. "$(dirname "$0")/tls-lib.sh"

for ca in authority stranger; do
	certificate "$ca" "$ca" ca cert_signing_key
done
certificate server authority 'ip_address = "127.0.0.1"' 'dns_name = "localhost"' \
	tls_www_server encryption_key signing_key
certificate alice authority tls_www_client encryption_key signing_key
certificate mallory stranger tls_www_client encryption_key signing_key
folder server authority server server
folder alice authority client alice
folder mallory authority client mallory
folder wary stranger client alice
mkdir "$tmp/keys"
psktool --username carol --pskfile "$tmp/keys/keys.psk" >/dev/null 2>&1
psktool --username dave --pskfile "$tmp/wrong.psk" >/dev/null 2>&1
sed 's/^dave/carol/' "$tmp/wrong.psk" >"$tmp/forged.psk"

path=$(disk d 32M)
head -c 32M /dev/urandom >"$tmp/image"
# qemu OBJECT COMMAND...: run qemu-img on the disk with these credentials
qemu()
{
	local object=$1 command=$2

	shift 2
	qemu-img "$command" --object "$object,id=t,endpoint=client" "$@" --image-opts \
		"driver=nbd,host=localhost,port=$(port),export=d,tls-creds=t"
}
is_encrypted() { nbdinfo "$1" | grep -q 'TLS'; }

arenad_start --size 256M --verbose --tls require --tls-certificates "$tmp/server" --disk "d=$path"
ok "nbdinfo says that its connection is encrypted" is_encrypted "$(secret alice)"
ok "arena-np logs the version of TLS" says ": TLS1.3, "
ok "nbdcopy writes over TLS by several connections" \
	nbdcopy --connections=2 --requests=16 "$tmp/image" "$(secret alice)"
ok "what nbdcopy wrote over TLS is on the disk" cmp "$tmp/image" "$path"
ok "nbdcopy reads over TLS" nbdcopy "$(secret alice)" "$tmp/back"
ok "what nbdcopy read over TLS is what was written" cmp "$tmp/image" "$tmp/back"
ok "qemu-img finds the disk over TLS" \
	qemu "tls-creds-x509,dir=$tmp/alice" info
same_by_qemu()
{
	qemu-img convert --object "tls-creds-x509,dir=$tmp/alice,id=t,endpoint=client" -O raw \
		--image-opts "driver=nbd,host=localhost,port=$(port),export=d,tls-creds=t" \
		"$tmp/q" && cmp "$tmp/q" "$path"
}
ok "qemu-img reads the same data over TLS" same_by_qemu
not_ok "a client that does not encrypt is refused where TLS is required" nbdinfo "$(plain)"
not_ok "a client that does not encrypt learns no export where TLS is required" \
	nbdinfo --list "nbd://localhost:$(port)"
not_ok "a client refuses a server whose certificate it does not trust" nbdinfo "$(secret wary)"
not_ok "a client with a pre-shared key is refused where there are none" \
	nbdinfo "$(keyed carol "$tmp/keys/keys.psk")"
ok "a client is served after others were refused" nbdinfo --size "$(secret alice)"
arenad_stop
is "arenad ends with status 0 after it served over TLS" "$status" 0

arenad_start --size 256M --verbose --tls require --tls-certificates "$tmp/server" --tls-verify-clients \
	--disk "d=$path"
ok "a client whose certificate is trusted is served" nbdinfo --size "$(secret alice)"
ok "arena-np logs the name in the client's certificate" says "client x509:CN=alice"
ok "qemu-img is served with a certificate that is trusted" \
	qemu "tls-creds-x509,dir=$tmp/alice" info
not_ok "a client whose certificate another authority has signed is refused" \
	nbdinfo --size "$(secret mallory)"
mkdir "$tmp/nameless"
cp "$tmp/alice/ca-cert.pem" "$tmp/nameless"
not_ok "a client without a certificate is refused" nbdinfo --size "$(secret nameless)"
arenad_stop

arenad_start --size 256M --verbose --tls allow --tls-psk "$tmp/keys/keys.psk" --disk "d=$path"
ok "a client with a pre-shared key is served" is_encrypted "$(keyed carol "$tmp/keys/keys.psk")"
ok "arena-np logs the name of the pre-shared key" says "client psk:carol"
ok "qemu-img is served with a pre-shared key" \
	qemu "tls-creds-psk,dir=$tmp/keys,username=carol" info
not_ok "a client with a wrong key is refused" nbdinfo "$(keyed carol "$tmp/forged.psk")"
not_ok "a client with an unknown name is refused" nbdinfo "$(keyed dave "$tmp/wrong.psk")"
mv "$tmp/keys/keys.psk" "$tmp/kept.psk"
ok "a client with a pre-shared key is served although the file is gone" \
	is_encrypted "$(keyed carol "$tmp/kept.psk")"
mv "$tmp/kept.psk" "$tmp/keys/keys.psk"
ok "a client that does not encrypt is served where TLS is allowed" nbdinfo --size "$(plain)"
arenad_stop

arenad_start --size 256M --disk "d=$path"
not_ok "a client that wants to encrypt is refused where TLS is off" nbdinfo "$(secret alice)"
ok "a client that does not encrypt is served where TLS is off" nbdinfo --size "$(plain)"
arenad_stop

# By hand: what a hostile client, or somebody between client and server, may try.
cat >"$tmp/hostile.py" <<'PYTHON'
import socket, ssl, struct, sys, time
what, port = sys.argv[1], int(sys.argv[2])

def option(n, data=b""):
    return b"IHAVEOPT" + struct.pack(">II", n, len(data)) + data

def read(s, n):
    data = b""
    while len(data) < n:
        part = s.recv(n - len(data))
        if not part:
            raise EOFError
        data += part
    return data

def reply(s):
    magic, opt, kind, length = struct.unpack(">QIII", read(s, 20))
    return kind, read(s, length)

def dial():
    s = socket.create_connection(("localhost", port), timeout=30)
    read(s, 18)
    s.sendall(b"\0\0\0\3")
    return s

def secure(s, low=None, high=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    c.set_ciphers("ALL:@SECLEVEL=0")
    if low:
        c.minimum_version = low
    if high:
        c.maximum_version = high
    s.sendall(option(5))
    assert reply(s)[0] == 1
    return c.wrap_socket(s)

def is_over(s):
    try:
        while s.recv(4096):
            pass
    except OSError:
        pass
    return True

GO = 7
go = option(GO, struct.pack(">I", 1) + b"d" + struct.pack(">H", 0))
s = dial()
if what == "plain":
    # Everything but STARTTLS and ABORT gets NBD_REP_ERR_TLS_REQD.
    for n in 3, 6, 7, 8, 9, 10, 11, 99:
        s.sendall(option(n))
        assert reply(s)[0] == 1 << 31 | 5, n
    s.sendall(option(3, b"x" * 20000))
    assert reply(s)[0] == 1 << 31 | 5
    s.sendall(option(5, b"x"))
    assert reply(s)[0] == 1 << 31 | 3
elif what == "export-name":
    s.sendall(option(1, b"d"))
    assert is_over(s)
elif what == "injected":
    # An option that is sent before TLS begins must not be taken for one of TLS.
    s.sendall(option(5) + go)
    try:
        assert reply(s)[0] == 1
        assert s.recv(100) == b"" or True
    except (EOFError, OSError):
        pass
    assert is_over(s)
elif what == "old":
    try:
        secure(s, high=ssl.TLSVersion.TLSv1_1)
        sys.exit(1)
    except ssl.SSLError:
        pass
    except OSError:
        pass
elif what in ("1.2", "1.3"):
    v = ssl.TLSVersion.TLSv1_2 if what == "1.2" else ssl.TLSVersion.TLSv1_3
    t = secure(s, v, v)
    # A second STARTTLS is an error, and the negotiation goes on.
    t.sendall(option(5))
    assert reply(t)[0] == 1 << 31 | 3
    # What was agreed on before TLS is void, so this context has no structured replies.
    t.sendall(option(10, struct.pack(">I", 1) + b"d" + struct.pack(">I", 0)))
    assert reply(t)[0] == 1 << 31 | 3
    t.sendall(go)
    while True:
        kind = reply(t)[0]
        if kind == 1:
            break
        assert kind == 3
    # A READ whose bytes come one by one, each in a record of its own.
    for b in struct.pack(">IHHQQI", 0x25609513, 0, 0, 7, 0, 4096):
        t.sendall(bytes([b]))
    assert struct.unpack(">IIQ", read(t, 16)) == (0x67446698, 0, 7)
    assert read(t, 4096) == open(sys.argv[3], "rb").read(4096)
    # Several WRITEs and READs in one record, then garbage.
    w = struct.pack(">IHHQQI", 0x25609513, 0, 1, 8, 0, 512) + b"w" * 512
    t.sendall(w * 20 + struct.pack(">IHHQQI", 0x25609513, 0, 0, 9, 0, 512))
    for i in range(20):
        assert struct.unpack(">IIQ", read(t, 16)) == (0x67446698, 0, 8)
    assert struct.unpack(">IIQ", read(t, 16)) == (0x67446698, 0, 9)
    assert read(t, 512) == b"w" * 512
    # A WRITE beyond the end: its payload is thrown away.
    t.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 1, 10, 1 << 40, 100000) + b"x" * 100000)
    assert struct.unpack(">IIQ", read(t, 16))[1:] == (28, 10)
    t.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 3, 11, 0, 0))
    assert struct.unpack(">IIQ", read(t, 16)) == (0x67446698, 0, 11)
    # Replies that are due when bytes follow DISC come all the same, and then the end of TLS.
    t.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    t.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, 12, 0, 8192) * 60 +
              struct.pack(">IHHQQI", 0x25609513, 0, 2, 13, 0, 0) + b"x" * (1 << 18))
    time.sleep(0.3)
    for i in range(60):
        assert struct.unpack(">IIQ", read(t, 16)) == (0x67446698, 0, 12)
        read(t, 8192)
    assert t.recv(1) == b""
elif what == "garbage":
    s.sendall(option(5))
    assert reply(s)[0] == 1
    s.sendall(b"GET / HTTP/1.0\r\n\r\n" * 50)
    assert is_over(s)
elif what == "corrupt":
    t = secure(s)
    t.sendall(go)
    raw = socket.socket(fileno=t.detach())
    raw.sendall(b"\x17\x03\x03\x00\x40" + b"\xaa" * 64)
    assert is_over(raw)
elif what == "gone":
    for i in range(30):
        s.sendall(option(5))
        reply(s)
        s.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        s.close()
        s = dial()
PYTHON
hostile() { timeout 60 python3 "$tmp/hostile.py" "$@"; }
arenad_start --size 256M --verbose --tls require --tls-certificates "$tmp/server" \
	--tls-psk "$tmp/keys/keys.psk" --disk "d=$path" --handshake-timeout 4
# Clients that stop in the middle of TLS's handshake, for as long as they may.
cat >"$tmp/silent.py" <<'PYTHON'
import socket, struct, sys, time
all = []
for i in range(150):
    s = socket.create_connection(("localhost", int(sys.argv[1])))
    s.recv(18)
    s.sendall(b"\0\0\0\3IHAVEOPT" + struct.pack(">II", 5, 0))
    s.recv(20)
    s.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
    all.append(s)
print("ready", flush=True)
time.sleep(300)
PYTHON
daemon python3 "$tmp/silent.py" "$(port)"
wait_for 20 says ready
ok "a client is served while 150 others are in the middle of TLS's handshake" \
	timeout 20 nbdinfo --size "$(secret alice)"
# Handshakes without end, each of which takes the server much more than a request.
cat >"$tmp/knock" <<'SCRIPT'
while [ -e "$2" ]; do
	timeout 60 "$BUILD/tests/native/nbd-tls" 127.0.0.1 "$1" d NORMAL:-VERS-ALL:+VERS-TLS1.3 \
		small || echo refused
done
SCRIPT
touch "$tmp/knocking"
knockers=()
for _ in 1 2 3; do
	bash "$tmp/knock" "$(port)" "$tmp/knocking" >>"$tmp/knocked" 2>&1 &
	knockers+=($!)
done
wait_for 20 grep -q TLS1.3 "$tmp/knocked"
ok "a client writes while 150 others are in the middle of TLS's handshake and 3 always begin one" \
	nbdcopy --requests=16 "$tmp/image" "$(secret alice)"
ok "a client reads meanwhile what was written" \
	eval "nbdcopy '$(secret alice)' '$tmp/back' && cmp '$tmp/image' '$tmp/back'"
rm "$tmp/knocking"
wait "${knockers[@]}"
not_ok "none of those who always begin a handshake is refused" grep refused "$tmp/knocked"
ok "a client with a pre-shared key is served beside certificates" \
	nbdinfo --size "$(keyed carol "$tmp/keys/keys.psk")"
ok "each option without TLS gets the error that TLS is required" hostile plain "$(port)"
ok "EXPORT_NAME without TLS ends the connection" hostile export-name "$(port)"
ok "an option that comes before TLS begins ends the connection" hostile injected "$(port)"
ok "arena-np says that bytes came before TLS began" wait_for 20 says "bytes came before it began"
ok "TLS 1.1 is refused" hostile old "$(port)"
# by_hand STATUS ARGUMENT...: what comes of a client that does what finished clients do not
by_hand()
{
	local wanted=$1

	shift
	timeout 90 "$BUILD/tests/native/nbd-tls" 127.0.0.1 "$(port)" d "$@"
	[ $? = "$wanted" ]
}
tls12=NORMAL:-VERS-ALL:+VERS-TLS1.2
tls13=NORMAL:-VERS-ALL:+VERS-TLS1.3
ok "a client of TLS 1.2 that asks for a renegotiation is cut off" \
	by_hand 3 "$tls12" small renegotiate small
ok "arena-np says that a client asked for a renegotiation" wait_for 20 says "it asked for a renegotiation"
ok "a client of TLS 1.0 and 1.1 is refused" by_hand 3 NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0
ok "a client of TLS 1.3 may change its keys, and ask for other keys of the server" \
	by_hand 0 "$tls13" small rekey small rekey-both read bye
ok "a client of TLS 1.3 may ask for other keys while it takes nothing of what is sent" \
	by_hand 0 "$tls13" rekey-late small bye
ok "a client of TLS 1.3 may change its keys within the payload of a write" \
	by_hand 0 "$tls13" rekey-within small bye
ok "a client of TLS 1.3 that changes its keys all the time is cut off" \
	by_hand 3 "$tls13" small rekey-always small
ok "a client of TLS 1.3 that sends its end with its last request gets the reply and the end" \
	by_hand 0 "$tls13" last
ok "a client of TLS 1.2 that sends its end with its last request gets the reply and the end" \
	by_hand 0 "$tls12" last
ok "a request without TLS, after TLS has begun, ends the connection of TLS 1.3" \
	by_hand 3 "$tls13" small plain small
ok "a request without TLS, after TLS has begun, ends the connection of TLS 1.2" \
	by_hand 3 "$tls12" small plain small
ok "a client of TLS 1.3 negotiates anew, and its requests may come in pieces of any size" \
	hostile 1.3 "$(port)" "$path"
ok "a client of TLS 1.2 negotiates anew, and its requests may come in pieces of any size" \
	hostile 1.2 "$(port)" "$path"
ok "a client that sends HTTP in place of TLS is cut off" hostile garbage "$(port)"
ok "a client whose record is forged is cut off" hostile corrupt "$(port)"
ok "clients that leave in the middle of TLS's handshake do no harm" hostile gone "$(port)"
ok "clients whose handshake of TLS does not end are cut off" \
	wait_for 20 says "its handshake lasts too long"
ok "a client is served after all of these" nbdinfo --size "$(secret alice)"
arenad_stop
is "arenad ends with status 0 after hostile clients of TLS" "$status" 0

arenad_start --size 256M --tls require --tls-certificates "$tmp/server" --disk "d=$path" --read-only d
ok "a request behind the payload of a refused WRITE is served, wherever records of TLS 1.3 end" \
	by_hand 0 "$tls13" refused small
ok "a request behind the payload of a refused WRITE is served, wherever records of TLS 1.2 end" \
	by_hand 0 "$tls12" refused small
arenad_stop

arenad_start --size 256M --tls require --tls-certificates "$tmp/server" --disk "d=$path" \
	--tls-key-limit 16M
ok "arena-np changes its key of TLS 1.3 when it has sent what one key may" \
	by_hand 0 "$tls13" much rekey-both read bye
ok "nbdcopy reads on while arena-np changes its key" \
	eval "nbdcopy --connections=1 '$(secret alice)' '$tmp/back' && cmp '$path' '$tmp/back'"
ok "qemu-img reads on while arena-np changes its key" same_by_qemu
ok "a client of TLS 1.3 with ChaCha20 reads on with one key, which has no limit" \
	by_hand 1 "$tls13:-CIPHER-ALL:+CHACHA20-POLY1305" much
not_ok "arena-np has ended no connection until then" says "is ended"
ok "arena-np ends a connection of TLS 1.2 when it has sent what one key may" \
	by_hand 3 "$tls12" much
ok "arena-np says why it has ended the connection" wait_for 20 says "its key was used for 16 MiB"
ok "a client of TLS 1.2 comes anew and is served" by_hand 0 "$tls12" read bye
arenad_stop
is "arenad ends with status 0 after keys were changed" "$status" 0

arenad_run --tls require --disk "d=$path"
arenad_wait
is "arenad ends with status 2 if TLS is required without credentials" "$status" 2
ok "arenad says that TLS needs credentials" says "needs --tls-certificates or --tls-psk"
arenad_run --tls allow --tls-certificates "$tmp/none" --disk "d=$path"
arenad_wait
is "arenad ends with status 1 if there is no certificate" "$status" 1
ok "arena-np names the certificate that is not there" says "$tmp/none/server-cert.pem"
done_testing
