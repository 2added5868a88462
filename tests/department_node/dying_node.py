"""A node that answers one request from a file and is killed on the way, at a given point.

Run as a process of its own: ``python -m tests.department_node.dying_node FOLDER REQUEST POINT``.
"""

import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from department_node.ledger import Ledger
from federation import party as parties
from federation.clock import FixedClock
from federation.manifest import PartyRole
from federation.wire import signed
from tests.support import twin as twins
from tests.support.twin import NOW, Twin

POINTS = (
    "before the job",
    "inside the job",
    "before COMMIT",
    "after COMMIT",
    "before the signature",
)


def die(*_: object, **__: object) -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


class Dying:
    """A connection that dies at COMMIT: before or after it."""

    def __init__(self, connection: sqlite3.Connection, point: str) -> None:
        self._connection = connection
        self._point = point

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def execute(self, sql: str, *parameters: Any) -> object:
        if sql == "COMMIT" and self._point == "before COMMIT":
            die()
        result = self._connection.execute(sql, *parameters)
        if sql == "COMMIT" and self._point == "after COMMIT":
            die()
        return result


def main(folder: str, request: str, point: str) -> None:
    """Open the twin's node as it lies there and answer until death."""
    home = Path(folder)
    twin = Twin(
        folder=home,
        clock=FixedClock(NOW),
        coordinator=parties.load(home / "coordinator", PartyRole.COORDINATOR, NOW),
        registrar=parties.load(home / "registrar", PartyRole.REGISTRAR, NOW),
    )
    with twins.open_node(twin) as node:
        writer = node.store.writer
        answerer, monkey = node.answerer(), pytest.MonkeyPatch()
        match point:
            case "before the job":
                monkey.setattr(writer, "settle", die)
            case "inside the job":
                monkey.setattr(Ledger, "append", die)
            case "before the signature":
                monkey.setattr(signed, "sign", die)
            case _:
                monkey.setattr(writer, "_connection", Dying(writer._connection, point))
        answerer.ask("coordinator", Path(request).read_bytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
