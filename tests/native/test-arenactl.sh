#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenactl shows what arenad and its processes do; it has files read again, other versions put
# in place and everything stopped, and says and returns how that has ended.
# timeout: 300
# shellcheck disable=SC2154 # status is set by lib.sh
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
# shellcheck source-path=SCRIPTDIR source=tls-lib.sh
. "$(dirname "$0")/tls-lib.sh"
requires python3 setpriv nbdinfo certtool
[ "$(id -u)" = 0 ] || skip_all "must be root, to become somebody else"

# json EXPRESSION: reads JSON, prints what a Python expression makes of it
json() { python3 -c "import json, sys; v = json.load(sys.stdin); print($1)"; }

# fails STATUS TEXT COMMAND...: the command ends with the status, and its error has the text
fails()
{
	local wanted=$1 text=$2 status=0

	shift 2
	"$@" >/dev/null 2>"$tmp/told" || status=$?
	cat "$tmp/told"
	[ "$status" = "$wanted" ] && grep -qF -- "$text" "$tmp/told"
}

# unread COMMAND...: run it with a pipe whose reader has gone, print its errors and status
unread()
{
	local status=0

	exec 3> >(true)
	wait $!
	"$@" 2>&1 >&3 || status=$?
	exec 3>&-
	echo "$status"
}

# The arenad that runs is a copy, in whose place others are put as an installation does it.
mkdir "$tmp/bin"
install_arenad "$BUILD/arenad"
PATH=$tmp/bin:$PATH

# The command line
ok "a command is needed" fails 2 "a command is needed" arenactl
ok "an unknown command is refused, and all others are named" \
	fails 2 "dance is none of status, exports," arenactl dance
ok "the last one is whole" grep -q "upgrade, stop$" "$tmp/told"
ok "an option of trace is refused for others" \
	fails 2 "--every is for trace only" arenactl status --every 7
for command in top metrics trace; do
	ok "$command has no JSON" fails 2 "$command has no --json" arenactl "$command" --json
done
ok "two commands are refused" fails 2 "stop is not an option" arenactl status stop
ok "arenactl says that no arenad runs" fails 3 "no arenad has its folder at" arenactl status
ok "arenactl says that no arenad of a region runs" \
	fails 3 "no arenad of region x has its folder at" arenactl status --region x

certificate authority authority ca cert_signing_key
certificate server authority 'dns_name = "localhost"' tls_www_server encryption_key signing_key
folder live authority server server
adopt_start --disk "one=$(disk one 64M)" --disk "two=$(disk two 64M)" --read-only two \
	--bindir "$BUILD" --tls allow --tls-certificates "$tmp/live"

# The machine. Whether something is bad on this one, nobody knows.
arenactl doctor >"$tmp/doctor"
status=$?
doctor() { arenactl doctor --json | json "next(f for f in v['findings'] if f['what'] == '$1')['$2']"; }
is "arenactl doctor names this kernel" "$(doctor kernel found)" "Linux $(uname -r)"
is "it counts huge pages" "$(doctor "huge pages" found | sed -E 's/.*2 MiB: ([0-9]+),.*/\1/')" \
	"$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages)"
is "its exit status says whether something is bad" "$status" "$(grep -c -m 1 '^bad' "$tmp/doctor")"
is "it advises wherever something could be better" "$(grep -c '^ ' "$tmp/doctor")" \
	"$(grep -cE '^(advice|bad) ' "$tmp/doctor")"

ok "arenactl trace is for root" fails 1 "only root may watch" \
	setpriv --reuid=65534 --clear-groups arenactl trace

# The commands that show something
is "arenactl prints the processes" \
	"$(arenactl status --json | json 'sorted(p["pid"] for p in v["processes"])' | tr -d '[],')" \
	"$(workers)"
ok "arenactl shows them to people" eval "arenactl status | grep -q '^sp 1 *running'"
is "arenactl lists the exports with their sizes and modes" \
	"$(arenactl exports --json |
		json '[(e["name"], e["sizeBytes"], e["readOnly"], e["state"]) for e in v["exports"]]')" \
	"[('one', 67108864, False, 'running'), ('two', 67108864, True, 'running')]"
ok "arenactl shows them to people" eval "arenactl exports | grep -q '^one *running *67108864  rw'"
is "arenactl lists a channel for each pair" \
	"$(arenactl --json channels | json 'sum(c["bothRun"] for c in v["channels"])')" 4
is "arenactl shows them to people" "$(arenactl channels | grep -c 'both run')" 4
if [ -e /dev/msharearena ]; then
	ok "arenactl lists the regions" eval "arenactl regions --json | grep -q regions"
else
	ok "arenactl says that there is no module" fails 1 "the module is not loaded" arenactl regions
	is "there is no empty list then" "$(arenactl regions --json 2>/dev/null)" ""
fi
for command in groups "status --json" exports --help; do
	# shellcheck disable=SC2086 # words
	is "'$command' dies silently if nobody reads it" "$(unread arenactl $command)" \
		$((128 + $(kill -l PIPE)))
done
ok "a full disk is an error" fails 1 "cannot write to standard output: No space left on device" \
	bash -c 'arenactl groups >/dev/full'
install -d -m 755 "$tmp/other"
cp "$BUILD/arenactl" "$tmp/other/"
chmod 755 "$tmp"
ok "another user is refused" fails 4 "only root and the user of arenad may" \
	setpriv --reuid 12345 --regid 12345 --clear-groups "$tmp/other/arenactl" stop
kill -STOP "$arenad_pid"
ok "an arenad that hangs is given up" fails 3 "arenad does not answer within 1 s" arenactl status --timeout 1
kill -CONT "$arenad_pid"

