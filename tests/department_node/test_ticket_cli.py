"""``hedui node ticket``: a centre's word that an answer was wrong, beside the department's log."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from crypto.keys import SigningKey
from department_node.cli import app
from department_node.contribution_books import ContributionBooks
from federation import ticket as tickets
from federation.clock import SystemClock
from federation.exchange import Outcome
from federation.ticket import Fault, Ticket
from federation.wire import codec, sum_messages
from federation.wire.registrar_client import RegistrarClient
from tests.department_node import erasures
from tests.department_node.erasures import HERE, Office
from tests.support import joint
from tests.support import twin as twins
from tests.support.joint import LOW, POOR, RICH, TAX
from tests.support.sums import NOW as SUM_NOW
from tests.support.twin import NOW, WITH_CAR, WITHOUT_CAR, Twin


@pytest.fixture
def twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Twin:
    twin = erasures.make(tmp_path / "f")
    monkeypatch.setattr(SystemClock, "now", lambda _: NOW)
    monkeypatch.setattr(RegistrarClient, "status_lists", lambda _, d: twin.status_lists(d))
    return twin


@pytest.fixture
def office(twin: Twin) -> Iterator[Office]:
    with twins.open_node(twin) as node:
        yield erasures.open_office(twin, node)


@pytest.fixture
def one(office: Office) -> Ticket:
    """Answer about two people in one request, and doubt the second's answer."""
    request = office.ask(WITH_CAR, WITHOUT_CAR)
    assert [one.outcome for one in office.answers(request)] == [Outcome.YES, Outcome.NO]
    return Ticket(
        federation="test",
        centre="coordinator",
        department=HERE,
        ticket=f"QT-{HERE}-2026-0001",
        issued=NOW,
        fault=Fault.WRONG_DATA,
        predicate="P22",
        parameter="",
        outcome="NO",
        as_of=20261117,
        exchange=codec.decode_header(codec.decode_batch(request).envelope.payload).qid,
        position=1,
        document=b"\x5a" * 32,
    )


def written(twin: Twin, *some: Ticket, key: SigningKey | None = None) -> list[str]:
    files = [twin.folder / f"{number}.json" for number in range(len(some))]
    for file, one in zip(files, some, strict=True):
        file.write_bytes(tickets.sign(one, key or twin.coordinator.key))
    return [str(file) for file in files]


def run(twin: Twin, *words: str, here: str = HERE) -> Result:
    return CliRunner().invoke(app, ["ticket", "-C", str(twin.folder / here), *words])


def row(twin: Twin, one: Ticket, here: str = HERE) -> dict[str, Any]:
    done = run(twin, *written(twin, one), "--json", here=here)
    assert done.exit_code == 0, done.output
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def test_what_the_centre_says_stands_beside_the_own_answer(
    twin: Twin, office: Office, one: Ticket
) -> None:
    (file,) = written(twin, one)
    chinese, english = (run(twin, file, "--lang", lang) for lang in ("zh", "en"))
    assert (chinese.exit_code, english.exit_code) == (0, 0)
    assert [line.split(maxsplit=1) for line in chinese.stdout.splitlines()[1:3]] == [
        ["开具", "coordinator 2026-11-18"],
        ["乡镇查明", "数据有误"],
    ]
    assert f"{one.exchange.hex()} 第 2 项" in chinese.stdout
    assert "本节点日志  ✓ 未发现 NO,数据截至 2026-11-17" in chinese.stdout
    assert "own log       ✓ nothing found NO, data as of 2026-11-17" in english.stdout
    shown = row(twin, one)
    assert shown["own"] == {"answer": "NO", "words": "未发现", "as_of": "2026-11-17"}
    assert (shown["same"], shown["said"], shown["fault"]) == (True, "NO", "WRONG_DATA")
    assert (shown["exchange"], shown["document"]) == (one.exchange.hex(), "5a" * 32)
    printed = chinese.output + english.output + json.dumps(shown, ensure_ascii=False)
    sub = twin.psn(HERE, WITHOUT_CAR)
    assert not any(
        secret in printed for secret in (WITHOUT_CAR, WITH_CAR, "李乙", "王甲", sub.hex())
    )


def test_another_answer_than_the_ticket_tells_is_marked(
    twin: Twin, office: Office, one: Ticket
) -> None:
    for wrong in (replace(one, outcome="YES"), replace(one, as_of=20261116)):
        assert row(twin, wrong)["same"] is False
        (file,) = written(twin, wrong)
        assert "✗ 未发现 NO,数据截至 2026-11-17(与工单所述不同)" in run(twin, file).stdout
    assert row(twin, replace(one, position=0, outcome="YES"))["own"]["answer"] == "YES"


