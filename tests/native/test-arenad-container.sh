#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: where a container forbids or lacks what the daemons need, arenad ends with status 1 and a line
# that says what is missing, and not with a message that blames something else. It goes on without a
# measure of the sandbox, and says so once, unless it must not.
# Method: a filter of system calls, and a mount namespace without /proc.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires unshare umount

path=$(disk d 1M)
arenad_path=$(command -v arenad)
arguments=(--region test --backend memfd --listen 127.0.0.1:0 --size 128M --page-size 4K
	--disk "d=$path")

# refused WHAT TEXT COMMAND...: arenad, which COMMAND executes, ends with status 1 and says TEXT
refused()
{
	timeout 60 "${@:3}" "$arenad_path" "${arguments[@]}" >"$tmp/out" 2>"$tmp/log"
	is "arenad ends with status 1 $1" $? 1
	ok "arenad says what is missing $1: $2" says "$2"
}

refused "where io_uring_setup(2) is forbidden" "io_uring is forbidden" \
	"$BUILD/tests/native/forbid" io_uring_setup
refused "where pidfd_open(2) is forbidden" "pidfd_open(2) is needed and forbidden" \
	"$BUILD/tests/native/forbid" pidfd_open
if unshare --mount true 2>/dev/null; then
	# shellcheck disable=SC2016 # expanded by the inner shell
	refused "without /proc" "there is no /proc; mount it" \
		unshare --mount sh -c 'umount -l /proc && exec "$@"' sh
else
	skip "arenad says what is missing without /proc" "this machine makes no mount namespaces"
fi

arguments+=(--sandbox require)
refused "where namespaces are forbidden and required" \
	"arena-np and arena-sp cannot enter their sandbox here (--sandbox require)" \
	"$BUILD/tests/native/forbid" unshare

# A function of this name runs arenad where namespaces are forbidden.
arenad() { exec "$BUILD/tests/native/forbid" unshare "$arenad_path" "$@"; }
arenad_start --disk "d=$path"
is "arenad says once that it goes on without namespaces" \
	"$(grep -c "does not have namespaces of its own for each process" "$tmp/log")" 1
arenad_stop
is "arenad ends with status 0 where namespaces are forbidden" "$status" 0
done_testing
