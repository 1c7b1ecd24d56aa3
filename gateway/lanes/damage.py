"""Damage: parts that a spool had taken and cannot give any more, found as its parts are read in order, and told once. Pure."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Whole:
    """A part of a spool that could be read, or of which nothing is to be read any more.

    number       its own; total: records ever kept, up to and with it; None: unknown
    received_ns  of its newest record, Unix nanoseconds; None: unknown
    """

    number: int = 0
    total: int | None = None
    received_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Hole:
    """What is not there.

    first, last     numbers of the parts; None: how many they were is unknown
    records         in them; None: unknown
    bytes_cut       that stood behind the newest part, and may have been one
    from_ns, to_ns  when the records on both sides of it were received, Unix nanoseconds; None: unknown
    """

    first: int
    last: int | None
    records: int | None = None
    bytes_cut: int = 0
    from_ns: int | None = None
    to_ns: int | None = None

    @property
    def identity(self) -> str:
        """The same whenever the same damage is found again."""
        return f"{self.first}-{self.last}-{self.bytes_cut}-{self.to_ns if self.last is not None else self.from_ns}"

    def words(self, lane: str) -> str:
        if self.last is None:
            what = f"{self.bytes_cut} bytes behind part {self.first - 1} in the spool of {lane}"
            return f"{what} are no whole part: what they held may be lost"
        count = self.last - self.first + 1
        what = f"{count} parts in the spool of {lane}, {self.first} to {self.last}, are damaged or missing"
        return f"{what}: {self.records} records" if self.records is not None else what


@dataclass(slots=True)
class Damage:
    """Of one spool, for its reader."""

    _before: Whole = field(default_factory=Whole)
    _told: set[tuple[int, int]] = field(default_factory=set)
    _found: list[Hole] = field(default_factory=list)

    def begin(self, behind: Whole) -> None:
        """The reading begins, or begins again, behind this part."""
        self._before = behind

    def read(self, part: Whole, count: int) -> None:
        """This part, of so many records, is the next that is whole."""
        self._tell(part, part.total - count if part.total is not None else None)
        self._before = part

    def ended(self, last: int, total: int) -> None:
        """No further part up to this number is whole; so many records were ever kept."""
        if last > self._before.number:
            self._tell(Whole(last + 1), total)
            self._before = Whole(last, total, self._before.received_ns)

    def cut(self, behind: Whole, size_bytes: int) -> None:
        """So many bytes behind the newest part were none."""
        self._found.append(Hole(behind.number + 1, None, bytes_cut=size_bytes, from_ns=behind.received_ns))

    def taken(self) -> list[Hole]:
        """What was found since."""
        found, self._found = self._found, []
        return found

    def _tell(self, part: Whole, total_before: int | None) -> None:
        numbers = self._before.number + 1, part.number - 1
        if numbers[0] > numbers[1] or numbers in self._told:
            return
        self._told.add(numbers)
        known = total_before is not None and self._before.total is not None and total_before > self._before.total
        records = (total_before or 0) - (self._before.total or 0) if known else None
        self._found.append(Hole(*numbers, records, 0, self._before.received_ns, part.received_ns))
