#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: the KUnit suites compile for each tested kernel, also for those of a distribution
# whose kernels are built without KUnit, since other distributions build theirs with it.
# run: long
# timeout: 300
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires make gcc

mkdir "$tmp/src"
cp -r META Kbuild kmod include "$tmp/src"
read -r -a tested < <(sed -n 's/^Linux-Tested: *//p' META)
for series in "${tested[@]}"; do
	[[ $series != *-debug ]] || continue
	kernel=$(basename "$(find /lib/modules -maxdepth 1 -name "$series.*" | sort | tail -n 1)")
	if [ ! -e "/lib/modules/$kernel/build" ]; then
		skip "the KUnit suites compile for Linux $series" "needs its headers"
		continue
	fi
	find "$tmp/src" -name '*.o' -delete
	for suite in kmod/test/*.c; do
		# It is not linked: for that the kernel would have to be built with KUnit.
		ok "the KUnit suite ${suite##*/} compiles for Linux $series" \
			make -s -C "/lib/modules/$kernel/build" \
			"M=$tmp/src" W=1e MSHAREARENA_KUNIT=1 CONFIG_KUNIT=y \
			KCFLAGS=-DCONFIG_KUNIT=1 "${suite%.c}.o"
	done
done
done_testing
