#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: one word for one thing: words that docs/glossary.md has replaced do not come back.
# The list has only words that have no other meaning in these folders.
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# found WORD: the lines that have it as a word or as part of a name, except in this file
found()
{
	grep -rnIiE "(^|[^a-z])($1)([^a-z]|$)" user docs examples tests ./*.md \
		--exclude="${0##*/}"
}

# gone OLD NEW: no line has the word OLD; NEW is the word to use
gone()
{
	found "$1" | cut -c1-100 >"$tmp/found"
	ok "nothing is called '$1' (the word is '$2')" \
		test ! -s "$tmp/found" || sed 's/^/# /' "$tmp/found"
}

ok "this test finds a word that the sources have" eval "found extent | grep -q ."
gone 'story|stories' 'misuse report'
gone 'put_off' requeue
gone 'again_first' requeue
gone 'take_back' 'regain, or withdraw'
gone carrier 'tx ring'
gone 'channel_meet|channel-meet' connect
gone 'channel-link' 'control socket'
gone 'arena_site' 'place, see places.h'
done_testing
