"""The gate that every command passes: who acts, whether they may, and the log's word of it.

Knows sessions, roles, relatives and second persons, and puts them together. Does not know what an
action does. A refusal is logged like an action; both stand in the log before anything is done.

Until the first operator is added everything is done as the owner. Then every action needs a
session.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coordinator.casework.cases import Case
from coordinator.casework.filed import FiledCase
from coordinator.database import Database
from coordinator.log_book import Entry, append
from coordinator.people import firsts, roles
from coordinator.people.firsts import First
from coordinator.people.operators import Operators
from coordinator.people.roles import OWNER, TABLE, Action, Operator
from coordinator.people.sessions import Place, Sessions
from federation.clock import Clock
from federation.errors import BadInput, Refused
from federation.log import kinds
from federation.log.coordinator_events import OperatorActed

KEY: Final = "people.key"
"""The file in the data folder whose key the digests of relatives are made with."""
_AT_ONCE: Final = 1_000  # cases of one entry of the log
_TEXT: Final = 128  # characters of a text that the log reads again

Cases = Callable[[Sequence[str]], list[FiledCase]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What somebody is about to do, with which cases, or about what else."""

    action: Action
    cases: tuple[str, ...] = ()
    about: str = ""


class Gate:
    """Who may do what at this desk."""

    def __init__(
        self, database: Database, cases: Cases, clock: Clock, data: Path, place: Place
    ) -> None:
        self._database = database
        self._cases = cases
        self._clock = clock
        self.operators = Operators(database, clock, data / KEY)
        self.sessions = Sessions(database, clock, self.operators, place)

    def acting(
        self,
        action: Action,
        cases: Sequence[str] = (),
        *,
        papers: Sequence[Case] = (),
        areas: Sequence[str] = (),
        about: str = "",
    ) -> str:
        """Let whoever is logged in do something, and give their name.

        ``papers`` are cases that are not in the books yet, ``areas`` what is about no single case;
        ``about`` says what exactly is done: what another person began must have been the same.

        Raises:
            BadInput: CASE_UNKNOWN.
            Refused: SESSION_MISSING, SESSION_EXPIRED, PASSWORD_INITIAL, OPERATOR_FORBIDDEN,
                OWN_RELATIVE or SECOND_PERSON_NEEDED.
        """
        wanted = _Wanted(action=action, cases=tuple(cases), about=about)
        who = self._who(wanted)
        if who is None:
            if not roles.reads(action):
                self._note(OWNER, "", wanted)
            return OWNER
        filed = [(one.id, one.case) for one in self._cases(wanted.cases)]
        try:
            roles.permit(who, action, (*(one.area for _, one in filed), *_areas(papers), *areas))
            self._check_kin(who, [*filed, *(("", one) for one in papers)])
            self._check_second(who, wanted)
        except Refused as e:
            self._note(who.name, who.role, wanted, e.code)
            raise
        self._note(who.name, who.role, wanted)
        return who.name

    def acted(self, action: Action, about: str) -> None:
        """Log what the owner has done where nobody could be asked: it was empty before."""
        self._note(OWNER, "", _Wanted(action=action, about=about))

    def opening(self, papers: Sequence[Case], action: Action = Action.CASE_OPEN) -> str:
        """Let whoever is logged in open cases, which they do in their own name.

        Raises:
            BadInput: CASE_OPERATOR.
            Refused: as ``acting``.
        """
        name = self.acting(action, papers=papers)
        others = [one.operator for one in papers if one.operator != name]
        if others and name != OWNER:
            raise BadInput("CASE_OPERATOR", operator=name, named=others[0])
        return name

    def within(self, action: Action, cases: Sequence[str]) -> list[str]:
        """Choose the cases with which whoever is logged in may do something.

        Raises:
            Refused: SESSION_MISSING, SESSION_EXPIRED or PASSWORD_INITIAL.
        """
        who = self._who(_Wanted(action=action))
        if who is None:
            return list(cases)
        covered = [one for one in self._cases(cases) if who.covers(one.case.area)]
        kin = self._kin(who, [one.case for one in covered])
        return [one.id for one in covered if kin.isdisjoint(_people(one.case))]

    def covering(self, action: Action, areas: Iterable[str]) -> set[str]:
        """Choose the areas in which whoever is logged in may do something.

        Raises:
            Refused: as ``within``.
        """
        who = self._who(_Wanted(action=action))
        return {one for one in areas if who is None or who.covers(one)}

    def began(self, first: First) -> None:
        """Remember what somebody began that another person confirms, once it has come so far."""
        with self._database.writing() as connection:
            firsts.remember(connection, first, self._clock.now())

    def _who(self, wanted: _Wanted) -> Operator | None:
        """Find who is logged in; nobody where there are no operators yet."""
        if not self.operators.any():
            return None
        try:
            return self.sessions.working()
        except Refused as e:
            name = str(e.details.get("operator", ""))
            if name:
                self._note(name, "", wanted, e.code)
            raise

    def _check_kin(self, who: Operator, cases: Sequence[tuple[str, Case]]) -> None:
        kin = self._kin(who, [case for _, case in cases])
        for case_id, case in cases:
            if not kin.isdisjoint(_people(case)):
                raise Refused("OWN_RELATIVE", case=case_id or "-")

    def _kin(self, who: Operator, cases: Iterable[Case]) -> set[str]:
        """Find those who stand in cases, or have signed there, that are somebody's relatives."""
        return self.operators.related(who.name, {one for case in cases for one in _people(case)})

    def _check_second(self, who: Operator, wanted: _Wanted) -> None:
        """Refuse whoever has begun what a second person confirms, and what nobody began so."""
        first = TABLE[wanted.action].second
        if first is None:
            return
        with self._database.reading() as connection:
            for one in wanted.cases or (wanted.about,):
                meant = First(subject=one, action=first, name=who.name, matter=wanted.about)
                firsts.check(connection, meant)

    def _note(self, name: str, role: str, wanted: _Wanted, refused: str = "") -> None:
        with self._database.writing() as connection:
            append(connection, [*_entries(name, role, wanted, refused, self._clock.now())])


def _areas(papers: Sequence[Case]) -> tuple[str, ...]:
    return tuple(one.area for one in papers)


def _people(case: Case) -> set[str]:
    """List who stands in a case, or has signed for somebody in it."""
    return {one.id for one in case.persons} | {one.signature.signer for one in case.persons}


def _entries(name: str, role: str, wanted: _Wanted, refused: str, now: int) -> Iterator[Entry]:
    """Write entries that can be read again, whatever somebody wrote in a command."""
    cases = tuple(one[:_TEXT] for one in wanted.cases)
    for first in range(0, max(len(cases), 1), _AT_ONCE):
        event = OperatorActed(
            operator=name,
            role=str(role),
            action=wanted.action.value,
            cases=cases[first : first + _AT_ONCE],
            about=wanted.about[:_TEXT],
            refused=refused,
        )
        yield Entry(kinds.write(event, now))
