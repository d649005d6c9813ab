#!/bin/bash
# SPDX-License-Identifier: MIT
# Goal: a client that asks for more than it was told is served: requests of 32 MiB to 300 MiB in
# each style, of ranges of any alignment; others are served meanwhile. Names of exports may have
# 4096 bytes. A refusal says why. The client is libnbd, whose own limits are switched off; what it
# cannot send at all is sent by hand.
# shellcheck source-path=SCRIPTDIR source=np-lib.sh
. "$(dirname "$0")/np-lib.sh"

name=$(printf 'n%.0s' {1..4094})ü
arenad_start --size 160M --disk "one=$(disk one 400M)" --disk "$name=$(disk two 1M)" \
	--disk "large=$(disk large 20G)" -v

# sh_ok DESCRIPTION: run the standard input in Python; client() connects with replies of $style
sh_ok()
{
	{
		cat <<-EOF
		import nbd, os, socket, struct
		host, port = "${address%:*}", "${address##*:}"
		style = "$style"
		def client(name="one", context=True):
		    c = nbd.NBD()
		    c.set_strict_mode(0)
		    c.set_request_structured_replies(style != "simple")
		    c.set_request_extended_headers(style == "extended")
		    c.set_request_block_size(False)
		    if context and style != "simple":
		        c.add_meta_context("base:allocation")
		    c.set_export_name(name)
		    c.connect_tcp(host, port)
		    return c
		EOF
		cat
	} >"$tmp/script.py"
	ok "$1" timeout 300 python3 "$tmp/script.py"
}

for style in simple structured extended; do
	sh_ok "READs and WRITEs of up to 60 MB move the right bytes, $style" <<-'EOF'
	c, other = client(), client()
	for offset, length in [(0, 33554432), (1, 33554433), (4095, 50000000), (511, 60 << 20)]:
	    if style == "extended" and length > 33554432:
	        w = 33554432
	    else:
	        w = length
	    data = os.urandom(1 << 20) * 61
	    data = data[:w]
	    c.pwrite(data, offset)
	    assert c.pread(w, offset) == data
	    assert other.pread(4096, offset + w - 4096) == data[-4096:]
	    # The READ goes beyond the WRITE, into a hole of the file.
	    assert c.pread(length, offset)[:w] == data
	c.flush()
	c.zero(60 << 20, 0)
	assert c.pread(60 << 20, 0) == bytes(60 << 20)
	c.shutdown()
	EOF
	sh_ok "commands without data take lengths of the whole disk, $style" <<-'EOF'
	c = client()
	size = c.get_size()
	c.zero(size, 0)
	c.cache(size, 0)
	if c.can_trim():
	    c.trim(size, 0)
	seen = []
	if style != "simple":
	    c.block_status_64(size, 0, lambda *a: seen.append(a) or 0)
	    assert seen
	c.shutdown()
	EOF
	sh_ok "a refusal tells why, $style" <<-'EOF'
	c, told = client(), []
	c.set_debug(True)
	c.set_debug_callback(lambda where, text: told.append(text) or 0)
	for call in [lambda: c.pread(4096, c.get_size() - 1), lambda: c.pwrite(bytes(50000000), c.get_size())]:
	    try:
	        call()
	    except nbd.Error as e:
	        continue
	    # The protocol lets the server close where the payload is too long.
	    assert False
	if style == "structured":
	    assert any("beyond the end" in text for text in told), told
	EOF
	sh_ok "an export whose name has 4096 bytes is served and listed, $style" <<-EOF
	c = client("$name")
	assert c.get_size() == 1 << 20
	c.shutdown()
	l, names = nbd.NBD(), []
	l.set_opt_mode(True)
	l.connect_tcp(host, port)
	l.opt_list(lambda name, text: names.append(name) or 0)
	assert names == ["one", "$name", "large"], names
	l.opt_abort()
	try:
	    client("$name"[:-2])
	    assert False
	except nbd.Error:
	    pass
	EOF
done

style=simple
style=extended
sh_ok "extended requests of more than 4 GiB tell, trim and zero what they name" <<-'EOF'
	c, gib = client("large"), 1 << 30
	c.pwrite(b"x" * 65536, 19 * gib)
	def extents(offset, length):
	    seen = []
	    c.block_status_64(length, offset, lambda name, at, parts, error: seen.extend(parts) or 0)
	    return [tuple(part) for part in seen]
	assert extents(1, 10 * gib)[0] == (10 * gib, 3), extents(1, 10 * gib)
	want = [(19 * gib, 3), (65536, 0), (gib - 65536, 3)]
	assert extents(0, 20 * gib) == want, extents(0, 20 * gib)
	c.trim(5 * gib, gib)
	assert c.pread(65536, 19 * gib) == b"x" * 65536
	c.zero(12 * gib, 8 * gib)
	assert c.pread(65536, 19 * gib) == bytes(65536)
	c.cache(20 * gib, 0)
	c.shutdown()
EOF

sh_ok "a READ and a WRITE of 300 MiB move the right bytes, and one of 4 GiB is refused" <<-'EOF'
c, size = client(), 300 << 20
s = socket.create_connection((host, port))
f = s.makefile("rwb")
f.read(18)
f.write(struct.pack(">IQII", 3, 0x49484156454f5054, 1, 3) + b"one")
f.flush()
f.read(10)
data = os.urandom(1 << 20)
f.write(struct.pack(">IHHQQI", 0x25609513, 1, 1, 7, 12345, size))
for i in range(300):
    f.write(data)
    if i % 50 == 0:
        c.pread(4096, 0)
f.flush()
assert f.read(16) == struct.pack(">IIQ", 0x67446698, 0, 7)
f.write(struct.pack(">IHHQQI", 0x25609513, 0, 0, 8, 12345, size))
f.write(struct.pack(">IHHQQI", 0x25609513, 0, 0, 9, 0, 512))
f.flush()
assert f.read(16) == struct.pack(">IIQ", 0x67446698, 0, 8)
for i in range(300):
    assert f.read(1 << 20) == data
    if i % 50 == 0:
        c.pread(4096, 0)
assert f.read(16) == struct.pack(">IIQ", 0x67446698, 0, 9)
f.read(512)
f.write(struct.pack(">IHHQQI", 0x25609513, 0, 1, 10, 0, 0xffffffff))
for i in range(4095):
    f.write(data)
f.write(data[:-1])
f.flush()
assert f.read(16) == struct.pack(">IIQ", 0x67446698, 28, 10)
EOF

style=extended
sh_ok "a BLOCK_STATUS may name its context, and no other" <<-'EOF'
c = client()
assert c.can_block_status_payload()
seen = []
c.block_status_filter(1 << 20, 0, ["base:allocation"], lambda *a: seen.append(a) or 0)
assert seen and seen[0][0] == "base:allocation", seen
assert c.pread(512, 0)
assert not client("one", False).can_block_status_payload()
c.shutdown()
EOF

exec 9<>"/dev/tcp/${address%:*}/${address##*:}"
printf 'GET / HTTP/1.0\r\n\r\n' >&9
ok "the log names a client that speaks HTTP" wait_for 10 grep -q 'is ended: it speaks HTTP' "$tmp/log"
exec 9>&-
ok "the log names an export that does not exist, cut to a bounded length" \
	grep -q "no such export: 'nnnnnnnn.*n\.\.\.'$" "$tmp/log"
ok "no line of the log is longer than 400 bytes" test "$(wc -L <"$tmp/log")" -le 400
counters_refresh
is "the network process counted no bad message" "$(counter arena-np bad_messages)" 0
arenad_stop
is "arenad ends with status 0 after long requests" "$status" 0
done_testing
