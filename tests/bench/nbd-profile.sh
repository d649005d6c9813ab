#!/bin/bash
# SPDX-License-Identifier: MIT
# Where the instructions of a request go: runs NP and SP under valgrind's callgrind, has fio
# ask for blocks, and prints for each kind of work the instructions a request of
# both and the functions that take the most. Instructions of userspace only; the kernel's
# share is in the CPU time that `make bench-nbd` measures. Beside them stand the system
# calls a request, counted while nothing slows the daemons down.
#
# Usage: tests/bench/nbd-profile.sh     with these variables:
#
#   WORK=RE       only work whose name matches, of the list below
#   REQUESTS=8192 requests of each
#   TOP=12        functions that are listed
#
# What starting and stopping take is measured first, and taken off.
work_re=${WORK:-.} requests=${REQUESTS:-8192} top=${TOP:-12}
# shellcheck source=nbd-lib.sh
. "$(dirname "$0")/nbd-lib.sh"

all_works="randread/4k/1/1 randread/4k/32/1 randwrite/4k/1/1 randwrite/4k/32/1 randrw/4k/32/1
	randread/4k/32/4 read/128k/8/1 write/128k/8/1"

make_wrappers()
{
	local name

	mkdir "$tmp/bin"
	for name in arena-np arena-sp; do
		cat >"$tmp/bin/$name" <<-EOF
			#!/bin/sh
			exec valgrind -q --tool=callgrind --callgrind-out-file=$tmp/$name.out \\
				$(realpath "$BUILD")/$name "\$@" --sandbox off
		EOF
		chmod +x "$tmp/bin/$name"
	done
}

# ask PATTERN BLOCK DEPTH CONNECTIONS COUNT
ask()
{
	local bytes

	bytes=$(($(numfmt --from=iec "${2^^}") * ($5 / $4)))
	timeout 300 fio --name=x --ioengine=nbd --uri="$uri" --rw="$1" --bs="$2" --iodepth="$3" \
		--numjobs="$4" --io_size="$bytes" --size="$disk_bytes" --rwmixread=70 \
		--randrepeat=0 --norandommap >"$tmp/fio.out" 2>&1 ||
		{ cat "$tmp/fio.out" >&2; fail "fio"; }
}

# profile COUNT WORK: instructions of NP and SP for so many requests, in $np and $sp
profile()
{
	local port=$((20000 + RANDOM % 10000)) command

	arena_command "$port" "$disk"
	command_start "$port" "$(server_export arena)" "${command[@]}" --bindir "$tmp/bin"
	# shellcheck disable=SC2086 # its four parts
	ask ${2//\// } "$1"
	server_stop
	np=$(sed -n 's/^summary: //p' "$tmp/arena-np.out")
	sp=$(sed -n 's/^summary: //p' "$tmp/arena-sp.out")
	[[ -n $np && -n $sp ]] || fail "NP or SP was killed before it had written what callgrind counted"
}

# calls_of WORK: system calls a request, $calls
calls_of()
{
	local port=$((20000 + RANDOM % 10000))

	server_start arena "$disk" "$port"
	calls_begin
	# shellcheck disable=SC2086
	ask ${1//\// } "$((requests * 4))"
	calls_end "$((requests * 4))"
	server_stop
}

functions_of()
{
	callgrind_annotate --inclusive=no --show-percs=no "$tmp/$1.out" |
		awk -v requests="$requests" -v top="$top" '
			/file:function/ { begun = 1; next }
			begun && $1 ~ /^[0-9,]+$/ && n < top {
				gsub(",", "", $1)
				name = $2
				sub(/.*\//, "", name)
				printf "    %8.1f  %s\n", $1 / requests, name
				n++
			}'
}

main()
{
	local work np sp base_np base_sp

	for program in fio valgrind callgrind_annotate; do
		command -v "$program" >/dev/null || fail "needs $program"
	done
	find_counter
	make_group
	make_pages "$REGION"
	make_wrappers
	open_disk "${DISK_SIZE:-256M}" "${DISK:-}"
	describe
	for work in $all_works; do
		[[ $work =~ $work_re ]] || continue
		profile 32 "$work"
		base_np=$np base_sp=$sp
		profile "$((requests + 32))" "$work"
		[ "$calls_by" = none ] || calls_of "$work"
		printf '\n%s: instructions a request: NP %d, SP %d' "$work" \
			"$(((np - base_np) / requests))" "$(((sp - base_sp) / requests))"
		printf '; system calls a request: %s, io_uring_enter(2) of the busier one: %s\n' \
			"${calls% *}" "${calls#* }"
		echo "  NP"
		functions_of arena-np
		echo "  SP"
		functions_of arena-sp
	done
}

calls='- -'
main
