"""``hedui mandate`` from a list of people to a file of results, as people type it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator import mandate_cli
from federation.clock import business_date
from hedui.cli import app
from tests.support import mandates as towns
from tests.support.mandates import CIVIL, RURAL, Town, person_id

KNOWN = 20


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Run a registrar and two departments."""
    with towns.running(tmp_path_factory.mktemp("town") / "f", KNOWN) as running:
        yield running


def hedui(*words: object, code: int = 0) -> str:
    """Run a command line; gives what it prints."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done.stdout


def rows(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_whole_way(town: Town, tmp_path: Path, lang: str) -> None:
    people = [person_id(n + (40 if lang == "zh" else 0)) for n in range(30)]
    (tmp_path / "people.csv").write_text("\n".join(["id", *reversed(people)]), "utf-8")
    centre = ["--folder", town.folder / "coordinator", "--lang", lang]
    until = business_date(town.clock.now()) + timedelta(days=3)
    draft = tmp_path / "mandate.json"
    words = ["--question", "P10", "--question", "P64", "--department", CIVIL]
    words += ["--department", RURAL, "--basis-zh", "法", "--basis-en", "law", "--until", str(until)]
    out = hedui("mandate", "draft", tmp_path / "people.csv", *words, "--out", draft, *centre)
    number = out.split()[0]
    assert len(number) == 32
    listed = rows(hedui("mandate", "list", "--json", *centre))
    (mine,) = [row for row in listed if row["mandate"] == number]
    assert (mine["signed"], mine["people"]) == (False, 30)
    assert mine["expires"] == until.isoformat()

    hedui("mandate", "enlist", draft, *centre, code=1)
    shown = hedui("mandate", "sign", town.folder, draft, "--show", "--lang", lang)
    assert "0" in shown.splitlines()[-1]
    keys = sorted((town.folder / "root").glob("root-*.key"))
    once = hedui("mandate", "sign", town.folder, draft, "--key", keys[0], "--json")
    assert rows(once)[-1] == {"mandate": number, "signed": 1, "missing": 1}
    twice = hedui("mandate", "sign", town.folder, draft, "--key", keys[1], "--json")
    assert rows(twice)[-1] == {"mandate": number, "signed": 2, "missing": 0}

    hedui("mandate", "run", number, *centre, code=2)
    hedui("mandate", "enlist", draft, *centre)
    results = tmp_path / "out.csv"
    hedui("mandate", "run", number[:8], "--out", results, *centre)
    lines = results.read_text("utf-8").splitlines()
    assert [line[:18] for line in lines[1:]] == people
    assert lines[1:].count(f"{people[0]},NO,NO") == (1 if lang == "zh" else 0)
    hedui("mandate", "run", number, "--again", "--out", results, *centre)
    assert results.read_text("utf-8").splitlines() == lines
    assert f"{CIVIL} 1/" in hedui("mandate", "list", *centre)

    node = ["--folder", town.folder / CIVIL]
    (seen,) = [
        r for r in rows(hedui("node", "mandates", "--json", *node)) if r["mandate"] == number
    ]
    assert (seen["people"], seen["size"], seen["coordinator"]) == (30, 30, "coordinator")
    assert list(seen["asked"].values()) == [2]  # type: ignore[attr-defined]
    assert number in hedui("node", "mandates", "--lang", lang, *node)

    registrar = ["--folder", town.folder / "registrar"]
    assert number in hedui("registrar", "mandates", "--lang", lang, *registrar)
    hedui("registrar", "mandate", "revoke", number, *registrar)
    hedui("registrar", "mandate", "revoke", "00", *registrar, code=2)
    kept = rows(hedui("registrar", "mandates", "--json", *registrar))
    assert {"mandate": number, "state": "REVOKED"}.items() <= kept[-1].items()
    town.refresh()
    hedui("mandate", "run", number, "--again", *centre, code=1)


def test_what_is_typed_wrong(town: Town, tmp_path: Path) -> None:
    centre = ["--folder", town.folder / "coordinator"]
    (tmp_path / "people.csv").write_text(person_id(1), "utf-8")
    words = ["--department", CIVIL, "--basis-zh", "法", "--basis-en", "law"]
    words += ["--until", "2999-01-01", "--question", "P10"]
    people = tmp_path / "people.csv"
    hedui("mandate", "draft", people, *words, "--purpose", "FISHING", *centre, code=2)
    hedui("mandate", "enlist", tmp_path / "none.json", *centre, code=2)
    hedui("mandate", "run", "ffffffff", *centre, code=2)
    hedui("mandate", "run", "", *centre, code=2)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"coordinator": "nobody"}, 1),
        ({"departments": ("nowhere",)}, 1),
        ({"questions": (("P21", "wage-12s"),)}, 2),
        ({"questions": (("P61", "aid-dibao"),)}, 1),
        ({"expires": 10, "not_before": 1}, 2),
    ],
)
def test_the_root_does_not_sign_what_nobody_would_accept(
    town: Town, tmp_path: Path, changes: dict[str, object], code: int
) -> None:
    with town.desk() as desk:
        filed = desk.enlistment.draft(town.wanted(), [person_id(1)])
    draft = tmp_path / "mandate.json"
    draft.write_bytes(towns.change(filed.document, [], **changes))
    before = draft.read_bytes()
    hedui("mandate", "sign", town.folder, draft, code=code)
    assert draft.read_bytes() == before


def test_a_key_that_is_no_root_key_is_told(town: Town, tmp_path: Path) -> None:
    with town.desk() as desk:
        filed = desk.enlistment.draft(town.wanted(), [person_id(1)])
    draft = tmp_path / "mandate.json"
    draft.write_bytes(filed.document)
    other = tmp_path / "other"
    towns.found(other, town.clock.now())
    key = other / "root" / "root-1.key"
    hedui("mandate", "sign", town.folder, draft, "--key", key, code=2)
    assert draft.read_bytes() == filed.document


def test_a_long_run_prints_twenty_lines_a_department() -> None:
    marks = mandate_cli._Marks()
    shown = [n for n in range(1_001) if marks.passed("tax", n, 1_000)]
    assert (shown[0], shown[-1], len(shown)) == (0, 1_000, 21)
    assert marks.passed("bank", 5, 1_000)
