#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenactl adds an export by a file of its own, and removes it with that file, while clients of
# others go on; what arenad refuses leaves neither an export nor a file. A reload says what it has
# changed, or would change, and fails if something in the files is not in use then.
# timeout: 300
# shellcheck disable=SC2016,SC2034,SC2154 # for eval; SPS is for lib.sh, which sets address and status
SPS=0
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
# shellcheck source-path=SCRIPTDIR source=tls-lib.sh
. "$(dirname "$0")/tls-lib.sh"
requires nbdinfo nbdsh python3 certtool
command -v arenactl >/dev/null || skip_all "there is no arenactl, which needs libsystemd 257"

config=$tmp/node.conf
size() { nbdinfo --size "nbd://$address/$1" 2>/dev/null; }
serves() { [ "$(size "$1")" = 16777216 ]; }
lacks() { ! size "$1" && ! size "$1"; }
files() { find "$config.d" -type f -printf '%f\n' 2>/dev/null | sort | xargs; }
# fails STATUS TEXT WORD...: arenactl exports ends with the status, and its error has the text
fails()
{
	local wanted=$1 text=$2 status=0

	shift 2
	arenactl exports "$@" >"$tmp/told" 2>&1 || status=$?
	cat "$tmp/told"
	[ "$status" = "$wanted" ] && grep -qF -- "$text" "$tmp/told"
}

# sp_of NAME: print the id of the storage process of an export
sp_of()
{
	arenactl status | awk -v sp="$(arenactl exports --json | python3 -c '
import json, sys
print(next(e["sp"] for e in json.load(sys.stdin)["exports"] if e["name"] == sys.argv[1]))' "$1")" \
		'$1 == "sp" && $2 == sp { print $4 }'
}

# json VALUES: reads JSON, prints what Python makes of it
json() { python3 -c "import json, sys; v = json.load(sys.stdin); print($1)"; }
# ends STATUS TEXT WORD...: arenactl ends with the status, and prints the text
ends()
{
	local wanted=$1 text=$2 status=0

	shift 2
	arenactl "$@" >"$tmp/told" 2>&1 || status=$?
	cat "$tmp/told"
	[ "$status" = "$wanted" ] && grep -qF -- "$text" "$tmp/told"
}
# write_main LINE...: the main file has these lines between its options and its export
write_main()
{
	printf '%s\n' '[arenad]' 'exports-max = 3' "$@" '[export a]' "disk = $tmp/a.img" >"$config"
}

for name in a b c d; do disk "$name" 16M >/dev/null; done
write_main
arenad_start --config "$config"
ok "the export of the file is served" serves a
for command in groups latency counters; do
	is "'$command' tells nothing of places that no export has" \
		"$(arenactl "$command" 2>&1 | grep -E 'nothing is known|sp [1-9]')" ""
done
before=$(workers)
is "an export is added, with the file that says so" "$(arenactl exports add b "$tmp/b.img")" \
	"$config.d/export-b.conf"
ok "it is served" wait_for 20 serves b
ok "the processes of before run on" eval '[ "$(workers | tr " " "\n" | grep -cFx "$(tr " " "\n" <<<"$before")")" = 3 ]'
is "one is added with options, and a name that a file encodes, which JSON tells" \
	"$(arenactl exports add "Big one" "$tmp/c.img" read-only=yes description=three --json)" \
	"{\"path\":\"$config.d/export-%42ig%20one.conf\"}"
ok "it is served" wait_for 20 serves "Big%20one"
ok "clients may not write to it" eval 'nbdinfo "nbd://$address/Big%20one" | grep -q "is_read_only: true"'
is "each has a file" "$(files)" "export-%42ig%20one.conf export-b.conf"
ok "arenad accepts the files" arenad --config "$config" --check-config --listen 127.0.0.1:0 --region test

ok "a name that there is already is refused" fails 1 "there is an export 'a' already, in $config:4" add a "$tmp/d.img"
ok "arenad says that there is no room" fails 1 "exports-max: 3 are too few, as there are 4 exports" add d "$tmp/d.img"
is "no file is left of it" "$(files)" "export-%42ig%20one.conf export-b.conf"
ok "an export is removed" arenactl exports remove b
ok "clients find it no more" wait_for 20 lacks b
is "its file is gone" "$(files)" "export-%42ig%20one.conf"
ok "a disk that is not there is refused" \
	wait_for 60 fails 1 "cannot open disk $tmp/none" add d "$tmp/none"
