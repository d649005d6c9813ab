#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-np cuts off a client that stalls and gets its buffers back, even if there is hardly
# enough memory for the other clients.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"

rig_start --slots 300 --memory 163840000 -- --stall-timeout 4 --handshake-timeout 3
ok "arena-np limits its connections to what 300 network buffers are enough for" \
	says "300 network buffers are enough for 150 connections only"
ok "a disk stays served with few network buffers while a client is hostile" \
	"$tools/nbd-hostile" "$host" "$port" d0
ok "a disk stays served while clients stall and a handshake does not end" \
	"$tools/nbd-greedy" "$host" "$port" d0 4 3
ok "arena-np cuts off a client that does not take its replies" says "it does not take its replies"
ok "arena-np cuts off a client that does not send its payload" says "its payload does not come"
ok "arena-np cuts off a client whose handshake does not end" says "its handshake lasts too long"
arenad_stop
is "arena-np ends with status 0 after clients that stalled" "$status" 0

rig_start -- --idle-timeout 2
exec 4<>"/dev/tcp/$host/$port"
# The client sends its flags and EXPORT_NAME of the default export, and is idle from then on.
printf '\0\0\0\3IHAVEOPT\0\0\0\1\0\0\0\0' >&4
ok "arena-np cuts off an idle client after --idle-timeout" wait_for 6 says "it is idle"
exec 4>&-
arenad_stop
is "arena-np ends with status 0 after an idle client" "$status" 0
done_testing
