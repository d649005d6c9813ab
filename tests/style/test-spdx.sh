#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: every source file names its licence, and LICENSES has the text of each licence.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

mapfile -t sources < <(find kmod user include tests examples Makefile Kbuild -type f \
	\( -name '*.[chS]' -o -name '*.sh' -o -name Makefile -o -name Kbuild \) | sort)
awk -v without="$tmp/without" '
	FNR == 1 { if (file && !found) print file >without; file = FILENAME; found = 0 }
	FNR <= 2 && sub(/.*SPDX-License-Identifier: /, "") { sub(/\*.*/, ""); print; found = 1 }
	FNR == 2 { nextfile }
	END { if (!found) print file >without }' "${sources[@]}" >"$tmp/names"
ok "each of ${#sources[@]} files names its licence" test ! -s "$tmp/without" ||
	sed 's/^/# without: /' "$tmp/without"
while read -r name; do
	ok "LICENSES has the text of $name" test -s "LICENSES/$name"
done < <(sed 's/ *$//; s/ WITH /\n/' "$tmp/names" | sed 's/-only$//; s/-or-later$//' | sort -u)
done_testing
