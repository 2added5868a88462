"""A node that has answered about two people, and the registrar's orders to erase one of them."""

import hashlib
import os
import sqlite3
from dataclasses import dataclass, field, replace
from pathlib import Path

from crypto.keys import SigningKey
from department_node.answer import Answerer
from department_node.node import Node
from department_node.node_log import RULES, book
from department_node.orders import Eraser
from federation import clock, erasure
from federation.consent import Claims
from federation.erasure import ErasureOrder, Reason
from federation.exchange import Answer, Header, Question
from federation.log import checking
from federation.log.keeper import Keeper
from federation.status import Status
from federation.wire import codec
from tests.support import twin as twins
from tests.support.twin import WITH_CAR, WITHOUT_CAR, Twin, grant

HERE = "public_security"
LINES = (100, 200, 300, 400, 500)
POLICY = twins.POLICY.replace(
    'parameters = ["wage-12s"]', f"parameters = {[f'line-{line}' for line in LINES]}"
)
POLICY += "".join(
    f"""
[[parameter]]
id = "line-{line}"
kind = "rung"
per_head = {line}
comparator = "le"
zh = "{line}"
en = "{line}"
source = "测试"
"""
    for line in LINES
)
POLICY += """
[[rule]]
predicate = "P22"
purposes = ["ENTRY"]
parameters = []
period = "month"
max_age_days = 3650
source = "测试"
zh = "测试"
en = "test"
"""
CATALOGUE = (
    twins.CATALOGUE.partition("[[answer]]")[0]
    + """
[[answer]]
predicate = "P21"
purposes = ["ENTRY"]
scope = "city"
sql = "SELECT sum(fen) FROM wage WHERE person = :key AND month >= :from AND month < :to"
[[answer]]
predicate = "P22"
purposes = ["ENTRY"]
scope = "city"
sql = "SELECT count(*) FROM vehicle WHERE owner = :key"
"""
)


@dataclass
class Person:
    """A person's token, with the grants that were asked about, and what it was asked by."""

    number: str
    claims: Claims
    token: bytes
    asked: list[bytes] = field(default_factory=list)


@dataclass
class Office:
    """A node with two people's tokens."""

    twin: Twin
    node: Node
    answerer: Answerer
    eraser: Eraser
    people: dict[str, Person]

    def ask(self, *numbers: str, line: int = 0, case: bytes = bytes(32)) -> bytes:
        """Ask one question about each person in one request, a threshold's line if one is named."""
        people = [self.people[number] for number in numbers]
        questions = [
            Question(
                predicate="P21" if line else "P22",
                parameter=f"line-{line}" if line else "",
                presentation=hashlib.sha256(one.token).digest(),
                case_ref=case,
            )
            for one in people
        ]
        request = self.twin.request(self.header(), questions, *(one.token for one in people))
        for one in people:
            one.asked.append(request)
        return request

    def header(self) -> Header:
        return replace(self.twin.header(HERE), qid=os.urandom(16))

    def answers(self, request: bytes) -> list[Answer]:
        reply = codec.decode_batch(self.answerer.ask("coordinator", request))
        return [codec.decode_answer(item.item) for item in reply.items]

    def fresh(self, number: str, **more: object) -> Person:
        """Give somebody another token."""
        claims = replace(self.twin.claims(HERE, number), **more)  # type: ignore[arg-type]
        grants = [
            grant("P22", max_uses=99),
            *(grant("P21", f"line-{n}", form="threshold", members=1, max_uses=99) for n in LINES),
        ]
        person = Person(number, claims, self.twin.token(claims, *grants))
        self.people[number] = person
        return person

    def end(self, number: str) -> None:
        """Let the registrar revoke somebody's consent, and the node know it."""
        self.twin.states[self.people[number].claims.status_index] = Status.INVALID
        self.node.status.refresh()

    def order(self, *numbers: str, **changes: object) -> bytes:
        """Sign an order to erase people."""
        return self.order_by(self.twin.registrar.key, *numbers, **changes)

    def order_by(self, key: SigningKey, *numbers: str, **changes: object) -> bytes:
        """Sign an order with somebody's key."""
        subs = sorted(self.twin.psn(HERE, number) for number in numbers)
        plain = ErasureOrder(
            federation="test",
            registrar="registrar",
            id=os.urandom(16),
            issued=clock.day_start(self.twin.clock.now()),
            department=HERE,
            subs=tuple(subs),
            reason=Reason.WITHDRAWN,
        )
        changed = replace(plain, **changes)  # type: ignore[arg-type]
        return erasure.sign(changed, key)

    def rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        return self.node.store.reader.execute(sql, values).fetchall()

    def row(self, request: bytes) -> int:
        """Find the row of the log that has a request."""
        qid = codec.decode_header(codec.decode_batch(request).envelope.payload).qid
        ((entry,),) = self.rows("SELECT entry FROM answered WHERE qid = ?", qid)
        assert isinstance(entry, int)
        return entry

    def erased(self) -> set[int]:
        return {
            int(str(row)) for (row,) in self.rows("SELECT seq - 1 FROM log WHERE record IS NULL")
        }

    def keeper(self) -> Keeper:
        return self.node.keeper()

    def check(self) -> None:
        """Cut a checkpoint, and look through the whole log as ``log check`` does."""
        keeper = self.node.keeper()
        keeper.cut()
        log = book(self.node.store)
        checking.check_edge(log)
        checking.check_rows(log, 0, log.size(), RULES)
        keeper.check_sound()


def make(folder: Path, **more: dict[str, int]) -> Twin:
    """Found a federation whose department has wages."""
    twin = twins.make(folder, kind="tax", policy=POLICY, catalogue=CATALOGUE, **more)
    with sqlite3.connect(folder / HERE / "records.sqlite") as c:
        c.execute("CREATE TABLE wage (person TEXT, month TEXT, fen INTEGER)")
        c.execute("INSERT INTO wage VALUES (?, '2026-05-01', 250)", (WITH_CAR,))
    c.close()
    return twin


def open_office(twin: Twin, node: Node) -> Office:
    """Give the node tokens of two people, and an eraser."""
    answerer = node.answerer()
    lists = node.status
    eraser = Eraser(node.party, node.store, twin.clock, lambda: lists.current, answerer.forget)
    office = Office(twin, node, answerer, eraser, {})
    for number in (WITH_CAR, WITHOUT_CAR):
        office.fresh(number)
    return office
