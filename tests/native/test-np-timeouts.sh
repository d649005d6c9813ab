#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: who does not move is cut off in time, and what he had comes back: even
# with hardly enough memory for the others.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"

rig_start --slots 300 --memory 163840000 -- --stall-timeout 4 --handshake-timeout 3
ok "few network buffers mean few connections" \
	says "300 network buffers are enough for 150 connections only"
ok "a hostile client, with few network buffers" "$tools/nbd-hostile" "$host" "$port" d0
ok "clients that stall, and one with an endless handshake" \
	"$tools/nbd-greedy" "$host" "$port" d0 4 3
ok "a client that takes no replies is cut off" says "it does not take its replies"
ok "a client that sends no payload is cut off" says "its payload does not come"
ok "a client with an endless handshake is cut off" says "its handshake lasts too long"
arenad_stop
is "arena-np after stalled clients: status" "$status" 0

rig_start -- --idle-timeout 2
exec 4<>"/dev/tcp/$host/$port"
# Client flags, then EXPORT_NAME of the default export: now it is idle.
printf '\0\0\0\3IHAVEOPT\0\0\0\1\0\0\0\0' >&4
ok "an idle client is cut off" wait_for 6 says "it is idle"
exec 4>&-
arenad_stop
is "arena-np after an idle client: status" "$status" 0
done_testing
