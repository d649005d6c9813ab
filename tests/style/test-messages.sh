#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Goal: each error and each warning that a program logs says what to do about it. A message that does
# has a semicolon before that, in its own text, in a text of user/common/log.h, or in that of
# log_reason().
# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"
requires perl

# messages FILE...: print each call that logs an error or a warning, as "FILE:LINE: NAME(ARGUMENTS)". A
# level that is computed counts as that of a warning.
messages()
{
	perl -0777 -ne '
		my $string = qr/"(?:[^"\\]|\\.)*"/;
		my $call = qr/(?<call>\((?:$string|[^()"]|(?&call))*\))/;
		while (/\blog_(error|warn|limited|at)$call/g) {
			my ($name, $text, $line) = ($1, $2, 1 + (substr($_, 0, $-[0]) =~ tr/\n//));
			next if $name =~ /limited|at/ && $text =~ /^\(\s*LOG_LEVEL_(INFO|DEBUG)\b/;
			$text =~ s/\s*\n\s*/ /g;
			$text =~ s/" "//g;
			print "$ARGV:$line: $name$text\n";
		}' "$@"
}

# silent: of these lines, those that do not say what to do
silent()
{
	grep -vE '; [^"]|\<LOG_(NO_ACTION|REPORT|SEE_ABOVE|SEE_BELOW)\>|\<log_reason\('
}

# log.c itself passes on what others have said.
mapfile -t sources < <(find user -name '*.c' ! -path user/common/log.c | sort)
messages "${sources[@]}" >"$tmp/messages"
calls=$(cat "${sources[@]}" | grep -cE '\<log_(error|warn)\(')
ok "more than 300 messages are found" test "$(wc -l <"$tmp/messages")" -gt 300
ok "each call of log_error() and log_warn() is found" \
	test "$(grep -cE '^[^ ]*: (error|warn)\(' "$tmp/messages")" = "$calls"
silent <"$tmp/messages" >"$tmp/silent"
ok "each error and warning says what to do" test ! -s "$tmp/silent" || sed 's/^/# /' "$tmp/silent"

cat >"$tmp/bad.c" <<'END'
	log_error("poll: %s", strerror(errno));
	log_limited(LOG_LEVEL_WARN, "connection %u (of %s) is slow: "
		    "closing it", number, name(peer));
	log_limited(LOG_LEVEL_DEBUG, "nothing");
	log_warn("nothing; is to be done");
END
is "a message without is found" "$(messages "$tmp/bad.c" | silent | sed 's/.*bad.c:\([0-9]*\):.*/\1/' | paste -sd' ')" "1 2"
mapfile -t texts < <(sed -n 's/^	{ E[A-Z0-9]*, "\(.*\)" },$/\1/p' user/common/log_reason.c)
ok "log_reason() has texts" test "${#texts[@]}" -gt 30
done_testing
