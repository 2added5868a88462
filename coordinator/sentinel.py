"""The misuse sentinel of the centre: what it counts by operator, and the alerts that it raises.

Knows where counts come from, tables that stand anyway, and how a change is signed, kept and logged.
Does not know the rules (``federation.sentinel``). The centre is no server: each command that opens
the desk ends with a look.

Who a relative is follows from the cases themselves: whoever shares a household with an operator in
any of them. So it needs the operators' resident numbers, which stand in the settings.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, exists, func, insert, select

from coordinator import log_entries
from coordinator.config import Settings
from coordinator.database import Database, chunks
from coordinator.log_book import append
from coordinator.people.roles import OWNER, Action
from coordinator.schema import (
    ask,
    case_closing,
    case_file,
    log,
    log_checkpoint,
    person,
    question,
    question_batch,
    sum_ask,
    sum_run,
    suspicion,
)
from federation import alert, sentinel
from federation.alert import Alert, Raised
from federation.clock import Clock
from federation.errors import PeerFault
from federation.log import kinds
from federation.log.coordinator_events import OperatorActed
from federation.party import Party
from federation.sentinel import DAY, Bounds, Change, Key, Rule, State, Traffic

_ASKED: Final = (
    select(question_batch.c.created, case_file.c.case_id, case_file.c.operator, func.count())
    .select_from(question_batch)
    .join(question, question.c.batch_id == question_batch.c.batch_id)
    .join(ask, ask.c.ask_id == question.c.ask_id)
    .join(case_file, case_file.c.case_id == ask.c.case_id)
    .where(question_batch.c.created >= bindparam("since"))
    .group_by(
        question_batch.c.batch_id,
        question_batch.c.created,
        case_file.c.case_id,
        case_file.c.operator,
    )
)
_SUMMED: Final = (  # a run is one question, however many departments add up
    select(sum_run.c.began, case_file.c.case_id, case_file.c.operator)
    .join(sum_ask, sum_ask.c.sum_id == sum_run.c.sum_id)
    .join(case_file, case_file.c.case_id == sum_ask.c.case_id)
    .where(sum_run.c.began >= bindparam("since"))
)
_OF_CASE: Final = sum_ask.c.case_id == case_file.c.case_id
_TOLD: Final = (
    exists()
    .where(_OF_CASE, sum_run.c.sum_id == sum_ask.c.sum_id, sum_run.c.outcome != 0)
    .correlate(case_file)
)
_UNDECIDED: Final = (
    select(case_file.c.operator, func.count())
    .where(
        case_file.c.opened < bindparam("before"),
        exists().where(ask.c.case_id == case_file.c.case_id, ask.c.answered_by.is_not(None))
        | _TOLD,
        ~exists().where(case_closing.c.case_id == case_file.c.case_id),
    )
    .group_by(case_file.c.operator)
)
_CASES_WITH: Final = select(person.c.case_id).where(person.c.id_number == bindparam("number"))
_TOGETHER: Final = select(person.c.id_number).where(person.c.case_id.in_(_CASES_WITH)).distinct()
_IN_CASE: Final = (
    select(case_file.c.case_id, person.c.id_number, person.c.signer)
    .join(person, person.c.case_id == case_file.c.case_id)
    .where(
        case_file.c.operator == bindparam("of"),
        person.c.id_number.in_(bindparam("ids", expanding=True))
        | person.c.signer.in_(bindparam("ids", expanding=True)),
    )
)
_HISTORY: Final = select(
    suspicion.c.at,
    suspicion.c.matter,
    suspicion.c.rule,
    suspicion.c.about,
    suspicion.c.state,
    suspicion.c.level,
).order_by(suspicion.c.number)
_ASKING: Final = frozenset({Action.CASE_ASK.value, Action.CASE_RECHECK.value})
_SETTLED: Final = select(func.max(log_checkpoint.c.size)).where(
    log_checkpoint.c.at < bindparam("since")
)
_ACTED: Final = (  # of all records only theirs begin so
    select(log.c.record)
    .where(
        log.c.seq > bindparam("size"),
        log.c.record >= b'{"about":',
        log.c.record < b'{"about;',
    )
    .order_by(log.c.seq)
)
_A_RELATIVE, _ITSELF = 1, 2


class Sentinel:
    """Looks at what operators asked, and raises what has become suspicious."""

    def __init__(
        self,
        database: Database,
        party: Party,
        settings: Settings,
        clock: Clock,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._database = database
        self._party = party
        self._settings = settings
        self._clock = clock
        self._random = random

    def look(self) -> None:
        """Count, and raise alerts where a suspicion changes.

        Raises:
            Unavailable: DATABASE_UNAVAILABLE.
        """
        bounds = _bounds(self._settings)
        with self._database.reading() as connection:
            levels = self._levels(connection)
            found = list(sentinel.changes(_states(connection), levels, bounds))
        if found:
            with self._database.writing() as connection:
                self._raise_all(connection, found, bounds)

    def history(self) -> list[Raised]:
        """List every change of a suspicion, oldest first."""
        with self._database.reading() as connection:
            return [
                Raised(
                    at=row.at,
                    matter=bytes(row.matter),
                    rule=Rule(row.rule),
                    about=row.about,
                    state=State(row.state),
                    level=row.level,
                )
                for row in connection.execute(_HISTORY)
            ]

    def _levels(self, connection: Connection) -> dict[Key, int]:
        now = self._clock.now()
        traffic = Traffic(sentinel.working(self._settings.working_time))
        since = sentinel.traffic_since(now)
        acted = _acted(connection, since)
        for at, case_id, operator, questions in connection.execute(_ASKED, {"since": since}):
            traffic.note(at, _who(acted[case_id], at) or operator, questions)
        for at, case_id, operator in connection.execute(_SUMMED, {"since": since}):
            traffic.note(at, _who(acted[case_id], at) or operator, 1)
        before = now - self._settings.decide_days * DAY
        undecided = connection.execute(_UNDECIDED, {"before": before})
        return {
            **traffic.levels(now),
            **{Key(Rule.UNDECIDED, operator): cases for operator, cases in undecided},
            **_relatives(connection, self._settings.operators),
        }

    def _raise_all(
        self, connection: Connection, found: Iterable[Change], bounds: Mapping[Rule, Bounds]
    ) -> None:
        known = _known(connection)
        for change in found:
            made = Alert(
                federation=self._party.manifest.federation,
                party=self._party.id,
                matter=known.get(change.key, (State.CALM, b""))[1] or self._random(16),
                at=self._clock.now(),
                rule=change.key.rule,
                about=change.key.about,
                was=change.was,
                state=change.state,
                level=change.level,
                bounds=bounds[change.key.rule],
            )
            signed = alert.sign(made, self._party.key)
            row = connection.execute(insert(suspicion), _row(made, signed))
            (number,) = row.inserted_primary_key or (0,)
            append(connection, [log_entries.alerted(made, signed, number)])


def _acted(connection: Connection, since: int) -> dict[str, list[tuple[int, str]]]:
    """Read who was let through to ask about a case, and when, oldest first.

    From before the oldest question on: no command runs across a checkpoint.
    """
    size = connection.scalar(_SETTLED, {"since": since}) or 0
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for record in connection.scalars(_ACTED, {"size": size}):
        try:
            at, event = kinds.read(bytes(record))
        except PeerFault:  # that the log was altered its self-check says
            continue
        if isinstance(event, OperatorActed) and _asks(event):
            for case_id in event.cases:
                found[case_id].append((at, event.operator))
    return found


def _asks(event: OperatorActed) -> bool:
    """Tell whether somebody with a name goes on to ask."""
    return event.action in _ASKING and not event.refused and event.operator != OWNER


def _who(acted: Sequence[tuple[int, str]], at: int) -> str:
    """Name who had last been let through at a time; nobody where there were no operators."""
    return next((name for then, name in reversed(acted) if then <= at), "")


def _bounds(settings: Settings) -> dict[Rule, Bounds]:
    return {
        Rule.VOLUME: Bounds.over(settings.sentinel_hourly),
        Rule.HOURS: Bounds.over(settings.sentinel_after_hours),
        Rule.UNDECIDED: Bounds.over(settings.sentinel_undecided),
        Rule.RELATIVE: Bounds(calm=_A_RELATIVE, suspect=_A_RELATIVE, alarm=_ITSELF),
    }


def _relatives(connection: Connection, operators: Mapping[str, str]) -> dict[Key, int]:
    """Find the cases of operators with themselves on them, or somebody of a household of theirs."""
    levels: Counter[Key] = Counter()
    for operator, number in operators.items():
        together = list(connection.scalars(_TOGETHER, {"number": number}))
        for ids in chunks([number, *(one for one in together if one != number)]):
            for row in connection.execute(_IN_CASE, {"of": operator, "ids": ids}):
                level = _ITSELF if number in {row.id_number, row.signer} else _A_RELATIVE
                key = Key(Rule.RELATIVE, row.case_id)
                levels[key] = max(level, levels[key])
    return levels


def _known(connection: Connection) -> dict[Key, tuple[State, bytes]]:
    """Read which suspicions have not ended, each with its matter."""
    newest = {
        Key(Rule(row.rule), row.about): (State(row.state), bytes(row.matter))
        for row in connection.execute(_HISTORY)
    }
    return {key: one for key, one in newest.items() if one[0] is not State.CALM}


def _states(connection: Connection) -> dict[Key, State]:
    return {key: state for key, (state, _) in _known(connection).items()}


def _row(made: Alert, signed: bytes) -> dict[str, Any]:
    return {
        "at": made.at,
        "matter": made.matter,
        "rule": made.rule.value,
        "about": made.about,
        "state": made.state.value,
        "level": made.level,
        "alert": signed,
    }
