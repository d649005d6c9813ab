#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs in the virtual machine: loads the module, fuzzes it, unloads it, and looks for leaks
# if the kernel has kmemleak. `make fuzz` runs it.
#
# Usage: tests/fuzz/guest.sh [OPTION OF fuzz]...
set -euo pipefail

insmod "${MSHAREARENA_KO:?names the module: run in tests/vm/vm}"
status=0
build/tests/fuzz/fuzz "$@" || status=$?
rmmod msharearena || status=1
if [ -w /sys/kernel/debug/kmemleak ]; then
	# kmemleak needs two scans, some seconds apart, to be sure.
	for _ in 1 2; do
		sleep 5
		echo scan >/sys/kernel/debug/kmemleak
	done
	leaks=$(cat /sys/kernel/debug/kmemleak)
	[ -z "$leaks" ] || { printf 'kmemleak:\n%s\n' "$leaks"; status=1; }
fi
exit "$status"
