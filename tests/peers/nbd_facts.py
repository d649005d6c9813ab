# SPDX-License-Identifier: MIT
"""
Finds out what an NBD server does with each option, command and flag. Facts(...).all() gives for each
fact a section, what was tried, the style of replies or "", and the result.

The server is two exports, each a UNIX socket and a name. They have 128 MiB, data in the first MiB and
holes behind; the first one is written to, the second one is read-only, or None. Each fact has a
connection of its own.
"""
import errno
import socket
import struct
import time

SIZE = 128 << 20
MIB = 1 << 20
OPTIONS = {"EXPORT_NAME": 1, "ABORT": 2, "LIST": 3, "PEEK_EXPORT": 4, "STARTTLS": 5, "INFO": 6,
           "GO": 7, "STRUCTURED_REPLY": 8, "LIST_META_CONTEXT": 9, "SET_META_CONTEXT": 10,
           "EXTENDED_HEADERS": 11}
REPLIES = {1: "ACK", 2: "SERVER", 3: "INFO", 4: "META_CONTEXT", 1 << 31 | 1: "ERR_UNSUP",
           1 << 31 | 2: "ERR_POLICY", 1 << 31 | 3: "ERR_INVALID", 1 << 31 | 4: "ERR_PLATFORM",
           1 << 31 | 5: "ERR_TLS_REQD", 1 << 31 | 6: "ERR_UNKNOWN", 1 << 31 | 7: "ERR_SHUTDOWN",
           1 << 31 | 8: "ERR_BLOCK_SIZE_REQD", 1 << 31 | 9: "ERR_TOO_BIG",
           1 << 31 | 10: "ERR_EXT_HEADER_REQD"}
INFOS = ["EXPORT", "NAME", "DESCRIPTION", "BLOCK_SIZE"]
FLAGS = ["HAS_FLAGS", "READ_ONLY", "SEND_FLUSH", "SEND_FUA", "ROTATIONAL", "SEND_TRIM",
         "SEND_WRITE_ZEROES", "SEND_DF", "CAN_MULTI_CONN", "SEND_RESIZE", "SEND_CACHE",
         "SEND_FAST_ZERO", "BLOCK_STATUS_PAYLOAD"]
COMMANDS = {"READ": 0, "WRITE": 1, "DISC": 2, "FLUSH": 3, "TRIM": 4, "CACHE": 5,
            "WRITE_ZEROES": 6, "BLOCK_STATUS": 7, "RESIZE": 8, "command 99": 99}
CHUNKS = {1: "data", 2: "hole", 5: "BLOCK_STATUS", 6: "BLOCK_STATUS_EXT"}
FUA, NO_HOLE, DF, REQ_ONE, FAST_ZERO, PAYLOAD_LEN = (1 << i for i in range(6))
SIMPLE, STRUCTURED, EXTENDED = range(3)
STYLES = ["simple", "structured", "extended"]


class Closed(Exception):
    """The server has closed the connection."""


def dial(path):
    """Connect, also to a server that is just being started, or has crashed and is started anew."""
    for _ in range(100):
        try:
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(20)
            s.connect(path)
            return s
        except (ConnectionRefusedError, FileNotFoundError):
            s.close()
            time.sleep(0.1)
    raise TimeoutError("nobody listens on " + path)


