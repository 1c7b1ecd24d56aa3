"""Made-up instruments, as many as asked for, in the documented symbol forms. Source: protocol notes, section 10."""

from datetime import UTC, datetime
from decimal import Decimal
from string import ascii_uppercase

from simulator.market.instruments import INSTRUMENTS, Instrument

#: Three letters: 1,300 topics `tickers.AAAUSDT` fit into the 21,000 characters of one connection.
_LETTERS = 3
#: (smallest price step, smallest size step)
_STEPS = tuple(
    (Decimal(tick), Decimal(step)) for tick, step in (("0.01", "0.01"), ("0.001", "0.1"), ("0.0001", "1"), ("0.1", "0.001"))
)
_DAYS = {
    "25DEC26": datetime(2026, 12, 25, 8, tzinfo=UTC),
    "29JAN27": datetime(2027, 1, 29, 8, tzinfo=UTC),
    "26MAR27": datetime(2027, 3, 26, 8, tzinfo=UTC),
    "25JUN27": datetime(2027, 6, 25, 8, tzinfo=UTC),
}
#: The usual options have whole thousands as strikes.
_LOWEST_STRIKE, _STRIKE_STEP = 40_500, 1_000
#: One made-up option in so many is thin.
_THIN_EVERY = 5


def made_up(count: int) -> tuple[Instrument, ...]:
    """`count` of spot, linear, inverse and option each; always the same ones in the same order."""
    coins = [_coin(number) for number in range(count)]
    rows = [make(number, coin) for make in (_spot, _linear, _inverse) for number, coin in enumerate(coins)]
    return (*rows, *(_option(number) for number in range(count)))


def _coin(number: int) -> str:
    """AAA, AAB, … The usual coins are passed over: the first of them is reached after 1,300."""
    usual = sorted(_place(base) for base in {row.base for row in INSTRUMENTS})
    for place in usual:
        number += place <= number
    letters = ""
    for _ in range(_LETTERS):
        number, letter = divmod(number, len(ascii_uppercase))
        letters = ascii_uppercase[letter] + letters
    return letters


def _place(coin: str) -> int:
    place = 0
    for letter in coin:
        place = place * len(ascii_uppercase) + ascii_uppercase.index(letter)
    return place


def _spot(number: int, coin: str) -> Instrument:
    return _pair("spot", number, coin, "USDT", kind="", settle="")


def _linear(number: int, coin: str) -> Instrument:
    return _pair("linear", number, coin, "USDT", kind="LinearPerpetual", settle="USDT")


def _inverse(number: int, coin: str) -> Instrument:
    return _pair("inverse", number, coin, "USD", kind="InversePerpetual", settle=coin)


def _pair(category: str, number: int, coin: str, quote: str, *, kind: str, settle: str) -> Instrument:
    """Priced at 5,000 to 54,990 ticks, so that a thousand levels fit below."""
    tick, step = _STEPS[number % len(_STEPS)]
    price = tick * (5_000 + number * 7_919 % 49_991)
    if category == "inverse":
        step = Decimal(1)
    return Instrument(category, f"{coin}{quote}", price, tick, step, kind, coin, quote, settle, None, _symbol_id(category, number))


def _option(number: int) -> Instrument:
    """Four days; of each strike a call and a put, settled in USDT and in USDC."""
    rest, day = divmod(number, len(_DAYS))
    strike, form = divmod(rest, 4)
    name, at = list(_DAYS.items())[day]
    right, ending, quote, settle = (
        ("C", "-USDT", "USDT", "USDT"),
        ("P", "-USDT", "USDT", "USDT"),
        ("C", "", "USD", "USDC"),
        ("P", "", "USD", "USDC"),
    )[form]
    symbol = f"BTC-{name}-{_LOWEST_STRIKE + strike * _STRIKE_STEP}-{right}{ending}"
    price, delivery_ms = Decimal(1_000 + number * 37 % 4_000 // 5 * 5), int(at.timestamp()) * 1000
    return Instrument(
        "option", symbol, price, Decimal(5), Decimal("0.01"), "", "BTC", quote, settle, delivery_ms,
        _symbol_id("option", number), number % _THIN_EVERY == _THIN_EVERY - 1,
    )  # fmt: skip


def _symbol_id(category: str, number: int) -> int:
    return 1_000 + number * 4 + ("spot", "linear", "inverse", "option").index(category)
