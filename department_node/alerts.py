"""Suspicions as this department keeps them: what is suspected now, and every change of it.

Knows the table ``suspicion`` and the signed alert that each change is. Does not know by which rule
anybody is suspected.

An alert never names a record: what it is about stands in the table alone, and goes when the record
is erased.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Final

from department_node.store import Store
from federation import alert
from federation.alert import Alert, Raised
from federation.clock import Clock
from federation.log import kinds
from federation.log.alert_events import AlertRaised
from federation.log.sqlite import append
from federation.party import Party
from federation.sentinel import Bounds, Change, Key, Rule, State

OF_RECORDS: Final = frozenset({Rule.SERIES, Rule.BUDGET})
"""Rules about records: what such a suspicion is about begins with the record, in hex."""


class Alerts:
    """Raises alerts."""

    def __init__(
        self,
        party: Party,
        store: Store,
        clock: Clock,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._party = party
        self._store = store
        self._clock = clock
        self._random = random

    def known(self) -> dict[Key, State]:
        """Tell what is suspected now."""
        return {key: state for key, (state, _) in _known(self._store.reader).items()}

    def raise_all(self, changes: Iterable[Change], bounds: Mapping[Rule, Bounds]) -> None:
        """Sign and log changes, all in one transaction.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        wanted, now = list(changes), self._clock.now()

        def job(connection: sqlite3.Connection) -> None:
            known = _known(connection)
            for change in wanted:
                _, matter = known.get(change.key, (State.CALM, b""))
                self._raise(connection, change, matter or self._random(16), bounds, now)

        if wanted:
            self._store.writer.write(job)

    def _raise(
        self,
        connection: sqlite3.Connection,
        change: Change,
        matter: bytes,
        bounds: Mapping[Rule, Bounds],
        now: int,
    ) -> None:
        rule, about = change.key
        signed = alert.sign(
            Alert(
                federation=self._party.manifest.federation,
                party=self._party.id,
                matter=matter,
                at=now,
                rule=rule,
                about=_told(rule, about)[1],
                was=change.was,
                state=change.state,
                level=change.level,
                bounds=bounds[rule],
            ),
            self._party.key,
        )
        event = AlertRaised(
            matter=matter,
            rule=rule.value,
            state=change.state.value,
            alert=sha256(signed).digest(),
        )
        entry = append(connection, kinds.write(event, now), signed)
        row = (entry, now, matter, rule.value, about, change.state.value, change.level)
        connection.execute("INSERT INTO suspicion VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def history(connection: sqlite3.Connection) -> list[Raised]:
    """List every change of a suspicion, oldest first."""
    sql = "SELECT at, matter, rule, about, state, level FROM suspicion ORDER BY entry"
    found = []
    for at, matter, rule, about, state, level in connection.execute(sql):
        record, told = _told(Rule(rule), about)
        found.append(
            Raised(
                at=at,
                matter=matter,
                rule=Rule(rule),
                about=told,
                state=State(state),
                level=level,
                record=record,
            )
        )
    return found


def _known(connection: sqlite3.Connection) -> dict[Key, tuple[State, bytes]]:
    """Read which suspicions have not ended, each with its matter."""
    sql = "SELECT rule, about, state, matter, max(entry) FROM suspicion GROUP BY rule, about"
    return {
        Key(Rule(rule), about): (State(state), matter)
        for rule, about, state, matter, _ in connection.execute(sql)
        if state != State.CALM
    }


def _told(rule: Rule, about: str) -> tuple[bytes, str]:
    """Take apart which record a suspicion is about, and what may be said of it."""
    if rule not in OF_RECORDS:
        return b"", about
    record, _, quantity = about.partition(" ")
    return bytes.fromhex(record), quantity
