#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: where the kernel has TLS it seals and opens the records, of every version and cipher that it
# knows, and clients that this project did not write get the data that they wrote. Keys are changed
# where the kernel can do that; where it cannot, it is used only if it is to be used always, and a
# client that changes its keys is cut off then.
# timeout: 900
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../native/tls-lib.sh
. "$(dirname "$0")/../native/tls-lib.sh"
requires certtool psktool nbdinfo nbdcopy qemu-img qemu-io nbdsh

modprobe tls || skip_all "this kernel has no TLS"
pages_2m 256
certificate authority authority ca cert_signing_key
certificate server authority 'ip_address = "127.0.0.1"' 'dns_name = "localhost"' \
	tls_www_server encryption_key signing_key
certificate alice authority tls_www_client encryption_key signing_key
folder server authority server server
folder alice authority client alice
mkdir "$tmp/keys"
psktool --username carol --pskfile "$tmp/keys/keys.psk" >/dev/null 2>&1
disk_bytes=$(blockdev --getsize64 "$disk0")
megabytes=$((disk_bytes >> 20 < 64 ? disk_bytes >> 20 : 64))
head -c "${megabytes}M" /dev/urandom >"$tmp/image"

options=(--size 512M --page-size 2M --verbose --tls require --tls-certificates "$tmp/server"
	--tls-psk "$tmp/keys/keys.psk" --disk "d=$disk0")
tls13=NORMAL:-VERS-ALL:+VERS-TLS1.3
tls12=NORMAL:-VERS-ALL:+VERS-TLS1.2
same() { cmp -n "$((megabytes << 20))" "$1" "$tmp/image"; }
hand() { timeout 60 "$BUILD/tests/native/nbd-tls" 127.0.0.1 "$(port)" d "$@"; }
# by_kernel N: did the kernel get the keys of N handshakes more than when it was asked before?
seen=0
by_kernel()
{
	local now

	counters_refresh
	now=$(counter arena-np ktls)
	set -- "$1" "$((now - seen))"
	seen=$now
	[ "$1" = "$2" ] || { echo "$2 handshakes, not $1"; return 1; }
}

arenad_start "${options[@]}" --ktls always
# Linux can change keys since 6.14.
changes=''
says "TLS by the kernel: yes" && ! says "it cannot change keys" && changes=1
is "arena-np finds out whether this kernel can change keys" "${changes:-0}" \
	"$(printf '%s\n' 6.14 "$(uname -r)" | sort -V | head -n 1 | grep -cx 6.14)"
ok "nbdcopy writes over TLS of the kernel" \
	nbdcopy --connections=2 --requests=16 "$tmp/image" "$(secret alice)"
ok "the kernel got the keys of both connections of nbdcopy" by_kernel 2
ok "what nbdcopy wrote is on the disk" same "$disk0"
ok "the kernel decrypts payload to where the disk takes it: the process copies a tenth at most" \
	test $(($(counter arena-np copied_bytes) * 10)) -lt "$(counter arena-np bytes_in)"
ok "nbdcopy reads over TLS of the kernel" \
	eval "nbdcopy '$(secret alice)' - | head -c ${megabytes}M >$tmp/back"
ok "what nbdcopy read is what was written" same "$tmp/back"
seen=$(counters_refresh; counter arena-np ktls)
ok "qemu-io writes, flushes and reads the same pattern over TLS of the kernel" \
	qemu-io --object "tls-creds-x509,dir=$tmp/alice,id=t,endpoint=client" --image-opts \
	-c "write -P 7 1M 3M" -c "write -P 9 512 65024" -c "flush" -c "read -P 7 1M 3M" \
	-c "read -P 9 512 65024" -c "write -z 2M 64k" -c "read -P 0 2M 64k" \
	"driver=nbd,host=localhost,port=$(port),export=d,tls-creds=t"
ok "the kernel got the keys of qemu-io" by_kernel 1
# The disk was read by way of the page cache, and written past it.
blockdev --flushbufs "$disk0"
ok "qemu-img compares the disk with itself over a pre-shared key" \
	qemu-img compare --object "tls-creds-psk,dir=$tmp/keys,username=carol,id=t,endpoint=client" \
	--image-opts "driver=nbd,host=localhost,port=$(port),export=d,tls-creds=t" \
	"driver=raw,file.driver=host_device,file.filename=$disk0,file.locking=off"
ok "the kernel got the keys of qemu-img" by_kernel 1
ok "nbdsh reads what it has written over TLS of the kernel" nbdsh -c "
h.set_uri_allow_local_file(True)
h.connect_uri('$(secret alice)')" -c '
h.pwrite(b"x" * 70000, 12345)
assert h.pread(70000, 12345) == bytearray(b"x" * 70000)
h.trim(65536, 0)
h.shutdown()'
ok "the kernel got the keys of nbdsh" by_kernel 1

if modprobe nbd nbds_max=2; then
	at_exit eval 'nbd-client -d /dev/nbd0 >/dev/null 2>&1'
	ok "nbd-client connects with a certificate, by a proxy of its own" \
		nbd-client -certfile "$tmp/alice/client-cert.pem" \
		-keyfile "$tmp/alice/client-key.pem" -cacertfile "$tmp/alice/ca-cert.pem" \
		-tlshostname localhost -N d 127.0.0.1 "$(port)" /dev/nbd0
	ok "the kernel got the keys of nbd-client" by_kernel 1
	ok "the kernel's client writes through the proxy" \
		dd if="$tmp/image" of=/dev/nbd0 bs=1M count=16 oflag=direct status=none
	ok "the kernel's client reads the same through the proxy" \
		cmp -n $((16 << 20)) /dev/nbd0 "$tmp/image"
	ok "the kernel's client disconnects" nbd-client -d /dev/nbd0
