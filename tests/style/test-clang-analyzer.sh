#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: clang-tidy finds nothing in libraries and daemons with the static analyzer either.
# run: long
# timeout: 2700
# All that .clang-tidy selects.
TIDY_CHECKS='' exec "$(dirname "$0")/test-clang-tidy.sh"
