#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: the public headers document every structure, every member and every call.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

kernel_doc=/usr/local/share/linux/scripts/kernel-doc
[ -x "$kernel_doc" ] || skip_all "needs kernel-doc, which the build root has"

for header in include/uapi/linux/*.h user/include/*.h; do
	"$kernel_doc" -none -Wall "$header" >"$tmp/findings" 2>&1
	ok "kernel-doc finds nothing missing in $header" \
		test ! -s "$tmp/findings" || sed 's/^/# /' "$tmp/findings"
done
done_testing
