#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the profiles of the package confine each daemon that its units start, none of them is in the
# way of what the daemons do, and each forbids what it is for.
# Method: the units start, reload, upgrade and adopt, also with drop-ins for a log, a socket and the
# health of disks, and the kernel's log has no refusal; then programs that put themselves under a
# profile try what it allows and what it forbids. A purge takes the profiles out of the kernel.
# vm: systemd
# vm: once
# timeout: 600
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires systemctl dpkg apparmor_parser certtool nbdcopy nbdinfo python3
[ -d /run/systemd/system ] || skip_all "needs a machine that systemd runs"
[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] || skip_all "needs AppArmor"
debs=(/src/build/deb/msharearena_*.deb)
[ -e "${debs[0]}" ] || skip_all "needs make deb"
disk=${VM_DISK0:?names a disk that may be overwritten}
export PATH=/usr/sbin:/usr/bin LC_ALL=C
profiles=/etc/apparmor.d/msharearena

# The unit has its own, which arenactl is to find.
unset RUNTIME_DIRECTORY
# The kernel writes all that AppArmor refuses.
sysctl -q kernel.printk_ratelimit=0

clean_up()
{
	systemctl stop arenad arena-metrics
	systemctl reset-failed arenad
	rmmod msharearena
	rm -rf /etc/msharearena/tls "$folder" "$logs" "$drop_ins"/arena{d,-metrics}.service.d \
		/usr/local/lib/libarena-test.so
	dpkg --purge msharearena
	[ -z "$(loaded)" ] || apparmor_parser --remove "$tmp/profiles"
}

folder=/var/disks
drop_ins=/run/systemd/system
logs=/var/log/msharearena-test
page_socket=/run/arena-metrics/page.socket
at_exit clean_up
main_pid() { systemctl show -P MainPID arenad; }
is_active() { systemctl is-active arenad && [ "$(main_pid)" != "$1" ]; }
# labels: print each of our processes, with the profiles that it is under
labels()
{
	local pid

	for pid in $(pgrep '^arena'); do
		echo "$(cat "/proc/$pid/comm"): $(cat "/proc/$pid/attr/current")"
	done | sort -u
}
# loaded: print our profiles that the kernel has
loaded() { grep -E '^arena' /sys/kernel/security/apparmor/profiles | sort | xargs; }
# refusals: print what AppArmor has refused to our processes, each kind once
refusals()
{
	dmesg | sed -n '/apparmor="DENIED".* profile="arena/s/.*apparmor=/apparmor=/p' |
		sed 's/ pid=[0-9]*//' | sort -u
}
size() { nbdinfo --size "$@"; }
# copies EXPORT: an image is written to it, and read back
copies()
{
	nbdcopy --flush "$tmp/image" "nbd://127.0.0.1/$1" &&
		nbdcopy "nbd://127.0.0.1/$1" - | head -c 4M | cmp - "$tmp/image"
}
serves()
{
	ok "$1: a client writes to the disk and reads" copies d
	ok "$1: and to the file" copies f
}
# dies NAME: arenad is killed, and the next one adopts its processes
dies()
{
	local first processes

	processes=$(pgrep -x 'arena-np|arena-sp' | xargs)
	first=$(main_pid)
	kill -KILL "${first:?}"
	ok "$1: systemd starts another arenad after a death" wait_for 60 is_active "$first"
	is "$1: its processes live on and are adopted" "$(pgrep -x 'arena-np|arena-sp' | xargs)" \
		"$processes"
}

confined="arena-keeper: arenad (enforce)
arena-np: arena-np//&arenad (enforce)
arena-sp: arena-sp//&arenad (enforce)
arenad: arenad (enforce)"

# An index of manual pages takes longer than all else.
dpkg --force-depends --path-exclude='/usr/share/man/*' -i "${debs[0]}" >"$tmp/dpkg" 2>&1 ||
	diag "$(cat "$tmp/dpkg")"
