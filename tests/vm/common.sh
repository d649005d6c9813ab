# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Shared by setup, enter and vm: paths, messages, and the cache.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cache=${MSHAREARENA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/msharearena}

# The root is Debian 13; newer kernels come from its backports.
suite=trixie

# Messages show the seconds since the outermost script began.
: "${MSHAREARENA_BEGAN:=$(printf '%(%s)T' -1)}"
export MSHAREARENA_BEGAN

# Progress goes to stderr: stdout belongs to the command that is run.
say()
{
	local now

	printf -v now '%(%s)T' -1
	printf '[%4ds] %s\n' $((now - MSHAREARENA_BEGAN)) "$*" >&2
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 125
}

# meta KEY: print a value of META
meta()
{
	sed -n "s/^$1: *//p" "$tree/META"
}

require_root()
{
	[ "$(id -u)" = 0 ] && return
	die "must be run as root: it uses chroot and mount. Try: sudo make ..."
}

# Install the packages that the host needs; all others are in the root.
host_packages()
{
	local missing=() install

	command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
		missing+=(debian-archive-keyring)
	[ "${#missing[@]}" = 0 ] && return
	command -v apt-get >/dev/null ||
		die "needs ${missing[*]}: install them with your package manager"
	say "installing ${missing[*]} on this host"
	install=(env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y
		--no-install-recommends "${missing[@]}")
	# A fresh machine has no package lists yet.
	"${install[@]}" >/dev/null 2>&1 ||
		{ apt-get update -qq && "${install[@]}" >/dev/null; } ||
		die "could not install them: run apt-get install ${missing[*]}"
}

# The root's name is a hash of everything that it is made from, so that a change makes a
# new root and checkouts with different needs can share one cache.
root_key()
{
	{
		printf '%s\n' "$suite" "$(meta Linux-Tested)"
		sed '/^[[:space:]]*\(#\|$\)/d' "$tree"/tests/vm/{packages,setup,stub-init}
	} | sha256sum | cut -c1-16
}

# shellcheck disable=SC2034 # used by the scripts that read this
# The partition table of root.img has this signature ("msha").
image_signature=0x6d736861

# The directory that holds root/ (a directory tree) and root.img (a disk).
root_dir()
{
	printf '%s/root-%s\n' "$cache" "$(root_key)"
}

# kernel_dir SERIES-debug: the directory that holds a debug kernel (vmlinuz-*)
# and what modules are built against (build/). The root must be there.
kernel_dir()
{
	local key

	key=$({
		echo "$1"
		# The source and the compilers, of those packages that the root has.
		awk '/^Package: / { name = $2 }
			/^Version: / && name ~ /^(gcc-[0-9]+|linux-source-.*)$/ { print name, $2 }' \
			"$(root_dir)/root/var/lib/dpkg/status"
		sed '/^[[:space:]]*\(#\|$\)/d' "$tree/tests/vm/debug-kernel"
		grep CONFIG_ "$tree/tests/vm/debug.config"
	} | sha256sum | cut -c1-16)
	printf '%s/kernel-%s\n' "$cache" "$key"
}

# Lock a directory of the cache until this process, or the program that it executes, ends,
# so that prune() leaves it alone.
hold_root()
{
	exec 7<"$1/lock"
	flock --shared 7
	touch "$1/lock"
}

hold_kernel()
{
	exec 6<"$1/lock"
	flock --shared 6
	touch "$1/lock"
}

# Only one set-up runs at a time: a second one waits for the first and then finds its work
# done. What a killed set-up left is removed.
lock_setup()
{
	mkdir -p "$cache"
	exec 9>"$cache/setup.lock"
	flock --nonblock 9 || { say "waiting for another set-up"; flock 9; }
	rm -rf --one-file-system "$cache"/new-*
}

# prune KEEP: remove roots and kernels of other trees that were not used for a week
prune()
{
	local old

	find "$cache" -maxdepth 1 \( -name 'root-*' -o -name 'kernel-*' \) \
		! -path "$1" -mtime +7 -print |
		while read -r old; do
			[ -z "$(find "$old/lock" -mtime -7 2>/dev/null)" ] || continue
			(
				flock --nonblock 7 || exit 0
				say "removing the unused $old"
				rm -rf --one-file-system "$old"
			) 7>>"$old/lock"
		done
}
