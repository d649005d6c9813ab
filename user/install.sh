#!/bin/bash
# SPDX-License-Identifier: MIT
# What `make install` puts where and `make uninstall` removes: both read one list.
#
# Usage: user/install.sh install|uninstall|list
#
# From the environment, as make gives them: DESTDIR, PREFIX, LIBDIR, INCLUDEDIR,
# SBINDIR, DATADIR, MANDIR, DOCDIR.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^Version: *//p' META)

# put FOLDER MODE FILE...: copies of files
put()
{
	local folder=$1 mode=$2 file

	shift 2
	for file in "$@"; do
		printf '%s\t%s\t%s\n' "$folder/${file##*/}" "$mode" "$file"
	done
}

# put_link FOLDER NAME TARGET
put_link()
{
	printf '%s\tlink\t%s\n' "$1/$2" "$3"
}

# put_library FOLDER LIBRARY: the archive, the shared object and what names it
put_library()
{
	local name=${2##*/} soname

	soname=$name.so.${version%%.*}
	put "$1" 644 "$2.a" "$2.so.$version"
	put_link "$1" "$soname" "$name.so.$version"
	put_link "$1" "$name.so" "$soname"
}

put_libraries()
{
	local folder name

	for folder in user/lib*/; do
		name=$(basename "$folder")
		put_library "$LIBDIR" "build/$name"
		put_filled "$LIBDIR/pkgconfig" "$name.pc" "$folder$name.pc.in"
		# As user/Makefile finds out which have a debug variant.
		! grep -qrw ARENA_DEBUG "$folder" || put_library "$LIBDIR/msharearena/debug" "build/debug/$name"
	done
}

put_programs()
{
	local main name

	for main in user/*/main.c; do
		name=$(basename "${main%/main.c}")
		[[ $name == arena* ]] || name=arena-$name
		put "$SBINDIR" 755 "build/$name"
	done
}

# put_filled FOLDER NAME SOURCE: SOURCE has words to fill in
put_filled()
{
	printf '%s\tfilled\t%s\n' "$1/$2" "$3"
}

# What makes a service of the daemons. Other names than in the tree are those that others look for.
put_service()
{
	local program unit

	for unit in arenad arenad@; do
		put_filled "$PREFIX/lib/systemd/system" "$unit.service" user/dist/arenad.service.in
	done
	put "$PREFIX/lib/systemd/system" 644 user/dist/arenad.socket
	put_filled "$PREFIX/lib/systemd/system" arena-metrics.service user/dist/arena-metrics.service.in
	put "$DATADIR/msharearena" 644 user/dist/{alerts.yml,dashboard.json}
	put_filled "$DATADIR/msharearena" arena-metrics-nvme-health.conf \
		user/dist/arena-metrics-nvme-health.conf
	put_filled "$PREFIX/lib/sysusers.d" msharearena.conf user/dist/sysusers.conf
	put_filled "$DATADIR/msharearena" apparmor user/dist/apparmor
	put_filled "$PREFIX/lib/udev/rules.d" 60-msharearena.rules user/dist/udev.rules
	put_filled "$DATADIR/bash-completion/completions" arenad user/dist/completion.bash
	for program in arenactl arena-metrics arena-np arena-sp; do
		put_link "$DATADIR/bash-completion/completions" "$program" arenad
	done
}

# A call or a unit that has no page of its own is found too.
put_pages()
{
	local page section name

	for page in user/man/*.[1-9]; do
		section=${page##*.}
		put "$MANDIR/man$section" 644 "$page"
		sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([^ ]*\).*/\1/p' "$page" |
			while read -r name; do
				[ "$name.$section" = "${page##*/}" ] ||
					put_link "$MANDIR/man$section" "$name.$section" "${page##*/}"
			done
	done
}

# Lines of DESTINATION, MODE, SOURCE; of DESTINATION, "link", TARGET; and of
# DESTINATION, "filled", SOURCE with words to fill in.
list()
{
	put_programs
	put_libraries
	put "$INCLUDEDIR" 644 user/include/*.h
	put "$INCLUDEDIR/arena" 644 user/include/arena/*.h
	put "$INCLUDEDIR/linux" 644 include/uapi/linux/*.h
	put_pages
	put_service
	put "$DATADIR/msharearena" 644 user/dist/*.bt
	put "$DOCDIR/LICENSES" 644 LICENSES/*
	put "$DOCDIR/examples" 644 examples/*.c
	put "$DOCDIR" 644 docs/*.md
	put "$DOCDIR/operating" 644 docs/operating/*.md
}

# below_prefix DIR: as pkg-config relocates it, where it is below the prefix
below_prefix()
{
	case $1 in
	"$PREFIX"/*) echo "\${prefix}${1#"$PREFIX"}" ;;
	*) echo "$1" ;;
	esac
}

# fill_in SOURCE DESTINATION: a unit whose name ends in @ has an instance for each region
fill_in()
{
	local suffix='' which=''

	[[ $2 != *@.service ]] || suffix=-%i which=' (%i)'
	sed "s,@PREFIX@,$PREFIX,; s,@LIBDIR@,$(below_prefix "$LIBDIR"),
		s,@INCLUDEDIR@,$(below_prefix "$INCLUDEDIR"),; s,@VERSION@,$version,
		s,@SBINDIR@,$SBINDIR,; s,@DATADIR@,$DATADIR,; s,@UNIT@,${2##*/},; s,@SUFFIX@,$suffix,; s,@WHICH@,$which," "$1"
}

