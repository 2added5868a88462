"""A town whose centre has people: a director, two clerks, a reviewer, each with a password."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from coordinator.people.gate import Gate
from coordinator.people.roles import EVERYWHERE, OWNER, Operator, Role
from coordinator.people.sessions import Place, Session
from coordinator.store import Store
from federation.log.coordinator_events import OperatorActed, OperatorSet
from federation.log.kinds import Happened
from tests.coordinator import logged
from tests.coordinator.town import Town, case_text

FIRST = "the first word I was given"
OWN = "a word that only I know"
AREA = "790301"
PEOPLE = {
    "op-dir": (Role.DIRECTOR, EVERYWHERE),
    "op-lin": (Role.CLERK, AREA),
    "op-mei": (Role.CLERK, "790302"),
    "op-rev": (Role.REVIEWER, "7903"),
    "op-tao": (Role.REVIEWER, "7903"),
    "op-cen": (Role.CENTRE, EVERYWHERE),
    "op-aud": (Role.AUDITOR, EVERYWHERE),
}


@dataclass
class Staffed:
    """The town, and whoever sits at its desk; each has a file of their own."""

    town: Town
    account: int = field(default_factory=os.getuid)

    @contextmanager
    def gate(self, who: str) -> Iterator[Gate]:
        """Open the gate as somebody stands before it."""
        place = Place(file=lambda: self.town.data / f"session-{who}", account=self.account)
        with self.town.database() as database:
            cases = Store(database).cases
            yield Gate(database, cases, self.town.clock, self.town.data, place)

    def hire(self, *names: str) -> None:
        """Take people in, the director first; all log in and choose a password."""
        names = tuple(dict.fromkeys(["op-dir", *names]))
        with self.gate("op-dir") as gate:
            for name in names:
                role, area = PEOPLE[name]
                new = Operator(name=name, role=role, areas=(area,))
                gate.operators.add(OWNER, new, FIRST)
        for name in names:
            self.login(name, FIRST)
            with self.gate(name) as gate:
                gate.sessions.change_password(FIRST, OWN)

    def login(self, name: str, password: str = OWN) -> Session:
        """Log somebody in at their own place."""
        with self.gate(name) as gate:
            return gate.sessions.login(name, password)

    def open(self, *texts: str) -> list[str]:
        """Open cases past the gate."""
        with self.town.desk() as desk:
            papers = [desk.read(text.encode()).case for text in texts or (case_text(),)]
            return desk.new(papers)

    def acts(self) -> list[OperatorActed]:
        """Read what the log says that people did at the desk."""
        return [one for one in self._events() if isinstance(one, OperatorActed)]

    def sets(self) -> list[OperatorSet]:
        """Read what the log says that operators are."""
        return [one for one in self._events() if isinstance(one, OperatorSet)]

    def _events(self) -> list[object]:
        return [one.event for one in logged.said(self.town) if isinstance(one, Happened)]
