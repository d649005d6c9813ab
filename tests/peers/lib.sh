# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Helpers for the tests with programs that nobody here wrote, as clients of the daemons. They
# include those of ../native, so arenad runs on a memfd and its disks are files.
# shellcheck source-path=SCRIPTDIR source=../native/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../native/lib.sh"

# What tests/vm/setup has built from the sources of nbd and libnbd.
built=/usr/local/lib/msharearena

# requires_built FOLDER: the whole file is skipped unless the root has these programs
requires_built()
{
	[ -d "$built/$1" ] || skip_all "the root has no tests of $1, see tests/vm/setup"
}

# data NAME SIZE: create a disk of random bytes and print its path
data()
{
	head -c "$2" /dev/urandom >"$tmp/$1.img"
	echo "$tmp/$1.img"
}

# loop FILE [OPTION...]: make a loop device of the file, and print its path. The caller detaches
# it: at_exit would not outlive the shell of $(loop ...).
loop()
{
	local file=$1

	shift
	losetup --find --show --direct-io=on "$@" "$file" 2>/dev/null
}

# short COMMAND...: run a command of which a report should have the last lines only
short()
{
	local status=0

	"$@" >"$tmp/long" 2>&1 || status=$?
	tail -c 2000 "$tmp/long" | tr '\r' '\n' | tail -n 10 | cut -c 1-200
	return "$status"
}
