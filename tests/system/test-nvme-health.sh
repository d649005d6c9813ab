#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arena-metrics --nvme-health serves what real controllers tell, as who asks them by the
# kernel's own interface finds it; says which of them are behind the disk of an export; leaves out
# one that goes away, while the page is served; and only one of its processes may ask.
# timeout: 300
# vm: once
# shellcheck disable=SC2154,SC2016 # some are set by lib.sh; some text is for other shells
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../native/metrics-lib.sh
. "$(dirname "$0")/../native/metrics-lib.sh"
requires perl

disk2=${VM_DISK2:?names a disk, which nobody uses here}
# The disks that are served are all named here.
SPS=2

# controller DISK: print the controller of a namespace of a controller with one path
controller() { basename "$(dirname "$(readlink -f "/sys/class/block/${1#/dev/}")")"; }

# smart CONTROLLER: print what the log page says, as metrics do, asked by ioctl(2) and not by libnvme
cat >"$tmp/smart.pl" <<'END'
use strict;
my $log = "\0" x 512;
# Opcode 2; log page 2, events stay, 128 words.
my $cmd = pack("C C S L L L Q Q L L L6 L L", 2, 0, 0, 0xffffffff, 0, 0, 0,
	       unpack("Q", pack("P", $log)), 0, 512, 127 << 16 | 1 << 15 | 2, 0, 0, 0, 0, 0, 0, 0);
open(my $f, "<", "/dev/$ARGV[0]") or die "open: $!";
my $ret = ioctl($f, 0xc0484e41, $cmd);
defined $ret && $ret == 0 or die "ioctl: $!";
# wide AT: the number of 16 bytes there, which is not so large here
sub wide
{
	my ($low, $high) = unpack("Q< Q<", substr($log, $_[0], 16));
	die "a large number" if $high;
	return $low;
}
my ($warning, $kelvins, $spare, $threshold, $used) = unpack("C S< C C C", $log);
printf "critical_warning %d\n", $warning;
# The kernel's own target has no thermometer.
printf "temperature_celsius %d\n", $kelvins - 273 if $kelvins;
printf "available_spare_ratio %.2f\navailable_spare_threshold_ratio %.2f\nused_ratio %.2f\n",
	$spare / 100, $threshold / 100, $used / 100;
printf "%s %d\n", $_->[0], wide($_->[1]) * $_->[2]
	for (["read_bytes_total", 32, 512000], ["written_bytes_total", 48, 512000],
	     ["media_errors_total", 160, 1], ["error_log_entries_total", 176, 1],
	     ["unsafe_shutdowns_total", 144, 1], ["power_on_seconds_total", 128, 3600],
	     ["power_cycles_total", 112, 1]);
END
smart() { perl "$tmp/smart.pl" "$1"; }

same() { diff <(smart "$1") <(numbers "$1") >"$tmp/differs"; }
# agree NAME CONTROLLER: one test: the two say the same
agree() { ok "$1" wait_for 30 same "$2" || diag "$(cat "$tmp/differs")"; }
# controllers EXPORT: those that the page names
controllers()
{
	page && sed -n "s/^msharearena_export_nvme_info{.*export=\"$1\".*controller=\"\(.*\)\"} 1/\1/p" "$tmp/page" | xargs
}

first=$(controller "$disk0") third=$(controller "$disk2")
slow_disk
nvme_target "$disk1"
pages_2m 128
arenad_start --size 256M --page-size 2M --disk one=/dev/mapper/slow \
	--disk "two=/dev/ng${target_disk#/dev/nvme}"
ok "arena-metrics starts" health_start --user nobody

for c in "$first" "$target_device" "$third"; do
	ok "the numbers of $c come" wait_for 30 value_is nvme_health_known "$c" 1
	agree "they are those that the kernel's interface gives for $c" "$c"
done
diag "$first: $(numbers "$first" | xargs)"
before=$(value nvme_written_bytes_total "$first")
dd if=/dev/zero of=/dev/mapper/slow bs=1M count=32 oflag=direct status=none
# has_grown: it has told more than before, by what was written
has_grown() { [ "$(value nvme_written_bytes_total "$first")" -ge $((before + (31 << 20))) ]; }
ok "data that is written is seen" wait_for 30 has_grown
agree "and still as the kernel's interface gives it" "$first"
is "the controller behind a mapping is named" "$(controllers one)" "$first"
is "so is that of the character device of a namespace with several paths" \
	"$(controllers two)" "$target_device"

is "the process that asks has CAP_SYS_ADMIN alone" \
	"$(status_of "$health_pid" CapPrm) $(status_of "$health_pid" CapEff)" \
	"0000000000200000 0000000000200000"
is "the one that serves HTTP has no capability" "$(status_of "$http_pid" CapEff)" 0000000000000000
is "the one that makes the page has not that one" \
	"$((0x$(status_of "$metrics_pid" CapEff) & 0x200000))" 0
diag "CapEff: asks $(status_of "$health_pid" CapEff), makes the page $(
	status_of "$metrics_pid" CapEff), serves HTTP $(status_of "$http_pid" CapEff)"
is "the one that asks has a filter of system calls" "$(status_of "$health_pid" Seccomp)" 2

address_of_third=$(basename "$(readlink -f "/sys/class/nvme/$third/device")")
driver=/sys/bus/pci/drivers/nvme
timeout 20 sh -c "echo $address_of_third >$driver/unbind"
ok "a controller that goes away has no metric any more" \
	wait_for 30 eval 'test -n "$(numbers $first)" && test -z "$(numbers $third)$(value nvme_health_known $third)"'
is "the page is served meanwhile, with the others" \
	"$(value nvme_health_known "$first") $(value nvme_health_known "$target_device")" "1 1"
timeout 20 sh -c "echo $address_of_third >$driver/bind"
agree "it is back when the controller is" "$third"

kill -STOP "$health_pid"
ok "numbers are left out when they are old" wait_for 30 value_is nvme_health_known "$first" 0
is "all of them, and those of all controllers" "$(numbers "$first")$(numbers "$target_device")" ""
ok "the page says when they were told" eval '[[ "$(value nvme_health_timestamp_seconds "$first")" =~ ^[0-9]+[.][0-9]+$ ]]'
kill -CONT "$health_pid"
agree "they come back" "$first"
is "nothing was forbidden to the process that asks" "$(grep -c 'sandbox: system call' "$tmp/metrics.log")" 0
sed 's/^/# /' "$tmp/metrics.log"
kill "$metrics_pid"
wait "$metrics_pid"
is "arena-metrics ends with status 0" "$?" 0
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
