#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: on the module, and where Yama lets only ancestors trace a process, an arenad without rights
# is followed by another one, and the keeper gives its descriptors only when it is asked.
# Method: that of native/test-adopt-user, with the sysctl that distributions ship.
# timeout: 300
# vm: once
# shellcheck disable=SC2034 # for lib.sh: one network process serves while the other one is killed
NPS=2
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../native/adopt-lib.sh
. "$(dirname "$0")/../native/adopt-lib.sh"
# shellcheck source=../native/adopt-user-lib.sh
. "$(dirname "$0")/../native/adopt-user-lib.sh"

scope=/proc/sys/kernel/yama/ptrace_scope
[ -w "$scope" ] || skip_all "this kernel has no Yama"
at_exit sysctl -q -w "kernel.yama.ptrace_scope=$(cat "$scope")"
echo 1 >"$scope"
pages_2m 128
# The pages of a region count as locked memory of its user.
ulimit -l unlimited
at_exit chmod "$(stat -c %a /dev/msharearena)" /dev/msharearena
chmod 666 /dev/msharearena
chown nobody "$(realpath "$disk0")" "$(realpath "$disk1")"
at_exit chown root "$(realpath "$disk0")" "$(realpath "$disk1")"
size_one=$(blockdev --getsize64 "$disk0")
# shellcheck disable=SC2317 # it takes the place of that in adopt-lib.sh
still_served() { [ "$(nbdinfo --size "nbd://$address/one")" = "$size_one" ]; }
adopt_as_nobody --size 256M --page-size 2M --disk "one=$disk0" --disk "two=$disk1"
done_testing
