#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0
# Sums up what gcov says in JSON, one object a line, of the files whose names begin
# with PREFIX: what one object reaches is reached. See tests/coverage.sh.
#
# Usage: gcov --branch-probabilities --json-format --stdout ... | coverage.pl PREFIX MISSED
use strict;
use warnings;
use JSON::PP;

my ($prefix, $missed) = @ARGV;
my (%lines, %branches);

while (<STDIN>) {
	for my $file (@{decode_json($_)->{files}}) {
		next unless $file->{file} =~ /^\Q$prefix\E/;
		for my $line (@{$file->{lines}}) {
			my $at = $line->{line_number};
			my $way = 0;

			$lines{$file->{file}}{$at} += $line->{count};
			$branches{$file->{file}}{"$at " . $way++} += $_->{count}
				for @{$line->{branches}};
		}
	}
}
die "$0: gcov says nothing of $prefix\n" unless %lines;

# Prints a row of pairs: reached, of how many.
sub row {
	my ($name, @counts) = @_;
	my $text = sprintf('%-40s', $name);

	for my $i (0, 2) {
		my ($reached, $of) = @counts[$i, $i + 1];

		$text .= sprintf(' %5d of %5d %6s %%', $reached, $of,
				 $of ? sprintf('%.1f', 100 * $reached / $of) : '-');
	}
	print "$text\n";
}

sub reached {
	my ($counts) = @_;

	return (scalar(grep { $_ } values %$counts), scalar(keys %$counts));
}

my @total = (0) x 4;

open(my $list, '>', $missed) or die "$missed: $!\n";
printf("%-40s %22s %22s\n", 'file', 'lines', 'branches');
for my $file (sort keys %lines) {
	my @counts = (reached($lines{$file}), reached($branches{$file} // {}));

	row($file, @counts);
	$total[$_] += $counts[$_] for 0 .. 3;
	for my $at (sort { $a <=> $b } keys %{$lines{$file}}) {
		print $list "$file:$at: not reached\n" unless $lines{$file}{$at};
	}
	for my $way (sort { (split ' ', $a)[0] <=> (split ' ', $b)[0] } keys %{$branches{$file}}) {
		my ($at) = split ' ', $way;

		print $list "$file:$at: a branch is never taken\n"
			if $lines{$file}{$at} && !$branches{$file}{$way};
	}
}
row('total', @total);
