"""All logs of a played demonstration, held to one another: its attacks are found, nothing else.

Then its registrar and a department run again, over real sockets and real TLS, and each of the three
roles cheats: a centre asks without consent, a department hides an exchange, a registrar brings
ended consents back. What is honest goes on beside it, and is not found.
"""

import hashlib
import json
import os
import re
import shutil
import socket
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from typer.testing import CliRunner, Result

from coordinator.asking.journal import Journal, Received
from coordinator.asking.requests import Asker, Request, Wanted, compose, read_reply
from coordinator.database import open_database, url_of
from federation import consent
from federation.clock import SystemClock
from federation.exchange import Question
from federation.wire import codec, signed
from hedui.cli import app
from hedui.demo.stage import FOREIGN
from tests.scenarios import settled
from tests.scenarios.played import CENTRE, REGISTRAR, REPOSITORY, Played, query, strangers
from tests.scenarios.revived import NODE, Town, revived

_LISTS: Final = 3.0
"""Seconds after which a department has fetched a list that was signed anew."""


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, words)])


def rows(done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def findings(logs: Path) -> list[dict[str, Any]]:
    """Reconcile what was exported when all had come to rest."""
    done = run("reconcile", logs, "--settled", "--json")
    assert done.exit_code in {0, 1}, done.output
    assert rows(done)[-1]["proven"] is (done.exit_code == 0)
    return [row for row in rows(done) if "finding" in row]


@pytest.fixture(scope="module")
def logs(demo: Played, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export all logs of a copy of the demonstration."""
    home = tmp_path_factory.mktemp("settled")
    shutil.copytree(demo.home / "federation", home / "federation")
    return settled.export(home / "federation", home / "exported")


def test_the_attacks_are_found_and_nothing_else(demo: Played, logs: Path) -> None:
    """Every attack is a request past the centre's books; one is another centre's, without a log."""
    senders = {
        (node, row.seq - 1): codec.decode_header(row.entry.request).sender
        for node, row in strangers(demo)
    }
    expected = sorted(place for place, sender in senders.items() if sender == CENTRE)
    found = findings(logs)
    unlogged = [one for one in found if one["finding"] == "REQUEST_UNLOGGED"]
    places = [(one["places"][0]["party"], one["places"][0]["row"]) for one in unlogged]
    assert sorted(places) == expected
    (missing,) = (one for one in found if one not in unlogged)
    assert (missing["finding"], missing["parties"]) == ("LOG_MISSING", [FOREIGN])
    others = Counter(senders.values())
    assert missing["evidence"] == {"exchanges": str(others[FOREIGN])}
    assert len(expected) == others[CENTRE] >= 5


def test_every_answer_of_the_demonstration_has_its_consent_and_its_commission(
    demo: Played, logs: Path
) -> None:
    done = rows(run("reconcile", logs, "--settled", "--json"))
    (numbers,) = (row for row in done if "told" in row)
    told = sum(len(one.answers) for one in demo.asks)
    slots = sum(len(codec.decode_batch(one.request).items) - 1 for one in demo.messages)
    assert numbers["questions"] == told + slots
    assert numbers["told"] == numbers["consented"] == numbers["commissioned"] > 1_000
    assert numbers["cases"] == len(demo.labels)
    assert numbers["unanswered"] == 0


def test_each_log_is_proven_alone(logs: Path) -> None:
    for party in (REGISTRAR, CENTRE, NODE):
        assert run("log", logs / party, "-C", logs).exit_code == 0


def test_a_case_is_traced_to_every_department(demo: Played, logs: Path) -> None:
    case = next(iter(demo.labels))
    done = run("trace", case, "--logs", logs, "--settled", "--json")
    assert done.exit_code == 0
    departments = {one.key[2] for one in demo.asks if demo.labels[case] == one.key[0]}
    text = done.stdout
    assert all(f'"party": "{one}"' in text for one in departments)


def test_an_operator_who_signs_for_a_relative_is_named(demo: Played, logs: Path) -> None:
    """The centre's own sentinel said so, by a signed alert in its log."""
    told = rows(run("anomalies", "--logs", logs, "--settled", "--json"))
    alerts = [row for row in told if row.get("evidence", {}).get("rule") == "RELATIVE"]
    assert [demo.labels[one["about"]] for one in alerts] == ["U"]
    assert alerts[0]["evidence"]["state"] == "ALARM"
    assert {one["party"] for one in alerts[0]["places"]} == {CENTRE}


def test_what_the_guide_tells_to_run_runs(demo: Played, logs: Path, tmp_path: Path) -> None:
    """Every command of the guide's chapter on all logs, with the demo's own names.

    But for ``fetch``, which needs the others, and ``verdict``, which needs an aborted run.
    """
    guide = (REPOSITORY / "docs" / "guides" / "auditor.md").read_text("utf-8")
    chapter = guide.partition("## All logs of a federation")[2].partition("\n## ")[0]
    found = re.findall(r"^hedui audit (.+?)(?:  +#|$)|`hedui audit ([^`]+)`", chapter, re.MULTILINE)
    names = {
        "HD-790301-2026-0001": next(iter(demo.labels)),
        "LOGS/witnessed": str(tmp_path / "witnessed"),
        "LOGS": str(logs),
        "ROOT.JSON": str(logs / "root.json"),
        "REPORT.HTML": str(tmp_path / "report.html"),
        "AUDITOR": str(demo.folder("auditor")),
        "W": str(demo.folder("witness_a")),
    }
    ran = set()
    for words in (one or other for one, other in found):
        if words.split()[0] in {"fetch", "verdict"}:
            continue
        told = run(*(names.get(word, word.replace("LOGS/", f"{logs}/")) for word in words.split()))
        assert told.exit_code in {0, 1}, (words, told.output)
        ran.add(words.split()[0])
    offered = {"reconcile", "trace", "unconsented", "anomalies", "sample", "report"}
    assert ran == {"witness", "log", *offered}


def test_what_was_asked_past_the_books_has_no_consent(logs: Path) -> None:
    done = run("unconsented", "--logs", logs, "--settled", "--json")
    assert done.exit_code == 1
    assert {row.get("finding") for row in rows(done)} == {"REQUEST_UNLOGGED", None}


def test_all_of_it_is_done_with_the_network_removed(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was reached for")

    for module, name in (
        (socket, "socket"),
        (socket, "create_connection"),
        (grpc, "secure_channel"),
        (grpc, "insecure_channel"),
    ):
        monkeypatch.setattr(module, name, refuse)
    assert run("reconcile", logs).exit_code in {0, 1}
    assert run("sample", "5", "--seed", "2026", "--logs", logs).exit_code == 0
    assert run("anomalies", "--logs", logs).exit_code in {0, 1}
    report = tmp_path / "report.html"
    assert run("report", "--html", report, "--logs", logs).exit_code in {0, 1}
    assert "隐私审计报告" in report.read_text("utf-8")


# -- three dishonest parties


@dataclass
class Cheated:
    """What was done, by its query id or case, and what reconcile makes of it."""

    findings: list[dict[str, Any]] = field(default_factory=list)
    done: dict[str, str] = field(default_factory=dict)

    def codes(self, deed: str) -> list[str]:
        """Name what is found of a deed."""
        name = self.done[deed]
        return [one["finding"] for one in self.findings if name in one["evidence"].values()]


class Office:
    """The centre of a revived federation: honest, unless it is told otherwise."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._database = open_database(url_of("", town.centre.data))
        self._journal = Journal(self._database)
        sql = "SELECT case_id FROM consent WHERE state = 'READY' ORDER BY case_id"
        self.cases = [case for (case,) in town.played.books(sql)]

    def close(self) -> None:
        self._database.close()

    def wanted(self, case: str) -> list[Wanted]:
        """Read what can be asked of the department for a case."""
        asks = self._journal.open_questions([case], again=True)
        mine = sorted(one.ask_id for one in asks if one.department == NODE)
        return self._journal.wanted(mine)

    def compose(self, wanted: list[Wanted]) -> Request:
        """Sign a request."""
        centre = self._town.centre
        asker = Asker(party=CENTRE, key=centre.key, policy_version=centre.policy.version)
        return compose(asker, NODE, wanted, SystemClock().now(), os.urandom)

    def ask(self, wanted: list[Wanted], request: Request | None = None) -> str:
        """Log a request, send it, and log what comes; give its query id."""
        made = request or self.compose(wanted)
        batch = self._journal.keep(NODE, wanted, made)
        self._journal.sending(batch.id)
        raw = self._town.send(self._town.centre.tls, batch.request)
        keys = self._town.centre.manifest.party(NODE).keys
        reply = read_reply(batch.request, raw, keys)
        self._journal.answered(batch, Received(data=raw, at=SystemClock().now()), reply)
        return made.qid.hex()

    def past_the_books(self, wanted: list[Wanted]) -> str:
        """Send a request, and log nothing."""
        made = self.compose(wanted)
        self._town.send(self._town.centre.tls, made.data)
        return made.qid.hex()

    def by_a_forged_consent(self, wanted: list[Wanted]) -> str:
        """Ask by a token that the centre signs for itself."""
        held = wanted[0].subject.held
        claims = consent.visible(held.token)
        grants = {os.urandom(16): one for one in consent.grants_of(held.token).values()}
        forged = consent.issue(claims, grants, self._town.centre.key)
        return self._asked_as(wanted, forged, {})

    def for_no_case(self, wanted: list[Wanted]) -> str:
        """Ask by a true consent, for a case that there is not."""
        token = wanted[0].subject.held.token
        return self._asked_as(wanted, token, {"case_ref": os.urandom(32)})

    def _asked_as(self, wanted: list[Wanted], token: bytes, changes: dict[str, Any]) -> str:
        plain = codec.decode_batch(self.compose(wanted[:1]).data)
        shown = consent.disclose(token, [wanted[0].pair])
        question = codec.decode_question(plain.items[0].item)
        named: dict[str, Any] = {"jti": b"", "presentation": _digest(shown), **changes}
        asked: Question = replace(question, **named)
        header = signed.claimed_header(plain)
        unsigned = signed.prepare(header, [codec.encode_question(asked)])
        key = self._town.centre.key
        households = tuple(one for one in plain.presentations if one != shown)
        batch = signed.sign(unsigned, key, (shown, *households))
        made = Request(
            qid=header.qid,
            data=codec.encode_batch(batch),
            items=1,
            issued=header.issued,
            expires=header.expires,
        )
        return self.ask(wanted[:1], made)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def edit(played: Played, party: str, file: str, sql: str) -> None:
    """Change a party's own database, as its operator can."""
    with closing(sqlite3.connect(played.folder(party) / "data" / file, timeout=30)) as c:
        c.executescript(sql)


HIDE_NEXT: Final = """
CREATE TABLE hidden (seq INTEGER);
CREATE TRIGGER hide AFTER INSERT ON log WHEN NOT EXISTS (SELECT 1 FROM hidden)
BEGIN DELETE FROM log WHERE seq = NEW.seq; INSERT INTO hidden VALUES (NEW.seq); END;
"""
"""The next row of a log is never there; who logged it does not notice."""
HIDE_REVOCATION: Final = """
CREATE TABLE hidden (seq INTEGER);
CREATE TRIGGER hide AFTER INSERT ON log
WHEN instr(CAST(NEW.record AS TEXT), '"kind":"consent.revoked"')
AND NOT EXISTS (SELECT 1 FROM hidden)
BEGIN DELETE FROM log WHERE seq = NEW.seq; INSERT INTO hidden VALUES (NEW.seq); END;
"""
UNREVOKE: Final = """
CREATE TRIGGER unrevoke BEFORE UPDATE OF state ON status_entry WHEN NEW.state = 1
BEGIN
    UPDATE status_series SET changes = changes + 1
    WHERE department = NEW.department AND series = NEW.series;
    SELECT RAISE (IGNORE);
END;
"""
"""No list shows that anything has ended."""


@pytest.fixture(scope="module")
def cheated(demo: Played, tmp_path_factory: pytest.TempPathFactory) -> Cheated:
    """Let honest and dishonest deeds be done, one after the other, and hold all logs together."""
    home = tmp_path_factory.mktemp("cheated")
    told = Cheated()
    with revived(demo, home) as town, closing(Office(town)) as office:
        _cheat(town, office, told.done)
    logs = settled.export(home / "federation", home / "exported")
    told.findings = findings(logs)
    return told


def _cheat(town: Town, office: Office, done: dict[str, str]) -> None:
    played = town.played
    first, second, third, fourth = office.cases[:4]
    time.sleep(_LISTS)
    done["honest"] = office.ask(office.wanted(first))
    done["past the books"] = office.past_the_books(office.wanted(first))
    done["forged consent"] = office.by_a_forged_consent(office.wanted(first))
    done["no case"] = office.for_no_case(office.wanted(first))
    edit(played, NODE, "node.sqlite", HIDE_NEXT)
    done["hidden"] = office.ask(office.wanted(second))
    done["honest again"] = office.ask(office.wanted(second))
    edit(played, REGISTRAR, "registrar.sqlite", HIDE_REVOCATION + UNREVOKE)
    words = ["case", "revoke", third, "--folder", str(played.folder(CENTRE)), "--json"]
    ended = CliRunner().invoke(app, words)
    assert ended.exit_code == 0, ended.output
    done["revocation hidden"] = third
    sql = f"SELECT consent_no FROM consent WHERE case_id = '{fourth}'"
    ((number,),) = query(played.folder(CENTRE) / "data" / "coordinator.sqlite", sql)
    folder = str(played.folder(REGISTRAR))
    ended = CliRunner().invoke(app, ["registrar", "consent", "revoke", number, "-C", folder])
    assert ended.exit_code == 0, ended.output
    time.sleep(_LISTS)
    done["brought back"] = office.ask(office.wanted(fourth))
    assert query(played.folder(NODE) / "data" / "node.sqlite", "SELECT count(*) FROM hidden")


def test_a_centre_that_asks_without_consent_is_caught(cheated: Cheated) -> None:
    assert cheated.codes("past the books") == ["REQUEST_UNLOGGED"]
    assert cheated.codes("forged consent") == ["TOKEN_SIGNATURE"]
    assert cheated.codes("no case") == ["CASE_UNLOGGED"]


def test_a_department_that_hides_an_exchange_is_caught(cheated: Cheated) -> None:
    assert cheated.codes("hidden") == ["ANSWER_UNLOGGED"]


def test_a_registrar_that_unrevokes_is_caught(cheated: Cheated) -> None:
    assert cheated.codes("revocation hidden") == ["CONSENT_UNENDED"]
    assert set(cheated.codes("brought back")) == {"ANSWER_AFTER_END"}


def test_what_was_honest_is_not_found(cheated: Cheated) -> None:
    assert cheated.codes("honest") == []
    assert cheated.codes("honest again") == []


def test_nothing_is_found_beyond_what_was_done(cheated: Cheated, demo: Played) -> None:
    mine = set(cheated.done.values())
    others = [one for one in cheated.findings if mine.isdisjoint(one["evidence"].values())]
    assert Counter(one["finding"] for one in others) == {
        "REQUEST_UNLOGGED": sum(
            codec.decode_header(row.entry.request).sender == CENTRE for _, row in strangers(demo)
        ),
        "LOG_MISSING": 1,
    }
    assert all(one["severity"] == "BROKEN" for one in cheated.findings)
