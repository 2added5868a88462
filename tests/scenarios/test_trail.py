"""A household's people each ask who asked about them: from bundle and logs of a real federation."""

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner, Result

from crypto.envelope import from_json
from federation import catalogue, limits, strictjson
from federation.exchange import Answer, outcome_text
from federation.manifest import PartyRole
from hedui.cli import app
from tests.scenarios.played import CENTRE, REGISTRAR, Played, query
from tests.scenarios.revived import NODE, Town, revived

LABEL: Final = "B"
"""A household of four, asked about at six departments."""
PERSONS: Final = 4
AUDITOR: Final = "auditor"
PATIENCE: Final = 60.0


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, words)))


def done(*words: str | Path) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


@dataclass(frozen=True, kw_only=True)
class Handed:
    """What an auditor was handed about a case; ``before`` is what the demonstration left."""

    before: Played
    played: Played
    case: str
    consent: str
    evidence: Path

    def trail(self, person: int, *more: str | Path) -> Result:
        folder = self.played.folder(AUDITOR)
        who = f"{self.consent}/{person}"
        return run("audit", "trail", who, "-e", self.evidence, "-C", folder, *more)

    def answers(self, person: int) -> Counter[tuple[str, str, str, str]]:
        """Count what the centre's own books say was answered about a person of the case."""
        sql = f"SELECT id_number FROM person WHERE case_id = '{self.case}' ORDER BY place"
        ids = [number for (number,) in self.before.books(sql)]
        shares = Counter(
            (party, *one.key[3:], "COMPARED" if party == "tally" else "CONTRIBUTED")
            for one in self.before.sums
            for party in (*one.parties, "tally")  # it compares, and then it tests
            if one.key[0] == LABEL and person in one.persons
        )
        return shares + Counter(
            (department, predicate, parameter, _text(predicate, answer))
            for one in self.before.asks
            for _, number, department, predicate, parameter in [one.key]
            for answer in one.answers
            if number == ids[person] and one.key[0] == LABEL
        )


def _text(predicate: str, answer: Answer) -> str:
    return outcome_text(answer, catalogue.load().predicate(predicate).values)


@pytest.fixture(scope="module")
def handed(demo: Played, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handed]:
    """Close a case, and have its bundle and the logs written, by the parties' own commands."""
    home = tmp_path_factory.mktemp("trail")
    with revived(demo, home / "town") as town:
        _start(town)
        yield _handed(demo, town.played, home / "evidence")


def _start(town: Town) -> None:
    """Start the departments, the tally and the witnesses that are not running."""
    kinds = {
        PartyRole.NODE: ("node",),
        PartyRole.TALLY: ("tally",),
        PartyRole.WITNESS: ("audit", "witness"),
    }
    for party in town.played.manifest.parties.values():
        if party.role in kinds and party.id != NODE:
            folder = str(town.played.folder(party.id))
            words = [*kinds[party.role], "serve", "--folder", folder, "--json"]
            town.troupe.start(party.id, words)
    list(town.troupe.ready())


def _handed(before: Played, played: Played, evidence: Path) -> Handed:
    (case,) = (case for case, label in before.labels.items() if label == LABEL)
    centre = played.folder(CENTRE)
    evidence.mkdir()
    done("case", "close", case, "--out", evidence / "counts", "-C", centre)
    done("case", "bundle", case, evidence / "case.hedui", "--wait", "60", "-C", centre)
    _export(played.folder(REGISTRAR), evidence / "log")
    sql = f"SELECT consent_no FROM consent WHERE case_id = '{case}'"
    ((consent,),) = played.books(sql)
    return Handed(before=before, played=played, case=case, consent=consent, evidence=evidence)


def _export(folder: Path, target: Path) -> None:
    """Export the registrar's log, once its checkpoint reaches what now stands in it."""
    ((rows,),) = query(folder / "data" / "registrar.sqlite", "SELECT count(*) FROM log")
    end = time.monotonic() + PATIENCE
    while True:
        written = run("registrar", "log", "export", target, "-C", folder, "--json")
        if not written.exit_code and told(written)["size"] >= rows:
            return
        assert time.monotonic() < end
        time.sleep(0.5)


def told(result: Result) -> dict[str, Any]:
    (line,) = result.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.mark.parametrize("person", range(PERSONS))
def test_everybody_gets_all_answers_about_themselves_and_no_other(
    handed: Handed, person: int
) -> None:
    result = handed.trail(person, "--json")
    assert result.exit_code == 0, result.stderr
    found = told(result)
    assert found["complete"]
    names = ("department", "predicate", "parameter", "outcome")
    answers = Counter(tuple(one[name] for name in names) for one in found["answers"])
    assert answers == handed.answers(person)
    others = sum(handed.answers(one).total() for one in range(PERSONS) if one != person)
    assert found["others"] == {"persons": PERSONS - 1, "questions": others}
    assert found["faults"] == []


def test_a_count_that_is_kept_back_is_missed(handed: Handed, tmp_path: Path) -> None:
    """Without one department's word nobody knows whether it was asked more."""
    kept = tmp_path / "evidence"
    shutil.copytree(handed.evidence, kept)
    for file in (kept / "counts").iterdir():
        signed = from_json(file.read_bytes(), max_bytes=limits.COUNT_BYTES)
        if strictjson.loads(signed.payload, "count")["department"] == NODE:
            file.unlink()
    folder = handed.played.folder(AUDITOR)
    result = run("audit", "trail", f"{handed.consent}/0", "-e", kept, "-C", folder, "--json")
    assert result.exit_code == 1
    doubts = {(one["department"], one["doubt"]) for one in told(result)["counts"] if one["doubt"]}
    assert doubts == {(NODE, "NO_COUNT")}
