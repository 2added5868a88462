"""A node that contributes to one sum from a file and is killed on the way, at a given point.

Run as a process: ``python -m tests.department_node.dying_contributor FOLDER REQUEST POINT``.
"""

import sys
from pathlib import Path

import pytest

from department_node.contribution_books import ContributionBooks
from department_node.ledger import Ledger
from department_node.masking import Masking
from department_node.shares import Sharer
from federation.wire import signed
from tests.department_node.dying_node import Dying, die
from tests.support import joint

OPEN = ("before the records are read", "before the beginning", "in the beginning")
"""Points at which the run is not begun yet: it is as if nobody had asked."""
LOST = ("after the beginning", "before the share is stored", "before its commit")
"""Points at which it is begun and the share is not there: it is lost."""
KEPT = ("after its commit", "before the signature")
"""Points at which the share is durable."""


def main(folder: str, request: str, point: str) -> None:
    """Open the node as it lies there and contribute until death."""
    town = joint.reopened(Path(folder))
    with joint.open_node(town) as node:
        own, monkey = joint.contributor(node), pytest.MonkeyPatch()
        match point:
            case "before the records are read":
                monkey.setattr(Sharer, "_amount", die)
            case "before the beginning":
                monkey.setattr(Sharer, "_begin", die)
            case "in the beginning":
                monkey.setattr(ContributionBooks, "begin", die)
            case "after the beginning":
                monkey.setattr(Masking, "share", die)
            case "before the share is stored":
                monkey.setattr(ContributionBooks, "complete", die)
            case "before the signature":
                monkey.setattr(signed, "sign", die)
            case _:
                writer = node.store.writer
                end = "before COMMIT" if point == "before its commit" else "after COMMIT"
                honest = Ledger.keep_answers

                def kept(*of: object) -> None:
                    writer._connection = Dying(writer._connection, end)  # type: ignore[assignment]
                    honest(*of)  # type: ignore[arg-type]

                monkey.setattr(Ledger, "keep_answers", kept)
        own.contribute("coordinator", Path(request).read_bytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
