"""A person's trail through sums: who took part and in what, and nothing of whoever else did."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from auditor.cli import app
from federation import closing
from federation.closing import ClosingCount, GrantUses
from federation.exchange import Outcome
from tests.auditor.adding import Added, added, documents
from tests.auditor.diaries import CONSENT, jti_of
from tests.auditor.test_log_cli import no_network
from tests.auditor.test_reconcile_sums import TORN
from tests.support import exchanges
from tests.support.exchanges import key
from tests.support.summed import DEPARTMENTS, RUNG, TALLY, Computed, compute

pytestmark = pytest.mark.usefixtures("no_network")
assert no_network

ME = 1
WHO = f"{CONSENT}/{ME}"


def evidence(town: Added, made: Computed, folder: Path, used: int = 1) -> Path:
    """Write the bundle of a run, the registrar's log, and what departments sign of my token."""
    town.export(folder / "logs")
    (folder / "root.json").write_bytes(exchanges.root_file(exchanges.root_document()))
    for name, data in documents().items():
        (folder / f"{name}.json").write_bytes(data)
    data = town.sealed(town.files(town.transcript(made)))
    (folder / "case.hedui").write_bytes(data)
    for party in DEPARTMENTS:
        token = jti_of(town.tokens[party][ME])
        count = ClosingCount(
            federation="test",
            department=party,
            at=town.now,
            token=token,
            chain=token,
            uses=(GrantUses(predicate="H1", parameter=RUNG, used=used),),
        )
        (folder / f"{party}.json").write_bytes(closing.sign(count, key(party)))
    return folder


def run(folder: Path, *more: str | Path, lang: str = "en") -> Result:
    words = ["trail", WHO, "-C", folder, "-e", folder, *more, "--lang", lang]
    return CliRunner().invoke(app, list(map(str, words)))


def test_a_sum_is_told_in_plain_words(tmp_path: Path) -> None:
    folder = evidence(added(), compute(), tmp_path)
    done = run(folder)
    assert done.exit_code == 0, done.output
    assert "COMPLETE" in done.stdout
    (told,) = (one for one in done.stdout.splitlines() if one.startswith("  · a sum"))
    assert "one encrypted number each of tax, human_resources, finance" in told
    assert f"{TALLY} held the total to the line, and no more. Nobody saw it" in told
    assert "another member of the household (1): 5 questions, hidden" in done.stdout
    assert "the tally signs no counts" in done.stdout
    zh = run(folder, lang="zh").stdout
    assert "tax、human_resources、finance各出一个加密的数" in zh
    assert "没有任何人看到数额" in zh


def test_nothing_of_a_relatives_slots_gets_through(tmp_path: Path) -> None:
    town = added()
    folder = evidence(town, compute(), tmp_path)
    (one,) = (json.loads(line) for line in run(folder, "--json").stdout.splitlines())
    assert [(row["department"], row["outcome"], row["use"]) for row in one["answers"]] == [
        *((party, Outcome.CONTRIBUTED.name, 1) for party in DEPARTMENTS),
        (TALLY, Outcome.COMPARED.name, 1),
        (TALLY, Outcome.COMPARED.name, 0),
    ]
    assert one["others"] == {"persons": 1, "questions": 5}
    assert [(row["department"], row["counted"], row["doubt"]) for row in one["counts"]] == [
        ("finance", True, None),
        ("human_resources", True, None),
        (TALLY, False, None),
        ("tax", True, None),
    ]
    shown = run(folder, "--html", tmp_path / "page.html").stdout
    page = (tmp_path / "page.html").read_text("utf-8")
    for party in (*DEPARTMENTS, TALLY):
        relative = jti_of(town.tokens[party][0]).hex()
        assert relative not in shown + page + json.dumps(one)
    assert "Nobody saw it" in page


def test_a_share_that_is_missing_is_no_complete_trail(tmp_path: Path) -> None:
    done = run(evidence(added(), compute(), tmp_path, used=2))
    assert done.exit_code == 1
    assert "INCOMPLETE" in done.stdout


def test_a_use_of_the_tally_that_is_missing(tmp_path: Path) -> None:
    """Its first use is not here: that shows in the numbers, whoever signs them or not."""
    town = Added()
    made = compute()
    for party, share in zip(DEPARTMENTS, made.shares, strict=True):
        town.contribute(party, share, made.run)
    town.compare(made, uses=(2, 2))
    town.test(made)
    done = run(evidence(town, made, tmp_path), "--json")
    (one,) = (json.loads(line) for line in done.stdout.splitlines())
    assert not one["complete"]
    assert [row["doubt"] for row in one["counts"]] == [None, None, "MISSING", None]


def test_a_sum_that_was_aborted_or_has_not_been_compared(tmp_path: Path) -> None:
    town = Added()
    folder = evidence(town, town.add(compute(TORN)), tmp_path)
    assert "found them to be no one sum, and aborted" in run(folder).stdout
    waiting = Added()
    made = compute()
    waiting.contribute("tax", made.shares[0], made.run)
    data = waiting.sealed(waiting.files(waiting.transcript(made, outcome="SILENT")))
    (folder / "case.hedui").write_bytes(data)
    assert "not compared yet" in run(folder).stdout
