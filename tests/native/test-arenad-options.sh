#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a wrong command line is refused with status 2 and a message that says what is
# wrong with it. Values at a limit are accepted. Help that cannot be written is an error.
# shellcheck disable=SC2034 # for lib.sh: the region is as small as it can be
NPS=1
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# refused PROGRAM MESSAGE ARGUMENT...: the program ends with status 2 and says MESSAGE
refused()
{
	local program=$1 message=$2
	shift 2
	"$BUILD/$program" "$@" >"$tmp/out" 2>"$tmp/log"
	is "$program refuses with status 2: $*" $? 2
	ok "$program explains why it refuses: $message" says "$message"
}

good=(--region test --listen 127.0.0.1:0 --disk "d=$tmp/d")
long=$(printf '%4097s' '' | tr ' ' x)
refused arenad "--region is needed"
refused arenad "--listen is needed" --region test --disk "d=$tmp/d"
refused arenad "--disk is needed" --region test --listen 127.0.0.1:0
refused arenad "--region: must not be empty" --region ''
refused arenad "--region: a/b is not a name of 1 to 63 letters" "${good[@]}" --region a/b
refused arenad "--region: .a is not a name of 1 to 63 letters" "${good[@]}" --region .a
refused arenad "extra is not an option" "${good[@]}" extra
refused arenad "unrecognized option" --nonsense
refused arenad "--listen: localhost:1 is none of ADDR:PORT, unix:PATH, fd:N, systemd[:NAME]" \
	--listen localhost:1
refused arenad "--listen: fd:x is none of" --listen fd:x
refused arenad "--listen: systemd: is none of" --listen systemd:
refused arenad "--listen: systemdx is none of" --listen systemdx
refused arenad "--listen: unix: is none of" --listen unix:
refused arenad "--listen: the path of a UNIX socket has at most 107 bytes" --listen "unix:$long"
refused arenad "--backlog: 0 is not a number from 1 to 65535" --backlog 0
refused arenad "--unreachable-timeout: 86401 is not a number from 0 to 86400" \
	--unreachable-timeout 86401
refused arenad "--socket-mode: 778 is not an octal number from 0 to 777" --socket-mode 778
refused arenad "--socket-mode: -1 is not an octal number from 0 to 777" --socket-mode=-1
refused arenad "--socket-mode: 1777 is not an octal number from 0 to 777" --socket-mode 1777
refused arenad "--socket-user: there is no user no-such-user" --socket-user no-such-user
refused arenad "--socket-group: there is no group no-such-group" --socket-group no-such-group
refused arenad "--tls: on is none of off, allow, require" --tls on
refused arenad "--tls: require needs --tls-certificates or --tls-psk" "${good[@]}" --tls require
refused arenad "--tls-verify-clients: needs --tls-certificates" "${good[@]}" --tls-verify-clients
refused arenad "--max-connections-per-client: 4088 is not a number from 0 to 4086" \
	--max-connections-per-client 4088
refused arenad "--listen: there are more than 8" --listen=1.1.1.1:{1,2,3,4,5,6,7,8,9}
refused arenad "--disk: d is not NAME=PATH" --disk d
refused arenad "--disk: =path is not NAME=PATH" --disk =path
refused arenad "--disk: d= is not NAME=PATH" --disk d=
refused arenad "--disk: two are called d" --disk d=/a --disk d=/b
refused arenad "--disk: the name has 4097 bytes, and 4096 is the most" --disk "$long=/a"
refused arenad "--disk: the name is no UTF-8" --disk $'d\xff=/a'
refused arenad "--description: there is no export d" --description d=text
refused arenad "--description: text is not NAME=TEXT" --disk d=/a --description text
refused arenad "--description: the text is no UTF-8 of at most 255 bytes" --disk d=/a \
	--description $'d=\xc3'
refused arenad "--description: the text is no UTF-8 of at most 255 bytes" --disk d=/a \
	--description "d=$long"
refused arenad "--read-only: there is no export e" --disk d=/a --read-only e
refused arenad "--allow: there is no export e" --disk d=/a --allow e=unix
refused arenad "--allow: d is not NAME=RULE" --disk d=/a --allow d
for rule in here 10.0.0.0/33 ::/129 1.2.3 1.2.3.4/ fe80::1%lo /8; do
	refused arenad "--allow: $rule is none of NETWORK/BITS, ADDRESS, unix, x509:NAME, psk:NAME" \
		--disk d=/a --allow "d=$rule"
done
refused arenad "--allow: 10.0.0.1/8 has bits set behind its first 8" --disk d=/a \
	--allow d=10.0.0.1/8
refused arenad "--allow: psk: names nobody" --disk d=/a --allow d=psk:
refused arenad "--allow: there are more than 16 for one export" --disk d=/a --allow=d=1.1.1.{1..17}
refused arenad "--limit: there is no export e" --disk d=/a --limit e=iops=1
refused arenad "--limit: ops=1 is none of iops=N, bytes=SIZE, connections=N" --disk d=/a \
	--limit d=ops=1
