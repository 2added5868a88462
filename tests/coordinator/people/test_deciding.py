"""Who takes which step of a case: one proposes, another decides, each in their own name."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from typer.testing import CliRunner, Result

from coordinator import cli, lifecycle_cli
from coordinator.casework import practice
from coordinator.casework.workdays import WorkDays
from coordinator.config import Settings
from coordinator.desk import Desk
from coordinator.life_book import LifeBook
from coordinator.life_desk import LifeDesk, Practised
from coordinator.sentinel import Sentinel
from coordinator.store import Store
from federation.party import Party
from federation.sentinel import DAY, HOUR, Rule
from tests.coordinator.people.staffed import Staffed
from tests.coordinator.town import NOW, case_text

Run = Callable[..., Result]
FURTHER = ("DIBAO_MARGIN", "TEMP_AID")
REASON = ("--reason", "NOTHING_AGAINST", "--json")


@pytest.fixture
def run(staffed: Staffed, monkeypatch: pytest.MonkeyPatch) -> Run:
    town = staffed.town
    known = town.around.programmes
    more = {one: replace(known.programme("DIBAO_URBAN"), id=one) for one in FURTHER}
    programmes = replace(known, programmes={**known.programmes, **more})
    town.around = replace(town.around, programmes=programmes)

    @contextmanager
    def opened(_: Path) -> Iterator[Desk]:
        with town.desk() as desk:
            yield desk

    @contextmanager
    def lives(_: Path) -> Iterator[LifeDesk]:
        with town.desk() as desk, town.database() as database:
            by = Practised(practice=practice.load(), days=WorkDays(), clock=town.clock)
            yield LifeDesk(desk, Store(database), LifeBook(database), by)

    monkeypatch.setattr(cli, "open_desk", opened)
    monkeypatch.setattr(lifecycle_cli, "open_life", lives)

    def invoke(who: str, *words: str) -> Result:
        shutil.copy(town.data / f"session-{who}", town.data / "session")
        return CliRunner().invoke(cli.app, list(words), env={"LANG": "zh_CN.UTF-8"})

    return invoke


def error(ended: Result) -> str:
    return str(json.loads(ended.stderr.splitlines()[-1])["error"])


def test_one_proposes_and_another_decides(staffed: Staffed, run: Run) -> None:
    staffed.hire("op-lin", "op-rev", "op-mei")
    (case,) = staffed.open()
    for words in (("consent", case), ("run", case), ("show", case), ("visit", case)):
        assert run("op-lin", *words).exit_code == 0
    assert error(run("op-rev", "decide", case, "grant", *REASON)) == "SECOND_PERSON_NEEDED"
    assert error(run("op-mei", "decide", case, "grant", "--propose", *REASON)) == (
        "OPERATOR_FORBIDDEN"
    )
    assert run("op-lin", "decide", case, "grant", "--propose", *REASON).exit_code == 0
    assert error(run("op-lin", "decide", case, "grant", *REASON)) == "OPERATOR_FORBIDDEN"
    assert run("op-rev", "decide", case, "grant", *REASON).exit_code == 0
    told = json.loads(run("op-lin", "history", case, "--json").stdout)
    assert [(one["event"], one["operator"]) for one in told["events"][-3:]] == [
        ("visit", "op-lin"),
        ("propose", "op-lin"),
        ("grant", "op-rev"),
    ]


def test_nobody_acts_in_anothers_name(staffed: Staffed, run: Run) -> None:
    staffed.hire("op-lin")
    (case,) = staffed.open()
    ended = run("op-lin", "accept", case, "--operator", "op-rev", "--json")
    assert (ended.exit_code, error(ended)) == (2, "OPERATOR_OTHER")
    assert run("op-lin", "accept", case, "--operator", "op-lin").exit_code == 0


def test_what_is_due_is_listed_for_ones_own_area(staffed: Staffed, run: Run) -> None:
    staffed.hire("op-lin", "op-mei")
    staffed.open()
    here = json.loads(run("op-lin", "due", "--json").stdout)
    there = json.loads(run("op-mei", "due", "--json").stdout)
    assert ({one["clock"] for one in here}, there) == ({"visit", "decision"}, [])


def verified(staffed: Staffed, run: Run) -> str:
    """Open a case and take it by its clerk to where it is decided, the party heard."""
    (case,) = staffed.open()
    for words in (
        ("consent", case),
        ("run", case),
        ("show", case),
        ("visit", case),
        ("notice", case, "--acknowledged", "ab" * 32),
    ):
        assert run("op-lin", *words).exit_code == 0
    return case


def test_a_proposal_that_was_refused_is_nobodys_first_step(staffed: Staffed, run: Run) -> None:
    staffed.hire("op-lin", "op-rev")
    case = verified(staffed, run)
    tried = run("op-lin", "decide", case, "grant", "--propose", "--reason", "NO_SUCH", "--json")
    assert error(tried) == "REASON_UNKNOWN"
    assert error(run("op-rev", "decide", case, "grant", *REASON)) == "SECOND_PERSON_NEEDED"


def test_nothing_else_is_confirmed_than_what_was_proposed(staffed: Staffed, run: Run) -> None:
    staffed.hire("op-lin", "op-rev")
    case = verified(staffed, run)
    homes = ("--reason", "HOMES", "--json")
    assert run("op-lin", "decide", case, "refuse", "--propose", *homes).exit_code == 0
    for words in (
        ("grant", *REASON),
        ("refuse", "--reason", "VEHICLE", "--json"),
        ("refuse", "--reason", "VEHICLE", *homes),
        ("transfer", "--to", "DIBAO_MARGIN", "--reason", "OTHER_PROGRAMME_FITS", "--json"),
    ):
        refused = run("op-rev", "decide", case, *words)
        assert error(refused) == "SECOND_PERSON_NEEDED"
        assert "refuse HOMES" in refused.stderr  # what there is to confirm
    assert staffed.acts()[-1].about == "transfer DIBAO_MARGIN OTHER_PROGRAMME_FITS"
    assert run("op-rev", "decide", case, "refuse", *homes).exit_code == 0


def test_of_what_one_person_proposed_the_newest_counts(staffed: Staffed, run: Run) -> None:
    staffed.hire("op-lin", "op-rev")
    case = verified(staffed, run)
    homes = ("--reason", "VEHICLE", "--reason", "HOMES", "--json")
    assert run("op-lin", "decide", case, "grant", "--propose", *REASON).exit_code == 0
    assert run("op-lin", "decide", case, "refuse", "--propose", *homes).exit_code == 0
    assert error(run("op-rev", "decide", case, "grant", *REASON)) == "SECOND_PERSON_NEEDED"
    other_order = ("--reason", "HOMES", "--reason", "VEHICLE")
    assert run("op-rev", "decide", case, "refuse", *other_order).exit_code == 0


def test_aid_in_an_emergency_is_confirmed_by_two_others(staffed: Staffed, run: Run) -> None:
    staffed.hire("op-lin", "op-rev", "op-tao")
    (case,) = staffed.open(case_text().replace("DIBAO_URBAN", "TEMP_AID"))
    assert run("op-rev", "emergency", case, "--reason", "ACCIDENT").exit_code == 0
    for words in (("consent", case), ("run", case), ("show", case), ("visit", case)):
        assert run("op-lin", *words).exit_code == 0
    assert error(run("op-tao", "decide", case, "grant", *REASON)) == "SECOND_PERSON_NEEDED"
    assert run("op-lin", "decide", case, "grant", "--propose", *REASON).exit_code == 0
    assert error(run("op-rev", "decide", case, "grant", *REASON)) == "SECOND_PERSON_NEEDED"
    assert run("op-tao", "decide", case, "grant", *REASON).exit_code == 0


def test_what_is_due_is_read_by_name(staffed: Staffed, run: Run) -> None:
    staffed.hire("op-lin")
    staffed.open()
    for command in ("due", "overdue"):
        assert run("op-lin", command).exit_code == 0
        last = staffed.acts()[-1]
        assert (last.operator, last.action) == ("op-lin", "CASE_READ")
    assert len([one for one in staffed.acts() if one.action == "CASE_READ"]) == 2


def test_a_review_is_filed_in_the_name_of_who_opens_it(staffed: Staffed, run: Run) -> None:
    staffed.hire("op-lin", "op-rev")
    (case,) = staffed.open()
    for words in (("consent", case), ("run", case)):
        assert run("op-lin", *words).exit_code == 0
    assert run("op-rev", "renew", case, "--trigger", "REVIEW").exit_code == 0
    with staffed.town.desk() as desk:
        names = [one.filed.case.operator for one in desk.standing(desk.case_ids())]
    assert names == ["op-lin", "op-rev"]


def test_a_transfer_opens_the_next_case_in_the_name_of_who_decides(
    staffed: Staffed, run: Run
) -> None:
    staffed.hire("op-lin", "op-rev")
    case = verified(staffed, run)
    words = ("transfer", "--to", "DIBAO_MARGIN", "--reason", "OTHER_PROGRAMME_FITS")
    assert run("op-lin", "decide", case, *words, "--propose").exit_code == 0
    assert run("op-rev", "decide", case, *words).exit_code == 0
    with staffed.town.desk() as desk:
        names = [one.filed.case.operator for one in desk.standing(desk.case_ids())]
    assert names == ["op-lin", "op-rev"]


def test_the_sentinel_counts_who_asks_and_not_whose_case_it_is(staffed: Staffed, run: Run) -> None:
    town = staffed.town
    town.clock.seconds = NOW - NOW % DAY + DAY + 2 * HOUR  # a morning in China
    staffed.hire("op-lin", "op-rev", "op-tao", "op-aud")
    (case,) = staffed.open()
    assert run("op-lin", "consent", case).exit_code == 0
    assert run("op-rev", "run", case).exit_code == 0
    town.clock.seconds += 60
    assert error(run("op-aud", "run", case, "--json")) == "OPERATOR_FORBIDDEN"
    town.clock.seconds += 60
    assert run("op-tao", "run", case, "--again").exit_code == 0
    party = SimpleNamespace(
        id="coordinator", manifest=town.around.manifest, key=town.keys["coordinator"]
    )
    with town.database() as database:
        settings = Settings(sentinel_hourly=4, sentinel_after_hours=100)
        sentinel = Sentinel(database, cast("Party", party), settings, town.clock)
        sentinel.look()
        found = [(one.rule, one.about, one.level) for one in sentinel.history()]
    assert found == [(Rule.VOLUME, "op-rev", 5), (Rule.VOLUME, "op-tao", 5)]
