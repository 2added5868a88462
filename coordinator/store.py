"""Cases, people, consents and tokens, as they lie in the database.

Knows statements and transactions: every method is one, with the log's entries about what it
changes, and what it returns from is on the disk. Does not know questions that were sent
(``asking.journal`` does) or any rule.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from coordinator import log_entries, rows
from coordinator.asking.questions import Ask, Covered, SumAsk
from coordinator.casework.cases import Case, CasePerson, Signature
from coordinator.casework.consents import Fetched
from coordinator.casework.filed import FiledCase, FiledConsent, Recheck
from coordinator.database import Database, chunks
from coordinator.log_book import append
from coordinator.schema import (
    ask,
    case_erasure,
    case_file,
    consent,
    person,
    recheck,
    serial,
    sum_ask,
    token,
)
from federation.errors import BadInput

_CASES = select(case_file).where(case_file.c.case_id.in_(bindparam("ids", expanding=True)))
_PEOPLE = (
    select(person)
    .where(person.c.case_id.in_(bindparam("ids", expanding=True)))
    .order_by(person.c.case_id, person.c.place)
)
_CONSENTS = select(consent).where(consent.c.case_id.in_(bindparam("ids", expanding=True)))
_BY_SIGNATURE = select(consent).where(
    consent.c.consent_no.in_(bindparam("ids", expanding=True))
    | consent.c.renews.in_(bindparam("ids", expanding=True))
)
_TOKEN_IDS = select(token.c.case_id, token.c.jti).where(
    token.c.case_id.in_(bindparam("ids", expanding=True))
)
_ENDING = (
    select(token.c.case_id)
    .where(
        token.c.case_id.in_(bindparam("ids", expanding=True)),
        (token.c.expires <= bindparam("before")) | (token.c.holder != bindparam("mine")),
    )
    .distinct()
)
_FOUND = update(ask).where(ask.c.case_id.in_(bindparam("ids", expanding=True))).values(lost="")
_HERE = (
    (ask.c.case_id == bindparam("of"))
    & (ask.c.place == bindparam("at"))
    & (ask.c.department == bindparam("where"))
    & (ask.c.predicate == bindparam("what"))
    & (ask.c.parameter == bindparam("how"))
)
_LOST = update(ask).where(_HERE).values(lost=bindparam("why"))
_SUMS_FOUND = (
    update(sum_ask).where(sum_ask.c.case_id.in_(bindparam("ids", expanding=True))).values(lost="")
)
_SUMS_LOST = (
    update(sum_ask)
    .where(
        sum_ask.c.case_id == bindparam("of"),
        sum_ask.c.predicate == bindparam("what"),
        sum_ask.c.parameter == bindparam("how"),
        sum_ask.c.subject == bindparam("whose"),
    )
    .values(lost=bindparam("why"))
)
_ASK_ID = select(ask.c.ask_id).where(_HERE)
_ASKS = (
    select(ask).where(ask.c.case_id.in_(bindparam("ids", expanding=True))).order_by(ask.c.ask_id)
)
_SUMS = (
    select(sum_ask)
    .where(sum_ask.c.case_id.in_(bindparam("ids", expanding=True)))
    .order_by(sum_ask.c.sum_id)
)
_SET_CONSENT = (
    update(consent)
    .where(consent.c.case_id == bindparam("of"))
    .values(consent_no=bindparam("no"), state=bindparam("stage"), missing=bindparam("places"))
)
_SIGN = (
    update(person)
    .where(
        person.c.case_id == bindparam("of"),
        person.c.place == bindparam("at"),
        func.length(person.c.evidence) == 0,
    )
    .values(method=bindparam("by"), signer=bindparam("signed_by"), evidence=bindparam("scan"))
)


class Store:
    """The coordinator's books of cases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, cases: Sequence[tuple[Case, str]], now: int, year: int, random: Callable[[int], bytes]
    ) -> list[str]:
        """Open cases, each with its plan, and give their numbers; all or none."""
        with self._database.writing() as connection:
            return open_cases(connection, cases, now, year, random)

    def case_ids(self) -> list[str]:
        """List all cases whose people are not erased, in the order they were opened."""
        erased = select(case_erasure.c.case_id)
        statement = (
            select(case_file.c.case_id)
            .where(case_file.c.case_id.not_in(erased))
            .order_by(case_file.c.opened, case_file.c.case_id)
        )
        with self._database.reading() as connection:
            return list(connection.scalars(statement))

    def cases(self, case_ids: Sequence[str]) -> list[FiledCase]:
        """Read cases, in the order asked for.

        Raises:
            BadInput: CASE_UNKNOWN or CASE_ERASED.
        """
        found: dict[str, Row[Any]] = {}
        people: dict[str, list[CasePerson]] = {}
        with self._database.reading() as connection:
            for ids in chunks(case_ids):
                found |= {row.case_id: row for row in connection.execute(_CASES, {"ids": ids})}
                for row in connection.execute(_PEOPLE, {"ids": ids}):
                    people.setdefault(row.case_id, []).append(rows.read_person(row))
        missing = [case_id for case_id in case_ids if case_id not in found]
        if missing:
            raise BadInput("CASE_UNKNOWN", case=missing[0][:64])
        return [rows.read_case(found[case_id], people[case_id]) for case_id in case_ids]

    def sign(self, case_id: str, signatures: Mapping[int, Signature]) -> None:
        """Add evidence to people, by place, who had none; what is there stays."""
        signed_now = [
            {
                "of": case_id,
                "at": place,
                "by": signed.method.value,
                "signed_by": signed.signer,
                "scan": signed.evidence,
            }
            for place, signed in signatures.items()
        ]
        if signed_now:
            with self._database.writing() as connection:
                connection.execute(_SIGN, signed_now)

    def consents(self, case_ids: Sequence[str]) -> dict[str, FiledConsent]:
        """Read what is known of cases' consents; a case without one is left out."""
        with self._database.reading() as connection:
            return {
                row.case_id: rows.read_consent(row)
                for ids in chunks(case_ids)
                for row in connection.execute(_CONSENTS, {"ids": ids})
            }

    def by_signature(self, consent_nos: Sequence[str]) -> list[FiledConsent]:
        """Read consents by the registrar's numbers, and those that go by their signatures."""
        with self._database.reading() as connection:
            return [
                rows.read_consent(row)
                for ids in chunks(consent_nos)
                for row in connection.execute(_BY_SIGNATURE, {"ids": ids})
            ]

    def file_consents(
        self, consents: Sequence[FiledConsent], covered: Mapping[str, Covered]
    ) -> None:
        """Fix consents' references and questions (by case) before the registrar hears of them."""
        asks = [rows.ask_row(case, ask) for case, some in covered.items() for ask in some.asks]
        sums = [rows.sum_row(case, one) for case, some in covered.items() for one in some.sums]
        with self._database.writing() as connection:
            connection.execute(insert(consent), [rows.consent_row(one) for one in consents])
            if asks:
                connection.execute(insert(ask), asks)
            if sums:
                connection.execute(insert(sum_ask), sums)

    def declare_as(self, before: str, case_id: str) -> None:
        """Let a case commit to its declared income as the one before, which was signed."""
        salt = select(case_file.c.declared_salt).where(case_file.c.case_id == before)
        with self._database.writing() as connection:
            connection.execute(
                update(case_file)
                .where(case_file.c.case_id == case_id)
                .values(declared_salt=salt.scalar_subquery())
            )

    def covered(self, case_ids: Sequence[str]) -> dict[str, Covered]:
        """Read the questions and sums that cases' consents cover."""
        asks: dict[str, list[Ask]] = {case_id: [] for case_id in case_ids}
        sums: dict[str, list[SumAsk]] = {case_id: [] for case_id in case_ids}
        with self._database.reading() as connection:
            for ids in chunks(case_ids):
                for row in connection.execute(_ASKS, {"ids": ids}):
                    asks[row.case_id].append(rows.read_ask(row))
                for row in connection.execute(_SUMS, {"ids": ids}):
                    sums[row.case_id].append(rows.read_sum(row))
        return {one: Covered(tuple(asks[one]), tuple(sums[one])) for one in case_ids}

    def update_consents(self, consents: Sequence[FiledConsent], now: int) -> None:
        """Note what the registrar said of consents."""
        if consents:
            with self._database.writing() as connection:
                _set_consents(connection, consents, now)

    def keep_tokens(
        self, consents: Sequence[FiledConsent], fetched: Sequence[Fetched], now: int
    ) -> None:
        """Keep the tokens of complete consents, and which questions they grant no more."""
        if not consents:
            return
        tokens = [rows.token_row(each) for one in fetched for each in one.tokens]
        both = list(zip(consents, fetched, strict=True))
        why = {"why": "POLICY_NOT_ANSWERED"}
        lost = [rows.place(one.case_id, ask) | why for one, got in both for ask in got.lost.asks]
        lost_sums = [
            rows.sum_place(one.case_id, each) | why for one, got in both for each in got.lost.sums
        ]
        with self._database.writing() as connection:
            for ids in chunks([one.case_id for one in consents]):
                connection.execute(delete(token).where(token.c.case_id.in_(ids)))
                connection.execute(_FOUND, {"ids": ids})
                connection.execute(_SUMS_FOUND, {"ids": ids})
            connection.execute(insert(token), tokens)
            if lost:
                connection.execute(_LOST, lost)
            if lost_sums:
                connection.execute(_SUMS_LOST, lost_sums)
            _set_consents(connection, consents, now)

    def token_ids(self, case_ids: Sequence[str]) -> dict[str, set[bytes]]:
        """Read the ids of the tokens that cases have."""
        found: dict[str, set[bytes]] = {case_id: set() for case_id in case_ids}
        with self._database.reading() as connection:
            for ids in chunks(case_ids):
                for case_id, jti in connection.execute(_TOKEN_IDS, {"ids": ids}):
                    found[case_id].add(bytes(jti))
        return found

    def ending(self, case_ids: Sequence[str], before: int, mine: bytes) -> list[str]:
        """Find cases with a token that ends before a time, or that is not for this key."""
        with self._database.reading() as connection:
            return [
                case_id
                for ids in chunks(case_ids)
                for case_id in connection.scalars(
                    _ENDING, {"ids": ids, "before": before, "mine": mine}
                )
            ]

    def file_rechecks(
        self, case_id: str, rechecks: Sequence[Recheck], evidence: bytes, now: int
    ) -> None:
        """Keep the tokens of an objection; known ones stay as they are."""
        with self._database.writing() as connection:
            ids = [one.jti for one in rechecks]
            known = set(connection.scalars(select(recheck.c.jti).where(recheck.c.jti.in_(ids))))
            fresh = [
                {
                    "jti": one.jti,
                    "ask_id": connection.scalar(_ASK_ID, rows.place(case_id, one.ask)),
                    "token": one.token,
                    "evidence": evidence,
                    "filed": now,
                    "batch_id": None,
                }
                for one in rechecks
                if one.jti not in known
            ]
            if fresh:
                connection.execute(insert(recheck), fresh)


