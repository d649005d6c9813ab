#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The module is clean under sparse, with the headers of each kernel that is
# built for: address spaces, locks that are not given back, wrong types.
# timeout: 600
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires sparse

# What the kernel's own headers are told off for is not ours.
ours='^kmod/.*: (warning|error):'

for build in /lib/modules/*/build; do
	kernel=$(basename "${build%/build}")
	src=$tmp/$kernel
	mkdir -p "$src"
	cp -r kmod include Kbuild META "$src"
	make -C "$build" M="$src" C=2 CF=-D__CHECK_ENDIAN__ modules >"$tmp/log" 2>&1
	ok "$kernel: it builds" test -e "$src/kmod/msharearena.ko" ||
		sed 's/^/# /' "$tmp/log"
	if grep -q "specified, but .* not up to date" "$tmp/log"; then
		skip "$kernel: sparse" "this kernel wants a newer one than the build root has"
		continue
	fi
	ok "$kernel: sparse looked at all of it" test \
		"$(grep -c '^  CHECK .*\.c$' "$tmp/log")" -ge "$(find kmod -maxdepth 1 -name '*.c' | wc -l)" ||
		sed 's/^/# /' "$tmp/log"
	sed "s,^$src/,," "$tmp/log" | grep -E "$ours" >"$tmp/findings"
	ok "$kernel: it finds nothing" test ! -s "$tmp/findings" ||
		sed 's/^/# /' "$tmp/findings"
done
done_testing
