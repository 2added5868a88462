"""Closing a case: signed counts of every token, kept and logged; the silent are asked again."""

import json
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from coordinator import cli, closing_cli
from coordinator.closing import Closed, Closing
from coordinator.log_book import LogBook
from crypto import envelope
from crypto.keys import SigningKey
from federation import closing, limits
from federation.closing import ClosingCount, GrantUses
from federation.errors import BadInput, Unavailable
from federation.log.coordinator_events import CaseClosed
from federation.log.kinds import Happened
from federation.wire import count_messages
from tests.coordinator import logged
from tests.coordinator.town import APPLICANT, KINDS, NOW, WIFE_TEXT, Town, case_text

Change = Callable[[ClosingCount], ClosingCount]
CASE = "HD-790301-2026-0001"


@dataclass
class Counters:
    """Departments that count; ``change`` and ``key`` make them lie."""

    town: Town
    away: set[str] = field(default_factory=set)
    change: Change = lambda count: count
    order: Callable[[Sequence[bytes]], Sequence[bytes]] = tuple
    key: dict[str, SigningKey] = field(default_factory=dict)
    asked: dict[str, list[bytes]] = field(default_factory=dict)
    uses: int = 2

    def count(self, department: str, request: bytes) -> bytes:
        if department in self.away:
            raise Unavailable("PEER_UNREACHABLE", peer=department)
        tokens = count_messages.decode_request(request)
        self.asked.setdefault(department, []).extend(tokens)
        documents = [
            closing.sign(
                self.change(
                    ClosingCount(
                        federation="town",
                        department=department,
                        at=self.town.clock.now(),
                        token=token,
                        chain=token,
                        uses=(GrantUses(predicate="P40", parameter="", used=self.uses),),
                    )
                ),
                self.key.get(department, self.town.keys[department]),
            )
            for token in tokens
        ]
        return count_messages.encode_counted(self.order(documents))


@pytest.fixture
def counters(town: Town) -> Counters:
    return Counters(town)


def close(counters: Counters, case_id: str) -> tuple[Closed, list[bytes]]:
    town = counters.town
    with town.database() as database:
        closes = Closing(database, town.around.manifest, counters.count, town.clock)
        return closes.close(case_id), closes.counts(case_id)


def events(town: Town) -> list[CaseClosed]:
    happened = [one.event for one in logged.said(town) if isinstance(one, Happened)]
    return [one for one in happened if isinstance(one, CaseClosed)]


def test_every_token_of_a_case_is_counted_where_it_is(town: Town, counters: Counters) -> None:
    (case_id,) = town.ready(case_text(more=WIFE_TEXT))
    closed, kept = close(counters, case_id)
    assert closed.silent == ()
    assert counters.asked.keys() == {
        "public_security",
        "tax",
        "market_regulation",
        "bank_a",
        "bank_b",
    }
    assert len(closed.counts) == len(kept) == sum(map(len, counters.asked.values())) == 10
    read = [
        closing.read(one, town.around.manifest, closed.counts[n].department)
        for n, one in enumerate(kept)
    ]
    assert sorted(read, key=_place) == sorted(closed.counts, key=_place)
    (event,) = events(town)
    assert (event.case, bool(event.consent_no)) == (case_id, True)
    assert sorted(event.counts) == sorted(sha256(one).digest() for one in kept)
    with town.database() as database:
        logged.keeper(town, database).cut()
        logged.check(LogBook(database))


def _place(count: ClosingCount) -> tuple[str, bytes]:
    return count.department, count.token


def test_who_is_silent_is_asked_when_it_is_closed_again(town: Town, counters: Counters) -> None:
    (case_id,) = town.ready()
    counters.away = {"tax"}
    closed, kept = close(counters, case_id)
    assert [(one.department, one.code) for one in closed.silent] == [("tax", "PEER_UNREACHABLE")]
    assert len(kept) == len(closed.counts) == 4
    counters.away, counters.uses = set(), 3
    town.clock.seconds += 60
    closed, kept = close(counters, case_id)
    assert closed.silent == ()
    assert len(kept) == len(closed.counts) == 5
    assert {one.uses[0].used for one in closed.counts} == {3}
    assert [len(one.counts) for one in events(town)] == [4, 5]


