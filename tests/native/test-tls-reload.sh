#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: SIGHUP makes arenad read the files of TLS again: new clients are served with the new ones by
# every arena-np, sessions go on, files that are bad change nothing, and the signal ends no process
# at any moment.
# timeout: 500
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=tls-lib.sh
. "$(dirname "$0")/tls-lib.sh"
requires certtool psktool nbdinfo python3

for ca in authority stranger; do
	certificate "$ca" "$ca" ca cert_signing_key crl_signing_key
done
for name in alice bob; do
	certificate "$name" authority tls_www_client encryption_key signing_key
	folder "$name" authority client "$name"
done
certificate old authority tls_www_client signing_key 'activation_date = "2020-01-01 00:00:00"' \
	'expiration_date = "2020-02-01 00:00:00"'
folder old authority client old
certificate first authority 'dns_name = "localhost"' tls_www_server encryption_key signing_key
certificate second stranger 'dns_name = "localhost"' tls_www_server encryption_key signing_key
folder live authority server first
# It trusts the server whom the stranger has signed for.
folder follower stranger client alice
folder other-follower stranger client bob
psktool --username carol --pskfile "$tmp/keys" >/dev/null 2>&1
path=$(disk d 16M)

lines() { grep -cF -- "$1" "$tmp/log"; }
# reload TEXT COUNT: send SIGHUP, and wait until TEXT is logged COUNT times more
reload()
{
	local wanted=$(($(lines "$1") + $2))

	kill -HUP "$arenad_pid"
	wait_for 20 eval "[ \$(lines '$1') -ge $wanted ]"
}
taken='new clients are served with the files that arenad has read now'
kept='the files of TLS stay in use as they were'
served() { timeout 60 nbdinfo --size "$(secret "$1")"; }

nps=2
arenad_start --size 256M --nps "$nps" --verbose --tls require --tls-certificates "$tmp/live" \
	--tls-verify-clients --tls-psk "$tmp/keys" --disk "d=$path"
ok "a client is served with the files that were read first" served alice
not_ok "a client whose certificate has expired is refused" served old
ok "arena-np says that the certificate has expired" says "expired"

# One session that stays, by a client that this project did not write.
cat >"$tmp/stay.py" <<'PYTHON'
import nbd, os, sys, time
h = nbd.NBD()
h.set_uri_allow_local_file(True)
h.connect_uri(sys.argv[1])
data = os.urandom(65536)
h.pwrite(data, 4096)
open(sys.argv[2], "w").close()
while not os.path.exists(sys.argv[3]):
    h.pread(4096, 0)
    time.sleep(0.01)
assert h.pread(65536, 4096) == data
h.pwrite(data, 1 << 20)
assert h.pread(65536, 1 << 20) == data
h.shutdown()
print("stayed")
PYTHON
timeout 200 python3 "$tmp/stay.py" "$(secret alice)" "$tmp/began" "$tmp/end" >"$tmp/stay.log" 2>&1 &
stay=$!
wait_for 20 test -e "$tmp/began"

cp "$pki/second.pem" "$tmp/live/server-cert.pem"
ok "arenad logs that it keeps the files if only one of certificate and key is new" \
	reload "$kept" 1
ok "arenad names the certificate and the key that do not fit" \
	says "TLS: $tmp/live/server-cert.pem with $tmp/live/server-key.pem: "
ok "clients are served as before then" served alice
cp "$pki/second.key" "$tmp/live/server-key.pem"
ok "each arena-np takes the new certificate" reload "$taken" "$nps"
ok "arenad logs what it has read and who has got it" \
	says "reload: $tmp/live and $tmp/keys read again and handed to $nps network processes"
for _ in 1 2 3 4; do
	ok "a client that trusts the new certificate is served" served follower
	not_ok "a client that trusts the old certificate only refuses the server" served alice
done

rm "$tmp/live/server-key.pem"
ok "arenad keeps the files if one is missing" reload "$kept" 1
ok "arenad names the file that is missing" says "cannot read $tmp/live/server-key.pem: No such file"
cp "$pki/second.key" "$tmp/live/server-key.pem"
echo "carol:xyz" >"$tmp/keys"
ok "arenad keeps the files if a key is bad" reload "$kept" 1
ok "arenad names the line of the bad key" says "$tmp/keys: line 1 is not NAME:HEX-KEY"
echo "rubbish" >"$tmp/live/ca-crl.pem"
psktool --username dave --pskfile "$tmp/keys" >/dev/null 2>&1
sed -i '/xyz/d' "$tmp/keys"
ok "arenad keeps the files if the list of revoked certificates is bad" reload "$kept" 1
ok "arenad names that list" says "TLS: $tmp/live/ca-crl.pem: "
ok "a client is served after files were bad" served follower