# Programs look for shared objects in a cache, which is root's.
refresh_cache()
{
	[ -z "$DESTDIR" ] && [ "$(id -u)" = 0 ] || return 0
	ldconfig -N -X -v 2>/dev/null | grep -q "^$LIBDIR:" || return 0
	ldconfig
}

# What was built, on a machine with an older libsystemd without what asks arenad.
list_built()
{
	if [ -e build/arenactl ]; then list; else list | grep -Ev '/(arenactl|arena-metrics)[^/]*$'; fi
}

install_all()
{
	local to mode from

	[ -e build/arenad ] || { echo "nothing is built: run 'make user' first" >&2; exit 1; }
	list_built | while IFS=$'\t' read -r to mode from; do
		printf '  INSTALL %s\n' "$DESTDIR$to"
		case $mode in
		link) ln -sf "$from" "$DESTDIR$to" ;;
		filled) fill_in "$from" "$to" | install -D -m 644 /dev/stdin "$DESTDIR$to" ;;
		*) install -D -m "$mode" "$from" "$DESTDIR$to" ;;
		esac
	done
	refresh_cache
}

# remove_empty FOLDER: and what it lies in, up to the prefix
remove_empty()
{
	local folder=$1

	while [ -n "$folder" ] && rmdir "$DESTDIR$folder" 2>/dev/null; do
		[ -n "$DESTDIR" ] || [ "$folder" != "$PREFIX" ] || break
		folder=${folder%/*}
	done
}

# The folders that are there for everybody in /usr and /usr/local stay.
folders()
{
	case $DESTDIR$PREFIX in
	/usr | /usr/local)
		printf '%s\n' "$INCLUDEDIR/arena" "$LIBDIR/msharearena/debug" "$LIBDIR/msharearena" \
			"$DATADIR/msharearena" \
			"$DOCDIR"/{LICENSES,examples} "$DOCDIR"
		;;
	*) list | sed 's,/[^/]*\t.*,,' | sort -u ;;
	esac
}

uninstall_all()
{
	local to folder

	list | while IFS=$'\t' read -r to _; do
		printf '  RM      %s\n' "$DESTDIR$to"
		rm -f "$DESTDIR$to"
	done
	folders | while read -r folder; do
		remove_empty "$folder"
	done
	refresh_cache
}

case ${1:-} in
list) list ;;
install) install_all ;;
uninstall) uninstall_all ;;
*) sed -n '/^# Usage/,/^set/s/^# \?//p' "$0" >&2; exit 2 ;;
esac
