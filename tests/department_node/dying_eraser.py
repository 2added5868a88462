"""A node that follows an order from a file and is killed on the way, at a given point.

Run as a process of its own: ``python -m tests.department_node.dying_eraser FOLDER ORDER POINT``.
"""

import sys
from pathlib import Path

import pytest

from department_node import erasing, orders, spent
from department_node.store import Store
from federation import party as parties
from federation.clock import FixedClock
from federation.manifest import PartyRole
from tests.department_node.dying_node import Dying, die
from tests.support.twin import NOW

POINTS = (
    "before anything",
    "after what was answered",
    "after consents and cells",
    "before COMMIT",
    "after COMMIT",
    "before the journal is emptied",
)


def main(folder: str, order: str, point: str) -> None:
    """Follow the order until death."""
    party = parties.load(Path(folder), PartyRole.NODE, NOW)
    monkey = pytest.MonkeyPatch()
    match point:
        case "before anything":
            monkey.setattr(erasing, "follow", die)
        case "after what was answered":
            monkey.setattr(spent, "erase", die)
        case "after consents and cells":
            monkey.setattr(erasing, "_say", die)
        case "before the journal is emptied":
            monkey.setattr(Store, "scrub", die)
        case _:
            prepare = Store._connect

            def dying(store: Store) -> object:
                return Dying(prepare(store), point)

            monkey.setattr(Store, "_connect", dying)
    orders.follow(party, Path(order).read_bytes(), FixedClock(NOW))


if __name__ == "__main__":
    main(*sys.argv[1:])
