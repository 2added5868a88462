"""The end of a district's review: every department in a row, in two languages."""

import re

import pytest

from federation.terminal import Terminal
from hedui.demo.centre import Asked
from hedui.demo.city import write_district
from hedui.demo.district_run import Outcome
from hedui.demo.district_screen import show
from hedui.demo.stage import Stage
from hedui.demo.verdict import Verdict, compare, read_oracle
from tests.hedui.answering import TODAY


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Pretend that everything was asked and came back as the oracle says."""
    folder = tmp_path_factory.mktemp("district")
    city = write_district(folder, seed=1, today=TODAY, households=40)
    oracle = read_oracle(city.oracle)
    asked = tuple(Asked(key, "" if text == "UNAVAILABLE" else text) for key, text in oracle.items())
    return Outcome(
        stage=Stage(
            folder=folder,
            nodes=tuple(one.id for one in city.departments),
            names={one.id: (one.zh, one.en) for one in city.departments},
            flaws={one.id: one.flaws for one in city.departments},
            cases=city.cases,
            oracle=city.oracle,
            today=TODAY,
        ),
        asked=asked,
        verdict=compare(oracle.items(), oracle),
        attacks=(),
        killed=("tax", "coordinator", "coordinator"),
        flapped=4,
        seconds=61.7,
    )


def shown(outcome: Outcome, lang: str, capsys: pytest.CaptureFixture[str]) -> str:
    show(outcome, Terminal(lang="zh" if lang == "zh" else "en", json=False))
    return capsys.readouterr().out


def test_it_names_every_department_and_what_came_of_it(
    outcome: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shown(outcome, "en", capsys)
    for _, name in outcome.stage.names.values():
        assert re.search(rf"^ {re.escape(name)} +\d", out, re.MULTILINE), name
    assert re.search(r"^ Real estate, city C +\d+ +\d+ +882 +0 +0 +0 +882", out, re.MULTILINE)
    assert re.search(r"^ Sums +\d+ +0 +0 +0 +45", out, re.MULTILINE), "homes in all cities"
    assert "never there: Real estate, city C" in out.replace("\n", "")
    assert "40 households, 126 people; 3 kills (2 of the centre) and 4 absences survived" in out
    assert out.splitlines()[-1] == (
        f"district: {len(outcome.asked) - 927} answers, 0 wrong, 0 refusals as expected"
    )


def test_one_language_at_a_time(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    assert not re.search(r"[\u4e00-\u9fff]", shown(outcome, "en", capsys))
    chinese = shown(outcome, "zh", capsys)
    assert "始终离线:丙市不动产" in chinese
    assert set(re.findall(r"[a-z]{4,}", chinese)) == {
        "district",
        "answers",
        "wrong",
        "refusals",
        "expected",
    }


def test_programs_read_one_line(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    show(outcome, Terminal(lang="en", json=True))
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert '"wrong": 0' in out


def test_what_the_oracle_does_not_say_is_wrong(outcome: Outcome) -> None:
    first, *rest = outcome.asked
    given = [(first.key, "UNAVAILABLE"), *((one.key, one.outcome) for one in rest)]
    verdict = compare(given[:2], read_oracle(outcome.stage.oracle))
    assert verdict == Verdict(answers=2, wrong=(first.key,))
