"""Mutations of a frame's bytes: cheap, so that most are of this kind. Each takes dice, a frame and another one, and gives a text.

Those below "by the pair" know where keys and values stand, so that what they make is mostly still JSON.
"""

from collections.abc import Callable
from random import Random

from tests.fuzz.corpus import Base, Pair, corpus

Mutate = Callable[[Random, Base, Base], bytes]

#: What is put in between.
CRUMBS = (
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\u0000", b"\\ud800", b"\\udc00\\ud800", b"\x00", b"\xff", b"\xc3", b"\xc0\x80",
    b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"null", b"1e400", b"-", b".", b"0", b"NaN", b"\n", b"\x7f", b"[[[[", b"}}}}",
)  # fmt: skip

#: What stands where a value stood: of every type, and each the kind of figure that breaks something.
VALUES = (
    b"null", b"true", b"false", b'""', b"0", b"1", b"-1", b"[]", b"{}", b"[[]]", b"[null]", b"[{}]", b'[""]', b'{"":""}', b"1e400", b"-1e400",
    b"1e-400", b"0.1", b"-0", b"-0.0", b"1.7e3", b"9223372036854775807", b"9223372036854775808", b"18446744073709551616",
    b"-9223372036854775809", b"1" + b"0" * 60, b"9" * 4300, b"9" * 5000, b'"0"', b'"1"', b'"-1"', b'"-"', b'"1e5"', b'"NaN"', b'"Infinity"',
    b'".5"', b'"5."', b'"+1"', b'"1_000"', b'" 1"', b'"0x10"', b'"\\u0661"', b'"' + b"9" * 100 + b'"', b'"' + b"9" * 101 + b'"', b'"0.' + b"0" * 99 + b'1"',
    b'"\\u0000"', b'"a\\"b"', b'"\\ud83d\\ude00"', b'"#"', b'"*"', b'"a.b.c"', b'"true"', b'"Buy"', b'"None"', b'"snapshot"', b'"delta"', b'"pong"',
    b'"auth"', b'"subscribe"', b'"COMMAND_RESP"', b'"2024-02-30T00:00:00Z"', b'"0001-01-01T00:00:00+23:59"', b'"9999-12-31T23:59:59-23:59"',
    b'"20240101"', b'"1970-01-01T00:00:00Z"', b'[["1","2"]]', b'[["1"]]', b'[["1","2","3","4"]]', b'[[1,2]]', b'[["x","y"]]', b'[[["1","2"]]]',
    b'[{"coin":5}]', b'["pong",1]', b'{"failTopics":["order"],"successTopics":[1]}', b'{"failTopics":"order"}',
)  # fmt: skip

#: First parts of topics, of every family and of none.
FAMILIES = (
    "publicTrade.", "tickers.", "orderbook.1.", "orderbook.50.", "orderbook.1000.", "orderbook.999999.", "orderbook.rpi.", "orderbook.full.",
    "orderbook.x.", "kline.1.", "kline..", "kline.D.a.", "allLiquidation.", "liquidation.", "insurance.", "priceLimit.", "adlAlert.", "order",
    "order.", "execution", "execution.fast.", "position", "wallet", "greeks", "spread.order", "spread.execution", "system.status", "system",
    "dcp.", "rfq.open.", "", ".", "..", "no.such.",
)  # fmt: skip
ENDS = (
    "", "BTCUSDT", "BTC", "linear", "option", "XRP-30OCT26-0.4-P-USDT", ".", "a.b.c", "#", "*", "\n", "\u0000", "\U0001f600" * 40, "X" * 217,
    "X" * 221, "X" * 300, "X" * 5000, "\u00e4" * 110, " ", "%s{symbol}",
)  # fmt: skip

#: Deep enough to be no frame of any exchange, and far beyond what a reader can follow. Others lie between, where one can who reads
#: and one cannot who walks or prints what was read.
DEPTHS = (8, 40, 190, 199, 201, 1500, 20_000)
#: What goes down: its beginning, its end, and how many levels they are.
HOLDERS = ((b"[", b"]", 1), (b'{"a":', b"}", 1), (b'[{"Ab":[', b"]}]", 3))


def at(dice: Random, count: int) -> int:
    """A number below count; as `randrange`, at a tenth of its cost."""
    return int(dice.random() * count)


def flip(dice: Random, base: Base, _other: Base) -> bytes:
    text = bytearray(base.text)
    for _ in range(1 + at(dice, 3)):
        text[at(dice, len(text))] ^= 1 << at(dice, 8)
    return bytes(text)


def cut(dice: Random, base: Base, _other: Base) -> bytes:
    return base.text[: at(dice, len(base.text))]


def take_out(dice: Random, base: Base, _other: Base) -> bytes:
    place = at(dice, len(base.text))
    return base.text[:place] + base.text[place + 1 + at(dice, 40) :]


def insert(dice: Random, base: Base, _other: Base) -> bytes:
    place = at(dice, len(base.text) + 1)
    return base.text[:place] + CRUMBS[at(dice, len(CRUMBS))] + base.text[place:]


