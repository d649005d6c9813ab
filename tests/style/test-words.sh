#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One word for one thing: words that docs/glossary.md has replaced do not come back.
# Only words are here that have no other use in these folders.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# found WORD: where it stands, as a word or as part of a name; but not in this file
found()
{
	grep -rnIiE "(^|[^a-z])($1)([^a-z]|$)" user docs examples tests ./*.md \
		--exclude="${0##*/}"
}

# gone OLD NEW
gone()
{
	found "$1" | cut -c1-100 >"$tmp/found"
	ok "nothing is called '$1': say '$2'" test ! -s "$tmp/found" || sed 's/^/# /' "$tmp/found"
}

ok "words are found where they are" eval "found extent | grep -q ."
gone 'story|stories' 'misuse report'
gone 'put_off' requeue
gone 'again_first' requeue
gone 'take_back' 'regain, or withdraw'
gone carrier 'tx ring'
gone 'channel_meet|channel-meet' connect
gone 'channel-link' 'control socket'
gone 'arena_site' 'place, see places.h'
done_testing