def test_what_the_log_does_not_have_is_not_made_up(twin: Twin, office: Office, one: Ticket) -> None:
    other = replace(one, centre="stranger")
    key = twins.stranger(twin).key
    asked_by_another = json.loads(run(twin, *written(twin, other, key=key), "--json").stdout)
    unknown = [replace(one, exchange=bytes(16)), replace(one, position=2)]
    unknown.append(replace(one, exchange=bytes(32), position=0, predicate="H1"))
    unknown.append(replace(one, exchange=b"", position=0, outcome=""))
    for shown in (asked_by_another, *(row(twin, each) for each in unknown)):
        assert (shown["own"], shown["same"]) == (None, None)
    assert "没有这次应答" in run(twin, *written(twin, unknown[0])).stdout
    assert "no such answer" in run(twin, *written(twin, unknown[0]), "--lang", "en").stdout


def test_what_was_erased_is_gone_and_the_other_answer_keeps_its_place(
    twin: Twin, office: Office, one: Ticket
) -> None:
    office.end(WITH_CAR)
    office.eraser.follow(office.order(WITH_CAR))
    assert row(twin, replace(one, position=0))["own"] is None
    assert row(twin, one)["own"]["answer"] == "NO"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"department": "tax", "ticket": "QT-tax-2026-0001"}, "TICKET_ELSEWHERE"),
        ({"predicate": "P40"}, "TICKET_OTHER_QUESTION"),
        ({"parameter": "line-100"}, "TICKET_OTHER_QUESTION"),
        ({"federation": "other"}, "TICKET_INVALID"),
        ({"centre": "stranger"}, "TICKET_INVALID"),
        ({"centre": "registrar"}, "TICKET_INVALID"),
        ({"ticket": "QT-tax-2026-0001"}, "TICKET_INVALID"),
    ],
)
def test_what_is_not_so_is_refused(
    twin: Twin, office: Office, one: Ticket, change: dict[str, Any], code: str
) -> None:
    wrong = replace(one, **change)
    done = run(twin, *written(twin, wrong), "--json")
    assert (done.exit_code, done.stdout) == (1, "")
    told = json.loads(done.stderr)
    assert (told["error"], told["details"]["file"]) == (code, "0.json")


def test_one_bad_file_does_not_hide_the_others(twin: Twin, office: Office, one: Ticket) -> None:
    good, bad = written(twin, one, replace(one, federation="other"))
    done = run(twin, bad, good, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["ticket"] == one.ticket
    missing = run(twin, str(twin.folder / "none.json"), bad, good, "--json")
    assert missing.exit_code == 2
    assert [json.loads(line)["error"] for line in missing.stderr.splitlines()] == [
        "FILE_MISSING",
        "TICKET_INVALID",
    ]
    assert len(missing.stdout.splitlines()) == 1


def test_of_a_sum_the_own_share_is_shown_and_no_amount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = joint.found(tmp_path / "sum")
    monkeypatch.setattr(SystemClock, "now", lambda _: SUM_NOW)
    monkeypatch.setattr(RegistrarClient, "status_lists", lambda _, d: town.status_lists(d))
    with joint.open_node(town) as node:
        slots = town.household(POOR, RICH)
        reply = joint.contributor(node).contribute("coordinator", town.asked(slots))
        share = sum_messages.decode_contribution(codec.decode_batch(reply).items[-1].item)
        one = Ticket(
            federation=town.coordinator.manifest.federation,
            centre="coordinator",
            department=TAX,
            ticket=f"QT-{TAX}-2026-0002",
            issued=SUM_NOW,
            fault=Fault.WRONG_PERSON,
            predicate="H1",
            parameter=LOW,
            outcome="",
            as_of=0,
            exchange=share.run,
            position=0,
            document=bytes(32),
        )
        shown = row(town, one, here=TAX)
        assert (shown["own"]["answer"], shown["same"]) == ("CONTRIBUTED", True)
        assert shown["said"] is None
        text = run(town, *written(town, one), "--lang", "en", here=TAX).stdout
        assert "put together from several departments' answers" in text
        assert "✓ one encrypted, masked number CONTRIBUTED" in text
        node.store.writer.write(lambda c: c.execute("UPDATE contribution SET ciphertext = x''"))
        assert ContributionBooks(node.store.reader).find(share.run) is None
        assert row(town, one, here=TAX)["own"] is None