ok "an option that there is not is refused, with its line" \
	fails 1 "export-d.conf:4: colour: there is no such option" add d "$tmp/d.img" colour=blue
ok "so is one of the command line only" \
	fails 1 "export-d.conf:4: replace: this is for the command line only" add d "$tmp/d.img" replace=yes
ok "and a number that is wrong, though capitals are read as others" \
	fails 1 "export-d.conf:4: limit: " add d "$tmp/d.img" LIMIT=1
ok "an option without a value is refused" fails 1 "'read-only': it has no value: write KEY=VALUE" \
	add d "$tmp/d.img" read-only
ok "an empty value is refused" fails 1 "'limit=': it has no value: leave it out" add d "$tmp/d.img" limit=
ok "blanks in front of the equals sign are refused" \
	fails 1 "'limit = x': there is a blank in front of" add d "$tmp/d.img" "limit = x"
ok "and behind it" fails 1 "a value does not begin or end with a blank" add d "$tmp/d.img" "limit= x"
ok "a section is refused" fails 1 "it is not KEY=VALUE" add d "$tmp/d.img" "[export x]=1"
ok "a line break is refused" fails 1 "cannot have a line break" add d "$tmp/d.img" $'limit=1\n[export x]'
is "no file is left of all that" "$(files)" "export-%42ig%20one.conf"
ok "a disk that is in use is refused" \
	wait_for 60 fails 1 "has ended, so the export is taken back; the log of arenad says why" add d "$tmp/a.img"
ok "the log says by whom it is used" says "cannot open disk $tmp/a.img: it is in use by process"
ok "what is no disk is refused" wait_for 60 fails 1 "the export is taken back" add d /dev/null
is "no file is left of them" "$(files)" "export-%42ig%20one.conf"
ok "clients do not find them" lacks d
ok "an export of another file is not removed" fails 1 "'exports add' has not made the export 'a'" remove a
ok "it is served" serves a
ok "an export needs a disk" fails 2 "exports add needs the NAME of an export and its DISK" add d
ok "a removal needs nothing else" fails 2 "is not an option" remove a b
ok "another one takes its room" arenactl exports add e "$tmp/b.img"
kill -STOP "$(arenactl status --json | python3 -c "import json, sys
sp = $(arenactl exports | awk '$1 == "e" { print $5 }')
print(*[p['pid'] for p in json.load(sys.stdin)['processes'] if (p['role'], p['number']) == ('sp', sp)])")"
ok "a removal says that a storage process does not end" \
	fails 1 "its place is not free within 1 s" remove e --timeout 1
ok "the export is removed nevertheless" wait_for 20 lacks e
ok "its room is free for another one" wait_for 60 arenactl exports add d "$tmp/d.img"
ok "which is served" wait_for 20 serves d

