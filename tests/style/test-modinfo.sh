#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: modinfo(8) shows licence, version, author and all parameters of a built module.
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
	is "the module for $kernel has the licence GPL" "$(modinfo -F license "$module")" GPL
	is "the module for $kernel has the version of META" \
		"$(modinfo -F version "$module")" "$version"
	for field in author description srcversion vermagic; do
		ok "the module for $kernel has the field $field" \
			test -n "$(modinfo -F "$field" "$module")"
	done
	# A parameter without a description has a line "parmtype" but none "parm".
	modinfo -F parmtype "$module" | sed 's/:.*//' | sort >"$tmp/types"
	modinfo -F parm "$module" | sed -n 's/:.\{10,\}//p' | sort >"$tmp/described"
	ok "the module for $kernel has the parameters of the sources" \
		cmp "$tmp/types" "$tmp/parameters"
	ok "each parameter of the module for $kernel has a description" \
		cmp "$tmp/described" "$tmp/parameters"
done
[ "$checked" = 1 ] || skip_all "needs make module"
done_testing
