# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The servers that `make bench-nbd` and its relatives compare: the one place that knows
# how each is started, and what it does with the page cache. Sourced by nbd-lib.sh.
#
# ARENA_OPTIONS adds options to arenad's; REGION is the size of its region (128M), PAGES
# that of the region's pages (2M; 4K needs no huge pages), and MADE_OF what it is made of.
# OTHER is the folder of another build of arenad, which becomes the server arena-other. With TLS=1
# some servers come twice, without TLS and with it; where the kernel has TLS, arena comes a third
# time, with the process's own.
: "${REGION:=128M}" "${PAGES:=2M}" "${MADE_OF:=memfd}" "${ARENA_OPTIONS:=}" "${OTHER:=}" "${TLS:=}"

# shellcheck disable=SC2034 # for those who source this
all_servers="arena qemu-nbd qemu-storage-daemon nbdkit nbdkit-none nbd-server floor-one floor-two"
[ -z "$TLS" ] || all_servers="arena arena-tls qemu-nbd qemu-nbd-tls nbdkit nbdkit-tls"
[ -z "$TLS" ] || [ ! -d /sys/module/tls ] || all_servers+=" arena-np-tls"
[ -z "$OTHER" ] || all_servers="arena arena-other ${all_servers#arena }"

# server_cache NAME: does its disk I/O go past the page cache (direct), through it
# (cached), or through it and out of it again at once (evicts)?
server_cache()
{
	case $1 in
	arena* | qemu-* | floor-* | nvmet-tcp) echo direct ;;
	nbdkit-none) echo evicts ;;
	*) echo cached ;;
	esac
}

# server_program NAME: what must be installed
server_program()
{
	case $1 in
	arena*) echo arenad ;;
	floor-*) echo floor ;;
	nbdkit*) echo nbdkit ;;
	*) echo "${1%-tls}" ;;
	esac
}

# server_export NAME: the name of what it serves
server_export()
{
	case $1 in
	arena* | qemu-storage-daemon | nbd-server) echo d ;;
	esac
}

# arena_command PORT DISK...: $command serves them as the exports d, d1, d2, ...
arena_command()
{
	local port=$1 disk number=''

	shift
	command=(arenad --region "bench-$port" --replace --backend "$MADE_OF" --size "$REGION"
		--page-size "$PAGES" --listen "127.0.0.1:$port")
	for disk in "$@"; do
		command+=(--disk "d$number=$disk")
		number=$((number + 1))
	done
	# shellcheck disable=SC2206 # several words
	command+=($ARENA_OPTIONS)
}

# server_command NAME DISK PORT: what starts it in the foreground, in $command
server_command()
{
	case $1 in
	arena) arena_command "$3" "$2" ;;
	arena-tls | arena-np-tls)
		arena_command "$3" "$2"
		command+=(--tls require --tls-certificates "$tmp/tls")
		case $1 in
		arena-tls) command+=(--ktls always) ;;
		*) command+=(--ktls never) ;;
		esac ;;
	arena-other)
		arena_command "$3" "$2"
		command[0]=$OTHER/arenad ;;
	qemu-nbd)
		command=(qemu-nbd -f raw --cache=none --aio=io_uring -t -e 64 -b 127.0.0.1
			-p "$3" "$2") ;;
	qemu-storage-daemon)
		command=(qemu-storage-daemon
			--blockdev "driver=$(qemu_driver "$2"),node-name=d,filename=$2,cache.direct=on,aio=io_uring"
			--nbd-server "addr.type=inet,addr.host=127.0.0.1,addr.port=$3,max-connections=64"
			--export "type=nbd,id=e,node-name=d,name=d,writable=on") ;;
	qemu-nbd-tls)
		server_command qemu-nbd "$2" "$3"
		command+=(--object "tls-creds-x509,id=t,endpoint=server,verify-peer=no,dir=$tmp/tls"
			--tls-creds t) ;;
	nbdkit-tls)
		command=(nbdkit -f -i 127.0.0.1 -p "$3" --tls=require
			--tls-certificates="$tmp/tls" file "$2") ;;
	nbdkit) command=(nbdkit -f -i 127.0.0.1 -p "$3" file "$2") ;;
	nbdkit-none) command=(nbdkit -f -i 127.0.0.1 -p "$3" file "$2" cache=none) ;;
	nbd-server)
		# shellcheck disable=SC2154 # of nbd-lib.sh
		printf '[generic]\nlistenaddr = 127.0.0.1\nport = %s\n[d]\nexportname = %s\n' \
			"$3" "$2" >"$tmp/nbd-server.conf"
		command=(nbd-server -n -C "$tmp/nbd-server.conf" -p "$tmp/nbd-server.pid") ;;
	floor-*) command=(floor "${1#floor-}" "$2" "$3") ;;
	*) return 1 ;;
	esac
}

qemu_driver()
{
	if [ -b "$1" ]; then echo host_device; else echo file; fi
}
