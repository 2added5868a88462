"""The scanner: messages held against what must not travel.

Knows which numbers of a message are dates, times or chance, and holds the first two to be what they
say. Does not know where messages come from.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from tests.scenarios.apart import numbers, views
from tests.scenarios.forbidden import PREFIX, Forbidden, Kind
from tests.scenarios.recording import Message

TIMES: Final = frozenset(
    {"Header.issued", "Header.expires", "ConsentForm.not_after"}
    | {"token.iat", "token.nbf", "token.exp", "status.iat", "status.exp"}
    | {"event.at", "event.expires", "event.not_after", "event.iat", "event.issued"}
)
"""UTC seconds near the demonstration's day."""
DATES: Final = frozenset(
    {"Answer.as_of", "Answer.enrolled_to", "Answer.period_from", "Answer.period_to"}
)
"""Days near the demonstration's as yyyymmdd, or 0."""
CHANCE: Final = frozenset({"token.status.status_list.idx", "status.status_list.lst", "event.index"})
"""A random place in a list of 2²⁰, and the list itself: any number occurs here."""
DECLARED: Final = frozenset({"Comparison.declared"})
"""What a household declared itself: opened to the tally, that knows no household (protocol §7)."""
YEARS: Final = 2


class Finding(NamedTuple):
    """Something that travelled and must not: what it is, how it was dressed and in which method."""

    kind: Kind
    dress: str
    method: str


class Scanner:
    """Looks through messages; what was found clean once is not looked through again."""

    def __init__(self, forbidden: Forbidden, now: int) -> None:
        self._forbidden = forbidden
        self._now = now
        self._clean: set[bytes] = set()

    def scan(self, messages: Iterable[Message]) -> set[Finding]:
        """Give everything found in some messages."""
        return {found for message in messages for found in self._scan(message)}

    def _scan(self, message: Message) -> Iterator[Finding]:
        for view in views(message.data):
            if view not in self._clean:
                found = [Finding(kind, dress, message.method) for kind, dress in self.search(view)]
                yield from found
                if not found:
                    self._clean.add(view)
        for place, number in numbers(message):
            if self._forbidden.is_amount(number) and not self._excused(place, number):
                yield Finding(Kind.AMOUNT, place, message.method)

    def search(self, view: bytes) -> Iterator[tuple[Kind, str]]:
        """Look for every pattern in bytes as they are."""
        patterns = self._forbidden.patterns
        starts = range(len(view) - PREFIX + 1)
        slices = map(slice, starts, range(PREFIX, len(view) + 1))
        for prefix in set(filter(patterns.__contains__, map(view.__getitem__, slices))):
            for one in patterns[prefix]:
                if one.data in view:
                    yield one.kind, one.dress

    def _excused(self, place: str, number: float) -> bool:
        """Tell whether a number that happens to be an amount is what its field says."""
        if place in TIMES:
            return abs(number - self._now) < YEARS * 366 * 86_400
        if place in DATES:
            return abs(_year(int(number)) - datetime.fromtimestamp(self._now, UTC).year) <= YEARS
        return place in CHANCE | DECLARED


def _year(day: int) -> int:
    """Read the year of yyyymmdd; far away where it is no date."""
    try:
        return date(day // 10_000, day // 100 % 100, day % 100).year
    except ValueError:
        return -YEARS * 10_000
