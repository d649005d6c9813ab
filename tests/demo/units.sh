# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The parts of tests/demo/guest.sh that are other ones where systemd runs the daemons by the units of
# the package, to be sourced by it. shellcheck reads both together.
# shellcheck disable=SC2034,SC2154

address=127.0.0.1:10809 numbers=127.0.0.1:9809
uri_one=nbd://$address/one uri_two=nbd://$address/two
options=/etc/msharearena/arenad.conf

read_journal()
{
	journalctl --sync
	journalctl --unit arenad --output cat --no-pager >"$tmp/arenad.log"
}

end_units()
{
	systemctl stop arena-metrics arenad 2>/dev/null || true
}

# The machine has no compiler with which DKMS could build the module, and under emulation depmod takes
# a quarter of a minute, so that the module is loaded by hand.
install_package()
{
	if [ ! -d /run/systemd/system ] || [ -z "${VM_KERNEL:-}" ]; then
		die "the package is only installed in a virtual machine that systemd runs"
	fi
	dpkg --force-depends -i build/deb/msharearena_*.deb >"$tmp/dpkg" 2>&1 ||
		{ cat "$tmp/dpkg"; die "the package cannot be installed: run 'make deb'"; }
	step "the package msharearena is installed"
}

# write_options N: so many clients may use export one at a time
write_options()
{
	cat >$options <<-END
		[arenad]
		region = $name
		size = ${mib}M
		page-size = 2M
		backend = module
		nps = $nps
		listen = $address
		np-user = arena-np
		sp-user = arena-sp
		verbose = yes
		[export one]
		disk = $(served "$disk0")
		limit = connections=$1
		[export two]
		disk = $(served "$disk1")
	END
}

start_unit()
{
	echo $((pages + mib / 2)) >"$pool"
	write_options 32
	show "$options" cat $options
	check "arenad finds nothing wrong with its options" arenad --check-config
	step "systemctl start arenad: a region of $mib MiB, $nps arena-np, and an arena-sp for each disk"
	systemctl start arenad || die "the unit does not start"
	step "clients may come to nbd://$address"
}

# said TEXT: has it been logged since the line $since?
said()
{
	read_log
	tail -n "+$since" "$tmp/arenad.log" | grep -qF -- "$1"
}

reload()
{
	local since

	since=$(log_end)
	step "another limit is written into the file: export one may have 64 clients"
	write_options 64
	check "systemctl reload arenad reads it" systemctl reload arenad
	check "the limit is in use, says the journal" wait_for 30 \
		said "the limit of export 'one' is now: connections=64"
}

# has_clients N: are there N connections at least?
has_clients()
{
	arenactl clients >"$tmp/clients" && [ "$(wc -l <"$tmp/clients")" -gt "$1" ]
}

# All processes are others than those of the list BEFORE, and each has its view again.
are_others()
{
	list_sharing
	is_at_one_address && ! cut -d ' ' -f 2 "$tmp/sharing" | grep -qxF "$1"
}

# fio_ends: wait for its end, and say what it has said if it failed
fio_ends()
{
	wait "$fio" || { cat "$tmp/fio"; return 1; }
}

upgrade_under_fio()
{
	local before fio

	before=$(cut -d ' ' -f 2 "$tmp/sharing")
	step "fio: random writes with --verify on both disks at once, while arenactl upgrade puts other processes in place"
	fio_both --loops=2 >"$tmp/fio" 2>&1 &
	fio=$!
	wait_for 60 has_clients 2 || die "fio does not connect: $(cat "$tmp/fio")"
	show "arenactl clients" cat "$tmp/clients"
	log_anew np-0 np-1 sp-0 sp-1
	check "arenactl upgrade" arenactl upgrade --timeout 120
	check "fio is still at work then" kill -0 "$fio"
	check "all $((nps + sps)) processes are others than before" wait_for 30 are_others "$before"
	check "fio verifies every block, over the connections that it had" fio_ends
	upgraded=$((nps + sps))
	check "they have no more rights than those before" wait_for 30 lists_no_rights
}

# read_page: print what arena-metrics serves
read_page()
{
	local fd

	exec {fd}<>"/dev/tcp/${numbers%:*}/${numbers##*:}" || return
	printf 'GET /metrics HTTP/1.0\r\n\r\n' >&"$fd"
	cat <&"$fd"
	exec {fd}<&-
}

has_all_up()
{
	read_page >"$tmp/page" 2>/dev/null
	[ "$(grep -c '^msharearena_process_up{.*} 1$' "$tmp/page")" = $((nps + sps)) ]
}

read_metrics()
{
	step "systemctl start arena-metrics serves numbers for Prometheus at http://$numbers/metrics"
	check "the unit starts" systemctl start arena-metrics
	check "the page has all $((nps + sps)) processes" wait_for 60 has_all_up
	show "some of its lines" grep -E \
		'^msharearena_(process_(up|restarts)|np_(reads|writes)|sp_bytes_(read|written))(_total)?\{' "$tmp/page"
}

stop_units()
{
	show "arenactl status" arenactl status
	check "the units stop" systemctl stop arena-metrics arenad
	check "systemd says that arenad has ended well" \
		test "$(systemctl show --property Result --value arenad)" = success
	check "no page and no attachment is left" test ! -e "/dev/mshare/$name"
}
