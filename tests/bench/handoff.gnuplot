# SPDX-License-Identifier: GPL-2.0
# Draws what handoff.awk -v plot=1 wrote to the file "data" into the file "image".
set terminal svg size 1100,800 noenhanced background "white"
set output image
set multiplot layout 2,1
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.8
set xtics rotate by -30
set logscale y
set grid y
set key outside right top
set title "Round trip of a handoff between two processes"
set ylabel "us"
plot data using 2:xtic(1) title "p50", "" using 3 title "p99", "" using 4 title "p99.9"
set title "Flood: as many messages as possible"
set ylabel "millions a second"
plot data using 5:xtic(1) notitle
unset multiplot
