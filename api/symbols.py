"""Which instrument or group a request means, and which category: the rules of the public contract, section 5. Pure."""

from api.asked import NOT_YET, Asked, Rules
from gateway.errors import RequestError
from gateway.protocol.categories import OPTION, SYMBOL, category_of
from gateway.protocol.channels.channel import Channel
from gateway.protocol.endpoints import CATEGORIES


def symbol_of(asked: Asked, channel: Channel) -> str | None:
    """As the channel uses it: an instrument, a base coin or a group; None: all of the topic."""
    if channel.symbol_use in ("none", "topic"):
        if asked.symbol is not None:
            raise RequestError(f"found symbol {asked.symbol!r}; expected none for {channel.channel_type}", code="UNEXPECTED_SYMBOL")
        return None
    if channel.symbol_use == "filter" and asked.symbol in (None, "*"):
        return None
    if asked.symbol is None:
        expected = f"one of {', '.join(channel.groups)}" if channel.groups else "one"
        raise RequestError(f"symbol is missing; expected {expected} for {channel.channel_type}", code="MISSING_SYMBOL")
    if channel.groups:
        if asked.symbol not in channel.groups:
            groups = ", ".join(channel.groups)
            raise RequestError(
                f"found symbol {asked.symbol!r}; expected a group of contracts for {channel.channel_type}: {groups}",
                code="UNKNOWN_SYMBOL",
            )
        return asked.symbol
    _refuse_a_pattern(asked.symbol, channel)
    if not SYMBOL.fullmatch(asked.symbol):
        raise RequestError(
            f"found symbol {asked.symbol!r}; expected an instrument's name in upper case, such as BTCUSDT", code="UNKNOWN_SYMBOL"
        )
    return asked.symbol


def place_of(asked: Asked, channel: Channel, symbol: str | None, rules: Rules) -> tuple[str | None, str | None]:
    """The category, which the channel has and the settings allow, and where it is known from; None: the topic carries all."""
    if asked.category is not None and asked.category not in CATEGORIES:
        raise RequestError(f"found category {asked.category!r}; expected one of {', '.join(CATEGORIES)}")
    category, source = _decided(asked, channel, symbol, rules)
    if category is None:
        return None, None
    if category not in channel.topics and channel.symbol_use != "topic":
        known = ", ".join(filter(None, channel.topics)) or "none"
        raise RequestError(
            f"{channel.channel_type} does not exist for category {category!r}; expected {known}", code="UNSUPPORTED_FOR_CATEGORY"
        )
    its_own = channel.groups.get(symbol or "", category)
    if its_own != category:
        raise RequestError(
            f"{channel.channel_type} of {symbol!r} does not exist for category {category!r}; expected {its_own}",
            code="UNSUPPORTED_FOR_CATEGORY",
        )
    if category not in rules.enabled_categories:
        raise RequestError(
            f"category {category!r} is disabled; expected one of {', '.join(rules.enabled_categories)}", code="CATEGORY_DISABLED"
        )
    return category, source


def check_option(channel: Channel, category: str | None, symbol: str | None) -> None:
    """Option trades go by base coin: the coin, or one option of it."""
    if symbol is None or category != "option":
        return
    is_coin = category_of(symbol, default="") == ("spot", "symbol")  # no suffix of a contract
    if "{base_coin}" in channel.topics[category] and is_coin:
        return
    if not OPTION.fullmatch(symbol):
        raise RequestError(f"found symbol {symbol!r}; expected an option such as BTC-25DEC26-70000-C-USDT", code="UNKNOWN_SYMBOL")


def _refuse_a_pattern(symbol: str, channel: Channel) -> None:
    if "*" in symbol:
        raise RequestError(f"found symbol {symbol!r}; a pattern {NOT_YET} for {channel.channel_type}; expected one instrument")


def _decided(asked: Asked, channel: Channel, symbol: str | None, rules: Rules) -> tuple[str | None, str | None]:
    """As given, else as the group or the symbol has it."""
    if asked.category is not None:
        return asked.category, "given"
    if symbol is None or channel.symbol_use == "filter":
        return None, None
    if channel.groups:
        return channel.groups[symbol], "symbol"
    return category_of(symbol, default=rules.default_category)
