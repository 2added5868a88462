"""``hedui audit trail`` as it is run, from files and public keys, without a network."""

import json
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from typer.testing import CliRunner, Result

from auditor.cli import app
from federation.closing import ClosingCount
from federation.exchange import Outcome, Refusal
from tests.support import trails
from tests.support.exchanges import NOW, Made
from tests.support.trails import (
    CONSENT,
    ME,
    P07,
    P40,
    P42,
    Evidence,
    asked,
    count,
    issued,
    jti,
    registrar_log,
    uses,
)

WHO = f"{CONSENT}/{ME}"
FIRST = (ME, asked(ME, 0))
SECOND = (ME, asked(ME, 1, use_no=2))
WINDOW = (ME, asked(ME, 2, P42, outcome=Outcome.NO))
REFUSED = (
    ME,
    asked(
        ME, 3, outcome=Outcome.REFUSED, refusal=Refusal.USES_EXHAUSTED, use_no=0, as_of=0, value=0
    ),
)
RELATIVES = ((0, asked(0, 4, P07, outcome=Outcome.ENUM, value=1)), (2, asked(2, 5, P42)))
USUAL = (FIRST, SECOND, WINDOW, REFUSED, *RELATIVES)
COUNT = count(uses=(uses(P40, 2), uses(P42, 1)))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("the network is removed")

    for name in ("socket", "create_connection", "getaddrinfo", "socketpair"):
        monkeypatch.setattr(socket, name, refuse)


def run(folder: Path, *more: str | Path, who: Sequence[str] = (WHO,), lang: str = "en") -> Result:
    words = ["trail", *who, "-C", folder, "-e", folder / "evidence", *more, "--lang", lang]
    return CliRunner().invoke(app, list(map(str, words)))


def told(
    folder: Path,
    made: Sequence[tuple[int, Made]] = USUAL,
    counts: Sequence[ClosingCount] = (COUNT,),
    **more: Any,
) -> Result:
    Evidence(made=made, counts=counts, **more).write(folder)
    return run(folder)


def test_a_complete_trail(tmp_path: Path) -> None:
    done = told(tmp_path)
    assert done.exit_code == 0, done.stdout
    lines = done.stdout.splitlines()
    assert (
        "✓ COMPLETE: up to 2026-11-18 19:07 the departments gave 3 answers about you; all are here"
        in lines
    )
    assert "· another member of the household (2): 2 questions, hidden" in lines
    assert "refused: The" in done.stdout
    assert "marital" not in done.stdout.partition("Consented and never asked")[0]
    assert "married" not in done.stdout


def test_the_same_for_programs_and_as_a_page(tmp_path: Path) -> None:
    told(tmp_path)
    page = tmp_path / "trail.html"
    done = run(tmp_path, "--json", "--html", page)
    (line,) = done.stdout.splitlines()
    value = json.loads(line)
    assert (value["complete"], value["until"], len(value["answers"])) == (True, NOW + 60, 3)
    assert value["log"] == {"witnessed": NOW + 90, "size": 4}
    assert (value["others"], value["faults"]) == ({"persons": 2, "questions": 2}, [])
    text = page.read_text("utf-8")
    assert page.stat().st_mode & 0o777 == 0o600
    assert "✓ 完整" in text
    for told_of_relatives in ("已婚", "married", jti(0).hex(), jti(2).hex()):
        assert told_of_relatives not in text + line


def test_a_lost_answer_is_named(tmp_path: Path) -> None:
    done = told(tmp_path, made=[SECOND, WINDOW])
    assert done.exit_code == 1
    assert (
        "  ✗ INCOMPLETE: public_security signs 2, 1 are here; missing: 1:"
        " Does the person own a motor vehicle?" in done.stdout.splitlines()
    )


def test_a_use_with_two_answers_is_named(tmp_path: Path) -> None:
    again = (ME, asked(ME, 6, use_no=2, outcome=Outcome.NO))
    done = told(tmp_path, made=[*USUAL, again])
    assert done.exit_code == 1
    assert "signs 2, and one use has two answers" in done.stdout


def test_an_answer_after_the_count(tmp_path: Path) -> None:
    done = told(tmp_path, made=[*USUAL, (ME, asked(ME, 6, use_no=3))])
    assert done.exit_code == 1
    assert "signs 2, 3 are here; have it sign anew" in done.stdout


def test_without_a_count_it_is_not_proven(tmp_path: Path) -> None:
    done = told(tmp_path, counts=())
    assert done.exit_code == 1
    assert "✗ NOT PROVEN COMPLETE: 3 answers are here" in done.stdout
    assert "  ✗ NOT PROVEN: there is no count signed by public_security" in done.stdout


def test_an_altered_answer_is_as_good_as_lost(tmp_path: Path) -> None:
    Evidence(made=USUAL, counts=[COUNT]).write(tmp_path)
    bundle = tmp_path / "evidence" / "case.hedui"
    data = bytearray(bundle.read_bytes())
    data[data.index(b"receipts/001") + 200] ^= 1
    bundle.write_bytes(data)
    done = run(tmp_path)
    assert done.exit_code == 1
    assert "case.hedui" in done.stdout
    assert "signs 2, 1 are here; missing: 1" in done.stdout


def test_nothing_was_ever_asked(tmp_path: Path) -> None:
    done = told(tmp_path, made=RELATIVES, counts=[count(chain=b"", uses=())])
    assert done.exit_code == 0, done.stdout
    assert "gave 0 answers about you; all are here" in done.stdout


def test_a_renewal_is_followed(tmp_path: Path) -> None:
    log = registrar_log([*trails.USUAL, (issued(ME, 1), b"")])
    later = (ME, asked(ME, 1, number=1, use_no=2))
    renewed = replace(count(number=1), uses=(uses(P40, 2),))
    done = told(tmp_path, made=[FIRST, later], counts=[renewed], log=log)
    assert done.exit_code == 0, done.stdout


@pytest.mark.parametrize("who", ["x", f"{CONSENT}/9", "790301-9999/0"])
def test_nobody_there(tmp_path: Path, who: str) -> None:
    Evidence().write(tmp_path)
    done = run(tmp_path, who=[who])
    assert done.exit_code == 2
    assert "TRAIL_WHO" in done.stderr


def test_without_the_registrars_log(tmp_path: Path) -> None:
    Evidence().write(tmp_path)
    (tmp_path / "evidence" / "logs" / "registrar" / "checkpoint").unlink()
    done = run(tmp_path)
    assert done.exit_code == 2
    assert "TRAIL_LOG" in done.stderr
    assert "hedui registrar log export" in done.stderr


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    Evidence().write(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for place in (tmp_path, tmp_path / "link"):
        done = run(tmp_path, "--html", place)
        assert done.exit_code == 2
        assert "FILE_UNWRITABLE" in done.stderr
    assert not (tmp_path / "elsewhere").exists()


def test_nothing_of_the_person_but_consent_and_place_is_asked_for(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["trail", "--help"], env={"COLUMNS": "200"})
    assert "CONSENT/PERSON" in done.stdout
    assert "--id" not in done.stdout
