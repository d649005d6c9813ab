# SPDX-License-Identifier: GPL-2.0
# Draws what nbd.awk -v plot=1 wrote to the file "data" into the file "image".
set terminal svg size 1100,1000 noenhanced background "white"
set output image
set multiplot layout 3,1
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.8
set xtics rotate by -20
set grid y
set key outside right top
set title "CPU of all processes of a server"
set ylabel "us an I/O"
plot for [i=0:3] data index i using 2:xtic(1) title columnheader(1)
set title "Median latency"
set ylabel "us"
plot for [i=0:3] data index i using 3:xtic(1) title columnheader(1)
set title "I/O a second"
set ylabel "thousands"
plot for [i=0:3] data index i using 4:xtic(1) title columnheader(1)
unset multiplot
