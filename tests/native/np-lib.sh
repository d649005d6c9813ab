# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Helpers for the tests of arena-np: they include lib.sh, and run arena-np on np-rig, which plays
# the storage processes.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

tools=$BUILD/tests/native

# rig_run [RIG OPTION...] -- [NP OPTION...]: start the rig in the background. arenad_stop and
# arenad_wait end it, as they end an arenad.
rig_run()
{
	local rig_options=()

	while [ "$1" != -- ]; do
		rig_options+=("$1")
		shift
	done
	shift
	: >"$tmp/log"
	: >"$tmp/ready"
	"$tools/np-rig" "${rig_options[@]}" "$BUILD/arena-np" --ready-fd 3 "$@" \
		3>"$tmp/ready" >"$tmp/out" 2>"$tmp/log" &
	arenad_pid=$!
}

# rig_start: like rig_run, at the places of $listen, and wait until it is ready; sets $address to
# the first one, and $host and $port if that is one of TCP
rig_start()
{
	rig_run "$@" "${listen[@]}"
	if ! wait_for 60 grep -q '^READY' "$tmp/ready"; then
		echo "Bail out! arena-np does not become ready"
		sed 's/^/# /' "$tmp/log"
		exit 1
	fi
	address=$(awk '{ print $2 }' "$tmp/ready")
	# shellcheck disable=SC2034 # for the tests
	host=${address%:*} port=${address##*:}
}