class Connection:
    """A connection in the handshake, or after go() in transmission."""

    def __init__(self, path, export):
        self.path, self.export, self.style = path, export, SIMPLE
        self.context_id = b""
        self.sock = dial(path)
        self.flags = struct.unpack(">QQH", self.take(18))[2]
        self.sock.sendall(struct.pack(">I", 3))

    def take(self, n):
        data = bytearray()
        while len(data) < n:
            try:
                part = self.sock.recv(n - len(data))
            except ConnectionError as e:
                raise Closed from e
            if not part:
                raise Closed
            data += part
        return bytes(data)

    def give(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            pass    # An answer may have come before all was sent.

    def option(self, option, data=b"", magic=b"IHAVEOPT"):
        """Send an option. Return a list of its replies, each a type and the data."""
        self.give(magic + struct.pack(">II", OPTIONS.get(option, option), len(data)) + data)
        replies = []
        while not replies or 1 < replies[-1][0] < 1 << 31:
            _, _, kind, length = struct.unpack(">QIII", self.take(20))
            replies.append((kind, self.take(length)))
        return replies

    def name(self):
        name = self.export.encode()
        return struct.pack(">I", len(name)) + name

    def info(self, option, *infos):
        wanted = b"".join(struct.pack(">H", i) for i in infos)
        return self.option(option, self.name() + struct.pack(">H", len(infos)) + wanted)

    def contexts(self, option, *queries):
        words = b"".join(struct.pack(">I", len(q)) + q.encode() for q in queries)
        return self.option(option, self.name() + struct.pack(">I", len(queries)) + words)

    def go(self, style, context="base:allocation"):
        """Begin the transmission. Return whether the server has this style."""
        for s, option in ((STRUCTURED, "STRUCTURED_REPLY"), (EXTENDED, "EXTENDED_HEADERS")):
            if style == s and self.option(option)[-1][0] != 1:
                return False
        self.style = style
        if style != SIMPLE and context:
            replies = self.contexts("SET_META_CONTEXT", context)
            self.context_id = next((data[:4] for kind, data in replies if kind == 4), b"")
        return self.info("GO")[-1][0] == 1

    def request(self, command, offset, length, flags=0, payload=b"", magic=None):
        is_long = self.style == EXTENDED
        if is_long and payload:
            flags |= PAYLOAD_LEN
        magic = magic or (0x21e41c71 if is_long else 0x25609513)
        self.give(struct.pack(">IHHQQ" + ("Q" if is_long else "I"), magic, flags,
                              COMMANDS[command], 77, offset, length) + payload)

    def reply(self, length):
        """Take a reply. Return the error number, the types of its chunks, and a text."""
        error, types, text = 0, [], ""
        while True:
            magic, = struct.unpack(">I", self.take(4))
            if magic == 0x67446698:
                error, _ = struct.unpack(">IQ", self.take(12))
                if not error and self.style == SIMPLE:
                    self.take(length)
                return error, types, text
            flags, kind, _ = struct.unpack(">HHQ", self.take(12))
            if magic == 0x6e8a278c:
                _, size = struct.unpack(">QQ", self.take(16))
            else:
                size, = struct.unpack(">I", self.take(4))
            data = self.take(size)
            if kind & 1 << 15:
                error, words = struct.unpack(">IH", data[:6])
                text = data[6:6 + words].decode()
            elif kind and CHUNKS.get(kind, kind) not in types:
                types.append(CHUNKS.get(kind, str(kind)))
            if flags & 1:
                return error, types, text


def attempt(function, *arguments):
    try:
        return function(*arguments)
    except Closed:
        return "closes"
    except TimeoutError:
        return "no answer"


def told(replies):
    """Name the types of replies, each once."""
    return ", ".join(dict.fromkeys(REPLIES.get(kind, hex(kind)) for kind, _ in replies))


class Facts:
    def __init__(self, target, readonly):
        self.target, self.readonly = target, readonly
        self.section, self.facts = "", []

    def tell(self, what, result, style=""):
        self.facts.append((self.section, what, style, result))

    def connect(self):
        return Connection(*self.target)

    #
    # Options
    #

    def handshake_flags(self):
        flags = self.connect().flags
        for i, name in enumerate(["FIXED_NEWSTYLE", "NO_ZEROES"]):
            self.tell("handshake flag " + name, "yes" if flags & 1 << i else "no")

    def export_name(self, name):
        c = self.connect()
        c.give(b"IHAVEOPT" + struct.pack(">II", 1, len(name)) + name)
        return "serves" if struct.unpack(">QH", c.take(10))[0] == SIZE else "another size"

    def option(self, what, option, data=b"", before=(), magic=b"IHAVEOPT"):
        def run():
            c = self.connect()
            for o in before:
                c.option(o)
            return told(c.option(option, data, magic))
        self.tell(what, attempt(run))

    def contexts(self, what, option, *queries, before=("STRUCTURED_REPLY",)):
        def run():
            c = self.connect()
            for o in before:
                c.option(o)
            replies = c.contexts(option, *queries)
            names = [data[4:].decode() for kind, data in replies if kind == 4]
            return ", ".join(names) or told(replies)
        self.tell(what, attempt(run))

    def infos(self):
        def kinds(*wanted):
            replies = self.connect().info("INFO", *wanted)
            return [struct.unpack(">H", d[:2])[0] for kind, d in replies if kind == 3]
        unasked, asked = kinds(), kinds(0, 1, 2, 3)
        for i, info in enumerate(INFOS):
            self.tell("info " + info, "always" if i in unasked else
                      "if asked for" if i in asked else "never")

    def options(self):
        name = struct.pack(">I", len(self.target[1])) + self.target[1].encode()
        self.handshake_flags()
        self.tell("EXPORT_NAME", attempt(self.export_name, self.target[1].encode()))
        self.tell("EXPORT_NAME of an unknown export", attempt(self.export_name, b"none"))
        self.option("ABORT", "ABORT")
        self.option("LIST", "LIST")
        self.option("LIST with data", "LIST", b"x")
        self.option("STARTTLS without TLS", "STARTTLS")
        self.option("INFO", "INFO", name + b"\0\0")
        self.option("INFO of an unknown export", "INFO", struct.pack(">I", 4) + b"none\0\0")
        self.option("INFO of a name of 4096 bytes", "INFO", struct.pack(">I", 4096) + b"n" * 4096 + b"\0\0")
        self.option("INFO that is too short", "INFO", b"\0")
        self.option("INFO with a wrong count", "INFO", name + b"\0\5")
        self.infos()
        self.option("GO", "GO", name + b"\0\0")
        self.option("GO to an unknown export", "GO", struct.pack(">I", 4) + b"none\0\0")
        self.option("STRUCTURED_REPLY", "STRUCTURED_REPLY")
        self.option("STRUCTURED_REPLY with data", "STRUCTURED_REPLY", b"x")
        self.option("STRUCTURED_REPLY again", "STRUCTURED_REPLY", before=["STRUCTURED_REPLY"])
        self.contexts("LIST_META_CONTEXT of all", "LIST_META_CONTEXT")
        self.contexts("LIST_META_CONTEXT of base:", "LIST_META_CONTEXT", "base:")
        self.contexts("LIST_META_CONTEXT at the start", "LIST_META_CONTEXT", before=())
        self.contexts("SET_META_CONTEXT of base:…", "SET_META_CONTEXT", "base:allocation")
        self.contexts("SET_META_CONTEXT of an unknown context", "SET_META_CONTEXT", "x:y")
        self.contexts("SET_META_CONTEXT at the start", "SET_META_CONTEXT",
                      "base:allocation", before=())
        self.option("EXTENDED_HEADERS", "EXTENDED_HEADERS")
        self.option("STRUCTURED_REPLY after EXTENDED_HEADERS", "STRUCTURED_REPLY",
                    before=["EXTENDED_HEADERS"])
        self.option("PEEK_EXPORT", "PEEK_EXPORT")
        self.option("option 99", 99)
        self.option("option 99 with 64 KiB of data", 99, bytes(65536))
        self.option("an option with another magic number", "LIST", magic=b"IHAVENOT")

    #
    # What an export has
    #

    def flags(self):
        c = self.connect()
        c.option("STRUCTURED_REPLY")
        c.option("EXTENDED_HEADERS")
        c.contexts("SET_META_CONTEXT", "base:allocation")
        data = [d for kind, d in c.info("INFO", 3) if kind == 3]
        size, flags = struct.unpack(">QH", next(d[2:] for d in data if d[:2] == b"\0\0"))
        for i, flag in enumerate(FLAGS[1:], 1):
            self.tell("flag " + flag, "yes" if flags & 1 << i else "no")
        sizes = next((struct.unpack(">III", d[2:]) for d in data if d[:2] == b"\0\3"), ())
        for i, size in enumerate(["least", "preferred", "greatest"]):
            self.tell(size + " length of requests", str(sizes[i]) if sizes else "not told")

    #
    # Commands
    #

    def in_style(self, target, style, command, *arguments, context="base:allocation", **words):
        c = Connection(*target)
        if not c.go(style, context):
            return None
        if command == "BLOCK_STATUS" and "payload" in words:
            words = {"payload": words["payload"] + c.context_id}
        c.request(command, *arguments, **words)
        length = arguments[1] if command == "READ" else 0
        error, types, _ = c.reply(length)
        if error:
            return errno.errorcode.get(error, str(error))
        return ", ".join(types) if command == "BLOCK_STATUS" else "done"

    def command(self, what, *arguments, styles=(SIMPLE, STRUCTURED, EXTENDED), target=None, **words):
        for style in styles:
            r = attempt(lambda s=style: self.in_style(target or self.target, s, *arguments, **words))
            self.tell(what, r or "–", STYLES[style])

    def refused(self, *arguments, **words):
        """A command that changes the read-only export."""
        if self.readonly:
            self.command(*arguments, target=self.readonly, **words)

    def reads(self):
        self.command("READ", "READ", 0, 65536)
        self.command("READ of one byte at an odd offset", "READ", 12345, 1)
        self.command("READ of no bytes", "READ", 0, 0)
        self.command("READ beyond the end", "READ", SIZE - 512, 1024)
        self.command("READ of 32 MiB", "READ", 0, 32 * MIB)
        self.command("READ of 64 MiB", "READ", 0, 64 * MIB)
        self.command("READ with FUA", "READ", 0, 4096, FUA)
        self.command("READ with DF", "READ", 0, 4096, DF)
        self.command("READ with an unknown flag", "READ", 0, 4096, 1 << 15)
        for flags, what in (0, ""), (DF, " with DF"):
            c = self.connect()
            c.go(STRUCTURED)
            c.request("READ", 0, 2 * MIB, flags)
            types = c.reply(2 * MIB)[1]
            self.tell("chunks of a READ%s of data and a hole" % what, ", ".join(types) or "none")

    def writes(self):
        def write(what, offset, length, flags=0, **words):
            self.command(what, "WRITE", offset, length, flags, payload=b"w" * length, **words)
        write("WRITE", 0, 65536)
        write("WRITE of one byte at an odd offset", 12345, 1)
        write("WRITE of no bytes", 0, 0)
        write("WRITE beyond the end", SIZE - 512, 1024)
        write("WRITE of 32 MiB", 0, 32 * MIB)
        write("WRITE of 64 MiB", 0, 64 * MIB)
        write("WRITE with FUA", 0, 4096, FUA)
        write("WRITE with NO_HOLE", 0, 4096, NO_HOLE)
        self.refused("WRITE to a read-only export", "WRITE", 0, 4096, payload=bytes(4096))

    def others(self):
        self.command("FLUSH", "FLUSH", 0, 0)
        self.command("FLUSH with a range", "FLUSH", 0, 4096)
        self.command("FLUSH with FUA", "FLUSH", 0, 0, FUA)
        for command in "TRIM", "WRITE_ZEROES", "CACHE":
            self.command(command, command, 4 * MIB, MIB)
            self.command(command + " of one byte at an odd offset", command, 12345, 1)
            self.command(command + " of no bytes", command, 0, 0)
            self.command(command + " beyond the end", command, SIZE - 512, 1024)
            self.command(command + " of all of the disk", command, 0, SIZE)
            self.command(command + " with FUA", command, 4 * MIB, MIB, FUA)
            if command != "CACHE":
                self.refused(command + " on a read-only export", command, 0, 4096)
        self.command("WRITE_ZEROES with NO_HOLE", "WRITE_ZEROES", 4 * MIB, MIB, NO_HOLE)
        self.command("WRITE_ZEROES with FAST_ZERO", "WRITE_ZEROES", 4 * MIB, MIB, FAST_ZERO)

    def statuses(self):
        self.command("BLOCK_STATUS", "BLOCK_STATUS", 0, SIZE)
        self.command("BLOCK_STATUS with REQ_ONE", "BLOCK_STATUS", 0, SIZE, REQ_ONE)
        self.command("BLOCK_STATUS of no bytes", "BLOCK_STATUS", 0, 0)
        self.command("BLOCK_STATUS beyond the end", "BLOCK_STATUS", SIZE - 512, 1024)
        self.command("BLOCK_STATUS without a context", "BLOCK_STATUS", 0, 4096, context=None)
        # The number of the context follows.
        self.command("BLOCK_STATUS with a payload", "BLOCK_STATUS", 0, 12,
                     payload=struct.pack(">Q", 4096), styles=[EXTENDED])

    def ends(self):
        self.command("RESIZE", "RESIZE", SIZE, 0)
        self.command("command 99", "command 99", 0, 0)
        self.command("a request with another magic number", "READ", 0, 512, magic=0x12345678)
        self.command("an extended request without EXTENDED_HEADERS", "READ", 0, 512,
                     magic=0x21e41c71, styles=[SIMPLE, STRUCTURED])
        c = self.connect()
        c.go(STRUCTURED)
        c.request("READ", SIZE, 512)
        text = c.reply(512)[2]
        self.tell("structured errors have a text", "yes" if text else "no")

    def disconnect(self):
        """DISC while READs are under way: are they answered first?"""
        def run():
            c = self.connect()
            c.go(SIMPLE)
            for _ in range(8):
                c.request("READ", 0, MIB)
            c.request("DISC", 0, 0)
            for _ in range(8):
                c.reply(MIB)
            return "answers them"
        self.tell("DISC behind 8 READs", attempt(run))

    def all(self):
        for section, facts in (("Options", self.options), ("Flags and limits", self.flags),
                               ("READ", self.reads), ("WRITE", self.writes),
                               ("Other commands", self.others),
                               ("BLOCK_STATUS", self.statuses), ("Errors and ends", self.ends),
                               ("Errors and ends", self.disconnect)):
            self.section = section
            facts()
        return self.facts
