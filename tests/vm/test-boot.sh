#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: tests/vm/vm boots a machine a second time, and says so, if it died before its init
# reported, and never if its init had reported. It boots machines, so it runs on the host.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$(dirname "$0")/../.." || exit

logs=build/vm-logs/test-boot

# machine WORD...: run tests/vm/vm with these arguments; sets $status
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
is "vm succeeds though the machine died in its first boot" "$status" 0
is "the command runs once if the machine died in its first boot" "$(cat "$tmp/out")" alive
is "a machine that died in its first boot is booted twice" "$(boots)" 2
ok "vm says that the machine died in its own boot" grep -q 'DIED IN ITS OWN BOOT' "$tmp/err"
ok "the kernel's log of the first boot is kept" \
	grep -q 'Kernel panic.*/nonexistent' "$logs/first-console.log"

machine -- sh -c 'echo begun; sleep 1; echo c >/proc/sysrq-trigger; sleep 100'
is "vm ends with status 125 if the machine dies while the command runs" "$status" 125
ok "the command had begun when the machine died" grep -qx begun "$tmp/out"
is "a machine that died while the command ran is booted once" "$(boots)" 1
not_ok "vm does not say that the machine died in its own boot" \
	grep -q 'DIED IN ITS OWN BOOT' "$tmp/err"
ok "there is no log of a first boot" test ! -e "$logs/first-console.log"
done_testing