refused arenad "--limit: iops=2 is none of iops=N, bytes=SIZE, connections=N" --disk d=/a \
	--limit d=iops=1,iops=2
refused arenad "--limit: 0 is not a number from 1 to 1000000000" --disk d=/a --limit d=iops=0
refused arenad "--limit: 1K is not a size from 64K to 1T" --disk d=/a --limit d=bytes=1K
refused arenad "--limit: 0 is not a number from 1 to 1000000" --disk d=/a \
	--limit d=connections=0
refused arenad "--disk-memory: there is no export e" --disk d=/a --disk-memory e=1G
refused arenad "--disk-memory: d is not NAME=BYTES" --disk d=/a --disk-memory d
for size in 0 3K 513G x; do
	refused arenad "--disk-memory: $size is not a size from 4K to 512G" --disk d=/a \
		--disk-memory "d=$size"
done
refused arenad "--np-memory: 0 is not a size from 4K to 512G" --np-memory 0
refused arenad "--default-export: there is no export e" --disk d=/a --default-export e
refused arenad "--no-disk: wait is none of hide, refuse" --disk d=/a --no-disk d=wait
refused arenad "--no-disk: there is no export e" --disk d=/a --no-disk e=hide
refused arenad "--disk: there are more than 32" --disk={a..z}{0,1}=1
refused arenad "--backend: disk is none of auto, module, memfd" --backend disk
refused arenad "--disk-backend: memfd is none of auto, nvme, block, file" --disk-backend memfd
refused arenad "--transport: eventfd is none of hybrid, msg-ring" --transport eventfd
refused arenad "--zerocopy-threshold: 0 is none of auto, never and a size" --zerocopy-threshold 0
refused arenad "--wait: long is none of sleep, poll, adapt" --wait long
refused arenad "--np-user: there is no user no-such-user" --np-user no-such-user
refused arenad "--sp-user: there is no user no-such-user" --sp-user no-such-user
refused arenad "--size: 0 is not a size from 4K to 512G" --size 0
refused arenad "--size: 1T is not a size from 4K to 512G" --size 1T
refused arenad "--size: 12Q is not a size; use e.g. 512G" --size 12Q
refused arenad "--page-size: 8K is none of 1G, 2M, 4K" --page-size 8K
refused arenad "not a multiple" "${good[@]}" --size 1G --size 3M --page-size 2M
refused arenad "--np-buffers: 1 is not a number from 2 to" --np-buffers 1
refused arenad "--np-buffers: 16381 is not a number from 2 to" --np-buffers 16381
refused arenad "--max-connections: 0 is not a number from 1 to 4086" --max-connections 0
refused arenad "--idle-timeout: 86401 is not a number from 0 to 86400" --idle-timeout 86401
refused arenad "--handshake-timeout: x is not a number" --handshake-timeout x
refused arenad "--stall-timeout: -1 is not a number" --stall-timeout=-1

refused arena-sp "--region is needed"
refused arena-sp "--id is needed" --region r --disk d
refused arena-sp "--id: 32 is not a number from 0 to 31" --id 32
refused arena-sp "--id: x is not a number" --id x
refused arena-sp "--np: 3,4 is not RING,MEMORY,PEER" --np 3,4
refused arena-sp "--np is needed" --region r --id 0 --disk d
refused arena-sp "--control-fd is needed" --region r --id 0 --disk d --np 3,4,5
refused arena-sp "--layout-fd is needed" --region r --id 0 --disk d --np 3,4,5 --control-fd 6
refused arena-sp "--control-fd: x is not the number of a descriptor" --control-fd x
refused arena-sp "extra is not an option" --region r --id 0 --disk d extra

refused arena-np "--sp: a=x is not NAME=RING,MEMORY,PEER" --sp a=x
refused arena-np "--control-fd: -1 is not the number of a descriptor" --control-fd=-1
refused arena-np "--ready-fd: x is not the number of a descriptor" --ready-fd x

# style/test-man.sh compares the manual pages with --help.
version=$(sed -n 's/^Version: //p' META)
for program in arenad arena-np arena-sp; do
	for option in --help --usage --version; do
		"$BUILD/$program" "$option" >"$tmp/out" 2>&1
		is "$program $option ends with status 0" $? 0
		"$BUILD/$program" "$option" >/dev/full 2>"$tmp/log"
		is "$program $option ends with status 1 if the output cannot be written" $? 1
		ok "$program $option says why the output cannot be written" says "No space left"
	done
	is "$program --version prints the version in META" \
		"$("$BUILD/$program" --version)" "$program $version"
done

