#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenad hands --disk-backend and --iopoll on to arena-sp, which says what it chose and why,
# and refuses a disk for which they are not meant.
# shellcheck source-path=SCRIPTDIR source=lib.sh
# One, because the first process that refuses its disk ends the others before they have said why.
SPS=1
. "$(dirname "$0")/lib.sh"

path=$(disk d 16M)

# refused MESSAGE OPTION...: arenad ends with status 1, and the log says MESSAGE
refused()
{
	local message=$1

	shift
	arenad_run --size 128M --disk "d=$path" "$@"
	arenad_wait
	is "arenad ends with status 1 at a regular file: $*" "$status" 1
	ok "arena-sp says why it refuses a regular file: $*" says "$message"
}

arenad_start --size 128M --disk "d=$path"
ok "arena-sp chooses the backend for regular files by itself" says "backend file (a regular file)"
arenad_stop
arenad_start --size 128M --disk "d=$path" --disk-backend file
ok "arena-sp uses the backend that arenad was asked for" says "backend file (as asked for)"
arenad_stop
refused "--backend block is not for a regular file" --disk-backend block
refused "--backend nvme is not for a regular file" --disk-backend nvme
refused "--iopoll: disk $path has no queues that can be polled" --iopoll
done_testing
