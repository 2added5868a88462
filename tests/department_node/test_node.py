"""A whole node: who may open it, what it refuses to go back on, and what a kill cannot take."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from department_node import node as nodes
from department_node.answer import Answerer
from department_node.beside import beside
from department_node.ledger import Ledger
from department_node.node import Node, RunningNode, read_settings
from department_node.store import FILE
from federation import party as parties
from federation import root
from federation.errors import BadInput, HeduiError, Unavailable
from federation.exchange import Answer, Outcome, Question, Refusal
from federation.manifest import PartyRole
from federation.wire import codec
from tests.department_node.dying_node import POINTS
from tests.support import twin as twins
from tests.support.twin import NOW, WITH_CAR, Twin, grant

ROOT = Path(__file__).parents[2]


@pytest.fixture
def twin(tmp_path: Path) -> Twin:
    return twins.make(tmp_path / "f")


@pytest.fixture
def node(twin: Twin) -> Iterator[Node]:
    with twins.open_node(twin) as one:
        yield one


def folder(twin: Twin) -> Path:
    return twin.folder / "public_security"


def question(twin: Twin, **more: object) -> bytes:
    """Make a request with one question under a fresh token of two uses."""
    return questions(twin, 1, **more)[0]


def questions(twin: Twin, count: int, **more: object) -> list[bytes]:
    """Make requests under one fresh token."""
    token = twin.token(twin.claims("public_security", WITH_CAR), grant("P40"))
    asked = Question(
        predicate="P40", presentation=hashlib.sha256(token).digest(), case_ref=bytes(32)
    )
    return [
        twin.request(replace(twin.header(), **more), [asked], token)  # type: ignore[arg-type]
        for _ in range(count)
    ]


def answered(node: Node, request: bytes) -> Answer:
    return said(node.answerer().ask("coordinator", request))


def said(reply: bytes) -> Answer:
    return codec.decode_answer(codec.decode_batch(reply).items[0].item)


def test_a_data_folder_belongs_to_one_process(twin: Twin, node: Node) -> None:
    with pytest.raises(BadInput, match="DATA_FOLDER_IN_USE"):
        Node(folder(twin), twin.clock)
    code = "from hedui.cli import main; main()"
    words = ["node", "enrol", "-C", str(folder(twin)), "--json"]
    second = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if "EXPIRED" not in second.stderr and "POLICY" not in second.stderr:  # it goes by today's date
        assert json.loads(second.stderr)["error"] == "DATA_FOLDER_IN_USE"
    assert second.returncode != 0
    assert answered(node, question(twin)).outcome is Outcome.YES


def test_a_folder_is_free_again_after_closing_and_after_a_failed_opening(twin: Twin) -> None:
    with twins.open_node(twin):
        pass
    path = folder(twin) / "catalogue.toml"
    good = path.read_text("utf-8")
    path.write_text(good.replace("FROM vehicle", "FROM nowhere"), "utf-8")
    with pytest.raises(BadInput, match="CATALOGUE_TABLE_MISSING"):
        Node(folder(twin), twin.clock)
    path.write_text(good, "utf-8")
    with twins.open_node(twin):
        pass


@pytest.mark.parametrize("role", ["registrar", "coordinator"])
def test_another_roles_folder_is_refused(twin: Twin, role: str) -> None:
    with pytest.raises(BadInput, match="PARTY_ROLE"):
        Node(twin.folder / role, twin.clock)
    with pytest.raises(BadInput, match="PARTY_ROLE"):
        nodes.data_folder(twin.folder / role)


def test_data_folder_needs_no_keys(twin: Twin, tmp_path: Path) -> None:
    (folder(twin) / "passphrase").unlink()
    assert nodes.data_folder(folder(twin)) == folder(twin) / "data"
    with pytest.raises(BadInput, match="FILE_MISSING"):
        nodes.data_folder(tmp_path)
    (folder(twin) / "manifest.json").unlink()
    with pytest.raises(BadInput, match="FILE_MISSING"):
        nodes.data_folder(folder(twin))


@pytest.mark.parametrize(
    "settings",
    [
        "catalog = 'x'",
        *("status_refresh = 0", "status_refresh = 301", "status_refresh = 'x'"),
        *("enrol_workers = 0", "enrol_workers = 13", "enrol_workers = true"),
        *("sum_pool = -1", "sum_pool = 1001", "sum_pool = true", "sum_pool = 1.5"),
        *("reflection = 1", "sentinel_hourly = 0", "working_time = 'always'"),
    ],
)
def test_settings_are_held_to_what_there_is(twin: Twin, settings: str) -> None:
    path = folder(twin) / "party.toml"
    path.write_text(path.read_text("utf-8").replace("status_refresh = 0.2", settings), "utf-8")
    with pytest.raises(BadInput, match="SETTINGS_INVALID"):
        Node(folder(twin), twin.clock)


def test_settings_have_defaults(twin: Twin) -> None:
    path = folder(twin) / "party.toml"
    path.write_text(path.read_text("utf-8").partition("[node]")[0], "utf-8")
    settings = read_settings(parties.load(folder(twin), PartyRole.NODE, NOW))
    assert (settings.catalogue.name, settings.status_refresh) == ("catalogue.toml", 30.0)
    assert settings.enrol_workers == 2
    assert settings.sum_pool == 8


def test_a_paused_node_refuses_and_an_unpaused_one_answers(twin: Twin, node: Node) -> None:
    node.paused_file.touch()
    assert answered(node, question(twin)).refusal is Refusal.NODE_PAUSED
    node.paused_file.unlink()
    assert answered(node, question(twin)).outcome is Outcome.YES


def test_an_unreadable_source_is_a_signed_refusal(twin: Twin, node: Node) -> None:
    with sqlite3.connect(folder(twin) / "records.sqlite") as c:
        c.execute("ALTER TABLE vehicle RENAME TO hidden")
    c.close()
    answer = answered(node, question(twin))
    assert (answer.outcome, answer.refusal) == (Outcome.REFUSED, Refusal.SOURCE_UNAVAILABLE)


def test_an_unreadable_day_of_the_data_is_a_signed_refusal(
    twin: Twin, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> object:
        raise Unavailable("SOURCE_TIMEOUT")

    node._facts = None
    monkeypatch.setattr(node.records, "scalar", fail)
    assert answered(node, question(twin)).refusal is Refusal.SOURCE_UNAVAILABLE
    monkeypatch.setattr(node.records, "scalar", lambda *_: "soon")
    assert answered(node, question(twin)).refusal is Refusal.SOURCE_UNAVAILABLE


def test_old_data_are_stale(twin: Twin, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node._facts = None
    monkeypatch.setattr(node.records, "scalar", lambda *_: "2001-01-01")
    assert answered(node, question(twin)).outcome is Outcome.STALE
    node._facts = None
    monkeypatch.setattr(node.records, "scalar", lambda *_: None)
    assert answered(node, question(twin)).outcome is Outcome.STALE


def test_a_clock_that_was_set_back_is_refused_over_a_restart(twin: Twin) -> None:
    with twins.open_node(twin) as one:
        twin.clock.seconds = NOW + 1_000
        one.status.refresh()
        answered(one, question(twin))
    twin.clock.seconds = NOW + 800
    with twins.open_node(twin) as one, pytest.raises(Unavailable, match="CLOCK_BEHIND"):
        answered(one, question(twin))
    twin.clock.seconds = NOW + 990
    with twins.open_node(twin) as one:
        assert answered(one, question(twin)).outcome is Outcome.YES


def test_a_manifest_that_ends_while_the_node_runs_ends_its_answers(twin: Twin, node: Node) -> None:
    twin.clock.seconds = node.party.manifest.expires - 1
    node.status.refresh()
    assert answered(node, question(twin)).refusal is Refusal.SOURCE_UNAVAILABLE  # another year's
    twin.clock.seconds += 1
    with pytest.raises(HeduiError, match="MANIFEST_EXPIRED"):
        answered(node, question(twin))


def test_a_stranger_to_the_root_is_refused(twin: Twin, tmp_path: Path) -> None:
    other = twins.make(tmp_path / "other")
    foreign = (other.folder / "public_security" / "manifest.json").read_bytes()
    (folder(twin) / "manifest.json").write_bytes(foreign)
    with pytest.raises(HeduiError, match="ROOT_SIGNATURE"):
        Node(folder(twin), twin.clock)
    root.read((folder(twin) / "root.json").read_bytes())


def test_refusals_are_counted_and_survive_a_full_disk(
    twin: Twin, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = RunningNode(node)
    for _ in range(3):
        with pytest.raises(HeduiError):
            running._answerer.ask("coordinator", b"garbage")
    with monkeypatch.context() as patch:

        def full(_: object) -> None:
            raise Unavailable("LOG_UNAVAILABLE")

        patch.setattr(node.store.writer, "write", full)
        with pytest.raises(Unavailable):
            running._count()
    running._count()
    running._count()
    with beside(node.party.data) as state:
        assert state.refused() == {"MALFORMED": 3}


def test_a_failing_database_is_a_typed_transport_refusal(
    twin: Twin, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> object:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(Ledger, "look", fail)
    answerer = node.answerer()
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        answerer.ask("coordinator", question(twin))
    assert answerer.refused.take() == {"LOG_UNAVAILABLE": 1}


def test_a_full_disk_answers_nothing_and_keeps_nothing(twin: Twin, node: Node) -> None:
    answerer = node.answerer()
    requests = [question(twin) for _ in range(21)]
    writer = node.store.writer
    pages = writer.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    writer.write(lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchone())
    full = [request for request in requests if _fails(answerer, request)]
    assert full
    with beside(node.party.data) as state:
        counts = state.counts()
        assert counts["answered"] == counts["log"] == 21 - len(full)
        assert state.changed_entry() == 0
    writer.write(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone())
    assert [said(answerer.ask("coordinator", one)).use_no for one in full] == [1] * len(full)


def _fails(answerer: Answerer, request: bytes) -> bool:
    try:
        answerer.ask("coordinator", request)
    except Unavailable:
        return True
    return False


@pytest.mark.parametrize("point", POINTS)
def test_a_node_killed_in_mid_answer_loses_nothing(twin: Twin, tmp_path: Path, point: str) -> None:
    with twins.open_node(twin):
        pass  # enrolled
    first, second, third = questions(twin, 3)
    path = tmp_path / "request"
    path.write_bytes(first)
    words = [str(twin.folder), str(path), point]
    died = subprocess.run(
        [sys.executable, "-m", "tests.department_node.dying_node", *words], cwd=ROOT, check=False
    )
    assert died.returncode == -signal.SIGKILL
    with twins.open_node(twin) as node:
        answerer = node.answerer()
        reply = answerer.ask("coordinator", first)
        assert (said(reply).outcome, said(reply).use_no) == (Outcome.YES, 1)
        assert answerer.ask("coordinator", first) == reply
        assert said(answerer.ask("coordinator", second)).use_no == 2
        assert said(answerer.ask("coordinator", third)).refusal is Refusal.USES_EXHAUSTED
        assert sum(1 for _ in node.store.entries()) == 3
    with beside(folder(twin) / "data") as state:
        assert state.changed_entry() == 0


def test_who_is_absent_from_a_roll_that_is_not_enrolled_is_refused(twin: Twin) -> None:
    """Of another year, or broken off: to say "nothing found" of anybody would be a guess."""
    with twins.open_node(twin) as one:
        assert answered(one, question(twin)).outcome is Outcome.YES
        absent = twins.alone(twin.claims("public_security", WITH_CAR), sub=bytes(32))
        token = twin.token(absent, grant("P40", max_uses=9))
        asked = Question(
            predicate="P40", presentation=hashlib.sha256(token).digest(), case_ref=bytes(32)
        )
        assert answered(one, twin.request(twin.header(), [asked], token)).outcome is Outcome.NO
        absent = twins.alone(absent, sub=b"\x01" * 32, jti=bytes(16), chain=bytes(16))
        token = twin.token(absent, grant("P40"))
        asked = replace(asked, presentation=hashlib.sha256(token).digest())
        one.store.writer.write(lambda c: c.execute("DELETE FROM meta WHERE name LIKE 'enrolled %'"))
        one._facts = None
        refused = answered(one, twin.request(twin.header(), [asked], token))
        assert refused.refusal is Refusal.SOURCE_UNAVAILABLE
        assert answered(one, question(twin)).outcome is Outcome.YES  # who is found is answered
        one.finish_enrolment()
        again = answered(one, twin.request(twin.header(), [asked], token))
        assert (again.outcome, again.use_no) == (Outcome.NO, 1)


def test_what_was_asked_is_kept_to_explain_it(twin: Twin, node: Node) -> None:
    request = question(twin)
    answered(node, request)
    with beside(node.party.data) as state:
        qid = state.latest()
        assert qid is not None
        found = state.decided(qid)
    assert found is not None
    assert found.header.audience == "coordinator"
    (asked,) = found.questions
    assert asked is not None
    assert (asked.predicate, asked.parameter) == ("P40", "")
    assert found.answers[0].outcome is Outcome.YES


def test_the_database_is_in_a_folder_for_its_owner_alone(node: Node) -> None:
    assert node.party.data.stat().st_mode & 0o077 == 0
    assert (node.party.data / FILE).exists()
    assert int((node.party.data / "lock").read_text()) == os.getpid()
