#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: an arenad that a user without rights has started is followed by one of the same user, which
# adopts the processes, with a sandbox and without one; the keeper gives its descriptors only when
# a process of its user asks, and only for some seconds.
# Method: setpriv(1) runs each arenad as nobody, which has no CAP_SYS_PTRACE. system/test-adopt-user
# does the same on the module, with Yama in force.
# shellcheck disable=SC2034 # for lib.sh: one network process serves while the other one is killed
NPS=2
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
# shellcheck source=adopt-user-lib.sh
. "$(dirname "$0")/adopt-user-lib.sh"

one=$(disk one 64M)
two=$(disk two 64M)
chown nobody "$one" "$two"
adopt_as_nobody --disk "one=$one" --disk "two=$two"
done_testing
