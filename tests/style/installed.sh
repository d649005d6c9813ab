# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Helpers for the tests of `make install`, to be sourced after ../lib.sh, which sets $tmp.
# It installs below $tmp/root, as for a Debian package, and sets the names of the folders.
libdir=/usr/lib/x86_64-linux-gnu
# shellcheck disable=SC2154
root=$tmp/root
where=(DESTDIR="$root" PREFIX=/usr LIBDIR="$libdir")
# shellcheck disable=SC2034
version=$(sed -n 's/^Version: *//p' META)
# shellcheck disable=SC2034
include=$root/usr/include lib=$root$libdir debug=$root$libdir/msharearena/debug

[ -e build/arenad ] || skip_all "needs make user"
ok "make install succeeds with DESTDIR and LIBDIR" make install "${where[@]}"

# flags LIBRARY [OPTION...]: pkg-config's flags for the installed library; it finds the files of
# no other library
flags()
{
	local library=$1

	shift
	PKG_CONFIG_LIBDIR=$lib/pkgconfig \
		pkg-config --define-variable=prefix="$root/usr" --cflags --libs "$@" "$library"
}

# public_headers: the names of the public headers, as sources include them
public_headers()
{
	(cd user/include && find . -name '*.h' -printf '%P\n' | sort)
}

# calls FLAG...: the functions that the public headers declare or define inline
calls()
{
	public_headers | sed 's/.*/#include <&>/' >"$tmp/public.c"
	cc -E -P "$@" "$tmp/public.c" | grep -oE '\b(mshare|arena)[a-z0-9_]*\(' | tr -d '(' | sort -u
}

# program_of_calls FLAG...: the source of a program, in C and C++, that names each call and
# prints the versions of the libraries
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
