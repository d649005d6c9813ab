#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a built module says of itself is complete: modinfo(8) has all of it.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires modinfo

version=$(sed -n 's/^Version: *//p' META)
grep -ohE '\<module_param(_named|_cb)?\([a-z_]+' kmod/*.c | sed 's/.*(//' | sort >"$tmp/parameters"
checked=0
for dir in /lib/modules/*; do
	kernel=${dir##*/}
	module=build/module/$kernel/msharearena.ko
	[ -e "$module" ] || continue
	checked=1
	is "$kernel: license" "$(modinfo -F license "$module")" GPL
	is "$kernel: version, as META has it" "$(modinfo -F version "$module")" "$version"
	for field in author description srcversion vermagic; do
		ok "$kernel: $field" test -n "$(modinfo -F "$field" "$module")"
	done
	# A parameter without a description has no parm line, but a parmtype.
	modinfo -F parmtype "$module" | sed 's/:.*//' | sort >"$tmp/types"
	modinfo -F parm "$module" | sed -n 's/:.\{10,\}//p' | sort >"$tmp/described"
	ok "$kernel: it has the parameters of the sources" cmp "$tmp/types" "$tmp/parameters"
	ok "$kernel: each is described" cmp "$tmp/described" "$tmp/parameters"
done
[ "$checked" = 1 ] || skip_all "needs make module"
done_testing