is "the package loads its profiles, all of which are enforced" "$(loaded)" \
	"arena-metrics (enforce) arena-np (enforce) arena-sp (enforce) arenad (enforce)"
cp "$profiles" "$tmp/profiles"
insmod "$MSHAREARENA_KO"
udevadm settle
echo 600 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
head -c 4M /dev/urandom >"$tmp/image"
mkdir -p "$folder"
truncate -s 4M "$folder/f"
chown -R arena-sp "$folder"
certtool --generate-privkey --outfile "$folder/server-key.pem" 2>/dev/null
printf '%s\n' 'cn = "msharearena"' ca cert_signing_key signing_key tls_www_server >"$tmp/template"
certtool --generate-self-signed --load-privkey "$folder/server-key.pem" --template "$tmp/template" \
	--outfile "$folder/server-cert.pem" 2>/dev/null
cp "$folder/server-cert.pem" "$folder/ca-cert.pem"
mkdir -p /etc/msharearena/tls "$logs" "$drop_ins"/arena{d,-metrics}.service.d
mv "$folder"/*.pem /etc/msharearena/tls
cat >"$drop_ins/arenad.service.d/before.conf" <<'END'
[Service]
ExecStartPre=+/bin/sh -c 'cat /proc/self/attr/current >/run/before'
END
# As on a machine that collects logs in files, for a proxy in front of the numbers, and with the
# drop-in of the package for the health of disks.
cat >"$drop_ins/arena-metrics.service.d/log.conf" <<END
[Service]
StandardOutput=append:$logs/metrics
StandardError=append:$logs/metrics
RuntimeDirectory=arena-metrics
CapabilityBoundingSet=CAP_CHOWN
END
sed "s|--nvme-health|& --listen unix:$page_socket --socket-group www-data \
	--runtime-dir /run/msharearena|" \
	/usr/share/msharearena/arena-metrics-nvme-health.conf \
	>"$drop_ins/arena-metrics.service.d/nvme-health.conf"
systemctl daemon-reload

# configure [LINE...]: the options, of which some are LINEs
configure()
{
	cat >/etc/msharearena/arenad.conf <<-END
		[arenad]
		region = test
		backend = $backend
		size = 512M
		exports-max = 3
		page-size = 2M
		listen = 127.0.0.1:10809
		listen = unix:/run/arena.socket
		peer = 127.0.0.1
		tls = allow
		tls-certificates = /etc/msharearena/tls
		$(printf '%s\n' "$@")
		[export d]
		disk = $disk
		[export f]
		disk = $folder/f
	END
}

# start NAME
start()
{
	ok "$1: arenad starts" systemctl start arenad
	[ "$(systemctl is-active arenad)" = active ] ||
		journalctl -u arenad --no-pager | tail -n 20 | sed 's/^/# /'
}

users=("np-user = arena-np" "sp-user = arena-sp")
backend=module
configure "${users[@]}"
apparmor_parser --remove "$profiles"
start "without profiles"
is "no process is confined before" "$(labels | sed 's/.*: //' | sort -u)" unconfined
apparmor_parser --replace "$profiles"
dies "when there are profiles"
is "the new arenad is confined, and so is its keeper" "$(labels)" "arena-keeper: arenad (enforce)
arena-np: unconfined
arena-sp: unconfined
arenad: arenad (enforce)"
is "what loads the module is not confined" "$(cat /run/before)" unconfined
ok "arenactl upgrade replaces processes that no profile confines" arenactl upgrade
is "each process is confined then" "$(labels)" "$confined"
serves "confined"
ok "a client speaks TLS" size "nbds://127.0.0.1/d?tls-verify-peer=false"
ok "a client comes by a UNIX socket" size "nbd+unix:///d?socket=/run/arena.socket"
truncate -s 4M "$folder/g"
chown arena-sp "$folder/g"
printf '[export g]\ndisk = %s\n' "$folder/g" >>/etc/msharearena/arenad.conf
ok "arenactl reload says that files were read" arenactl reload
ok "an export that is new is served" wait_for 20 size nbd://127.0.0.1/g
ok "the filter of peers takes another one" arenactl peers add 127.0.0.2
dies "confined"
ok "arenactl upgrade replaces processes that are confined" arenactl upgrade
is "their successors are, too" "$(labels)" "$confined"
serves "after the upgrade"
ok "the numbers are served over HTTP" systemctl start arena-metrics
# page_has LINE: the page of numbers has a line that begins so
page_has()
{
	python3 - "$page_socket" <<'END' | grep "^msharearena_$1"
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
print(s.makefile().read())
END
}
ok "a proxy has them at a UNIX socket, with the processes" \
	wait_for 60 page_has 'process_up{role="sp",number="0"} 1'
controller=$(basename "$(dirname "$(readlink -f "/sys/class/block/${disk#/dev/}")")")
ok "a controller tells its health" \
	wait_for 20 page_has "nvme_health_known{controller=\"$controller\"} 1"
ok "the one behind the disk is named" page_has "export_nvme_info{.*controller=\"$controller\"} 1"
is "its processes are confined" "$(labels | grep -E 'metrics|http|health')" \
	"arena-health: arena-metrics (enforce)
arena-http: arena-metrics (enforce)
arena-metrics: arena-metrics (enforce)"
ok "they write to a file of logs" test -s "$logs/metrics"
not_ok "no measure of a sandbox is missing" grep "going on without" "$logs/metrics"
ok "the service of numbers stops" systemctl stop arena-metrics
ok "arenad stops" systemctl stop arenad
is "no process is left" "$(pgrep '^arena')" ""

# Processes that are root; without the module, all memory is that of memfds. The log is a file.
backend=memfd
configure
printf '[Service]\nStandardOutput=append:%s\nStandardError=append:%s\n' "$logs"/daemons{,} \
	>"$drop_ins/arenad.service.d/log.conf"
systemctl daemon-reload
start "as root"
is "processes of root are confined" "$(labels)" "$confined"
serves "as root"
# One with more rights than a storage process, under another profile.
python3 - "$folder/g" <<'END' &
import fcntl, signal, sys

disk = open(sys.argv[1])
fcntl.flock(disk, fcntl.LOCK_EX)
with open("/proc/self/attr/current", "w") as f:
	f.write("changeprofile arena-metrics")
signal.pause()
END
holder=$!
wait_for 20 grep -q arena-metrics "/proc/$holder/attr/current"
printf '[export g]\ndisk = %s\n' "$folder/g" >>/etc/msharearena/arenad.conf
arenactl reload >/dev/null 2>&1
ok "a storage process names who uses its disk" \
	wait_for 20 grep "$folder/g: it is in use by process $holder (python3)" "$logs/daemons"
kill "$holder"
ok "a network process writes to a file of logs" grep arena-np "$logs/daemons"
dies "as root"
ok "arenad of root stops" systemctl stop arenad
is "AppArmor has refused nothing" "$(refusals)" ""

# attempt PROFILE WORD...: print what each WORD gives in a process that has put itself under PROFILE,
# which is OK or the name of an error
attempt()
{
	python3 - "$disk" "$@" <<'END'
import ctypes, errno, mmap, os, signal, socket, sys

disk, profile, *chosen = sys.argv[1:]
tcp = (socket.AF_INET, socket.SOCK_STREAM)
words = {
	"read-passwd": lambda: os.open("/etc/passwd", os.O_RDONLY),
	"read-shadow": lambda: os.open("/etc/shadow", os.O_RDONLY),
	"read-key": lambda: os.open("/etc/msharearena/tls/server-key.pem", os.O_RDONLY),
	"read-disk": lambda: os.open(disk, os.O_RDONLY),
	"write-disk": lambda: os.open(disk, os.O_RDWR),
	"write-srv": lambda: os.open("/srv/log", os.O_WRONLY | os.O_CREAT),
	"write-etc": lambda: os.open("/etc/passwd", os.O_WRONLY),
	"write-usr": lambda: os.open("/usr/sbin/arenad", os.O_WRONLY),
	"write-sysctl": lambda: os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY),
	"socket-tcp": lambda: socket.socket(*tcp),
	"socket-udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
	"socket-packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
	"execute": lambda: os.execv("/bin/true", ["true"]),
	"map-library": lambda: mmap.mmap(os.open("/usr/local/lib/libarena-test.so", os.O_RDONLY), 0,
					 mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC),
	"mount": lambda: libc.mount(b"none", b"/mnt", b"tmpfs", 0, None),
	"trace": lambda: libc.ptrace(SEIZE, outside, None, None),
	"kill": lambda: os.kill(outside, signal.SIGCONT),
}
libc = ctypes.CDLL(None, use_errno=True)
outside = os.getppid()
SEIZE = 0x4206
if profile != "unconfined":
	with open("/proc/self/attr/current", "w") as f:
		f.write("changeprofile " + profile)
for word in chosen:
	child = os.fork()
	if not child:
		try:
			ctypes.set_errno(0)
			ret = words[word]()
			os._exit(ctypes.get_errno() if ret == -1 else 0)
		except OSError as e:
			os._exit(e.errno)
	status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
	print(word, errno.errorcode[status] if status > 0 else "OK")
END
}
# gives PROFILE WHAT RESULT WORD...
gives()
{
	local word result n=0

	while read -r word result; do
		is "$1 $2 $word" "${result/EPERM/EACCES}" "$3"
		n=$((n + 1))
	done < <(attempt "$1" "${@:4}")
	[ "$n" = $(($# - 3)) ] || not_ok "$1 was tried with all of: ${*:4}" true
}
allows() { gives "$1" allows OK "${@:2}"; }
forbids() { gives "$1" forbids EACCES "${@:2}"; }

cp "$(ldconfig -p | sed -n 's/.*libseccomp.*=> //p' | head -n 1)" /usr/local/lib/libarena-test.so
allows unconfined read-passwd read-shadow read-key read-disk write-disk write-srv write-etc \
	write-usr write-sysctl socket-tcp socket-udp socket-packet execute mount trace kill
umount /mnt
allows arena-np socket-tcp map-library
forbids arena-np read-passwd read-key read-disk write-srv socket-udp socket-packet execute mount \
	trace kill
allows arena-sp write-disk map-library
forbids arena-sp read-shadow read-key socket-tcp socket-udp socket-packet execute mount trace kill
# Without the capability of a raw socket no rule is asked.
allows arenad write-disk read-key socket-tcp map-library
forbids arenad write-etc write-usr write-sysctl socket-udp execute mount
allows arena-metrics socket-tcp map-library
forbids arena-metrics read-key read-disk write-srv socket-udp execute mount trace
# As docs/install.md says how to find out what was refused, and how to allow it.
ok "the kernel's log says what was refused" \
	eval "journalctl -k --no-pager | grep apparmor | grep 'profile=\"arenad\" name=\"/usr/bin/true\"'"
for profile in arenad arena-np arena-sp arena-metrics; do
	echo '/srv/log w, network inet dgram,' >"/etc/apparmor.d/local/$profile"
done
ok "the profiles are loaded with rules of this machine" apparmor_parser --replace "$profiles"
for profile in arenad arena-np arena-sp arena-metrics; do
	allows "$profile" write-srv socket-udp
done
rm /srv/log

# left: print what the package, or somebody by its profiles, has left
left() { find /etc/apparmor.d /var/cache/apparmor -name '*arena*' | sort; }
# As a start of the machine does it, and aa-disable.
apparmor_parser --replace --write-cache "$profiles"
ln -s "$profiles" /etc/apparmor.d/disable/
ok "the package is purged" dpkg --purge msharearena
is "the kernel has no profile of it" "$(loaded)" ""
is "nor is one left, or a rule" "$(left)" ""
done_testing
