#!/bin/bash
# SPDX-License-Identifier: MIT
# Says in one sentence what is missing to build userspace, before anything is compiled.
#
# Usage: user/build-needs.sh CC AR LD OBJCOPY CLANG BPFTOOL
set -euo pipefail

# The oldest liburing that has all that libarena calls.
liburing=2.5
packages="Debian, Ubuntu: liburing-dev; Fedora: liburing-devel"

die()
{
	printf 'cannot build: %s\n' "$1" >&2
	exit 1
}

# Compilers come with arguments, as in CC="ccache gcc".
for tool in "${@:1:4}"; do
	command -v "${tool%% *}" >/dev/null ||
		die "there is no '${tool%% *}' (Debian, Ubuntu, Fedora: install gcc and binutils)"
done
# The filter of peers runs in the kernel.
for tool in "${@:5}"; do
	command -v "${tool%% *}" >/dev/null ||
		die "there is no '${tool%% *}' (Debian, Fedora: install clang and bpftool; Ubuntu: clang and linux-tools-common)"
done

# The headers have had the version in them since 2.4.
read -ra cc <<<"$1"
found=$(printf '%s\n' '#include <liburing.h>' 'version IO_URING_VERSION_MAJOR IO_URING_VERSION_MINOR' |
	"${cc[@]}" -E -P -x c - 2>/dev/null | tail -n 1) || found=
case $found in
"version "[0-9]*)
	read -r _ major minor <<<"$found"
	((major > ${liburing%.*} || (major == ${liburing%.*} && minor >= ${liburing#*.}))) ||
		die "liburing $liburing or later is needed, and this one is $major.$minor ($packages)"
	;;
version*) die "liburing $liburing or later is needed, and this one is older than 2.4 ($packages)" ;;
*) die "liburing $liburing or later is needed, and its headers are not here (install it: $packages)" ;;
esac

# arena-sp asks NVMe namespaces by it what they can do, and arena-metrics controllers for their
# health.
printf '%s\n' '#include <libnvme.h>' | "${cc[@]}" -E -x c - >/dev/null 2>&1 ||
	die "libnvme is needed, and its headers are not here (install it: Debian, Ubuntu: libnvme-dev; Fedora: libnvme-devel)"

# arenad finds out by it which CPUs share a cache.
printf '%s\n' '#include <hwloc.h>' | "${cc[@]}" -E -x c - >/dev/null 2>&1 ||
	die "hwloc is needed, and its headers are not here (install it: Debian, Ubuntu: libhwloc-dev; Fedora: hwloc-devel)"

# arenad loads the module by it.
printf '%s\n' '#include <libkmod.h>' | "${cc[@]}" -E -x c - >/dev/null 2>&1 ||
	die "libkmod is needed, and its headers are not here (install it: Debian, Ubuntu: libkmod-dev; Fedora: kmod-devel)"

# arenad reads its files of options by it.
printf '%s\n' '#include <ini_configobj.h>' | "${cc[@]}" -E -x c - >/dev/null 2>&1 ||
	die "libini_config is needed, and its headers are not here (install it: Debian, Ubuntu: libini-config-dev; Fedora: libini_config-devel)"

# arena-np encrypts by it.
printf '%s\n' '#include <gnutls/gnutls.h>' | "${cc[@]}" -E -x c - >/dev/null 2>&1 ||
	die "GnuTLS is needed, and its headers are not here (install it: Debian, Ubuntu: libgnutls28-dev; Fedora: gnutls-devel)"
# arena-np and arena-sp give system calls up by it.
printf '%s\n' '#include <seccomp.h>' | "${cc[@]}" -E -x c - >/dev/null 2>&1 ||
	die "libseccomp is needed, and its headers are not here (install it: Debian, Ubuntu: libseccomp-dev; Fedora: libseccomp-devel)"

# arenad puts the filter of peers into the kernel by it.
printf '%s\n' '#include <bpf/libbpf.h>' | "${cc[@]}" -E -x c - >/dev/null 2>&1 ||
	die "libbpf is needed, and its headers are not here (install it: Debian, Ubuntu: libbpf-dev; Fedora: libbpf-devel)"

# Without libsystemd's Varlink nothing is built that asks arenad.
printf '%s\n' '#include <systemd/sd-varlink.h>' | "${cc[@]}" -E -x c - >/dev/null 2>&1 || exit 0

# arena-metrics serves HTTP by it.
printf '%s\n' '#include <microhttpd.h>' | "${cc[@]}" -E -x c - >/dev/null 2>&1 ||
	die "libmicrohttpd is needed, and its headers are not here (install it: Debian, Ubuntu: libmicrohttpd-dev; Fedora: libmicrohttpd-devel)"

# arenactl draws by it.
printf '%s\n' '#include <ncurses.h>' | "${cc[@]}" -E -x c - >/dev/null 2>&1 ||
	die "ncurses is needed, and its headers are not here (install it: Debian, Ubuntu: libncurses-dev; Fedora: ncurses-devel)"