# Reload
ok "arenactl has the files read again" arenactl reload
ok "the log tells who has asked for it" says "of user 0 asks to reload"
cp "$pki/server.key" "$tmp/live/server-cert.pem"
ok "arenactl says that a file is bad" fails 1 "Reload: TLS: " arenactl reload
ok "arenactl names the file" grep -q server-cert.pem "$tmp/told"
rm "$tmp/live/server-cert.pem"
ok "arenactl says that a file is missing" fails 1 "server-cert.pem: No such file" arenactl reload
not_ok "the log has no more errors, so arenactl names none" grep -q "has more" "$tmp/told"
ok "nor where nothing is logged" fails 1 "there is no such export" arenactl exports drain x
not_ok "as what is asked for is not there" grep -q "has more" "$tmp/told"
cp "$pki/server.pem" "$tmp/live/server-cert.pem"
ok "files that are good again are read" arenactl reload

# Upgrade
before=$(workers)
printf '#!/bin/sh\nexit 1\n' >"$tmp/fails"
install_arenad "$tmp/fails"
ok "arenactl says that another version does not fit" \
	fails 1 "cannot adopt the processes (status 1)" arenactl upgrade
printf '#!/bin/sh\necho "it has no room" >&2\nexit 3\n' >"$tmp/fails"
install_arenad "$tmp/fails"
ok "and why, as it has said" \
	fails 1 "Upgrade: $tmp/bin/arenad cannot adopt the processes (status 3): it has no room" arenactl upgrade
ok "the log has that, too" says "arenad: it has no room"
printf '#!/bin/sh\nexec %s "$@" --np-buffers 512\n' "$BUILD/arenad" >"$tmp/fails"
install_arenad "$tmp/fails"
ok "an error of arenad is told, and not what it logs before" fails 1 \
	"(status 1): the running processes have --np-buffers 1024; use that, too; the log has more" arenactl upgrade
ok "the log has the advice, which does not hide what it costs" \
	says "by --replace, which cuts off all clients"
printf '#!/bin/sh\nexec %s "$@" --no-such\n' "$BUILD/arenad" >"$tmp/fails"
install_arenad "$tmp/fails"
ok "an error of the command line is told" \
	fails 1 "(status 2): $BUILD/arenad: unrecognized option '--no-such'" arenactl upgrade
is "the processes are the same ones after that" "$(workers)" "$before"
install_arenad "$BUILD/arenad"
: >"$tmp/log"
is "arenactl says that all are replaced, and by what" "$(arenactl upgrade)" \
	"arenad $(sed -n 's/^Version: *//p' META) runs, and has replaced 4 of 4 processes"
ok "all were replaced before it said so" are_replaced 2 2
ok "clients are served after that" still_served
is "status counts the replacements" \
	"$(arenactl status --json | json '[p["restarts"] for p in v["processes"]]')" "[1, 1, 1, 1]"
is "another version is put in place with the status as JSON" \
	"$(arenactl upgrade --json | json '[p["restarts"] for p in v["processes"]]')" "[1, 1, 1, 1]"

# Commands while another arenad is put in place, which takes its time to judge and to begin
cat >"$tmp/slow" <<EOF
#!/bin/sh
sleep 1
exec $BUILD/arenad "\$@"
EOF
install_arenad "$tmp/slow"
: >"$tmp/log"
arenactl upgrade >"$tmp/first" 2>&1 &
first=$!
wait_for 20 says "asks to upgrade"
arenactl status >"$tmp/status" 2>&1 &
asked=$!
arenactl upgrade >"$tmp/second" 2>&1 &
second=$!
wait_for 20 says "in place of this arenad"
ok "a change that comes while nobody listens waits for the next arenad" arenactl exports drain one
ok "a command that the end of an arenad has cut off is repeated" wait "$asked"
ok "its answer is that of the next one" eval "grep -q '^sp 1 ' '$tmp/status' && ! grep -q error '$tmp/status'"
ok "the upgrade succeeds" wait "$first"
ok "so does another one that came meanwhile" wait "$second"
ok "it says so" grep -q "another upgrade was under way already" "$tmp/second"
ok "it waits until all are replaced" grep -q "runs, and has replaced 4 of 4 processes" "$tmp/second"
ok "the change holds" eval "arenactl exports | grep -q '^one *drained'"
arenactl exports admit one
install_arenad "$BUILD/arenad"

# The end
kill_arenad
ok "arenactl says that arenad has died" fails 3 "has died, and its processes serve on" arenactl status
arenad_again
ok "the next arenad answers" wait_for 30 arenactl status
kill -STOP "$(np 0)"
ok "arenactl says that a process had to be killed" \
	fails 1 "had to be killed" arenactl stop
arenad_wait
is "arenad ends with status 1 then" "$status" 1
arenad_start --disk "one=$tmp/one.img" --disk "two=$tmp/two.img" --bindir "$BUILD" --hold 0
ok "arenactl says what was not replaced" fails 1 "2 of 4 processes were not replaced" arenactl upgrade
first=$arenad_pid
arenad_start --region other --disk "three=$(disk three 4M)" --bindir "$BUILD"
ok "of two arenads one has to be chosen" fails 1 "there are 2 arenads" arenactl stop
ok "both are named" grep -qF ", other in $RUNTIME_DIRECTORY, test in $RUNTIME_DIRECTORY" "$tmp/told"
is "arenactl asks the one that was chosen" \
	"$(arenactl status --region other --json | json 'v["pid"]')" "$arenad_pid"
is "arenactl stops it" "$(arenactl --region other stop)" "arenad has ended, with all of its processes"
arenad_wait
is "arenad that was stopped ends with status 0" "$status" 0
arenad_pid=$first
ok "the only one that is left need not be chosen" arenactl stop
arenad_wait
is "no process is left" "$(processes_left)" ""
done_testing
