# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # tmp, address and arenad_pid are those of lib.sh
# What successors of network processes know of TLS, of the limits of exports and of who may use them,
# on the memfd and on the module. A test sources this file after lib.sh, tls-lib.sh and
# restart-lib.sh.

for ca in authority stranger; do
	certificate "$ca" "$ca" ca cert_signing_key
done
for name in alice bob; do
	certificate "$name" authority tls_www_client encryption_key signing_key
	folder "$name" authority client "$name"
done
certificate first authority 'dns_name = "localhost"' tls_www_server encryption_key signing_key
certificate second stranger 'dns_name = "localhost"' tls_www_server encryption_key signing_key
folder live authority server first
# It trusts the server whom the stranger has signed for.
folder follower stranger client alice

uri() { echo "nbds://localhost:$(port)/$2?tls-certificates=$tmp/$1"; }
# served CLIENT EXPORT
served() { timeout 60 nbdinfo --size "$(uri "$1" "$2")"; }

# gets_export CLIENT EXPORT: does a client get the export for use?
gets_export()
{
	timeout 60 nbdsh -c "
h.set_uri_allow_local_file(True)
h.connect_uri('$(uri "$1" "$2")')"
}

# both_die: kill both network processes, and wait until their successors serve clients
both_die()
{
	local ready

	ready=$(grep -c 'arena-np [01]: listening on' "$tmp/log")
	kill_process arena-np 0
	kill_process arena-np 1
	wait_for 60 eval "[ \$(grep -c 'arena-np [01]: listening on' '$tmp/log') -ge $((ready + 2)) ]"
}

# hold_export CLIENT EXPORT: have a client until its input ends
hold_export()
{
	: >"$tmp/held"
	mkfifo "$tmp/hold"
	nbdsh -c "
import sys
h.set_uri_allow_local_file(True)
h.connect_uri('$(uri "$1" "$2")')
print('held', flush=True)
sys.stdin.read()" <"$tmp/hold" >"$tmp/held" 2>&1 &
	holder=$!
	at_exit end_process "$holder"
	exec {hold}>"$tmp/hold"
	wait_for 30 grep -q held "$tmp/held"
}

let_go() { exec {hold}>&-; wait "$holder"; rm "$tmp/hold"; }

# keeps_rules WHEN: who may use the exports is what the options of arenad say
keeps_rules()
{
	local i

	# Each network process has some of these.
	for i in 1 2; do
		ok "$1, client $i whom --allow names is served" served alice guarded
		not_ok "$1, client $i whom --allow does not name is refused" served bob guarded
	done
	ok "$1, a client has an export that one may use at a time" hold_export bob single
	not_ok "$1, a second client of this export is refused" gets_export bob single
	let_go
	ok "$1, another client has this export when the first one has gone" \
		wait_for 20 gets_export bob single
}

# takes_files: each network process has taken new files of TLS
takes_files()
{
	local taken='new clients are served with the files that arenad has read now'
	local before

	before=$(grep -c "$taken" "$tmp/log")
	kill -HUP "$arenad_pid"
	wait_for 30 eval "[ \$(grep -c '$taken' '$tmp/log') -ge $((before + 2)) ]"
}

# has_second WHEN: all network processes show the second certificate
has_second()
{
	local i

	for i in 1 2; do
		ok "$1, client $i that trusts the new certificate is served" served follower guarded
		not_ok "$1, client $i that trusts the old certificate refuses the server" \
			served alice guarded
	done
}

# try_options DISK0 DISK1 ARGUMENT...: all of it, with two disks
try_options()
{
	arenad_start --nps 2 --verbose --tls require --tls-certificates "$tmp/live" \
		--tls-verify-clients --disk "guarded=$1" --allow "guarded=x509:CN=alice" \
		--disk "single=$2" --limit single=connections=1 "${@:3}"
	keeps_rules "before any death"
	ok "a client has the export when both network processes are killed" hold_export bob single
	ok "both network processes are killed, and others serve in their place" both_die
	let_go
	keeps_rules "after both network processes were killed"

	cp "$pki/second.pem" "$tmp/live/server-cert.pem"
	cp "$pki/second.key" "$tmp/live/server-key.pem"
	ok "successors are killed before arenad reads the new certificate" both_die
	ok "successors show the certificate that arenad has read, not the one in the folder" \
		served alice guarded
	ok "both network processes take the new certificate" takes_files
	has_second "after SIGHUP"
	ok "both network processes are killed after SIGHUP" both_die
	has_second "after SIGHUP and a death"
	rm "$tmp/live/server-key.pem"
	kill -HUP "$arenad_pid"
	ok "arenad keeps the files when one is missing" \
		wait_for 30 says "the files of TLS stay in use as they were"
}
