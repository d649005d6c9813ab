# SPDX-License-Identifier: MIT
"""
A script for nbdsh, libnbd's shell, which has made the handle h: each method of libnbd that sends a
command or an option is called, in each style of replies, and with mistakes that libnbd lets through
when it is told to. For each check it prints 0 or 1 (wrong) and a sentence.

The environment has the URIs: $DISK is a file of 32 MiB that is written to, $READONLY cannot be.
"""
import errno
import os
import traceback

import nbd

DISK, READONLY = os.environ["DISK"], os.environ.get("READONLY")
SIZE = 32 << 20
STYLES = {"simple": (False, False), "structured": (True, False), "extended": (True, True)}


def connect(style, uri=DISK, contexts=(nbd.CONTEXT_BASE_ALLOCATION,)):
    """Connect with a style of replies; mistakes are let through."""
    c = nbd.NBD()
    structured, extended = STYLES[style]
    c.set_request_structured_replies(structured)
    c.set_request_extended_headers(extended)
    for context in contexts:
        c.add_meta_context(context)
    c.set_strict_mode(0)
    c.connect_uri(uri)
    return c


def check(name, function, *arguments):
    """One check: the function returns without an exception."""
    try:
        function(*arguments)
        print(0, name)
    except Exception:
        traceback.print_exc()
        print(1, name)


def fails(name, error, function, *arguments):
    """One check: the server answers with this error, and the connection goes on."""
    try:
        function(*arguments)
        print(1, name)
    except nbd.Error as e:
        print(int(e.errnum != error), name)


def expect(got, want):
    if got != want:
        raise AssertionError("got %r, wanted %r" % (got, want))


#
# Commands
#

def extents(c, length=SIZE, offset=0, flags=0):
    """Ask for the extents of a range, until all of it was told."""
    told = []

    def take(context, _, entries, error):
        expect((context, error.value), ("base:allocation", 0))
        told.extend(entries)

    while sum(n for n, _ in told) < length:
        before = len(told)
        done = sum(n for n, _ in told)
        c.block_status_64(length - done, offset + done, take, flags)
        if len(told) == before:
            raise AssertionError("no progress")
    return told


def read_write(c):
    data = os.urandom(100000)
    c.pwrite(data, 12345)
    expect(c.pread(len(data), 12345), data)
    c.pwrite(b"abc", 4095, nbd.CMD_FLAG_FUA)
    expect(c.pread(3, 4095), b"abc")
    c.flush()


def read_structured(c):
    """Each byte of the range is told once, by data or by a hole."""
    c.zero(1 << 20, 1 << 20)
    c.pwrite(b"x" * 65536, 1 << 20)
    seen = bytearray(1 << 20)

    def chunk(_, data, offset, kind):
        at = offset - (1 << 20)
        assert kind in (nbd.READ_DATA, nbd.READ_HOLE)
        assert not any(seen[at:at + len(data)])
        seen[at:at + len(data)] = b"1" * len(data)

    buf = c.pread_structured(1 << 20, 1 << 20, lambda data, offset, kind, error:
                             chunk(None, data, offset, kind))
    assert all(seen)
    expect(buf, b"x" * 65536 + bytes(983040))


def read_whole(c):
    """With DF a reply has one chunk."""
    chunks = []
    c.pread_structured(1 << 20, 1 << 20, lambda data, offset, kind, error:
                       chunks.append(len(data)), nbd.CMD_FLAG_DF)
    expect(chunks, [1 << 20])


def zeroes(c):
    c.pwrite(b"z" * 65536, 1 << 20)
    for flags in 0, nbd.CMD_FLAG_NO_HOLE, nbd.CMD_FLAG_FAST_ZERO, nbd.CMD_FLAG_FUA:
        c.pwrite(b"z" * 10000, 1 << 20)
        c.zero(9990, (1 << 20) + 5, flags)
        expect(c.pread(10000, 1 << 20), b"z" * 5 + bytes(9990) + b"z" * 5)


def others(c):
    c.trim(1 << 20, 2 << 20)
    c.trim(1 << 20, 2 << 20, nbd.CMD_FLAG_FUA)
    c.cache(1 << 20, 0)
    c.flush()


def holes(c):
    c.zero(SIZE, 0)
    c.trim(SIZE, 0)
    c.pwrite(b"d" * 65536, 8 << 20)
    c.flush()
    expect(extents(c), [(8 << 20, 3), (65536, 0), (SIZE - (8 << 20) - 65536, 3)])
    expect(extents(c, 65536, 8 << 20, nbd.CMD_FLAG_REQ_ONE), [(65536, 0)])


def many_at_once(c):
    """Requests that are under way together, each with its own bytes."""
    n, length = 64, 30011

    def complete(cookies):
        for cookie in cookies:
            while not c.aio_command_completed(cookie):
                c.poll(-1)

    complete([c.aio_pwrite(nbd.Buffer.from_bytearray(bytearray([i]) * length), i * length)
              for i in range(n)])
    buffers = [nbd.Buffer(length) for _ in range(n)]
    complete([c.aio_pread(b, i * length) for i, b in enumerate(buffers)])
    for i, b in enumerate(buffers):
        expect(b.to_bytearray(), bytearray([i]) * length)


