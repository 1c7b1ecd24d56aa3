"""What a server may send and what our client must make of it; chapters and order as in the Autobahn testsuite's fuzzing server.

Every row ends the conversation: `good` with the server's close 1000, which must be answered; `bad` with the client's own close.
"""

from dataclasses import dataclass

from wire import BINARY, CLOSE, CONT, PING, PONG, TEXT, close, fragments, frame, text

from workers.dial import MESSAGE_BYTES

CHAPTERS = {
    1: "Framing",
    2: "Pings and pongs",
    3: "Reserved bits",
    4: "Reserved opcodes",
    5: "Fragmentation",
    6: "UTF-8",
    7: "Closing",
    8: "Frames that only this table has: masks, lengths",
    9: "Limits",
    10: "Mixed",
    12: "Compression that was not agreed on",
}

NOT_CHECKED = "text is handed on unchecked: the JSON codec refuses it, and one bad message must not cost the connection"


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation.

    number    chapter.row, e.g. 5.3
    sends     by the server, after the handshake
    cut       bytes that are sent at once; 0: all
    messages  delivered, exactly these
    pongs     sent by the client, exactly these
    answer    the code of the close that the client sends; None: none, for the line is gone
    words     within the LinkLost that ends it
    drops     the server ends the connection after what it sends
    deviates  why we do not do as RFC 6455 says
    """

    number: str
    title: str
    sends: bytes
    cut: int
    messages: tuple[bytes, ...]
    pongs: tuple[bytes, ...]
    answer: int | None
    words: str
    drops: bool = False
    deviates: str = ""


def good(
    number: str,
    title: str,
    sends: bytes,
    *messages: bytes,
    pongs: tuple[bytes, ...] = (),
    cut: int = 0,
    deviates: str = "",
) -> Case:
    words = "closed by the exchange, code 1000"
    return Case(number, title, sends + close(1000), cut, messages, pongs, 1000, words, deviates=deviates)


def bad(
    number: str,
    title: str,
    sends: bytes,
    words: str,
    *messages: bytes,
    answer: int | None = 1002,
    pongs: tuple[bytes, ...] = (),
    cut: int = 0,
    drops: bool = False,
) -> Case:
    return Case(number, title, sends, cut, messages, pongs, answer, words, drops)


LENGTHS = (0, 125, 126, 127, 128, 65_535, 65_536)
CHOPPED = 65_536
A, B, C = b"fragment1", b"fragment2", b"fragment3"
BIG = b"*" * 65_536
RSV, OPCODE, CONTROL = "reserved bit", "reserved opcode", "control frame that is fragmented or longer"
NOTHING, AMID = "continuation of nothing", "new message within a fragmented one"
GREEK = "κόσμε".encode()
#: Name → text that is UTF-8; what stands at the edges of its ranges.
VALID = {
    "empty": b"",
    "ASCII and umlauts": "Hello-µ@ßöäüàá-UTF-8!!".encode(),
    "Greek": GREEK,
    "U+0000": b"\x00",
    "U+0080, first of two bytes": "\u0080".encode(),
    "U+07FF, last of two bytes": "\u07ff".encode(),
    "U+0800, first of three bytes": "\u0800".encode(),
    "U+FFFF, last of three bytes": "\uffff".encode(),
    "U+10000, first of four bytes": "\U00010000".encode(),
    "U+10FFFF, the last": "\U0010ffff".encode(),
    "U+D7FF, before the surrogates": "\ud7ff".encode(),
    "U+E000, after the surrogates": "\ue000".encode(),
    "U+FFFD, the replacement": "\ufffd".encode(),
    "U+FFFE, no character": "\ufffe".encode(),
    "U+1FFFE, no character": "\U0001fffe".encode(),
}
#: Name → text that is not.
INVALID = {
    "a surrogate": GREEK + b"\xed\xa0\x80edited",
    "a pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "beyond U+10FFFF": GREEK + b"\xf4\x90\x80\x80edited",
    "a continuation byte alone": b"\x80",
    "the last continuation byte alone": b"\xbf",
    "seven continuation bytes": b"\x80\xbf\x80\xbf\x80\xbf\x80",
    "lonely first bytes of two": bytes(range(0xC0, 0xE0)),
    "lonely first bytes of three": bytes(range(0xE0, 0xF0)),
    "lonely first bytes of four": bytes(range(0xF0, 0xF8)),
    "two bytes, the last missing": b"\xdf",
    "three bytes, the last missing": b"\xef\xbf",
    "four bytes, the last missing": b"\xf7\xbf\xbf",
    "0xFE": b"\xfe",
    "0xFF": b"\xff",
    "slash, overlong in two": b"\xc0\xaf",
    "slash, overlong in three": b"\xe0\x80\xaf",
    "slash, overlong in four": b"\xf0\x80\x80\xaf",
    "U+0000, overlong in two": b"\xc0\x80",
    "the largest overlong in three": b"\xe0\x9f\xbf",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "six bytes": b"\xfc\x84\x80\x80\x80\x80",
}
CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
NO_CODES = (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)
MANY = 20_000

CASES: tuple[Case, ...] = (
    *(good(f"1.1.{n}", f"text of {size} bytes", text(b"*" * size), b"*" * size) for n, size in enumerate(LENGTHS, 1)),
    *(
        good(f"1.1.{n}", f"text of {CHOPPED} bytes in chops of {cut}", text(b"*" * CHOPPED), b"*" * CHOPPED, cut=cut)
        for n, cut in enumerate((997, 4096), 8)
    ),
    *(good(f"1.2.{n}", f"binary of {size} bytes", frame(BINARY, b"\xfe" * size), b"\xfe" * size) for n, size in enumerate(LENGTHS, 1)),
    *(
        good(f"1.2.{n}", f"binary of {CHOPPED} bytes in chops of {cut}", frame(BINARY, BIG), BIG, cut=cut)
        for n, cut in enumerate((997, 4096), 8)
    ),
    good("1.3.1", "text of 128 bytes in single bytes", text(b"*" * 128), b"*" * 128, cut=1),
    good("2.1", "ping without payload", frame(PING), pongs=(b"",)),
    good("2.2", "ping with text", frame(PING, b"Hello"), pongs=(b"Hello",)),
    good("2.3", "ping with bytes that are no text", frame(PING, b"\x00\xff\xfe\xfd"), pongs=(b"\x00\xff\xfe\xfd",)),
    good("2.4", "ping of 125 bytes", frame(PING, b"\xfe" * 125), pongs=(b"\xfe" * 125,)),
    bad("2.5", "ping of 126 bytes", frame(PING, b"\xfe" * 126), CONTROL),
    good("2.6", "ping of 125 bytes in single bytes", frame(PING, b"\xfe" * 125), pongs=(b"\xfe" * 125,), cut=1),
    good("2.7", "pong nobody asked for, empty", frame(PONG)),
    good("2.8", "pong nobody asked for, with payload", frame(PONG, b"unasked")),
    good("2.9", "pong nobody asked for, then a ping", frame(PONG, b"unasked") + frame(PING, b"asked"), pongs=(b"asked",)),
    good("2.10", "ten pings", b"".join(frame(PING, b"%d" % n) for n in range(10)), pongs=tuple(b"%d" % n for n in range(10))),
    good("2.11", "ten pings, chopped", b"".join(frame(PING, b"%d" % n) for n in range(10)), pongs=tuple(b"%d" % n for n in range(10)), cut=1),
    bad("2.12", "pong of 126 bytes", frame(PONG, b"*" * 126), CONTROL),
    good("2.13", "two hundred pings between messages", (frame(PING, b"p") + text("m")) * 200, *(b"m",) * 200, pongs=(b"p",) * 200),
    *(bad(f"3.{n}", f"text with RSV {rsv:03b}", text("before") + frame(TEXT, b"m", rsv=rsv), RSV, b"before") for n, rsv in enumerate(range(1, 8), 1)),
    *(bad(f"3.{n}", f"{what} with RSV 111", frame(op, rsv=7), RSV) for n, (what, op) in enumerate((("binary", BINARY), ("close", CLOSE), ("ping", PING), ("pong", PONG)), 8)),
    bad("3.12", "text with RSV 100, in single bytes", text("before") + frame(TEXT, b"m", rsv=4), RSV, b"before", cut=1),
    *(bad(f"4.1.{n}", f"opcode {op} for data, empty", text("before") + frame(op), OPCODE, b"before") for n, op in enumerate(range(3, 8), 1)),
    *(bad(f"4.1.{n}", f"opcode {op} for data, with payload, a ping after it", frame(op, b"m") + frame(PING), OPCODE) for n, op in enumerate(range(3, 8), 6)),
    *(bad(f"4.2.{n}", f"opcode {op} for control, empty", text("before") + frame(op), OPCODE, b"before") for n, op in enumerate(range(11, 16), 1)),
    *(bad(f"4.2.{n}", f"opcode {op} for control, with payload, a ping after it", frame(op, b"m") + frame(PING), OPCODE) for n, op in enumerate(range(11, 16), 6)),
    bad("5.1", "ping in two fragments", frame(PING, A, fin=False) + frame(CONT, B), CONTROL),
    bad("5.2", "pong in two fragments", frame(PONG, A, fin=False) + frame(CONT, B), CONTROL),
    good("5.3", "text in two fragments", fragments(TEXT, A, B), A + B),
    good("5.4", "text in two fragments, in chops of 3", fragments(TEXT, A, B), A + B, cut=3),
    good("5.5", "text in two fragments, in single bytes", fragments(TEXT, A, B), A + B, cut=1),
    good("5.6", "ping between two fragments", frame(TEXT, A, fin=False) + frame(PING, b"p") + frame(CONT, B), A + B, pongs=(b"p",)),
    good("5.7", "ping between two fragments, in chops of 3", frame(TEXT, A, fin=False) + frame(PING, b"p") + frame(CONT, B), A + B, pongs=(b"p",), cut=3),
    good("5.8", "ping between two fragments, in single bytes", frame(TEXT, A, fin=False) + frame(PING, b"p") + frame(CONT, B), A + B, pongs=(b"p",), cut=1),
    bad("5.9", "continuation of nothing, the last, a text after it", frame(CONT, A) + text("after"), NOTHING),
    bad("5.10", "continuation of nothing, in chops of 3", frame(CONT, A) + text("after"), NOTHING, cut=3),
    bad("5.11", "continuation of nothing, in single bytes", frame(CONT, A) + text("after"), NOTHING, cut=1),
    bad("5.12", "continuation of nothing, not the last", frame(CONT, A, fin=False) + text("after"), NOTHING),
    bad("5.13", "continuation of nothing, not the last, in chops of 3", frame(CONT, A, fin=False) + text("after"), NOTHING, cut=3),
    bad("5.14", "continuation of nothing, not the last, in single bytes", frame(CONT, A, fin=False) + text("after"), NOTHING, cut=1),
    bad("5.15", "continuation after a whole fragmented text", fragments(TEXT, A, B) + frame(CONT, C, fin=False) + text("after"), NOTHING, A + B),
    bad("5.16", "continuations around a text", (frame(CONT, A, fin=False) + text("m")) * 2, NOTHING),
    bad("5.17", "last continuations around a text", (frame(CONT, A) + text("m")) * 2, NOTHING),
    bad("5.18", "text begun twice", frame(TEXT, A, fin=False) + frame(TEXT, B), AMID),
    good(
        "5.19",
        "five fragments, two pings among them",
        frame(TEXT, A, fin=False) + frame(CONT, B, fin=False) + frame(PING, b"1") + frame(CONT, C, fin=False) + frame(CONT, A, fin=False) + frame(PING, b"2") + frame(CONT, B),
        A + B + C + A + B,
        pongs=(b"1", b"2"),
    ),
    good("5.20", "binary in three fragments, the middle one empty", fragments(BINARY, A, b"", C), A + C),
    good("5.21", "text in three empty fragments", fragments(TEXT, b"", b"", b""), b""),
    good("5.22", "pong between two fragments", frame(TEXT, A, fin=False) + frame(PONG) + frame(CONT, B), A + B),
    bad("5.23", "binary amid a fragmented text", frame(TEXT, A, fin=False) + frame(BINARY, B, fin=False), AMID),
    bad("5.24", "close amid a fragmented text: no half message", frame(TEXT, A, fin=False) + close(1001), "code 1001", answer=1001),
    good("5.25", "a thousand fragments of one byte", fragments(TEXT, *(b"*",) * 1000), b"*" * 1000),
    *(good(f"6.1.{n}", f"valid: {name}", text(sample), sample) for n, (name, sample) in enumerate(VALID.items(), 1)),
    *(good(f"6.2.{n}", f"valid, a fragment a byte: {name}", fragments(TEXT, *(sample[i : i + 1] for i in range(max(1, len(sample))))), sample) for n, (name, sample) in enumerate(VALID.items(), 1)),
    *(good(f"6.3.{n}", f"invalid: {name}", text(sample), sample, deviates=NOT_CHECKED) for n, (name, sample) in enumerate(INVALID.items(), 1)),
    *(
        good(f"6.4.{n}", f"invalid, in two fragments: {name}", fragments(TEXT, sample[:1], sample[1:]), sample, deviates=NOT_CHECKED)
        for n, (name, sample) in enumerate(INVALID.items(), 1)
    ),
    good("6.5.1", "bytes that are no text, as binary", frame(BINARY, b"\xff\xfe\x80"), b"\xff\xfe\x80"),
    good("6.5.2", "a message that is no UTF-8, then one that is", text(b"\xff") + text("{}"), b"\xff", b"{}", deviates=NOT_CHECKED),
    good("7.1.1", "a text, then close", text("m"), b"m"),
    bad("7.1.2", "two closes", close(1000) + close(1000), "code 1000", answer=1000),
    bad("7.1.3", "a ping after close", close(1000) + frame(PING, b"late"), "code 1000", answer=1000),
    bad("7.1.4", "a text after close", close(1000) + text("late"), "code 1000", answer=1000),
    bad("7.1.5", "a text begun, close, the text's end", frame(TEXT, A, fin=False) + close(1000) + frame(CONT, B), "code 1000", answer=1000),
    bad("7.1.6", "256 KiB, close, a ping", text(b"*" * 262_144) + close(1000) + frame(PING), "code 1000", b"*" * 262_144, answer=1000),
    bad("7.3.1", "close without payload", close(None), "code None", answer=1000),
    bad("7.3.2", "close with one byte", frame(CLOSE, b"a"), "Invalid close frame"),
    bad("7.3.3", "close with a code", close(1000), "code 1000", answer=1000),
    bad("7.3.4", "close with a reason", close(1000, b"Hello World!"), "code 1000: Hello World!", answer=1000),
    bad("7.3.5", "close with the longest reason", close(1000, b"*" * 123), "code 1000: ***", answer=1000),
    bad("7.3.6", "close with a reason of 124 bytes", close(1000, b"*" * 124), CONTROL),
    bad("7.3.7", "close in two fragments", frame(CLOSE, b"\x03", fin=False) + frame(CONT, b"\xe8"), CONTROL),
    bad("7.5.1", "close with a reason that is no UTF-8", close(1000, INVALID["a surrogate"]), "no UTF-8", answer=1007),
    *(bad(f"7.7.{n}", f"close with the code {code}", close(code), f"code {code}", answer=code) for n, code in enumerate(CODES, 1)),
    *(bad(f"7.9.{n}", f"close with {code}, which is no code", close(code), f"close opcode {code}") for n, code in enumerate(NO_CODES, 1)),
    bad("7.11.1", "the line is cut between frames", text("m"), "without a goodbye", b"m", answer=None, drops=True),
    bad("7.11.2", "the line is cut within a frame's head", text("m") + b"\x81", "without a goodbye", b"m", answer=None, drops=True),
    bad("7.11.3", "the line is cut within a long length", text("m") + text(BIG)[:5], "without a goodbye", b"m", answer=None, drops=True),
    bad("7.11.4", "the line is cut within a payload", text("m") + text(b"*" * 100)[:50], "without a goodbye", b"m", answer=None, drops=True),
    bad("7.11.5", "the line is cut between fragments", text("m") + frame(TEXT, A, fin=False), "without a goodbye", b"m", answer=None, drops=True),
    bad("8.1", "masked text", frame(TEXT, b"m", mask=b"abcd"), "masked"),
    bad("8.2", "masked ping", frame(PING, b"m", mask=b"abcd"), "masked"),
    bad("8.3", "length 125 in two bytes", frame(TEXT, b"*" * 125, form=126), "shortest form"),
    bad("8.4", "length 0 in two bytes", frame(TEXT, b"", form=126), "shortest form"),
    bad("8.5", "length 65535 in eight bytes", frame(TEXT, b"*" * 65_535, form=127), "shortest form"),
    bad("8.6", "length 5 in eight bytes", frame(BINARY, b"*****", form=127), "shortest form"),
    bad("8.7", "length with the top bit set", frame(TEXT, b"*", length=1 << 63, form=127), "at most", answer=1009),
    bad("8.8", "length of 64 set bits", frame(BINARY, b"*", length=(1 << 64) - 1, form=127), "at most", answer=1009),
    bad("8.9", "length 2^40", frame(TEXT, b"*", length=1 << 40, form=127), "at most", answer=1009),
    bad("8.10", "ping with length 2^40", frame(PING, b"*", length=1 << 40, form=127), CONTROL),
    *(good(f"9.1.{n}", f"text of {size} KiB", text(b"*" * (size << 10)), b"*" * (size << 10)) for n, size in enumerate((64, 256, 1024, 4096, 8192, 16_384), 1)),
    *(good(f"9.2.{n}", f"binary of {size} KiB", frame(BINARY, b"\x00" * (size << 10)), b"\x00" * (size << 10)) for n, size in enumerate((64, 256, 1024, 4096, 8192, 16_384), 1)),
    *(good(f"9.3.{n}", f"text of 1 MiB in fragments of {size}", fragments(TEXT, *(b"*" * size,) * ((1 << 20) // size)), b"*" * (1 << 20)) for n, size in enumerate((256, 1024, 4096, 65_536, 262_144), 1)),
    *(good(f"9.4.{n}", f"binary of 1 MiB in fragments of {size}", fragments(BINARY, *(b"*" * size,) * ((1 << 20) // size)), b"*" * (1 << 20)) for n, size in enumerate((256, 1024, 4096, 65_536, 262_144), 1)),
    *(good(f"9.5.{n}", f"text of 1 MiB in chops of {cut}", text(b"*" * (1 << 20)), b"*" * (1 << 20), cut=cut) for n, cut in enumerate((512, 1024, 2048), 1)),
    bad("9.6.1", "frame of one byte more than is taken", frame(TEXT, b"", length=MESSAGE_BYTES + 1, form=127), "at most", answer=1009),
    bad("9.6.2", "fragments of one byte more than is taken", fragments(TEXT, b"*" * MESSAGE_BYTES, b"*"), "in fragments", answer=1009),
    good("9.6.3", "fragments of all that is taken", fragments(TEXT, b"*" * (MESSAGE_BYTES - 1), b"*"), b"*" * MESSAGE_BYTES),
    *(good(f"9.7.{n}", f"{MANY} texts of {size} bytes", text(b"*" * size) * MANY, *(b"*" * size,) * MANY) for n, size in enumerate((0, 16, 64, 256), 1)),
    good("9.8.1", f"{MANY} empty fragments", fragments(TEXT, *(b"",) * MANY, b"end"), b"end"),
    good("10.1", "text of 64 KiB in fragments of 1300", fragments(TEXT, *(BIG[i : i + 1300] for i in range(0, 65_536, 1300))), BIG),
    good("10.2", "all kinds in one segment", text("1") + frame(PING, b"p") + fragments(BINARY, A, B) + frame(PONG) + text("2"), b"1", A + B, b"2", pongs=(b"p",)),
    bad("12.1", "compressed text", frame(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00", rsv=4), RSV),
    bad("12.2", "compressed text in fragments", frame(TEXT, b"\xf2\x48\xcd", fin=False, rsv=4) + frame(CONT, b"\xc9\xc9\x07\x00"), RSV),
    bad("12.3", "compressed binary after a plain message", text("m") + frame(BINARY, b"\xf2\x48\xcd\xc9\xc9\x07\x00", rsv=4), RSV, b"m"),
    bad("12.4", "compression begun in a continuation", frame(TEXT, A, fin=False) + frame(CONT, b"\xf2\x48", rsv=4), RSV),
)  # fmt: skip
