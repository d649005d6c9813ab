#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: where BPF cannot be used, an arenad that needs the filter of peers says so and does not start;
# one that only prefers it warns, and serves everybody; and one that is asked for none uses no BPF.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
requires nbdinfo

# The arenad of the path is one to which bpf(2) is forbidden, until allow.
mkdir "$tmp/bin"
cat >"$tmp/bin/arenad" <<END
#!/bin/bash
exec $BUILD/tests/native/forbid bpf $BUILD/arenad "\$@"
END
chmod 755 "$tmp/bin/arenad"
PATH=$tmp/bin:$PATH
disk=$(disk one 4M)
served() { [ "$(timeout 60 nbdinfo --size "nbd://$address/one")" = 4194304 ]; }
lack="this process may not use BPF, which needs CAP_BPF or CAP_SYS_ADMIN"

for option in "--peer 127.0.0.1" "--connect-rate 5" "--peer 127.0.0.1 --peer-filter required"; do
	# shellcheck disable=SC2086 # words
	arenad_next --disk "one=$disk" $option
	is "arenad ends with status 1 if BPF is forbidden: $option" "$next_status" 1
	ok "it says what is missing: $option" says "$lack"
	ok "it says what to do: $option" says "with --peer-filter preferred, arenad goes on without"
	is "it leaves nothing: $option" "$(processes_left; ls "$RUNTIME_DIRECTORY"/*.state 2>/dev/null)" ""
done

arenad_start --disk "one=$disk" --peer 192.0.2.1 --peer-filter preferred
ok "arenad that prefers a filter serves without" served
ok "it warns" says "there is no filter of peers, so everybody may connect (--peer-filter preferred): $lack"
if command -v arenactl >/dev/null; then
	ok "arenactl says it, too" \
		eval "arenactl peers | grep -qx 'there is no filter of peers: everybody may connect'"
fi
arenad_stop
is "it ends with status 0" "$status" 0

printf '[arenad]\n' >"$tmp/peers.conf"
arenad_start --disk "one=$disk" --config "$tmp/peers.conf"
ok "arenad without peers serves where BPF is forbidden" served
is "it says nothing of BPF" "$(grep -c BPF "$tmp/log")" 0
printf '[arenad]\npeer = 192.0.2.1\n' >"$tmp/peers.conf"
kill -HUP "$arenad_pid"
ok "SIGHUP that asks for a filter says that there is none" \
	wait_for 30 says "reload: there is no filter of peers, so everybody may connect: $lack"
ok "it serves on" served
: >"$tmp/log"
kill -USR2 "$arenad_pid"
ok "SIGUSR2 then changes nothing, as the next arenad would need it" \
	wait_for 60 says "this arenad goes on, and nothing was changed"
ok "it says why that would fail" says "$lack"
ok "it serves on after that" served
arenad_stop
is "that arenad ends with status 0" "$status" 0
done_testing
