"""The misuse sentinel of the centre: volume, hours, own relatives, cases that nobody decides."""

import json
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from coordinator import cli, closing_cli, config
from coordinator.config import Settings
from coordinator.log_book import Entry, LogBook, append
from coordinator.schema import case_closing
from coordinator.sentinel import Sentinel
from federation import alert
from federation.alert import Raised
from federation.errors import BadInput
from federation.log.alert_events import AlertRaised
from federation.log.kinds import Happened
from federation.party import Party
from federation.sentinel import DAY, HOUR, Rule, State
from tests.coordinator import logged, summed
from tests.coordinator.town import APPLICANT, NOW, WIFE, WIFE_TEXT, Town, case_text, person_text

MORNING = NOW - NOW % DAY + DAY + 2 * HOUR  # ten in China, on a Thursday
CHILD = "790501201409030456"
QUIET = Settings(sentinel_hourly=100, sentinel_after_hours=100)
OTHER = "790301-18"


@contextmanager
def watching(town: Town, settings: Settings = QUIET) -> Any:
    owner = SimpleNamespace(
        id="coordinator", manifest=town.around.manifest, key=town.keys["coordinator"]
    )
    with town.database() as database:
        yield Sentinel(database, cast("Party", owner), settings, town.clock)


def look(town: Town, settings: Settings = QUIET) -> list[Raised]:
    with watching(town, settings) as sentinel:
        sentinel.look()
        found: list[Raised] = sentinel.history()
        return found


def said(found: list[Raised]) -> list[tuple[Rule, str, State, int]]:
    return [(one.rule, one.about, one.state, one.level) for one in found]


def ask(town: Town, *texts: str, again: bool = False) -> list[str]:
    ids = town.ready(*texts)
    with town.desk() as desk:
        desk.run(ids, again=again)
    return ids


def test_an_operator_who_asks_more_than_usual(town: Town) -> None:
    town.clock.seconds = MORNING
    settings = Settings(sentinel_hourly=4)
    ask(town)
    assert said(look(town, settings)) == [(Rule.VOLUME, "op-lin", State.SUSPECT, 5)]
    assert len(look(town, settings)) == 1
    town.clock.seconds += 2 * HOUR
    assert [one.state for one in look(town, settings)] == [State.SUSPECT, State.CALM]
    assert look(town, settings)[0].matter == look(town, settings)[1].matter


def test_questions_at_night(town: Town) -> None:
    town.clock.seconds = MORNING + 12 * HOUR
    ask(town)
    found = said(look(town, Settings(sentinel_after_hours=4)))
    assert found == [(Rule.HOURS, "op-lin", State.SUSPECT, 5)]
    assert len(look(town)) == 2  # more is usual now: it has ended


def test_an_operator_on_its_own_case(town: Town) -> None:
    settings = replace(QUIET, operators={"op-lin": APPLICANT})
    (case_id,) = town.ready()
    assert said(look(town, settings)) == [(Rule.RELATIVE, case_id, State.ALARM, 2)]
    assert len(look(town, settings)) == 1


def test_an_operator_who_signs_for_somebody(town: Town) -> None:
    child = person_text(CHILD, "王丙", "CHILD", "MEMBER", method="GUARDIAN", signer=WIFE)
    (case_id,) = town.ready(case_text(more=child))
    found = said(look(town, replace(QUIET, operators={"op-lin": WIFE})))
    assert found == [(Rule.RELATIVE, case_id, State.ALARM, 2)]


def test_an_operator_on_a_relatives_case(town: Town) -> None:
    """Who lives together in one case is a relative in every other."""
    alone = case_text(commission=OTHER).replace(APPLICANT, WIFE).replace("op-lin", "op-wang")
    household = case_text(more=WIFE_TEXT, evidence="cd" * 32)
    first, second = town.ready(alone, household)
    settings = replace(QUIET, operators={"op-wang": APPLICANT})
    assert said(look(town, settings)) == [(Rule.RELATIVE, first, State.SUSPECT, 1)]
    strangers = replace(QUIET, operators={"op-wang": CHILD})
    assert second not in {about for _, about, _, _ in said(look(town, strangers))}


