"""Odd forms that the exchange's pushes have been seen in, each a switch. Source: protocol notes, sections 12 and 13."""

from collections.abc import Set
from dataclasses import dataclass

from simulator.account.records import Row

#: A tax in some jurisdictions; elsewhere the field is a blank text.
EXTRA_FEES = [{"feeCoin": "USDT", "feeType": "GST", "subFeeType": "IND_GST", "feeRate": "0.0000675", "fee": "0.006403779"}]
#: Texts that come as numbers, and numbers that come as texts.
TO_NUMBER = ("createdTime", "updatedTime", "execTime")
TO_TEXT = ("seq", "positionIdx", "riskId")
#: The account's fields that are blank in a wallet with blanks; of a coin these.
BLANK = ("accountIMRate", "accountMMRate", "totalMarginBalance", "totalAvailableBalance", "totalInitialMargin")
BLANK_COIN = ("accruedInterest", "totalOrderIM", "totalPositionIM", "totalPositionMM")


@dataclass(slots=True)
class Oddities:
    """What is odd now; pushes only, REST stays as documented.

    extra_fees    executions carry `extraFees` as an array; they keep it in REST too
    numbers       times come as numbers, counters as texts
    blank_wallet  wallets have blank texts where numbers are usual
    smp_group     "number" or "text": what `smpGroup` is in every category; "" as usual
    """

    extra_fees: bool = False
    numbers: bool = False
    blank_wallet: bool = False
    smp_group: str = ""

    @classmethod
    def of(cls, forms: Set[str]) -> "Oddities":
        """From the forms of the fault `odd`."""
        smp_group = "number" if "smp_number" in forms else "text" if "smp_text" in forms else ""
        return cls("extra_fees" in forms, "numbers" in forms, "blank_wallet" in forms, smp_group)

    def spoil(self, topic: str, row: Row) -> Row:
        """The row as it is pushed."""
        row = dict(row)
        if self.numbers:
            row |= {key: int(row[key]) for key in TO_NUMBER if key in row} | {key: str(row[key]) for key in TO_TEXT if key in row}
        if self.smp_group and "smpGroup" in row:
            row["smpGroup"] = int(row["smpGroup"]) if self.smp_group == "number" else str(row["smpGroup"])
        if self.blank_wallet and topic == "wallet":
            row |= dict.fromkeys(BLANK, "") | {"coin": [coin | dict.fromkeys(BLANK_COIN, "") for coin in row["coin"]]}
        return row