cp "$pki/first.pem" "$tmp/live/server-cert.pem"
cp "$pki/first.key" "$tmp/live/server-key.pem"
printf '%s\n' 'crl_next_update = 10' 'crl_number = 1' >"$tmp/template"
certtool --generate-crl --load-ca-privkey "$pki/authority.key" \
	--load-ca-certificate "$pki/authority.pem" --load-certificate "$pki/alice.pem" \
	--template "$tmp/template" --outfile "$tmp/live/ca-crl.pem" 2>/dev/null
ok "each arena-np takes a list of revoked certificates" reload "$taken" "$nps"
for _ in 1 2 3 4; do
	not_ok "a client whose certificate is revoked is refused" served alice
	ok "a client whose certificate is not revoked is served" served bob
done
ok "arena-np says that the certificate is revoked" says "revoked"
ok "a client whose key is new is served" nbdinfo --size "$(keyed dave "$tmp/keys")"

touch "$tmp/end"
ok "a session that began before all of this goes on, even of a client that is revoked" wait "$stay"
is "its data is what it wrote" "$(cat "$tmp/stay.log")" stayed

# An NP that does not run gets no say in when arenad goes on.
np=$(children arena-np | head -n 1)
kill -STOP "$np"
overfull()
{
	for _ in {1..2000}; do
		kill -HUP "$arenad_pid"
		grep -q "does not take new files" "$tmp/log" && return
	done
	return 1
}
ok "arenad reads files again and again while an NP is stopped" overfull
cp "$pki/second.pem" "$tmp/live/server-cert.pem"
cp "$pki/second.key" "$tmp/live/server-key.pem"
ok "arenad hands files to the NP that runs" reload "handed to 1 network processes" 1
kill -CONT "$np"
# The signals are for the moment in which there is room: what the NP gets then is what was owed, too.
has_got()
{
	kill -HUP "$arenad_pid"
	says "has got the new files"
}
ok "the NP that was stopped gets the newest files" wait_for 60 has_got
# It first takes all that came while it was stopped. The certificate of alice is revoked.
all_follow() { for _ in {1..8}; do served other-follower || return 1; done; }
ok "new clients of each arena-np are served with them" wait_for 180 all_follow
rm "$tmp/live/ca-crl.pem"
ok "each arena-np takes files as before" reload "$taken" "$nps"
arenad_stop
is "arenad ends with status 0 after it has read files again and again" "$status" 0

# From the moment that arenad can ignore the signal until it has ended.
cat >"$tmp/hangup" <<'SCRIPT'
parent=$1
while kill -HUP "$parent" 2>/dev/null; do
	for child in $(pgrep -P "$parent" -x 'arena-np|arena-sp'); do
		kill -HUP "$child" 2>/dev/null
	done
done
SCRIPT
has_begun() { awk '/^SigBlk/ { exit !(substr($2, length($2)) % 2) }' "/proc/$arenad_pid/status"; }
for tls in off require; do
	arenad_run --size 256M --nps "$nps" --tls "$tls" --tls-certificates "$tmp/live" \
		--disk "d=$path"
	wait_for 20 has_begun
	bash "$tmp/hangup" "$arenad_pid" &
	hangup=$!
	ok "arenad becomes ready while SIGHUP comes without end (TLS: $tls)" \
		wait_for 60 grep -q '^ready' "$tmp/out"
	arenad_stop
	is "arenad ends with status 0 while SIGHUP comes without end (TLS: $tls)" "$status" 0
	wait "$hangup"
	not_ok "no process ended by SIGHUP (TLS: $tls)" grep -E 'signal 1|Hangup' "$tmp/log"
done
arenad_start --size 256M --disk "d=$path"
ok "arenad says that it has no files to read if TLS is off" reload "no files are in use" 1
kill -STOP "$arenad_pid"
wait_for 20 grep -q "^State:.T" "/proc/$arenad_pid/status"
kill -HUP "$arenad_pid"
kill -TERM "$arenad_pid"
kill -CONT "$arenad_pid"
arenad_wait
is "arenad ends with status 0 if SIGHUP came before SIGTERM" "$status" 0
is "it does not look at SIGHUP before it ends" "$(lines "no files are in use")" 1
done_testing
