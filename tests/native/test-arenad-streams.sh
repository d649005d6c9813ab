#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: standard streams that are closed, full or have no reader do not end a process, and
# no line of the log is written to a disk or into the region instead.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

disk=$(disk one 8M)
cp "$disk" "$tmp/pristine.img"
arguments=(--region streams --backend memfd --page-size 4K --size 128M --disk "one=$disk")
processes() { echo "$arenad_pid"; children arena-np; children arena-sp; }
answers() { timeout 2 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port; head -c 8 <&3" 2>/dev/null |
	grep -q NBDMAGIC; }

# listens_with REDIRECTIONS: run arenad with them in the background, on a free port, and
# wait until it serves clients
listens_with()
{
	port=$(free_port)
	eval "arenad \"\${arguments[@]}\" --listen 127.0.0.1:$port $1 &"
	arenad_pid=$!
	wait_for 60 answers
}

low_files() { for pid in $(processes); do readlink "/proc/$pid/fd/"[012]; done | sort -u; }

ok "arenad with closed standard streams serves clients" listens_with '<&- >&- 2>&-'
is "every process that was started with closed standard streams has /dev/null there" \
	"$(low_files)" /dev/null
kill -USR1 "$arenad_pid"
ok "clients are served after processes with closed standard streams logged" answers
arenad_stop
is "arenad with closed standard streams ends with status 0" "$status" 0
ok "processes with closed standard streams log nothing to the disk" cmp "$disk" "$tmp/pristine.img"

mkfifo "$tmp/fifo"
head -n 1 <"$tmp/fifo" >/dev/null &
reader=$!
ok "arenad serves clients though the reader of its log ends" listens_with ">$tmp/out 2>$tmp/fifo"
wait "$reader"
kill -USR1 "$arenad_pid"
sleep 0.2
ok "clients are served after the processes logged without a reader" answers
is "arenad and its two processes run without a reader of the log" "$(processes | wc -l)" 3
arenad_stop
is "arenad without a reader of its log ends with status 0" "$status" 0

sleep 1000 <>"$tmp/fifo" &
reader=$!
ok "arenad serves clients though nobody empties the pipe of its log" \
	listens_with ">$tmp/out 2>$tmp/fifo"
for ((i = 0; i < 400; i++)); do
	kill -USR1 "$arenad_pid"
	sleep 0.005
done
ok "clients are served while the pipe of the log is full" answers
arenad_stop
is "arenad ends with status 0 while the pipe of its log is full" "$status" 0
kill "$reader"
wait "$reader" 2>/dev/null

ok "arenad serves clients though its log cannot be written" listens_with ">$tmp/out 2>/dev/full"
arenad_stop
is "arenad whose log cannot be written ends with status 0" "$status" 0

arenad "${arguments[@]}" --listen 127.0.0.1:0 >/dev/full 2>"$tmp/log"
is "arenad ends with status 1 if it cannot write the line \"ready\"" $? 1
ok "arenad says that it cannot write the line \"ready\"" says 'cannot write the line "ready"'

# In the place of arena-np a script says more often than once that it is ready.
mkdir "$tmp/bin"
cat >"$tmp/bin/arena-np" <<'EOF'
#!/bin/bash
while [ "$1" != --ready-fd ]; do shift; done
for i in {1..100}; do echo "READY 127.0.0.1:$i" >&"$2" || exit; done
exec sleep 60
EOF
printf '#!/bin/sh\nexec sleep 60\n' >"$tmp/bin/arena-sp"
chmod 755 "$tmp/bin"/*
arenad "${arguments[@]}" --listen 127.0.0.1:0 --bindir "$tmp/bin" >"$tmp/out" 2>"$tmp/log" &
arenad_pid=$!
ok "arenad passes on that its only network process is ready" wait_for 60 grep -q ^ready "$tmp/out"
sleep 1
is "arenad passes it on once, however often the network process says it" \
	"$(cat "$tmp/out")" "ready 127.0.0.1:1"
arenad_stop
done_testing
