#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the filter of peers does on a stock kernel, with the module and NVMe disks, what
# native/test-peers says, by the same checks.
# timeout: 500
# vm: once
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../native/adopt-lib.sh
. "$(dirname "$0")/../native/adopt-lib.sh"
# shellcheck source=../native/net-lib.sh
. "$(dirname "$0")/../native/net-lib.sh"
# shellcheck source=../native/peers-lib.sh
. "$(dirname "$0")/../native/peers-lib.sh"
# shellcheck source=../native/peers-try-lib.sh
. "$(dirname "$0")/../native/peers-try-lib.sh"
peers_begin
pages_2m 128
try_peers --size 256M --page-size 2M --disk "one=$disk0"
done_testing
