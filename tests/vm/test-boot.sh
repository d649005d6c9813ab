#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: tests/vm/vm boots a machine again that died before its init spoke, once and
# loudly, and none that had begun. It boots machines, so it runs on the host.
# timeout: 240
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$(dirname "$0")/../.." || exit

logs=build/vm-logs/test-boot

# machine WORDS: tests/vm/vm with them; its status in $status
machine()
{
	tests/vm/vm --name test-boot --disk 16M --timeout 200 "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
}

boots()
{
	grep -c '\] booting ' "$tmp/err"
}

machine --append-first init=/nonexistent -- echo alive
is "it died in its first boot: status" "$status" 0
is "the command ran, once" "$(cat "$tmp/out")" alive
is "two boots" "$(boots)" 2
ok "it is said" grep -q 'DIED IN ITS OWN BOOT' "$tmp/err"
ok "and what the first said is kept" grep -q 'Kernel panic.*/nonexistent' "$logs/first-console.log"

machine -- sh -c 'echo begun; sleep 1; echo c >/proc/sysrq-trigger; sleep 100'
is "it died when it had begun: status" "$status" 125
ok "the command had begun" grep -qx begun "$tmp/out"
is "one boot" "$(boots)" 1
not_ok "and no word of another" grep -q 'DIED IN ITS OWN BOOT' "$tmp/err"
ok "nor a log" test ! -e "$logs/first-console.log"
done_testing
