"""Batch mandates as they lie in the database: people, lists, blocks, questions and answers.

Knows rows and how they become values again. Every method is one transaction, with what the log says
of it: what it returns from is on the disk. Does not know signatures or sockets.

A question to a block is SENT before it goes out. Then it is ANSWERED; or it came to nothing, ENDED,
and is put anew by the next run. Questions are put once a round.
"""

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Select, delete, func, insert, select, update

from coordinator import log_entries
from coordinator.asking.journal import Received
from coordinator.database import Database
from coordinator.log_book import append
from coordinator.log_entries import Exchange, Kept
from coordinator.schema import mandate, mandate_ask, mandate_block, mandate_list, mandate_part
from federation import limits
from federation.errors import BadInput
from federation.mandate import NUMBER_LENGTH, Pair
from federation.mandate_list import PSEUDONYM_BYTES, blocks_of


class AskState(StrEnum):
    """Where a question to a block stands."""

    SENT = "SENT"
    ANSWERED = "ANSWERED"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """A mandate in the books: the draft, or the signed document."""

    id: bytes
    document: bytes = field(repr=False)
    signed: bool
    salt: bytes = field(repr=False)
    size: int
    round: int
    created: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A department's signed list; ``presented`` once the department has it."""

    department: str
    signed_list: bytes = field(repr=False)
    presented: bool

    @property
    def digest(self) -> bytes:
        """The SHA-256 by which questions name the list."""
        return hashlib.sha256(self.signed_list).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some of a list's people: pseudonyms in rising order, and whose they are, by place."""

    number: int
    pseudonyms: bytes = field(repr=False)
    places: tuple[int, ...] = field(repr=False)
    presented: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A question to a block that may be on its way."""

    ask_id: int
    block: int
    pair: Pair
    request: bytes = field(repr=False)


class MandateBooks:
    """The coordinator's books of mandates."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, one: Filed, numbers: Sequence[str]) -> None:
        """File a draft with its people, in rising order."""
        with self._database.writing() as connection:
            row = {"mandate_id": one.id, "document": one.document, "signed": int(one.signed)}
            row |= {"salt": one.salt, "size": one.size, "round": one.round, "created": one.created}
            connection.execute(insert(mandate), row)
            size = limits.MANDATE_BLOCK
            for first in range(0, len(numbers), size):
                ids = "".join(numbers[first : first + size])
                part = {"mandate_id": one.id, "first": first, "ids": ids}
                connection.execute(insert(mandate_part), part)

    def find(self, mandate_id: bytes) -> Filed:
        """Find a mandate.

        Raises:
            BadInput: MANDATE_UNKNOWN.
        """
        for one in self.all():
            if one.id == mandate_id:
                return one
        raise BadInput("MANDATE_UNKNOWN")

    def all(self) -> list[Filed]:
        """List all mandates, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(mandate).order_by(mandate.c.created)).all()
        return [
            Filed(
                id=bytes(row.mandate_id),
                document=bytes(row.document),
                signed=bool(row.signed),
                salt=bytes(row.salt),
                size=row.size,
                round=row.round,
                created=row.created,
            )
            for row in rows
        ]

    def sign(self, mandate_id: bytes, document: bytes) -> None:
        """Put the signed document in the draft's place."""
        with self._database.writing() as connection:
            changed = update(mandate).where(mandate.c.mandate_id == mandate_id)
            connection.execute(changed.values(document=document, signed=1))

    def begin_round(self, mandate_id: bytes) -> None:
        """Have everything asked once more."""
        with self._database.writing() as connection:
            changed = update(mandate).where(mandate.c.mandate_id == mandate_id)
            connection.execute(changed.values(round=mandate.c.round + 1))

    def parts(self, mandate_id: bytes, least: int = 0) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Read a mandate's people part by part: place of the first, and their numbers."""
        wanted = select(mandate_part.c.first, mandate_part.c.ids).where(
            mandate_part.c.mandate_id == mandate_id, mandate_part.c.first >= least
        )
        with self._database.reading() as connection:
            for row in connection.execute(wanted.order_by(mandate_part.c.first)):
                ids, size = row.ids, NUMBER_LENGTH
                yield row.first, tuple(ids[i : i + size] for i in range(0, len(ids), size))

    def keep_list(
        self, mandate_id: bytes, listed: Listed, pseudonyms: list[bytes], now: int
    ) -> None:
        """Keep a department's list in place of an older one; ``pseudonyms`` by place."""
        department = listed.department
        places = sorted(range(len(pseudonyms)), key=pseudonyms.__getitem__)
        rising = [pseudonyms[place] for place in places]
        with self._database.writing() as connection:
            for table in (mandate_block, mandate_list):
                here = (table.c.mandate_id == mandate_id) & (table.c.department == department)
                connection.execute(delete(table).where(here))
            row = {"mandate_id": mandate_id, "department": department, "presented": 0}
            connection.execute(insert(mandate_list), row | {"signed_list": listed.signed_list})
            told = log_entries.enlisted(mandate_id, department, listed.signed_list, now)
            append(connection, [told])
            for number, block in enumerate(blocks_of(rising)):
                first, people = number * limits.MANDATE_BLOCK, len(block) // PSEUDONYM_BYTES
                whose = struct.pack(f">{people}I", *places[first : first + people])
                found = {"block": number, "pseudonyms": block, "places": whose}
                connection.execute(insert(mandate_block), row | found)

    def lists(self, mandate_id: bytes) -> dict[str, Listed]:
        """Give the signed lists of a mandate by department."""
        wanted = select(mandate_list).where(mandate_list.c.mandate_id == mandate_id)
        with self._database.reading() as connection:
            return {
                row.department: Listed(
                    department=row.department,
                    signed_list=bytes(row.signed_list),
                    presented=bool(row.presented),
                )
                for row in connection.execute(wanted)
            }

    def block(self, mandate_id: bytes, department: str, number: int) -> Block:
        """Read one block of a department's list."""
        table = mandate_block.c
        wanted = select(mandate_block).where(
            table.mandate_id == mandate_id, table.department == department, table.block == number
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).one()
        whose = bytes(row.places)
        return Block(
            number=number,
            pseudonyms=bytes(row.pseudonyms),
            places=struct.unpack(f">{len(whose) // 4}I", whose),
            presented=bool(row.presented),
        )

    def answered(self, one: Filed, department: str) -> dict[tuple[int, Pair], bytes]:
        """Give what was said in this round, by block and question."""
        with self._database.reading() as connection:
            rows = connection.execute(
                _of_round(one, department, AskState.ANSWERED).add_columns(mandate_ask.c.said)
            )
            return {(r.block, (r.predicate, r.parameter)): bytes(r.said) for r in rows}

    def sent(self, one: Filed, department: str) -> list[Sent]:
        """List the questions of this round that may be on their way."""
        with self._database.reading() as connection:
            rows = connection.execute(
                _of_round(one, department, AskState.SENT).add_columns(mandate_ask.c.request)
            )
            return [
                Sent(
                    ask_id=r.ask_id,
                    block=r.block,
                    pair=(r.predicate, r.parameter),
                    request=bytes(r.request),
                )
                for r in rows
            ]

    def counts(self, one: Filed) -> dict[str, int]:
        """Count the answered questions to blocks of this round by department."""
        answered = (
            select(mandate_ask.c.department, func.count())
            .where(
                mandate_ask.c.mandate_id == one.id,
                mandate_ask.c.round == one.round,
                mandate_ask.c.state == AskState.ANSWERED.value,
            )
            .group_by(mandate_ask.c.department)
        )
        with self._database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(answered)}

    def send(self, one: Filed, department: str, block: int, pair: Pair, request: bytes) -> Sent:
        """Keep a signed question, and log it, before it is sent."""
        with self._database.writing() as connection:
            made = connection.execute(
                insert(mandate_ask).values(
                    mandate_id=one.id,
                    department=department,
                    block=block,
                    predicate=pair[0],
                    parameter=pair[1],
                    round=one.round,
                    request=request,
                    state=AskState.SENT.value,
                )
            )
            (ask_id,) = made.inserted_primary_key or (0,)
            sent = Sent(ask_id=ask_id, block=block, pair=pair, request=request)
            append(connection, [log_entries.sent(_exchange(department, sent))])
        return sent

    def answer(self, one: Filed, department: str, sent: Sent, said: bytes, came: Received) -> None:
        """Keep an answer with its exact bytes; the department now has list and block."""
        ended = {"state": AskState.ANSWERED.value, "said": said, "receipt": came.data}
        self._end(one, department, sent, came, ended, presented=1)

    def end(
        self, one: Filed, department: str, sent: Sent, came: Received, *, forgotten: bool
    ) -> None:
        """Keep what came instead of an answer; the question is to be put anew.

        ``forgotten``: the department does not have list or block any more.
        """
        ended = {"state": AskState.ENDED.value, "receipt": came.data}
        self._end(one, department, sent, came, ended, presented=0 if forgotten else None)

    def _end(
        self,
        one: Filed,
        department: str,
        sent: Sent,
        came: Received,
        values: Mapping[str, object],
        *,
        presented: int | None,
    ) -> None:
        with self._database.writing() as connection:
            said = log_entries.came(_exchange(department, sent), came.data, came.at)
            append(connection, [said])
            asked = update(mandate_ask).where(mandate_ask.c.ask_id == sent.ask_id)
            connection.execute(asked.values(values))
            if presented is None:
                return
            listed = (mandate_list.c.mandate_id == one.id) & (
                mandate_list.c.department == department
            )
            connection.execute(update(mandate_list).where(listed).values(presented=presented))
            block = (
                (mandate_block.c.mandate_id == one.id)
                & (mandate_block.c.department == department)
                & (mandate_block.c.block == sent.block)
            )
            connection.execute(update(mandate_block).where(block).values(presented=presented))


def _exchange(department: str, sent: Sent) -> Exchange:
    return Exchange(
        department=department, request=sent.request, number=sent.ask_id, kept=Kept.MANDATE
    )


def _of_round(one: Filed, department: str, state: AskState) -> Select[tuple[int, int, str, str]]:
    asked = mandate_ask.c
    return select(asked.ask_id, asked.block, asked.predicate, asked.parameter).where(
        asked.mandate_id == one.id,
        asked.round == one.round,
        asked.department == department,
        asked.state == state.value,
    )
