#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: arenactl top shows on a terminal what the processes do now. It stays while no arenad
# answers, fits terminals of other sizes, does what its keys say, and leaves the terminal as it was.
# timeout: 300
# shellcheck disable=SC2154,SC2016 # address is set by lib.sh; some text is for eval
NPS=2
# With one that has a long name, more exports than a low terminal has lines for.
SPS=5
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=adopt-lib.sh
. "$(dirname "$0")/adopt-lib.sh"
requires python3 qemu-io
command -v arenactl >/dev/null || skip_all "there is no arenactl, which needs libsystemd 257"

# A terminal of the kind xterm: terminal.py ROWS COLUMNS FOLDER COMMAND... runs the command in it.
# In the folder are then: screen, what can be seen; raw, what was written; pid, of the command.
# Lines that are written to the pipe "keys" are "key TEXT", or "size ROWS COLUMNS". At the end there
# is status: the exit status, and whether the terminal echoes and reads lines. A sequence that a
# terminal of this kind does not know ends it with an error.
cat >"$tmp/terminal.py" <<'END'
import codecs, fcntl, os, re, select, struct, subprocess, sys, termios

rows, columns = int(sys.argv[1]), int(sys.argv[2])
folder, command = sys.argv[3], sys.argv[4:]
master, slave = os.openpty()
decoder = codecs.getincrementaldecoder("utf-8")("replace")
cells, y, x, waiting = [], 0, 0, ""
# The lines that scroll.
first, last = 0, rows - 1

def resize():
    global cells, y, x, first, last
    first, last = 0, rows - 1
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    cells = [(cells[i] if i < len(cells) else [])[:columns] for i in range(rows)]
    cells = [row + [" "] * (columns - len(row)) for row in cells]
    y, x = min(y, rows - 1), min(x, columns - 1)

def erase(row, begin, end):
    cells[row][begin:end] = [" "] * (min(end, columns) - begin)

def scroll(row, n):
    """Move the lines from a row on up, or down for a negative number."""
    for _ in range(min(abs(n), last + 1 - row)):
        del cells[row if n > 0 else last]
        cells.insert(last if n > 0 else row, [" "] * columns)

def control(letter, text):
    """CSI TEXT LETTER"""
    global y, x, first, last
    if letter in "mlht" or text.startswith(("?", ">")):
        return
    n = [int(part or 0) for part in text.split(";")]
    step = max(n[0], 1)
    if letter == "H":
        y, x = step - 1, max(n[1], 1) - 1 if len(n) > 1 else 0
    elif letter == "A": y -= step
    elif letter == "B": y += step
    elif letter == "C": x += step
    elif letter == "D": x -= step
    elif letter == "G": x = step - 1
    elif letter == "d": y = step - 1
    elif letter == "K": erase(y, *[(x, columns), (0, x + 1), (0, columns)][n[0]])
    elif letter == "J":
        erase(y, *[(x, columns), (0, x + 1), (0, columns)][n[0]])
        for row in [range(y + 1, rows), range(y), range(rows)][n[0]]:
            erase(row, 0, columns)
    elif letter == "X": erase(y, x, x + step)
    elif letter == "P": cells[y][x:] = cells[y][x + step:] + [" "] * min(step, columns - x)
    elif letter == "@": cells[y][x:] = ([" "] * step + cells[y][x:])[:columns - x]
    elif letter == "L": scroll(y, -step)
    elif letter == "M": scroll(y, step)
    elif letter == "S": scroll(first, step)
    elif letter == "T": scroll(first, -step)
    elif letter == "r":
        first, last, y, x = step - 1, (n[1] if len(n) > 1 else rows) - 1, 0, 0
    elif letter == "b":
        for _ in range(step): write(cells[y][x - 1])
    else:
        sys.exit(f"an unknown sequence: {text!r} {letter!r}")
    y, x = max(0, min(y, rows - 1)), max(0, min(x, columns - 1))

