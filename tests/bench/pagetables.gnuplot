# SPDX-License-Identifier: GPL-2.0
# Draws the data that pagetables.awk -v plot=1 wrote to the file DATA into the file IMAGE:
#   gnuplot -e 'data = "DATA"; image = "IMAGE"' pagetables.gnuplot
# The first five lines describe the data. Then each kind of memory has a block for the number of
# processes, and after these each kind has a block for the size.
about(n) = system(sprintf("sed -n '%ds/^# //p' '%s'", n, data))
kinds = int(about(3))

set terminal svg size 1200,900 font "DejaVu Sans,11" background "white"
set output image
set multiplot layout 2,2 title about(1) . "\n" . about(2) font ",10"
set logscale xy
set grid
set key outside right center Left reverse
set style data linespoints

set title "Page tables in all, " . about(4) . " (0 is not drawn)"
set xlabel "processes"
set ylabel "KiB"
plot for [i = 0:kinds - 1] data index i using 1:($2 / 1024) linetype i + 1 title columnheader(1)

set title "Page tables in all, " . about(5) . " processes (0 is not drawn)"
set xlabel "MiB of memory"
set logscale x 2
plot for [i = kinds:2 * kinds - 1] data index i using 1:($2 / 1024) \
	linetype i - kinds + 1 title columnheader(1)

set title "Until every page is usable, the fastest way, " . about(4)
set logscale x 10
set xlabel "processes"
set ylabel "ms (median; p10 and p90 of the runs)"
plot for [i = 0:kinds - 1] data index i using 1:3:4:5 with yerrorlines linetype i + 1 \
	title columnheader(1)

set title "Until every page is usable, the fastest way, " . about(5) . " processes"
set logscale x 2
set xlabel "MiB of memory"
plot for [i = kinds:2 * kinds - 1] data index i using 1:3:4:5 with yerrorlines \
	linetype i - kinds + 1 title columnheader(1)
unset multiplot
