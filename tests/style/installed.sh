# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Shared by the tests of what `make install` leaves, after ../lib.sh: installs below
# $tmp/root, as for a package of Debian's, and knows what is there.
# (lib.sh has made $tmp; some variables are for the tests alone.)
libdir=/usr/lib/x86_64-linux-gnu
# shellcheck disable=SC2154
root=$tmp/root
where=(DESTDIR="$root" PREFIX=/usr LIBDIR="$libdir")
# shellcheck disable=SC2034
version=$(sed -n 's/^Version: *//p' META)
# shellcheck disable=SC2034
include=$root/usr/include lib=$root$libdir debug=$root$libdir/msharearena/debug

[ -e build/arenad ] || skip_all "needs make user"
ok "make install DESTDIR=... LIBDIR=$libdir" make install "${where[@]}"

# flags LIBRARY [OPTION...]: what pkg-config says, as it will be there, where it finds the files
# of no other library
flags()
{
	local library=$1

	shift
	PKG_CONFIG_LIBDIR=$lib/pkgconfig \
		pkg-config --define-variable=prefix="$root/usr" --cflags --libs "$@" "$library"
}

# public_headers: as they are included
public_headers()
{
	(cd user/include && find . -name '*.h' -printf '%P\n' | sort)
}

# calls FLAG...: what they declare and, for the rest, define inline
calls()
{
	public_headers | sed 's/.*/#include <&>/' >"$tmp/public.c"
	cc -E -P "$@" "$tmp/public.c" | grep -oE '\b(mshare|arena)[a-z0-9_]*\(' | tr -d '(' | sort -u
}

# program_of_calls FLAG...: source that names each call, in C and C++, and prints the
# versions of the libraries
program_of_calls()
{
	public_headers | sed 's/.*/#include <&>/'
	echo '#include <stdio.h>'
	echo 'void (*const calls[])(void) = {'
	calls "$@" | sed 's/.*/\t(void (*)(void))&,/'
	echo '};'
	cat <<-'END'
		int main(void)
		{
			return calls[0] && printf("%s %s\n", mshare_version(), arena_version()) < 0;
		}
	END
}