# fits SIZE PAGE-SIZE OPTION...: a region of so many MiB is large enough
fits()
{
	local status

	arenad_run --size "$1M" --page-size "$2" "${@:3}" --disk "d=$(disk d 4M)" \
		--disk "e=$(disk e 4M)"
	wait_for 30 grep -q 'taking\|error' "$tmp/log"
	arenad_stop
	! grep -q 'are too few for' "$tmp/log"
}
# needed: the size that arenad says is needed
needed() { sed -n 's/.*they need \([0-9]*\)M.*/\1/p' "$tmp/log"; }
while read -r page options; do
	# shellcheck disable=SC2086 # several words
	not_ok "arenad refuses a region of 60 MiB for two disks in pages of $page with $options" \
		fits 60 "$page" $options
	size=$(needed)
	# 1 GiB is the unit in such pages.
	unit=$([ "$page" = 1G ] && echo 1024 || [ "$page" = 2M ] && echo 2 || echo 1)
	# shellcheck disable=SC2086
	ok "the size that arenad then says is needed is enough: ${size}M" fits "$size" "$page" $options
	# shellcheck disable=SC2086
	not_ok "less than that is not enough, with $options in pages of $page" \
		fits $((size - unit)) "$page" $options
done <<-END
	4K --nps 2 --np-buffers 4
	4K --nps 1
	2M --nps 3 --np-buffers 300
END

# The options of an export follow the disk.
disks=(--size 512M --page-size 4K --disk "d=$(disk d 4M)" --disk "e=$(disk e 4M)")
for least in "--np-memory:--np-memory=9M" "--disk-memory:--disk-memory=e=9M"; do
	option=${least#*:}
	arenad_run "${disks[@]}" "$option"
	arenad_wait
	is "arenad ends with status 1 if ${option%9M}9M is too small a part" "$status" 1
	ok "arenad says that ${option%9M}9M is too small" says "${least%%:*}: 9216 KiB are too few"
	enough=$(sed -n 's/.* needs \([0-9]*K\);.*/\1/p' "$tmp/log")
	arenad_start "${disks[@]}" "${option%9M}$enough"
	arenad_stop
	is "the size that arenad then says is needed is enough: ${option%9M}$enough" "$status" 0
done
arenad_run "${disks[@]}" --disk-memory e=500M
arenad_wait
is "arenad ends with status 1 if a disk has nearly all of the region" "$status" 1
ok "arenad says how large the region has to be for a large part" says "they need"
arenad_start "${disks[@]}" --disk-memory d=100M --disk-memory e=100M --np-memory 100M
ok "arenad warns of memory that the given parts leave to no process" \
	says "--np-memory and --disk-memory leave 212 MiB of the region to no process"
arenad_stop
arenad_start "${disks[@]}" --verbose --np-memory 80M --disk-memory e=300M
# has_part PROCESS MIB: it has this much of the region, but for the edges of its buffers
has_part()
{
	local part

	part=$(sed -n "s/.*: $1 .*gets \([0-9]*\) MiB of the region/\1/p" "$tmp/log")
	echo "$1 has $part MiB"
	[ "$part" -le "$2" ] && [ "$part" -ge "$(($2 - 4))" ]
}
ok "the network process has the part that --np-memory names" has_part "arena-np 0" 80
ok "the storage process of an export has the part that --disk-memory names" has_part "arena-sp 1" 300
ok "a storage process without --disk-memory has what the others leave" has_part "arena-sp 0" 132
for name in d e; do
	ok "disk $name, whose part has a size of its own, is written and read" \
		"$BUILD/tests/native/nbd-many" "${address%:*}" "${address##*:}" "$name" 4 across
done
arenad_stop
is "arenad ends with status 0 after parts of given sizes" "$status" 0

arenad_start --np-buffers 16380 --size 512M --disk "d=$(disk d 4M)"
arenad_stop
is "arenad with the greatest accepted --np-buffers works and ends with status 0" "$status" 0

# A long command line for arena-np; in its place a script writes it down.
mkdir "$tmp/bin"
printf '#!/bin/sh\nprintf "%%s\\n" "$@" >%s/arguments\n' "$tmp" >"$tmp/bin/arena-np"
printf '#!/bin/sh\nexec sleep 60\n' >"$tmp/bin/arena-sp"
chmod 755 "$tmp/bin"/*
listen=()
disks=()
for i in {1..8}; do
	listen+=(--listen "unix:$tmp/socket-$i")
done
for i in {1..24}; do
	disks+=(--disk "d$i=$(disk "d$i" 1M)" --description "d$i=disk $i" --no-disk "d$i=hide")
	for j in {1..16}; do
		disks+=(--allow "d$i=10.0.0.$j")
	done
done
arenad_run --verbose --bindir "$tmp/bin" "${disks[@]}" --zerocopy-threshold 64K
arenad_wait
is "arenad gives arena-np the names of 24 disks" \
	"$(grep -c '^d[0-9]*=[0-9]*,[0-9]*,[0-9]*$' "$tmp/arguments")" 24
is "arenad gives arena-np 16 rules for each of 24 disks" \
	"$(grep -c '^d[0-9]*=10.0.0.[0-9]*$' "$tmp/arguments")" 384
is "arenad gives arena-np the greatest number of sockets" "$(grep -c '^fd:' "$tmp/arguments")" 8
is "arenad ends with status 1 if arena-np ends" "$status" 1
done_testing
