#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: sparse finds nothing in the module (address spaces, unbalanced locks, wrong types),
# with the headers of each kernel.
# timeout: 600
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires sparse

# Findings in the kernel's own headers do not count.
ours='^kmod/.*: (warning|error):'

for build in /lib/modules/*/build; do
	kernel=$(basename "${build%/build}")
	src=$tmp/$kernel
	mkdir -p "$src"
	cp -r kmod include Kbuild META "$src"
	make -C "$build" M="$src" C=2 CF=-D__CHECK_ENDIAN__ modules >"$tmp/log" 2>&1
	ok "the module builds for $kernel under sparse" test -e "$src/kmod/msharearena.ko" ||
		sed 's/^/# /' "$tmp/log"
	if grep -q "specified, but .* not up to date" "$tmp/log"; then
		skip "sparse finds nothing in the module for $kernel" \
			"this kernel needs a newer sparse than the build root has"
		continue
	fi
	ok "sparse checked every source of the module for $kernel" test \
		"$(grep -c '^  CHECK .*\.c$' "$tmp/log")" -ge "$(find kmod -maxdepth 1 -name '*.c' | wc -l)" ||
		sed 's/^/# /' "$tmp/log"
	sed "s,^$src/,," "$tmp/log" | grep -E "$ours" >"$tmp/findings"
	ok "sparse finds nothing in the module for $kernel" test ! -s "$tmp/findings" ||
		sed 's/^/# /' "$tmp/findings"
done
done_testing