def mistakes(style, c):
    has_chunks = style != "simple"
    end = SIZE - 512
    for name, error, function, *arguments in (
            ("a read beyond the end", errno.EINVAL, c.pread, 1024, end),
            ("a read of no bytes", errno.EINVAL, c.pread, 0, 0),
            ("a read with an unknown flag", errno.EINVAL, c.pread, 512, 0, 1 << 15),
            ("a write beyond the end", errno.ENOSPC, c.pwrite, bytes(1024), end),
            ("a write with a flag of zeroes", errno.EINVAL, c.pwrite, bytes(512), 0,
             nbd.CMD_FLAG_NO_HOLE),
            ("zeroes beyond the end", errno.ENOSPC, c.zero, 1024, end),
            ("zeroes of no bytes", errno.EINVAL, c.zero, 0, 0),
            ("a trim beyond the end", errno.EINVAL, c.trim, 1024, end),
            ("a trim of no bytes", errno.EINVAL, c.trim, 0, 0),
            ("a cache beyond the end", errno.EINVAL, c.cache, 1024, end)):
        fails("%s is refused with %s, with %s replies" % (name, errno.errorcode[error], style),
              error, function, *arguments)
    if has_chunks:
        fails("block status beyond the end is refused with EINVAL, with %s replies" % style,
              errno.EINVAL, c.block_status_64, 1024, end, lambda *_: 0)
    check("the connection goes on after all refusals, with %s replies" % style, c.pread, 512, 0)


def commands(style):
    c = connect(style)
    end = "with %s replies" % style
    check("READ and WRITE of any bytes, with FUA and FLUSH, " + end, read_write, c)
    check("WRITE_ZEROES with each flag makes zeroes and nothing else, " + end, zeroes, c)
    check("TRIM, CACHE and FLUSH are done, " + end, others, c)
    check("64 requests at once each write and read their own bytes, " + end, many_at_once, c)
    if style != "simple":
        check("chunks of a READ tell each byte once, " + end, read_structured, c)
        check("a READ with DF has one chunk, " + end, read_whole, c)
        check("BLOCK_STATUS tells data and holes, " + end, holes, c)
    mistakes(style, c)
    c.shutdown()


#
# Options
#

def in_options(**settings):
    c = nbd.NBD()
    c.set_opt_mode(True)
    for name, value in settings.items():
        getattr(c, "set_" + name)(value)
    c.connect_uri(DISK)
    return c


def options():
    c = in_options(request_structured_replies=False, request_extended_headers=False)
    names = []
    c.opt_list(lambda name, _: names.append(name))
    check("opt_list names the exports", expect, names[0], "d")
    contexts = []
    c.opt_list_meta_context_queries([], contexts.append)
    check("opt_list_meta_context works before structured replies", expect, contexts,
          ["base:allocation"])
    check("opt_structured_reply is agreed on", expect, c.opt_structured_reply(), True)
    check("opt_extended_headers is agreed on", expect, c.opt_extended_headers(), True)
    c.set_export_name("none")
    fails("opt_info of an unknown export fails", errno.ENOENT, c.opt_info)
    fails("opt_go to an unknown export fails", errno.ENOENT, c.opt_go)
    c.set_export_name("d")
    c.set_full_info(True)
    contexts.clear()
    c.opt_set_meta_context_queries(["base:allocation", "x:none"], contexts.append)
    check("opt_set_meta_context chooses what there is", expect, contexts, ["base:allocation"])
    c.set_request_meta_context(False)
    c.opt_info()
    check("opt_info tells the size", expect, c.get_size(), SIZE)
    check("opt_info tells the name", expect, c.get_canonical_export_name(), "d")
    check("opt_go begins the transmission after opt_info and errors", c.opt_go)
    check("the context that was chosen counts after opt_go", expect,
          c.can_meta_context("base:allocation"), True)
    check("READ works after opt_go", c.pread, 512, 0)
    c.shutdown()
    c = in_options()
    check("opt_abort ends the handshake", c.opt_abort)
    check("the connection is closed after opt_abort", expect, c.aio_is_closed(), True)


def connections():
    """What is written and flushed on one connection is read on another one."""
    all_styles = [connect(s) for s in STYLES]
    for i, c in enumerate(all_styles):
        assert c.can_multi_conn()
        c.pwrite(bytes([i + 1]) * 5000, 3000)
        for other in all_styles:
            expect(other.pread(5000, 3000), bytearray([i + 1]) * 5000)
            other.flush()
    for c in all_styles:
        c.shutdown()


def read_only():
    for style in STYLES:
        c = connect(style, READONLY)
        check("a read-only export says so, with %s replies" % style, expect, c.is_read_only(), True)
        for name, function, *arguments in (("WRITE", c.pwrite, b"x", 0), ("TRIM", c.trim, 512, 0),
                                           ("WRITE_ZEROES", c.zero, 512, 0)):
            fails("%s to a read-only export is refused with EPERM, with %s replies" % (name, style),
                  errno.EPERM, function, *arguments)
        check("a read-only export is read after refusals, with %s replies" % style, c.pread, 512, 0)
        c.shutdown()


def sudden_end():
    """Connections that end at once, with requests under way or in the handshake."""
    for _ in range(20):
        c = connect("structured")
        for _ in range(16):
            c.aio_pread(nbd.Buffer(1 << 20), 0)
        c.aio_disconnect()
        del c
        del_me = in_options()
        del del_me


for how in STYLES:
    commands(how)
options()
check("what one connection writes another one reads, whatever style each has", connections)
if READONLY:
    read_only()
check("clients that end suddenly do no harm", sudden_end)
check("a new client is served afterwards", lambda: connect("extended").pread(512, 0))