@pytest.mark.parametrize(
    "lie",
    [
        {"department": "tax"},
        {"federation": "other"},
        {"token": bytes(16)},
        {"at": NOW - 121},
        {"at": NOW + 121},
    ],
)
def test_a_count_of_something_else_is_not_believed(
    town: Town, counters: Counters, lie: dict[str, Any]
) -> None:
    (case_id,) = town.ready()
    counters.change = lambda count: replace(count, **lie) if count.department == "bank_a" else count
    closed, kept = close(counters, case_id)
    assert [(one.department, one.code) for one in closed.silent] == [("bank_a", "COUNT_INVALID")]
    assert len(kept) == 4


def test_a_count_of_another_signer_or_too_few_is_not_believed(
    town: Town, counters: Counters
) -> None:
    (case_id,) = town.ready(case_text(more=WIFE_TEXT))
    counters.key = {"bank_a": town.keys["bank_b"]}
    closed, _ = close(counters, case_id)
    assert [one.code for one in closed.silent] == ["COUNT_INVALID"]
    counters.key, counters.order = {}, lambda documents: documents[1:]
    closed, _ = close(counters, case_id)
    assert [one.code for one in closed.silent] == ["COUNT_INVALID"] * len(KINDS)


def test_many_tokens_take_several_calls(
    town: Town, counters: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    (case_id,) = town.ready(case_text(more=WIFE_TEXT))
    monkeypatch.setattr("federation.limits.COUNT_TOKENS", 1)
    closed, _ = close(counters, case_id)
    assert len(closed.counts) == 10


def test_a_case_without_tokens_or_none_is_refused(town: Town, counters: Counters) -> None:
    with pytest.raises(BadInput, match="CASE_UNKNOWN"):
        close(counters, "HD-1")
    with town.desk() as desk:
        (case_id,) = desk.new([desk.read(case_text().encode()).case])
    with pytest.raises(BadInput, match="CONSENT_NOT_FILED"):
        close(counters, case_id)
    assert events(town) == []


@pytest.fixture
def run(
    town: Town, counters: Counters, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    @contextmanager
    def opened(_: Path) -> Any:
        with town.database() as database:
            closes = Closing(database, town.around.manifest, counters.count, town.clock)
            yield town.gate(database), closes

    monkeypatch.setattr(closing_cli, "open_closing", opened)

    def invoke(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli.app, list(words))
        return done.exit_code, done.stdout + done.stderr

    return invoke


def test_the_command_says_what_every_department_counts(
    town: Town, counters: Counters, run: Callable[..., tuple[int, str]]
) -> None:
    (case_id,) = town.ready()
    code, out = run("close", case_id, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["department"] for row in rows] == sorted(KINDS)
    assert {row["uses"]["P40"] for row in rows} == {2}
    _code, out = run("close", case_id, "--lang", "en")
    assert "was used 2 times" in out
    assert APPLICANT not in out
    counters.change = lambda count: replace(count, chain=b"", uses=())
    assert "没有见过授权" in run("close", case_id, "--lang", "zh")[1]
    counters.away = {"tax"}
    code, out = run("close", case_id, "--lang", "en")
    assert code == 1
    assert "tax: " in out
    assert "PEER_UNREACHABLE" in out
    assert run("close", "HD-1")[0] == 2


def test_the_signed_counts_can_be_handed_on(
    town: Town, counters: Counters, run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    (case_id,) = town.ready()
    out = tmp_path / "counts"
    for _ in range(2):
        assert run("close", case_id, "--out", str(out))[0] == 0
    written = [file.read_bytes() for file in out.iterdir()]
    read = [closing.read(one, town.around.manifest, department_of(one)) for one in written]
    assert sorted(one.department for one in read) == sorted(KINDS)
    code, said = run("close", case_id, "--out", str(next(out.iterdir())))
    assert (code, "FILE_UNWRITABLE" in said) == (2, True)


def department_of(document: bytes) -> str:
    payload = envelope.from_json(document, max_bytes=limits.COUNT_BYTES).payload
    return str(json.loads(payload)["department"])
