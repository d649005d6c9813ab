#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: the Debian packages install in a machine that systemd runs, the unit serves a disk on the
# module, is reloaded and upgraded by arenactl, has its processes adopted after a death of arenad, and
# stops; after a purge nothing of them is left. The processes are as confined as the best units are.
# vm: systemd
# vm: once
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=../native/exposure-lib.sh
. "$(dirname "$0")/../native/exposure-lib.sh"
requires systemctl dpkg nbdinfo python3
[ -d /run/systemd/system ] || skip_all "needs a machine that systemd runs"
debs=(/src/build/deb/msharearena_*.deb)
[ -e "${debs[0]}" ] || skip_all "needs make deb"
disk=${VM_DISK0:?names a disk that may be overwritten}
export PATH=/usr/sbin:/usr/bin

main_pid() { systemctl show -P MainPID arenad; }
is_active() { systemctl is-active arenad && [ "$(main_pid)" != "$1" ]; }
size() { nbdinfo --size nbd://127.0.0.1:10809/d; }
left() { find /usr /etc -xdev -newer "$tmp/before" \( -name '*arena*' -o -name '*mshare*' \) | sort; }

# The unit has its own, which arenactl is to find.
unset RUNTIME_DIRECTORY
touch "$tmp/before"
sleep 1
ok "the package of the daemons is installed" dpkg --force-depends -i "${debs[0]}"
ok "the users of the processes are made" id arena-np
ok "systemd knows the unit" systemctl cat arenad.service
insmod "$MSHAREARENA_KO"
udevadm settle
is "the device belongs to the group that may make regions" "$(stat -c '%G %a' /dev/msharearena)" \
	"msharearena 660"
echo 600 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
ok "the package has an example of a file of options" \
	grep -q '^#region = ' /etc/msharearena/arenad.conf
cat >/etc/msharearena/arenad.conf <<END
[arenad]
region = test
backend = module
size = 512M
listen = 127.0.0.1:10809
peer = 127.0.0.1
np-user = arena-np
sp-user = arena-sp
[export d]
disk = $disk
END
mkdir -p /run/systemd/system/arenad.service.d
printf '[Service]\nWatchdogSec=10\n' >/run/systemd/system/arenad.service.d/soon.conf
systemctl daemon-reload
ok "systemctl start comes back when arenad is ready" systemctl start arenad
[ "$(systemctl is-active arenad)" = active ] || journalctl -u arenad --no-pager | tail -40 | sed 's/^/# /'
is "the disk is served" "$(size)" "$(blockdev --getsize64 "$disk")"
ok "the unit may use BPF for the filter of peers" eval "arenactl peers | grep -qx 'peer 127.0.0.1'"
is "the network process is not root" "$(ps -o user= -C arena-np)" arena-np
is "the storage process is not root" "$(ps -o user= -C arena-sp)" arena-sp
for program in arena-np arena-sp; do
	pid=$(pgrep -o -x "$program")
	ok "systemd-analyze finds $program less exposed than 2.0" exposure_of "$pid"
	diag "$(score "$pid")"
done
ok "systemctl reload comes back when files were read" systemctl reload arenad
ok "arenactl reload says that files were read" arenactl reload
ok "arenactl shows the processes" eval "arenactl status | grep -q '^sp 0 *running'"
is "arenactl lists the region and how many have it attached" \
	"$(arenactl regions | awk '$1 == "test" { print $5 }')" 2
is "it lists which processes these are" \
	"$(arenactl regions --json | python3 -c 'import json, sys
print(*sorted(p["name"] for r in json.load(sys.stdin)["regions"] if r["name"] == "test" for p in r["processes"]))')" \
	"arena-np arena-sp"
is "so do the metrics, which arenad has from the module" \
	"$(arenactl metrics | awk '/^msharearena_region_attached{region="test"} / { print $2 }')" 2
ok "the numbers are served over HTTP" systemctl start arena-metrics
page() { python3 -c 'import urllib.request as u; print(u.urlopen("http://127.0.0.1:9809/metrics").read().decode())'; }
has_page() { page 2>/dev/null | grep -q '^msharearena_process_up{role="sp",number="0"} 1'; }
ok "they have the processes" wait_for 60 has_page
is "a user of its own serves them" "$(ps -o user= -C arena-http)" arena-metrics
ok "that process is in a sandbox" grep -q "^Seccomp:.2" "/proc/$(pgrep -x arena-http)/status"
ok "no measure of its sandbox is missing in the unit" \
	eval '! journalctl -u arena-metrics --no-pager | grep "going on without"'
# doctor: run it, with its output in a file
doctor() { arenactl doctor >"$tmp/doctor"; }
ok "arenactl doctor finds nothing bad" doctor
ok "it finds the module" grep -q '^good  *module  *version ' "$tmp/doctor"
ok "it finds the controller of the disk" grep -qE '^(good|advice)  *controller nvme[0-9]+  *live' \
	"$tmp/doctor"
sysctl -q kernel.io_uring_disabled=2
not_ok "arenactl doctor fails when io_uring is forbidden" doctor
ok "it says how to allow it" grep -q 'kernel.io_uring_disabled=0' "$tmp/doctor"
sysctl -q kernel.io_uring_disabled=0
processes=$(pgrep -x 'arena-np|arena-sp' | xargs)
ok "arenactl upgrade replaces all processes" arenactl upgrade
not_ok "others run then" test "$(pgrep -x 'arena-np|arena-sp' | xargs)" = "$processes"
processes=$(pgrep -x 'arena-np|arena-sp' | xargs)
first=$(main_pid)
kill -KILL "$first"
ok "systemd starts another arenad after a death" wait_for 60 is_active "$first"
is "its processes live on and are adopted" "$(pgrep -x 'arena-np|arena-sp' | xargs)" "$processes"
is "the disk is served on" "$(size)" "$(blockdev --getsize64 "$disk")"
ok "the arenad that has adopted the processes steers the filter of peers" arenactl peers add 127.0.0.2
first=$(main_pid)
kill -STOP "$first"
ok "systemd starts another arenad in place of one that hangs" wait_for 120 is_active "$first"
is "its processes live on and are adopted, too" "$(pgrep -x 'arena-np|arena-sp' | xargs)" "$processes"
for unit in arenad arena-metrics; do
	systemd-analyze security "$unit.service" --no-pager | tail -n 1 | sed 's/^/# /'
done
ok "the service of numbers stops" systemctl stop arena-metrics
ok "systemctl stop ends well" systemctl stop arenad
is "no process is left" "$(pgrep '^arena')" ""
is "the unit has not failed" "$(systemctl show -P Result arenad)" success
ok "the module unloads" rmmod msharearena
ok "the package is purged" dpkg --purge msharearena
is "nothing is left behind" "$(left)" ""
done_testing