def write(c):
    global y, x
    if c == "\r": x = 0
    elif c == "\n" and y == last: scroll(first, 1)
    elif c == "\n": y = min(y + 1, rows - 1)
    elif c == "\b": x = max(x - 1, 0)
    elif c == "\t": x = min((x // 8 + 1) * 8, columns - 1)
    elif c >= " ":
        if x == columns:
            x = 0
            write("\n")
        cells[y][x] = c
        x += 1

def reverse():
    """Go up a line, and scroll at the first one."""
    global y
    if y == first: scroll(first, -1)
    else: y = max(y - 1, 0)

def feed(text):
    """Take whole sequences, and keep the beginning of one for later."""
    global waiting
    text = waiting + text
    while text:
        if text[0] != "\x1b":
            write(text[0])
            text = text[1:]
            continue
        found = re.match(r"\x1b(?:\[([?>]?[0-9;]*)([@-~])|[()].|[=>78]|(M))", text)
        if not found:
            break
        if found[2]:
            control(found[2], found[1])
        elif found[3]:
            reverse()
        text = text[found.end():]
    waiting = text
    if len(waiting) > 20:
        sys.exit(f"an unknown sequence: {waiting!r}")

def store(name, text):
    with open(f"{folder}/.{name}", "w") as f:
        f.write(text)
    os.rename(f"{folder}/.{name}", f"{folder}/{name}")

def begin():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

def read_terminal():
    data = os.read(master, 65536)
    raw.write(data)
    raw.flush()
    feed(decoder.decode(data))
    store("screen", "".join("".join(row).rstrip() + "\n" for row in cells))

def obey(line):
    global rows, columns
    what, _, rest = line.partition(" ")
    if what == "key":
        os.write(master, (rest or " ").encode())
    elif what == "size":
        rows, columns = map(int, rest.split())
        resize()

resize()
keys = os.open(f"{folder}/keys", os.O_RDWR)
raw = open(f"{folder}/raw", "wb")
child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=open(f"{folder}/errors", "wb"),
                         preexec_fn=begin)
store("pid", str(child.pid))
while True:
    ended = child.poll() is not None
    ready = select.select([master, keys], [], [], 0 if ended else 0.1)[0]
    if ended and master not in ready:
        break
    if master in ready:
        read_terminal()
    if keys in ready:
        for line in os.read(keys, 4096).decode().splitlines():
            obey(line)
flags = termios.tcgetattr(slave)[3]
store("status", f"{child.returncode} {bool(flags & termios.ECHO)} {bool(flags & termios.ICANON)}")
END
mkfifo "$tmp/keys"

# top ROWS COLUMNS ARGUMENT...: run arenactl top in a terminal of that size
top()
{
	rm -f "$tmp/screen" "$tmp/status" "$tmp/pid"
	python3 "$tmp/terminal.py" "$1" "$2" "$tmp" arenactl top "${@:3}" >>"$tmp/log" 2>&1 &
	terminal=$!
	at_exit end_process "$terminal"
	wait_for 10 test -s "$tmp/pid"
}

# do_in_terminal LINE: a key, or another size
# It does not wait for a terminal that has ended.
do_in_terminal() { echo "$1" 1<>"$tmp/keys"; }

# shows REGEX: has the screen such a line?
shows() { grep -Eq -- "$1" "$tmp/screen" || { cat "$tmp/screen" "$tmp/errors"; return 1; }; }

# lacks REGEX: has the screen no such line?
lacks() { ! grep -Eq -- "$1" "$tmp/screen"; }

# ends: wait for the end; print the exit status, and whether the terminal echoes and reads lines
ends()
{
	wait_for 10 test -e "$tmp/status"
	wait "$terminal"
	cat "$tmp/status"
}

# is_left: was the last that was done to the screen to leave it, and to show the cursor?
is_left()
{
	tail -c 100 "$tmp/raw" >"$tmp/end"
	grep -aqF $'\e[?1049l' "$tmp/end" && grep -aqF $'\e[?25h' "$tmp/end"
}

# fails STATUS TEXT COMMAND...: the command ends with the status, and its error has the text
fails()
{
	local wanted=$1 text=$2 status=0

	shift 2
	"$@" 2>"$tmp/told" || status=$?
	cat "$tmp/told"
	[ "$status" = "$wanted" ] && grep -qF -- "$text" "$tmp/told"
}

# writes: a client that writes 64 KiB some 50 times in a second, as long as there is $tmp/writes
writes()
{
	while [ -e "$tmp/writes" ] && echo "write 0 64k"; do
		sleep 0.02
	done | qemu-io -f raw "nbd://$address/one" >/dev/null
}

export TERM=xterm LC_ALL=C.UTF-8
long=a-name-that-is-much-longer-than-its-column
time='[0-9.]+(us|ms|s)'
# Reads, writes, others; megabytes in and out; errors; times of clients, and of the disk.
writing="^one +0 +[1-9][0-9.]* +0 +[0-9]+[.][0-9]+ +0 +0 +$time +$time +$time +$time$"
# Of data, by state; none is lost.
buffers='( +[0-9.]+k?){4} +0'
# As much of it as 40 columns have.
narrow="^one +0 +[1-9][0-9.]* +0 +[0-9]+[.][0-9]+$"

# These command lines are refused before arenad is asked.
ok "top refuses --json" fails 2 "top has no --json; use latency or metrics" arenactl top --json
ok "other commands refuse --interval" \
	fails 2 "--interval is for top only" arenactl status --interval 1
ok "an interval of nothing is refused" \
	fails 2 "0 is not a number from 1 to 60" arenactl top --interval 0
ok "a long interval is refused" \
	fails 2 "61 is not a number from 1 to 60" arenactl top --interval 61
ok "top needs a terminal" \
	fails 1 "top needs a terminal; use 'arenactl latency' or 'metrics'" arenactl top </dev/null
top 24 80
is "without an arenad there is no view, and the status says so" "$(ends)" "3 True True"
ok "it says so in the terminal" grep -q "no arenad has its folder at" "$tmp/errors"

adopt_start --disk "one=$(disk one 64M)" --disk "two=$(disk two 64M)" \
	--disk "$long=$(disk long 4M)" --bindir "$BUILD"
TERM=no-such-kind top 24 80
is "a terminal of an unknown kind is refused" "$(ends)" "1 True True"
ok "the kind is named" grep -q "this kind of terminal is not known: no-such-kind" "$tmp/errors"

# 80 columns and 24 lines
top 24 80
ok "the head names arenad, its process and the region" wait_for 10 shows \
	"^[0-9:]{8} arenad $(sed -n 's/^Version: *//p' META), process $arenad_pid, region test$"
ok "an export without traffic has no rate above 0, and no times" \
	wait_for 10 shows "^two +0 +0 +0 +0 +0 +0 +- +- +- +-$"
for i in 0 1; do
	ok "the view has network process $i, with its CPU time and requests" \
		shows "^np $i +$(np "$i") +[0-9.]+% +0 +[0-9.]+$buffers$"
done
for i in 0 1 2 3 4; do
	ok "the view has storage process $i" shows "^sp $i +[0-9]+ +[0-9.]+% +0 +[0-9.]+$buffers$"
done
ok "a long name is cut, and a space is behind it" shows "^${long:0:13} +0 +0 "
touch "$tmp/writes"
writes &
writer=$!
ok "the rates and times of writes are shown" wait_for 10 shows "$writing"
ok "the requests of a network process are shown" \
	wait_for 10 shows "^np [01] +[0-9]+ +[0-9.]+% +0 +[1-9]"
ok "the operations of the storage process are shown" \
	wait_for 10 shows "^sp 0 +[0-9]+ +[0-9.]+% +0 +[1-9]"

# Keys
first() { sed -n 4p "$tmp/screen" | grep -q "^$1 "; }
ok "exports are in the order of their names" first "${long:0:13}"
do_in_terminal "key s"
ok "s puts those with most traffic first" wait_for 5 first one
ok "the order is named" shows "^by throughput; q quits"
do_in_terminal "key s"
ok "s puts those with long times first" wait_for 5 shows "^by p99;"
do_in_terminal "key h"
ok "h explains the view" wait_for 5 shows "^SP P50, P99 +the part of the storage process"
ok "the lists are away then" lacks "^EXPORT"
do_in_terminal "key h"
ok "h goes back" wait_for 5 shows "^EXPORT"
do_in_terminal "key  "
ok "space pauses" wait_for 5 shows "^PAUSED, by p99;"
before=$(grep '^one ' "$tmp/screen")
sleep 2.5
is "the rates stay as they are then" "$(grep '^one ' "$tmp/screen")" "$before"
do_in_terminal "key  "
ok "space goes on" wait_for 5 lacks PAUSED
ok "the rates are shown again" wait_for 5 shows "$writing"

# Processes and arenads that die; clients stay connected to the network processes.
killed=$(awk '$1 == "sp" && $2 == 0 { print $3 }' "$tmp/screen")
kill -KILL "$killed"
ok "a process that was started again is shown" \
	wait_for 20 eval 'shows "^sp 0 +[0-9]+ +[0-9.]+% +1 " && lacks " $killed "'
kill_arenad
ok "the head says that arenad does not answer, and since when" \
	wait_for 10 shows "^arenad does not answer since [0-9:]{8}: arenad .*, process $arenad_pid"
arenad_again
ok "another arenad is asked when there is one" \
	wait_for 30 shows "^[0-9:]{8} arenad [^ ]*, process $arenad_pid,"
ok "it tells the rates again" wait_for 10 shows "$writing"
kill -STOP "$arenad_pid"
ok "the head says that an arenad that hangs does not answer" \
	wait_for 15 shows "^arenad does not answer"
kill -CONT "$arenad_pid"
ok "it is asked when it goes on" wait_for 15 shows "^[0-9:]{8} arenad "

# Another size while it runs, and the end
do_in_terminal "size 10 40"
ok "a list that does not fit says how much is missing" wait_for 10 shows "^… 3 more$"
ok "the other list does so, too" wait_for 10 shows "^… 5 more$"
ok "names and rates are shown in 40 columns" wait_for 10 shows "$narrow"
do_in_terminal "size 3 10"
ok "the head is cut where there is hardly any room" wait_for 10 shows "^[0-9:]{8} a$"
do_in_terminal "size 24 80"
ok "all is shown again with more room" wait_for 10 shows "^sp 4 +[0-9]+ +[0-9.]+% "
do_in_terminal "key q"
is "q ends it with status 0, and the terminal echoes and reads lines" "$(ends)" "0 True True"
ok "the screen is left" is_left
for signal in TERM INT; do
	top 10 40
	do_in_terminal "key s"
	ok "a terminal of 40 columns and 10 lines has the rates" \
		wait_for 10 shows "$narrow"
	kill "-$signal" "$(cat "$tmp/pid")"
	is "SIG$signal ends it in good order" "$(ends)" "0 True True"
	ok "the screen is left after SIG$signal" is_left
done
LC_ALL=C top 10 40 --interval 2
do_in_terminal "key s"
ok "a locale without other characters has three dots" wait_for 10 shows "^[.]{3} 3 more$"
ok "the rates are shown with another interval" wait_for 15 shows "^one +0 +[1-9]"
kill -KILL "$terminal"
ok "the view ends when its terminal has gone" wait_for 10 gone "$(cat "$tmp/pid")"

rm "$tmp/writes"
ok "the client was served all the time" wait "$writer"
arenad_stop
is "arenad ends with status 0" "$status" 0
done_testing