# state NAME: what arenactl shows of an export
state() { arenactl exports | awk -v name="$1" '$1 == name { print $2 }'; }
is "arenactl shows that it is served" "$(state d)" running
is_up() { [ "$(arenactl metrics | awk -v name="export=\"$1\"" '/^msharearena_export_up/ && index($0, name) { print $2 }')" = "$2" ]; }
ok "so do the metrics" is_up d 1
mv "$tmp/d.img" "$tmp/away.img"
kill -KILL "$(sp_of d)"
starts() { [ "$(state "$1")" = starting ]; }
ok "an export whose storage process waits for its disk is not shown as served" wait_for 30 starts d
ok "nor in the metrics" is_up d 0
is "the others are" "$(state a)" running
mv "$tmp/away.img" "$tmp/d.img"
runs() { [ "$(state "$1")" = running ]; }
ok "it is when the disk is back" wait_for 30 runs d
ok "and is served" serves d
mkdir "$tmp/elsewhere"
ln -s ../b.img "$tmp/elsewhere/link"
ok "an export is removed to make room" arenactl exports remove d
ok "the path of a disk may be relative" \
	eval '(cd "$tmp/elsewhere" && arenactl exports add rel link)'
is "the file has the absolute path, which leads over the same link" \
	"$(sed -n 's/^disk=//p' "$config.d/export-rel.conf")" "$tmp/elsewhere/link"
ok "that disk is served" wait_for 20 serves rel
ok "it is removed" arenactl exports remove rel
ok "a name may have control characters" arenactl exports add $'x\ny\e[2J' "$tmp/b.img"
is "people read question marks for them" "$(arenactl exports | awk '/^x/ { print $1 }')" "x?y?[2J"
is "JSON has the name as it is" "$(arenactl exports --json | python3 -c 'import json, sys
print(*[repr(e["name"]) for e in json.load(sys.stdin)["exports"] if e["name"][0] == "x"])')" "'x\\ny\\x1b[2J'"
ok "a client reads from it" wait_for 20 nbdsh -u "nbd://$address/x%0Ay%1B%5B2J" -c "h.pread(512, 0)"
ok "so they do in the list of latencies" eval "arenactl latency | grep -qF 'x?y?[2J '"
ok "it is removed" arenactl exports remove $'x\ny\e[2J'
mkdir "$tmp/gone"
cd "$tmp/gone" && rmdir "$tmp/gone"
ok "a relative path from a folder that is gone is refused" \
	fails 1 "link is a path from the working directory, which has no path itself" add rel link
cd "$top" || exit 1
ok "a removal waits until the room is free" arenactl exports add d "$tmp/d.img"
ok "which is served again" wait_for 20 serves d

# Files that are not as 'exports add' has made them
printf '%s\n' '[export more]' "disk = $tmp/b.img" >>"$config.d/export-d.conf"
ok "a file that has another export, too, is not removed" \
	fails 1 "export-d.conf has another section, too; remove [export" remove d
sed -i '/more/,$d' "$config.d/export-d.conf"
printf '%s\n' '[export d]' "disk = $tmp/b.img" >"$config.d/50-d.conf"
ok "an export that another file names, too, is not removed" \
	fails 1 "another file, or the command line of arenad, names the export, too" remove d
rm "$config.d/50-d.conf"
is "both files are there" "$(files)" "export-%42ig%20one.conf export-d.conf"
ok "the export is served" serves d

# A reload, or a trial of one, says which exports it changes.
mv "$config.d" "$tmp/away"
ok "a trial of a reload says what it would change" ends 0 "export d: removed" reload --dry-run
is "and nothing else" "$(sort "$tmp/told")" "export Big one: removed
export d: removed
nothing was changed, as this was only a trial"
is "the files have no export but one then, and this is said, too" \
	"$(arenactl reload --dry-run --json | json 'v["places"]')" \
	"[{'export': 'a', 'file': '$config', 'line': 4}]"
ok "nothing was changed" eval 'serves d && serves "Big%20one"'
mv "$tmp/away" "$config.d"
ok "a trial says that nothing would change" ends 0 "only a trial" reload --dry-run
is "and nothing else" "$(cat "$tmp/told")" "nothing was changed, as this was only a trial"
ok "--dry-run is for a reload only" ends 2 "--dry-run is for reload only" status --dry-run
printf '%s\n' 'limit = iops=5' 'allow = 127.0.0.0/8' 'no-disk = hide' >>"$config"
ok "a reload says what it has changed" ends 0 "export a: its limits are others" reload
is "and then that files were read" "$(tail -n 1 "$tmp/told")" "arenad has read its files again"
is "programs are told who may use an export, and what becomes of it without a disk" \
	"$(arenactl exports --json | json '*[(e["allow"], e.get("noDisk")) for e in v["exports"] if e["name"] in "ad"]')" \
	"(['127.0.0.0/8'], 'hide') ([], None)"
is "a reload that changes nothing says so to programs" \
	"$(arenactl reload --json | json 'v["hasFiles"], v["changes"], v["kept"]')" "True [] []"

# A reload names the options that stay as they were.
write_main 'hold = 31'
ok "a reload fails if an option stays as it was, and says what puts it in use" \
	ends 1 "--hold has changed, and stays as it was; 'arenactl upgrade' puts it in use" reload
ok "it says so" grep -q 'not all that the files say is in use' "$tmp/told"
write_main 'np-buffers = 512'
echo 'read-only = yes' >>"$config"
ok "a stop and a start are asked for where an upgrade would be refused" \
	ends 1 "--np-buffers has changed, and stays as it was; stopping arenad and starting it puts it in use" reload
ok "an option of an export is named with it" grep -qF "warning: --read-only of export 'a'" "$tmp/told"
is "programs are told it, too" \
	"$(arenactl reload --json 2>/dev/null |
		json '*sorted((k["option"], k.get("export"), k["needs"]) for k in v["kept"])')" \
	"('np-buffers', None, 'restart') ('read-only', 'a', 'restart')"
ok "an export is removed all the same" ends 0 "warning: --np-buffers has changed" exports remove d
sed -i 's/[a-z]*.img$/b.img/' "$config.d/export-%42ig%20one.conf"
ok "an export that was added keeps its disk, too" ends 1 "--disk of export 'Big one'" reload
sed -i 's/[a-z]*.img$/c.img/' "$config.d/export-%42ig%20one.conf"
printf '%s\n' '[export b]' "disk = $tmp/b.img" >"$config.d/50-b.conf"
ok "an export of a file that was not read yet is not added" \
	wait_for 60 fails 1 "there is an export 'b' already, in $config.d/50-b.conf:2" add b "$tmp/c.img"
is "no file is left of it" "$(files)" "50-b.conf export-%42ig%20one.conf"
rm "$config.d/50-b.conf"
ok "an export is added all the same" \
	wait_for 60 ends 0 "warning: --np-buffers has changed" exports add d "$tmp/d.img"
ok "and served" wait_for 20 serves d
ok "the status warns of what is not in use" ends 0 "warning: not all that the files say is in use" status
# succeeded: does arenad tell that the last reload has succeeded, and that it was so after $since?
succeeded()
{
	arenactl metrics >"$tmp/page"
	grep -qx "msharearena_last_reload_successful $1" "$tmp/page" && awk -v since="$since" \
		'/^msharearena_last_reload_success_timestamp_seconds / { is_since = $2 >= since }
		END { exit !is_since }' "$tmp/page"
}
since=0
ok "and so do the metrics" succeeded 0
since=$(date +%s.%N)
not_ok "by which it has not succeeded since" succeeded 0
write_main nonsense
kill -HUP "$arenad_pid"
ok "the status warns of a bad file that nobody waited for" wait_for 20 ends 0 \
	"warning: the last reload has failed: reload: $config:3: Equal sign is missing." status
is "programs are told it, too" "$(arenactl status --json | json 'v["lastReload"]["isSuccessful"]')" False
write_main 'disk-timeout = x' 'no-such = 1'
ok "of several errors the first one in the file is told" ends 1 "$config:3: disk-timeout: x is not" reload
ok "and that there are more" grep -qF "; the log of arenad has more" "$tmp/told"
write_main
ok "a reload is right again when the files are" ends 0 "arenad has read its files again" reload
ok "metrics tell that it has succeeded, and when" succeeded 1
not_ok "and the status has no warning" grep -q '^warning' <(arenactl status)

kill_arenad
arenad_start --config "$config"
ok "the next arenad has all of them" eval 'serves a && serves d && serves "Big%20one" && lacks b'
arenad_stop
is "arenad ends with status 0" "$status" 0
rm -r "$config.d"
arenad_start --config "$config" --bindir "$BUILD"
ok "an export is added" arenactl exports add b "$tmp/b.img"
sed -i 's/b.img$/d.img/' "$config.d/export-b.conf"
ok "it keeps its disk when its file has another one" ends 1 "--disk of export 'b' has changed" reload
ok "an upgrade does not mind" arenactl upgrade
is "the export has its disk" "$(arenactl exports --json | json '*[e["disk"] for e in v["exports"] if e["name"] == "b"]')" \
	"$tmp/b.img"
ok "and is told of still" ends 1 "--disk of export 'b' has changed" reload
kill_arenad
arenad_start --config "$config" --bindir "$BUILD"
ok "neither does an arenad that adopts the processes" serves b
ok "the export is removed" arenactl exports remove b
arenad_stop
arenad_start --config none --disk "a=$tmp/a.img" --exports-max 2
ok "a reload says that there is no file" ends 0 "arenad has no file of options" reload
ok "without files nothing can be added" fails 1 "the arenad that runs reads no files" add d "$tmp/d.img"
arenad_stop

# A reload that puts exports in use, and fails for something else
certificate authority authority ca cert_signing_key
certificate server authority 'dns_name = "localhost"' tls_www_server encryption_key signing_key
folder live authority server server
write_main
rm -rf "$config.d"
arenad_start --config "$config" --tls allow --tls-certificates "$tmp/live"
cp "$pki/server.key" "$tmp/live/server-cert.pem"
ok "an export that is added beside bad files of TLS is an error" fails 1 "TLS: " add b "$tmp/b.img"
ok "its file stays, as the export is there" grep -q "export-b.conf stays, as arenad has read it" "$tmp/told"
ok "it is served" wait_for 30 serves b
is "so it is there after the next start, too" "$(files)" "export-b.conf"
ok "its removal is an error, too" fails 1 "TLS: " remove b
ok "clients find it no more" wait_for 20 lacks b
is "its file is gone" "$(files)" ""
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