def repeat(dice: Random, base: Base, _other: Base) -> bytes:
    place = at(dice, len(base.text))
    return base.text[: place + at(dice, 200)] + base.text[place:]


def splice(dice: Random, base: Base, other: Base) -> bytes:
    return base.text[: at(dice, len(base.text))] + other.text[at(dice, len(other.text)) :]


def _pair(dice: Random, base: Base) -> Pair:
    return base.pairs[at(dice, len(base.pairs))]


def _value(dice: Random, other: Base) -> bytes:
    """One that breaks something, or one that stands elsewhere."""
    if dice.random() < 0.7 or not other.pairs:
        return VALUES[at(dice, len(VALUES))]
    pair = _pair(dice, other)
    return other.text[pair.value : pair.value_end]


def _key(dice: Random) -> bytes:
    keys = corpus().keys
    return b'"' + keys[at(dice, len(keys))].encode() + b'"'


def value(dice: Random, base: Base, other: Base) -> bytes:
    """By the pair: another value."""
    pair = _pair(dice, base)
    return base.text[: pair.value] + _value(dice, other) + base.text[pair.value_end :]


def values(dice: Random, base: Base, other: Base) -> bytes:
    """By the pair: a number for a text, a text for a number, or nothing."""
    pair = _pair(dice, base)
    found = base.text[pair.value : pair.value_end]
    turned = b'""' if dice.random() < 0.3 else found.strip(b'"') or b"0" if found[:1] == b'"' else b'"' + found + b'"'
    return base.text[: pair.value] + turned + base.text[pair.value_end :]


def key(dice: Random, base: Base, _other: Base) -> bytes:
    """By the pair: another key, perhaps one of the frame's own or one of our names."""
    pair = _pair(dice, base)
    return base.text[: pair.key] + _key(dice) + base.text[pair.value - 1 :]


def leave_out(dice: Random, base: Base, _other: Base) -> bytes:
    """By the pair: gone; what had no comma after it leaves a broken text."""
    pair = _pair(dice, base)
    return base.text[: pair.key] + base.text[pair.end :]


def twice(dice: Random, base: Base, other: Base) -> bytes:
    """By the pair: the same key again with another value, before or after it."""
    pair = _pair(dice, base)
    name = base.text[pair.key : pair.value]
    if dice.random() < 0.5:
        return base.text[: pair.key] + name + _value(dice, other) + b"," + base.text[pair.key :]
    return base.text[: pair.value_end] + b"," + name + _value(dice, other) + base.text[pair.value_end :]


def beside(dice: Random, base: Base, other: Base) -> bytes:
    """By the pair: one more key that its neighbours do not know."""
    pair = _pair(dice, base)
    return base.text[: pair.key] + _key(dice) + b":" + _value(dice, other) + b"," + base.text[pair.key :]


def topic(dice: Random, base: Base, other: Base) -> bytes:
    """By the pair: the records of one family under the topic of another."""
    if base.spot is None:
        return value(dice, base, other)
    if other.spot is not None and dice.random() < 0.6:
        found = other.text[other.spot[0] : other.spot[1]]
    else:
        words = FAMILIES[at(dice, len(FAMILIES))] + ENDS[at(dice, len(ENDS))]
        found = b'"' + words.replace("\n", "\\n").replace("\u0000", "\\u0000").encode() + b'"'
    return base.text[: base.spot[0]] + found + base.text[base.spot[1] :]


def deep(dice: Random, base: Base, _other: Base) -> bytes:
    """By the pair: a value that goes down and down, or one more key with such a value."""
    pair, depth = _pair(dice, base), DEPTHS[at(dice, len(DEPTHS))] if dice.random() < 0.3 else 200 + at(dice, 800)
    opened, closed, levels = HOLDERS[at(dice, len(HOLDERS))]
    depth //= levels
    middle = (b"1", b'""', b"")[at(dice, 3)] if opened == b"[" else b"1"
    found = opened * depth + middle + closed * depth
    if dice.random() < 0.5:
        return base.text[: pair.key] + _key(dice) + b":" + found + b"," + base.text[pair.key :]
    return base.text[: pair.value] + found + base.text[pair.value_end :]


def long(dice: Random, base: Base, _other: Base) -> bytes:
    """By the pair: a key or a text of up to 100,000 letters."""
    pair, letters = _pair(dice, base), (b"x", b"9", b"A1h", "\u00e4".encode(), b"aB")[at(dice, 5)] * (10 ** (1 + at(dice, 5)))
    if dice.random() < 0.5:
        return base.text[: pair.value] + b'"' + letters + b'"' + base.text[pair.value_end :]
    return base.text[: pair.key] + b'"' + letters + base.text[pair.value - 2 :]


#: Mutation → its weight among all.
BYTEWISE: dict[Mutate, int] = {
    flip: 80, cut: 30, take_out: 50, insert: 60, repeat: 30, splice: 40,
    value: 170, values: 90, key: 50, leave_out: 60, twice: 40, beside: 40, topic: 50, deep: 6, long: 3,
}  # fmt: skip
