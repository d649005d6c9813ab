#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: every source file names its licence, and LICENSES has the text of each licence.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

mapfile -t sources < <(find kmod user include tests examples Makefile Kbuild -type f \
	\( -name '*.[chS]' -o -name '*.sh' -o -name Makefile -o -name Kbuild \) | sort)
for file in "${sources[@]}"; do
	head -n 2 "$file" | sed -n "s,.*SPDX-License-Identifier: \([^*]*\).*,\1,p" |
		grep . || echo "$file" >>"$tmp/without"
done >"$tmp/names"
ok "each of ${#sources[@]} files names its licence" test ! -s "$tmp/without" ||
	sed 's/^/# without: /' "$tmp/without"
while read -r name; do
	ok "LICENSES has the text of $name" test -s "LICENSES/$name"
done < <(sed 's/ *$//; s/ WITH /\n/' "$tmp/names" | sed 's/-only$//; s/-or-later$//' | sort -u)
done_testing
