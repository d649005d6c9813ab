#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a wrong command line is refused with status 2 and a word on what is
# wrong, and --help names every option. What is at a limit is not only accepted, it works.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# refused PROGRAM MESSAGE ARGUMENT...
refused()
{
	local program=$1 message=$2
	shift 2
	"$BUILD/$program" "$@" >"$tmp/out" 2>"$tmp/log"
	is "$program $*: status" $? 2
	ok "and it says: $message" says "$message"
}

good=(--region test --listen 127.0.0.1:0 --disk "d=$tmp/d")
refused arenad "are needed"
refused arenad "are needed" --region test
refused arenad "unexpected argument" "${good[@]}" extra
refused arenad "unrecognized option" --nonsense
refused arenad "is not NAME=PATH" --disk d
refused arenad "is not NAME=PATH" --disk =path
refused arenad "is not NAME=PATH" --disk d=
refused arenad "two are called" --disk d=/a --disk d=/b
refused arenad "more than 8" --disk a=1 --disk b=1 --disk c=1 --disk d=1 --disk e=1 \
	--disk f=1 --disk g=1 --disk h=1 --disk i=1
refused arenad "none of auto, module, memfd" --backend disk
refused arenad "is not a number of bytes" --size 0
refused arenad "is not a number of bytes" --size 1X
refused arenad "none of 1G, 2M, 4K" --page-size 8K
refused arenad "not a multiple" "${good[@]}" --size 1G --size 3M --page-size 2M
refused arenad "is not a number from 2" --np-buffers 1
refused arenad "is not a number from 2" --np-buffers 21841

refused arena-sp "are needed"
refused arena-sp "is not a number from 0 to 7" --id 8
refused arena-sp "is not a number" --id x
refused arena-sp "is not a number" --np -1
refused arena-sp "unexpected argument" --region r --id 0 --disk d extra

for program in arenad arena-sp; do
	"$BUILD/$program" --help >"$tmp/help"
	is "$program --help: status" $? 0
	ok "$program --version" "$BUILD/$program" --version
	sources=user/${program#arena-}/options.c
	while read -r option; do
		ok "$program --help names --$option" grep -q -- "--$option" "$tmp/help"
	done < <(sed -n "s/.*{ \"\([a-z-]*\)\", [a-z]*_argument.*/\1/p" "$sources")
done

# The most buffers that are accepted do work.
arenad_start --np-buffers 21840 --size 512M --disk "d=$(disk d 4M)"
arenad_stop
is "the most buffers: stops well" "$status" 0
done_testing
