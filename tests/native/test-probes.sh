#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-np and arena-sp have all static probes that user/common/probe.h describes, with as
# many arguments, and the script for bpftrace uses these and no others.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
requires readelf
header=user/common/probe.h
script=user/dist/msharearena-requests.bt
! grep -q WITHOUT_SDT "$BUILD/obj/flags" ||
	skip_all "the programs were built without sys/sdt.h: install systemtap-sdt-dev"

# described: print each probe of the header with the number of its arguments
described()
{
	sed -nE 's/.*\bPROBE([0-9])\(([ns]p__[a-z_]+),.*/\2 \1/p' "$header" | sort
}

# notes PROGRAM: print provider, name and number of arguments of each probe that the program has
notes()
{
	readelf -n "$BUILD/$1" | awk '$1 == "Provider:" { provider = $2 }
		$1 == "Name:" { name = $2 }
		$1 == "Arguments:" { print provider, name, NF - 1 }' | sort -u
}

described >"$tmp/described"
is "the header describes nine probes" "$(wc -l <"$tmp/described")" 9
for program in arena-np arena-sp; do
	is "$program has the probes that the header describes, of the provider msharearena" \
		"$(notes "$program")" \
		"$(sed -n "s/^${program#arena-}__/msharearena &/p" "$tmp/described")"
done
is "each probe has a comment that describes it" \
	"$(sed -n 's/^ \* probe_\(.p\)_\([a-z_]*\)() - .*/\1__\2/p' "$header" | sort)" \
	"$(cut -d ' ' -f 1 "$tmp/described")"
# shellcheck disable=SC2016 # the script has parameters of its own
is "the script for bpftrace attaches to each of them, in the program that has it" \
	"$(sed -nE 's/^usdt:\$([0-9]):msharearena:([a-z_]+)$/\1 \2/p' "$script" | sort -k 2)" \
	"$(sed -E 's/^np__/2 &/; s/^sp__/3 &/; s/ [0-9]$//' "$tmp/described")"
if command -v bpftrace >/dev/null && [ "$(id -u)" = 0 ]; then
	is "bpftrace lists the probes of arena-sp" \
		"$(bpftrace -l "usdt:$BUILD/arena-sp:*" 2>/dev/null | sed 's/.*:/msharearena /' | sort -u)" \
		"$(notes arena-sp | cut -d ' ' -f 1,2)"
else
	skip "bpftrace lists the probes of arena-sp" "needs root and bpftrace"
fi
done_testing