else
	skip "nbd-client connects with a certificate, by a proxy of its own" \
		"this kernel has no nbd module"
fi

for cipher in AES-128-GCM AES-256-GCM CHACHA20-POLY1305; do
	for version in 1.2 1.3; do
		priority=NORMAL:-VERS-ALL:+VERS-TLS$version:-CIPHER-ALL:+$cipher
		ok "a client of TLS $version with $cipher is served, and says that it ends" \
			hand "$priority" read small small read bye
		ok "the kernel got the keys of TLS $version with $cipher" by_kernel 1
	done
done
ok "a client whose cipher the kernel is not given is served by the process" \
	hand NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-CCM read small bye
ok "the kernel got no keys of AES-128-CCM" by_kernel 0

# refused ACTION PRIORITY: the server ends the connection
refused()
{
	hand "$2" small "$1" small
	[ $? = 3 ]
}
if [ "$changes" ]; then
	for cipher in AES-128-GCM AES-256-GCM CHACHA20-POLY1305; do
		ok "a client with $cipher changes its keys, and asks for other keys of the server" \
			hand "$tls13:-CIPHER-ALL:+$cipher" small rekey small rekey-both read bye
	done
	ok "a client asks for other keys while it takes nothing of what is sent" \
		hand "$tls13" rekey-late small bye
	ok "a client changes its keys within the payload of a write" \
		hand "$tls13" rekey-within small bye
	ok "a client that changes its keys all the time is cut off" refused rekey-always "$tls13"
else
	ok "a client that changes its keys is cut off" refused rekey "$tls13"
	ok "arena-np says that the kernel does not change keys" \
		says "it changes its keys, which the kernel cannot"
	ok "a client that wants all keys to be changed is cut off" refused rekey-both "$tls13"
fi
ok "a client that asks for a renegotiation is cut off" \
	refused renegotiate "$tls12"
ok "arena-np says that a client asked for a renegotiation" says "it asked for a renegotiation"
ok "a client that sends a request without TLS is cut off" \
	refused plain "$tls13"
ok "a client is served after those" nbdinfo --size "$(secret alice)"
arenad_stop
is "arenad ends with status 0 after TLS of the kernel" "$status" 0

seen=0
arenad_start "${options[@]}" --ktls always --tls-key-limit 16M
if [ "$changes" ]; then
	ok "arena-np changes the kernel's key when it has sent what one key may" \
		hand "$tls13" much rekey-both read bye
	ok "nbdcopy reads on while arena-np changes the kernel's key" eval \
		"nbdcopy --connections=1 '$(secret alice)' - | head -c ${megabytes}M >$tmp/back"
	blockdev --flushbufs "$disk0"
	ok "nbdcopy has read what is on the disk" cmp -n "$((megabytes << 20))" "$tmp/back" "$disk0"
	not_ok "arena-np has ended no connection until then" says "is ended"
else
	ok "arena-np ends a connection of TLS 1.3 when it has sent what one key may" \
		refused much "$tls13"
fi
ok "arena-np ends a connection of TLS 1.2 when it has sent what one key may" refused much "$tls12"
ok "arena-np says why it has ended the connection" says "its key was used for 16 MiB"
arenad_stop

seen=0
arenad_start "${options[@]}"
ok "a client of TLS 1.3 changes its keys, whatever the kernel can" \
	hand "$tls13" small rekey small rekey-both read bye
ok "the kernel got its keys only if it can change them" by_kernel "${changes:-0}"
ok "a client of TLS 1.2 is served" hand "$tls12" read bye
ok "the kernel got its keys, which cannot be changed" by_kernel 1
arenad_stop

# arena-np logs the address of the region, and how much it has written from each part of its memory.
PLANT=where LD_PRELOAD=$BUILD/tests/native/inside/plant.so \
	arenad_start "${options[@]}" --ktls always --sandbox off
nbdcopy "$(secret alice)" - | head -c "${megabytes}M" >"$tmp/back"
arenad_stop
region=$(($(counter arena-np region_addr) >> 39))
sealed=$(sed -n "s/^written from part $region: \([0-9]*\) bytes/\1/p" "$tmp/log" | tail -n 1)
ok "what nbdcopy reads is sealed by the kernel out of the region, where the disk has put it" \
	[ "${sealed:-0}" -ge "$((megabytes << 20))" ]
others=$(grep '^written from part' "$tmp/log" | grep -vc "part $region:")
is "nothing is sealed out of memory of arena-np's own" "$others" 0

seen=0
arenad_start "${options[@]}" --ktls never
ok "a client is served by the process with --ktls never" \
	hand "$tls13" read bye
ok "the kernel gets no keys with --ktls never" by_kernel 0
ok "a client that changes its keys is served by the process" \
	hand "$tls13" small rekey small rekey-both read bye
arenad_stop
dmesg_clean() { ! dmesg | grep -E 'WARNING|BUG|Oops'; }
ok "the kernel complains of nothing" dmesg_clean
done_testing
