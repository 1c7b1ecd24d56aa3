"""An option's model figures: they follow the underlying's price as a real model's do, but by plain fractions.

A logistic or normal curve would need floats, whose last digits differ between machines; these are exact.
"""

from dataclasses import dataclass
from decimal import Decimal

from simulator.dialect import plain
from simulator.market.instruments import Instrument

_FOUR, _SIX, _EIGHT = Decimal("0.0001"), Decimal("0.000001"), Decimal("0.00000001")
#: How steep delta rises with the distance of the underlying from the strike, as a share of the strike.
_STEEPNESS = 6
_FLAT_VOLATILITY = Decimal("0.4210")
#: How much volatility grows with that distance: the smile.
_SMILE = Decimal("0.35")


@dataclass(frozen=True, slots=True)
class Greeks:
    """iv: volatility of the mark, a ratio."""

    iv: Decimal
    delta: Decimal
    gamma: Decimal
    vega: Decimal
    theta: Decimal

    @staticmethod
    def told(volatility: Decimal) -> str:
        return plain(volatility.quantize(_FOUR))


def strike(instrument: Instrument) -> Decimal:
    """Source of the form: protocol notes, section 10. It may have a decimal point."""
    return Decimal(instrument.symbol.split("-")[2])


def is_call(instrument: Instrument) -> bool:
    return instrument.symbol.split("-")[3] == "C"


def model(instrument: Instrument, underlying: Decimal) -> Greeks:
    """underlying: its price now."""
    distance = (underlying - strike(instrument)) / strike(instrument)
    steep = distance * _STEEPNESS
    call = (1 + steep / (1 + abs(steep))) / 2
    near = 1 / (1 + abs(steep)) ** 2
    iv = _FLAT_VOLATILITY + _SMILE * abs(distance)
    return Greeks(
        iv=iv.quantize(_FOUR),
        delta=(call if is_call(instrument) else call - 1).quantize(_SIX),
        gamma=(near * _STEEPNESS / 2 / underlying).quantize(_EIGHT),
        vega=(near * underlying / 900).quantize(_EIGHT),
        theta=(-near * underlying * iv / 580).quantize(_EIGHT),
    )


def told_of_trade(instrument: Instrument, index: Decimal, mark: Decimal) -> dict[str, str]:
    """What an option's trade says besides. index: the underlying's price now."""
    volatility = Greeks.told(model(instrument, index).iv)
    return {"mP": plain(mark), "iP": plain(index), "mIv": volatility, "iv": volatility}
