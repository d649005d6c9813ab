#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: with --peer the kernel drops all packets of everybody else, over IPv4 and IPv6, and with
# --connect-rate connections that come too fast; both are counted and shown, peers are added and
# removed while clients are served, and whoever has the sockets cannot get rid of the filter.
# timeout: 400
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
# shellcheck source=net-lib.sh
. "$(dirname "$0")/net-lib.sh"
# shellcheck source=peers-lib.sh
. "$(dirname "$0")/peers-lib.sh"
# shellcheck source=peers-try-lib.sh
. "$(dirname "$0")/peers-try-lib.sh"
peers_begin
try_peers --disk "one=$(disk one 4M)"
done_testing
