"""Gaps in a log: each erased row has its tombstone, each tombstone an order, each order its people.

Knows what may be missing from a department's log, and that nobody else erases anything. Does not
know why somebody was to be erased.
"""

from collections.abc import Callable, Generator, Iterator, Sequence

from auditor.around import Around
from auditor.exchanges import Exchange
from auditor.findings import Finding, Place, found
from auditor.logs import Erasures

Subs = Callable[[Exchange], frozenset[bytes]]
"""Names the people of an exchange by their pseudonyms at its department."""


def check(
    party: str, gone: Erasures, lost: Sequence[Exchange], subs: Subs, around: Around
) -> Generator[Finding, None, list[Exchange]]:
    """Hold a log's gaps to orders; give what is wrong, and return what no gap explains.

    ``lost`` are the exchanges that the log should have and does not show.
    """
    yield from _gaps(party, gone)
    ordered: set[bytes] = set()
    for row, tombstone in gone.tombstones.items():
        order = around.registry.orders.get(tombstone.order)
        if order is None or order.department != party:
            missed = found("ERASURE_UNORDERED", Place(party, row), order=tombstone.order)
            yield around.missing(missed, tombstone.at)
        else:
            ordered |= order.subs
    # A department empties an entry when the last person in it is to be erased.
    left = len(gone.erased & gone.named)
    unexplained: list[Exchange] = []
    for one in lost:
        if one.said is None:
            continue
        people = subs(one)
        if left and people and people <= ordered:
            left -= 1
        else:
            unexplained.append(one)
    return unexplained


def _gaps(party: str, gone: Erasures) -> Iterator[Finding]:
    for row in sorted(gone.erased - gone.named):
        yield found("LOG_GAP", Place(party, row), why="no tombstone")
    for row in sorted(gone.named - gone.erased):
        yield found("LOG_GAP", Place(party, row), why="not erased")