def open_cases(
    connection: Connection,
    cases: Sequence[tuple[Case, str]],
    now: int,
    year: int,
    random: Callable[[int], bytes],
) -> list[str]:
    """Open cases inside a transaction, each with its plan, and give their numbers."""
    numbers = _numbers(connection, [case.area for case, _ in cases], year)
    filed = [
        FiledCase(
            id=number,
            case=case,
            plan=plan,
            opened=now,
            salt=random(32),
            declared_salt=random(32),
        )
        for number, (case, plan) in zip(numbers, cases, strict=True)
    ]
    if filed:
        connection.execute(insert(case_file), [rows.case_row(one) for one in filed])
        connection.execute(
            insert(person),
            [
                rows.person_row(one.id, place, each)
                for one in filed
                for place, each in enumerate(one.case.persons)
            ],
        )
    append(connection, [log_entries.opened(one) for one in filed])
    return numbers


def _set_consents(connection: Connection, consents: Sequence[FiledConsent], now: int) -> None:
    before = {
        row.case_id: rows.read_consent(row)
        for ids in chunks([one.case_id for one in consents])
        for row in connection.execute(_CONSENTS, {"ids": ids})
    }
    connection.execute(_SET_CONSENT, [rows.consent_update(one) for one in consents])
    changes = (log_entries.changed(before[one.case_id], one, now) for one in consents)
    append(connection, list(chain.from_iterable(changes)))


def _numbers(connection: Connection, areas: Sequence[str], year: int) -> list[str]:
    """Draw the next numbers of each area's series, and remember the last."""
    last: dict[str, int] = {}
    for series in sorted({f"{area}-{year}" for area in areas}):
        statement = select(serial.c.last).where(serial.c.series == series).with_for_update()
        known = connection.scalar(statement)
        if known is None:
            connection.execute(insert(serial).values(series=series, last=0))
        last[series] = known or 0
    numbers = []
    for area in areas:
        series = f"{area}-{year}"
        last[series] += 1
        numbers.append(f"HD-{series}-{last[series]:04d}")
    for series, number in last.items():
        connection.execute(update(serial).where(serial.c.series == series).values(last=number))
    return numbers