def test_cases_that_nobody_decides(town: Town) -> None:
    settings = replace(QUIET, sentinel_undecided=1, decide_days=90)
    ids = ask(town, case_text(), case_text(commission=OTHER, evidence="ef" * 32))
    town.ready(case_text(commission="790301-19", evidence="aa" * 32))  # never asked about
    town.clock.seconds += 90 * DAY
    assert look(town, settings) == []
    town.clock.seconds += 1
    assert said(look(town, settings)) == [(Rule.UNDECIDED, "op-lin", State.SUSPECT, 2)]
    with town.database() as database, database.writing() as connection:
        rows = [{"case_id": one, "at": NOW} for one in ids]
        connection.execute(insert(case_closing), rows)
    assert [one.state for one in look(town, settings)] == [State.SUSPECT, State.CALM]


def test_each_alert_is_signed_and_lies_in_the_log(town: Town) -> None:
    town.clock.seconds = MORNING
    ask(town)
    (one,) = look(town, Settings(sentinel_hourly=4))
    (event,) = [
        happened.event
        for happened in logged.said(town)
        if isinstance(happened, Happened) and isinstance(happened.event, AlertRaised)
    ]
    assert (event.matter, event.rule, event.state) == (one.matter, "VOLUME", "SUSPECT")
    with town.database() as database:
        beside = logged.rows(database)[-1].beside or b""
        made = alert.read(beside, town.around.manifest, "coordinator")
        assert (made.about, made.level, made.was) == ("op-lin", 5, State.CALM)
        logged.keeper(town, database).cut()
        logged.check(LogBook(database))


def test_the_command_looks_and_lists(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.clock.seconds = MORNING
    ask(town)

    @contextmanager
    def opened(_: Path) -> Any:
        with watching(town, Settings(sentinel_hourly=1)) as sentinel, town.database() as database:
            yield town.gate(database), sentinel

    monkeypatch.setattr(closing_cli, "open_sentinel", opened)
    run: Callable[..., Any] = CliRunner().invoke
    (line,) = run(cli.app, ["alerts", "--json"]).stdout.splitlines()
    assert (json.loads(line)["state"], json.loads(line)["about"]) == ("ALARM", "op-lin")
    assert (
        "ALARM  op-lin  5 questions in an hour" in run(cli.app, ["alerts", "--lang", "en"]).stdout
    )
    assert "告警" in run(cli.app, ["alerts", "--lang", "zh"]).stdout


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"working_time": 8}, "coordinator.working_time"),
        ({"working_time": "8-18"}, "working_time"),
        ({"operators": []}, "coordinator.operators"),
        ({"operators": {"op-lin": 7}}, "coordinator.operators.op-lin"),
        ({"operators": {"op-lin": "790301197003120111"}}, "coordinator.operators.op-lin"),
        ({"operators": {"op-lin": APPLICANT.lower()}}, "coordinator.operators.op-lin"),
        ({"sentinel_hourly": 0}, "coordinator.sentinel_hourly"),
    ],
)
def test_wrong_settings_are_named_without_numbers(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match="SETTINGS_INVALID") as refused:
        config.parse(settings)
    assert why in str(refused.value.details["why"])
    assert "7903" not in str(refused.value)


def test_operators_are_read_and_never_shown() -> None:
    settings = config.parse({"operators": {"op-lin": APPLICANT}})
    assert settings.operators == {"op-lin": APPLICANT}
    assert APPLICANT not in repr(settings)


def test_sums_are_questions_too(tmp_path: Path) -> None:
    town = summed.build(tmp_path, summed.INCOME)
    town.clock.seconds = MORNING
    ask(town, *[case_text(commission=f"c-{i}") for i in range(3)])
    assert said(look(town, Settings(sentinel_hourly=2))) == [
        (Rule.VOLUME, "op-lin", State.SUSPECT, 3)
    ]
    town.clock.seconds += 100 * DAY
    settings = Settings(sentinel_hourly=2, sentinel_undecided=2)
    assert (Rule.UNDECIDED, "op-lin", State.SUSPECT, 3) in said(look(town, settings))


def test_a_record_that_cannot_be_read_stops_no_look(town: Town) -> None:
    """The case's operator counts then; the log's self-check names the row."""
    town.clock.seconds = MORNING
    with town.database() as database, database.writing() as connection:
        append(connection, [Entry(b'{"about":"altered"}')])
    ask(town)
    assert said(look(town, Settings(sentinel_hourly=4))) == [
        (Rule.VOLUME, "op-lin", State.SUSPECT, 5)
    ]
