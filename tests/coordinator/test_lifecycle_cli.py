"""A case's whole life by command: what may follow, what is refused, and what others see of it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from coordinator import cli, lifecycle_cli
from coordinator.casework import practice
from coordinator.casework.workdays import FILE, WorkDays
from coordinator.desk import Desk
from coordinator.life_book import LifeBook
from coordinator.life_desk import LifeDesk, Practised
from coordinator.store import Store
from federation.clock import SystemClock, business_date
from federation.errors import Unavailable
from federation.log.coordinator_events import CaseMoved
from federation.log.kinds import Happened
from tests.auditor import witnessing
from tests.coordinator import logged
from tests.coordinator.town import NOW, WIFE_TEXT, Town, case_text

Run = Callable[..., Result]
CASE = "HD-790301-2026-0001"
NEXT = "HD-790301-2026-0002"
PAPER = "5a" * 32
BY = ("--operator", "zhang")


@pytest.fixture
def run(town: Town, monkeypatch: pytest.MonkeyPatch) -> Run:
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

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(cli.app, list(words), env={"LANG": "zh_CN.UTF-8"})

    return invoke


@pytest.fixture(autouse=True)
def programmes(town: Town) -> None:
    """Give the town further programmes, which ask what its first asks."""
    known = town.around.programmes
    first = known.programme("DIBAO_URBAN")
    more = {
        one: replace(first, id=one, zh=zh, en=one)
        for one, zh in (("DIBAO_MARGIN", "低保边缘"), ("TEMP_AID", "临时救助"))
    }
    programmes = replace(known, programmes={**known.programmes, **more})
    town.around = replace(town.around, programmes=programmes)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "case.toml"
    path.write_text(case_text(more=WIFE_TEXT), "utf-8")
    return path


def done(run: Run, *words: str) -> Result:
    ended = run(*words)
    assert ended.exit_code == 0, ended.output
    return ended


def refused(run: Run, *words: str) -> str:
    ended = run(*words, "--json")
    assert ended.exit_code == 1, ended.output
    return str(json.loads(ended.stderr)["error"])


def state(run: Run, case: str = CASE) -> str:
    return str(json.loads(done(run, "history", case, "--json").stdout)["state"])


def reported(run: Run, file: Path) -> None:
    """Bring a case to its report."""
    done(run, "new", str(file))
    done(run, "accept", CASE, *BY)
    done(run, "commission", CASE, *BY, "--document", PAPER)
    done(run, "consent", CASE)
    done(run, "run", CASE)
    done(run, "show", CASE)


def test_from_acceptance_to_a_grant(run: Run, file: Path, town: Town) -> None:
    reported(run, file)
    assert state(run) == "REPORTED"
    done(run, "visit", CASE, *BY, "--note", "家中三间瓦房")
    granted = done(run, "decide", CASE, "grant", *BY, "--reason", "INCOME_BELOW_LINE")
    assert granted.stdout == f"{CASE}  决定:给予  现在:给予救助\n"
    told = json.loads(done(run, "history", CASE, "--json").stdout)
    assert [one["event"] for one in told["events"]] == [
        *("accept", "commission", "consent", "query", "report", "visit", "grant")
    ]
    assert told["events"][-1]["operator"] == "zhang"
    assert told["consent"] == "READY"
    shown = done(run, "history", CASE).stdout
    for words in ("给予救助", "入户调查", "备注:家中三间瓦房", "家庭人均收入低于标准", "zhang"):
        assert words in shown
    moves = [
        one.event
        for one in logged.said(town)
        if isinstance(one, Happened) and isinstance(one.event, CaseMoved)
    ]
    assert [one.event for one in moves] == [one["event"] for one in told["events"]]
    assert moves[1].document == bytes.fromhex(PAPER)
    assert moves[-1].reasons == ("INCOME_BELOW_LINE",)


def test_a_case_that_nobody_accepted_moves_on_by_itself(run: Run, file: Path) -> None:
    done(run, "new", str(file))
    states = [state(run)]
    for words in (("consent", CASE), ("run", CASE), ("show", CASE)):
        done(run, *words)
        states.append(state(run))
    assert states == ["DRAFT", "COMMISSIONED", "QUERYING", "REPORTED"]


def test_no_commission_no_check(run: Run, file: Path) -> None:
    done(run, "new", str(file))
    done(run, "accept", CASE, *BY)
    done(run, "consent", CASE)
    ended = run("run", CASE)
    assert ended.exit_code == 1
    assert f"{CASE}  已受理,待委托,未提问" in ended.stdout
    assert run("commission", CASE, *BY).exit_code == 2
    done(run, "commission", CASE, *BY, "--document", PAPER)
    done(run, "run", CASE)
    assert state(run) == "QUERYING"


def test_a_missing_signature_blocks_until_it_is_there(run: Run, file: Path) -> None:
    file.write_text(case_text(more=WIFE_TEXT, evidence=""), "utf-8")
    done(run, "new", str(file))
    assert run("consent", CASE).exit_code == 1
    assert state(run) == "BLOCKED_CONSENT"
    file.write_text(case_text(more=WIFE_TEXT), "utf-8")
    done(run, "consent", CASE, "--file", str(file))
    assert state(run) == "COMMISSIONED"


def test_no_decision_without_report_visit_and_hearing(run: Run, file: Path) -> None:
    done(run, "new", str(file))
    done(run, "consent", CASE)
    refuse = ("decide", CASE, "refuse", *BY, "--reason", "COMPANY")
    grant = ("decide", CASE, "grant", *BY, "--reason", "NOTHING_AGAINST")
    assert [refused(run, *refuse), refused(run, *grant)] == ["CASE_UNREPORTED"] * 2
    done(run, "run", CASE)
    done(run, "show", CASE)
    assert [refused(run, *refuse), refused(run, *grant)] == ["CASE_UNVISITED"] * 2
    done(run, "visit", CASE, *BY)
    assert refused(run, *refuse) == "CASE_UNHEARD"
    done(run, "notice", CASE, *BY)
    assert refused(run, *refuse) == "CASE_UNHEARD"
    done(run, "notice", CASE, *BY, "--acknowledged", PAPER)
    done(run, *refuse)
    assert state(run) == "REFUSED"


def test_who_lets_the_time_to_answer_pass_was_heard(run: Run, file: Path, town: Town) -> None:
    reported(run, file)
    done(run, "visit", CASE, *BY)
    done(run, "notice", CASE, *BY)
    refuse = ("decide", CASE, "refuse", *BY, "--reason", "COMPANY")
    town.clock.seconds += 7 * 86_400
    assert refused(run, *refuse) == "CASE_UNHEARD"
    town.clock.seconds += 86_400
    done(run, *refuse)


def test_a_refusal_ends_the_consent_and_nothing_more_is_asked(
    run: Run, file: Path, town: Town
) -> None:
    reported(run, file)
    done(run, "visit", CASE, *BY)
    done(run, "notice", CASE, *BY, "--acknowledged", PAPER)
    town.registrar.script = [Unavailable("PEER_UNREACHABLE")]
    refuse = ("decide", CASE, "refuse", *BY, "--reason", "COMPANY", "--reason", "VEHICLE")
    assert refused(run, *refuse) == "PEER_UNREACHABLE"
    assert state(run) == "NOTICED"
    assert json.loads(done(run, "history", CASE, "--json").stdout)["consent"] == "REVOKED"
    done(run, *refuse)
    assert (state(run), len(town.registrar.revoked)) == ("REFUSED", 1)
    assert run("run", CASE, "--again").exit_code == 1
    assert refused(run, *refuse) == "CASE_STATE"


def test_the_chance_to_reconfirm_comes_once(run: Run, file: Path) -> None:
    reported(run, file)
    done(run, "notice", CASE, *BY)
    assert run("reconfirm", CASE, *BY).exit_code == 2
    done(run, "reconfirm", CASE, *BY, "--document", PAPER)
    done(run, "run", CASE, "--again")
    assert state(run) == "QUERYING"
    done(run, "show", CASE)
    done(run, "notice", CASE, *BY)
    assert refused(run, "reconfirm", CASE, *BY, "--document", PAPER) == "CASE_RECONFIRMED"
    withdraw = ("withdraw", CASE, *BY, "--reason", "AFTER_RECONFIRMATION", "--document", PAPER)
    ended = done(run, *withdraw)
    assert "授权已终止,不再提问" in ended.stdout
    assert state(run) == "WITHDRAWN_VOLUNTARY"


def test_a_reconfirmed_case_is_asked_again_only_on_purpose(run: Run, file: Path) -> None:
    reported(run, file)
    done(run, "notice", CASE, *BY)
    done(run, "reconfirm", CASE, *BY, "--document", PAPER)
    done(run, "run", "--all")
    assert state(run) == "RECONFIRMING"


def test_an_objection_is_rechecked_and_settled(run: Run, file: Path) -> None:
    reported(run, file)
    done(run, "object", CASE, *BY, "--document", PAPER)
    grant = ("decide", CASE, "grant", *BY, "--reason", "FOUND_BUT_EXEMPT")
    assert refused(run, *grant) == "CASE_UNVISITED"
    done(run, "visit", CASE, *BY)
    assert refused(run, *grant) == "CASE_STATE"
    disputed = ("--person", "2", "--predicate", "P46", "--evidence", PAPER)
    done(run, "recheck", CASE, *disputed)
    assert state(run) == "RECHECKED"
    done(run, "object", CASE, *BY, "--outcome", "exempted")
    done(run, *grant)
    told = json.loads(done(run, "history", CASE, "--json").stdout)
    assert [one["reasons"] for one in told["events"][-2:]] == [["EXEMPTED"], ["FOUND_BUT_EXEMPT"]]


def test_a_transfer_opens_the_case_that_follows(run: Run, file: Path, town: Town) -> None:
    reported(run, file)
    words = ("decide", CASE, "transfer", *BY, "--reason", "OTHER_PROGRAMME_FITS")
    assert run(*words).exit_code == 2
    assert run(*words, "--to", "DIBAO_URBAN").exit_code == 2
    assert run(*words, "--to", "NONE").exit_code == 2
    assert (state(run), run("history", NEXT).exit_code) == ("REPORTED", 2)
    ended = done(run, *words, "--to", "DIBAO_MARGIN", "--evidence", "ef" * 32)
    assert f"后续案件 {NEXT}:同一家庭,低保边缘" in ended.stdout
    assert (state(run), state(run, NEXT)) == ("TRANSFERRED", "DRAFT")
    told = json.loads(done(run, "history", NEXT, "--json").stdout)["events"]
    assert [(one["event"], one["other"]) for one in told] == [("follow", CASE)]
    done(run, "consent", NEXT)
    assert state(run, NEXT) == "COMMISSIONED"
    assert len(town.registrar.revoked) == 1


def test_without_a_new_form_the_case_that_follows_waits(run: Run, file: Path) -> None:
    reported(run, file)
    words = ("decide", CASE, "transfer", *BY, "--reason", "OTHER_PROGRAMME_FITS")
    done(run, *words, "--to", "DIBAO_MARGIN")
    assert run("consent", NEXT).exit_code == 1
    assert state(run, NEXT) == "BLOCKED_CONSENT"


def test_an_emergency_is_granted_first_and_verified_after(run: Run, file: Path, town: Town) -> None:
    done(run, "new", str(file))
    words = ("emergency", CASE, *BY, "--reason", "SUDDEN_ILLNESS")
    assert refused(run, *words) == "CASE_NOT_URGENT"
    file.write_text(case_text(commission="c-2").replace("DIBAO_URBAN", "TEMP_AID"), "utf-8")
    done(run, "new", str(file))
    done(run, *(NEXT if one == CASE else one for one in words))
    assert state(run, NEXT) == "GRANTED_EMERGENCY"
    (clock,) = json.loads(done(run, "due", NEXT, "--json").stdout)
    assert (clock["clock"], clock["level"]) == ("post_facto", 0)
    for step in (("consent", NEXT), ("run", NEXT), ("show", NEXT)):
        done(run, *step)
    assert json.loads(done(run, "due", NEXT, "--json").stdout) == []
    grant = ("decide", NEXT, *BY, "grant", "--reason", "NOTHING_AGAINST")
    assert refused(run, "emergency", NEXT, *BY, "--reason", "ACCIDENT") == "CASE_STATE"
    done(run, *grant)
    told = json.loads(done(run, "history", NEXT, "--json").stdout)
    assert (told["state"], told["post_facto"]) == ("CONFIRMED", True)
    assert "先行救助,事后核对" in done(run, "history", NEXT).stdout


def test_what_is_due_and_what_is_overdue(run: Run, file: Path, town: Town) -> None:
    done(run, "new", str(file))
    done(run, "consent", CASE)
    due = json.loads(done(run, "due", "--json").stdout)
    assert [(one["clock"], one["level"]) for one in due] == [
        *(("report", 0), ("visit", 0), ("decision", 0))
    ]
    assert due[0]["due"] == NOW + 86_400
    town.clock.seconds += 43_200
    assert [one["level"] for one in json.loads(done(run, "due", "--json").stdout)] == [50, 0, 0]
    assert done(run, "overdue").stdout == "没有超期事项\n"
    town.clock.seconds += 43_201
    (late,) = json.loads(done(run, "overdue", "--json").stdout)
    assert (late["case"], late["clock"], late["level"]) == (CASE, "report", 100)
    assert "已超期" in done(run, "overdue").stdout
    assert done(run, "overdue", "--area", "7904").stdout == "没有超期事项\n"
    assert done(run, "due", "--area", "7904", "--lang", "en").stdout == "nothing is due\n"
    assert "overdue" in done(run, "overdue", "--area", "7903", "--lang", "en").stdout
    done(run, "run", CASE)
    done(run, "show", CASE)
    assert done(run, "overdue").stdout == "没有超期事项\n"


def test_beyond_the_known_holidays_a_date_is_provisional(run: Run, file: Path, town: Town) -> None:
    town.clock.seconds += 20 * 86_400
    done(run, "new", str(file))
    due = {one["clock"]: one for one in json.loads(done(run, "due", "--json").stdout)}
    assert (due["visit"]["provisional"], due["decision"]["provisional"]) == (False, True)
    assert done(run, "due", "--lang", "en").stdout.count("by weekdays") == 1


def test_a_paper_is_named_by_its_scan(run: Run, file: Path, tmp_path: Path) -> None:
    done(run, "new", str(file))
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(b"scan")
    done(run, "accept", CASE, *BY, "--document", str(scan))
    told = json.loads(done(run, "history", CASE, "--json").stdout)["events"]
    assert told[0]["document"] == sha256(b"scan").hexdigest()
    assert f"文书 {told[0]['document'][:12]}" in done(run, "history", CASE).stdout
    assert run("commission", CASE, *BY, "--document", str(tmp_path / "none")).exit_code == 2


def test_a_withdrawn_case_is_not_consented_to_afterwards(run: Run, file: Path, town: Town) -> None:
    done(run, "new", str(file))
    done(run, "withdraw", CASE, *BY, "--reason", "OWN_WISH", "--document", PAPER)
    assert run("consent", CASE).exit_code == 1
    assert run("run", CASE).exit_code == 1
    assert town.registrar.forms == {}


def test_a_decision_can_be_proposed_only_where_it_could_be_taken(run: Run, file: Path) -> None:
    reported(run, file)
    words = ("decide", CASE, "grant", *BY, "--reason", "NOTHING_AGAINST", "--propose")
    assert refused(run, *words) == "CASE_UNVISITED"
    done(run, "visit", CASE, *BY)
    done(run, *words)
    told = json.loads(done(run, "history", CASE, "--json").stdout)
    assert (told["state"], told["events"][-1]["event"]) == ("REPORTED", "propose")


def test_reasons_are_of_a_closed_list(run: Run, file: Path) -> None:
    reported(run, file)
    done(run, "visit", CASE, *BY)
    for words, code in (
        ((), "REASON_MISSING"),
        (("--reason", "COMPANY"), "REASON_UNKNOWN"),
        (("--reason", "INCOME_BELOW_LINE", "--reason", "LUCK"), "REASON_UNKNOWN"),
    ):
        ended = run("decide", CASE, "grant", *BY, *words, "--json")
        assert (ended.exit_code, json.loads(ended.stderr)["error"]) == (2, code)
    ended = run("decide", CASE, "grant", "--reason", "NOTHING_AGAINST", "--json")
    assert (ended.exit_code, json.loads(ended.stderr)["error"]) == (2, "OPERATOR_MISSING")
    assert state(run) == "REPORTED"


def test_in_an_installation_with_its_own_holidays(tmp_path: Path) -> None:
    """By the real way in: settings, gate, log and the calendar of the folder."""
    now = SystemClock().now()
    home = witnessing.found(tmp_path / "federation", now, reachable=True) / "coordinator"
    file = tmp_path / "case.toml"
    file.write_text(case_text().replace("DIBAO_URBAN", "TEMP_AID"), "utf-8")
    case = f"HD-790301-{business_date(now).year}-0001"

    def call(*words: str) -> Result:
        words = (*words, "--folder", str(home), "--json")
        return CliRunner().invoke(cli.app, words, env={"LANG": "zh_CN.UTF-8"})

    assert call("new", str(file)).exit_code == 0
    assert call("emergency", case, *BY, "--reason", "ACCIDENT").exit_code == 0
    today = business_date(now)
    off = f'[[off]]\nfrom = {today}\nto = {today + timedelta(days=20)}\nzh = "放假"\n'
    until = today + timedelta(days=400)
    head = f'issued = {today}\nuntil = {until}\nsource = "测试"\n'
    before = json.loads(call("due").stdout)[0]["due"]
    (home / FILE).write_text(head + off, "utf-8")
    (clock,) = json.loads(call("due").stdout)
    assert clock["clock"] == "post_facto"
    assert clock["due"] >= max(before, now + 20 * 86_400)
    assert not clock["provisional"]
    done = call("withdraw", case, *BY, "--reason", "OWN_WISH", "--document", PAPER)
    assert (done.exit_code, json.loads(done.stdout)["state"]) == (0, "WITHDRAWN_VOLUNTARY")
    assert json.loads(call("due").stdout) == []
    shown = json.loads(call("history", case).stdout)
    assert [one["event"] for one in shown["events"]] == ["emergency", "withdraw"]
    assert shown["post_facto"]
    (home / FILE).write_text(head + head, "utf-8")
    ended = call("due")
    assert (ended.exit_code, json.loads(ended.stderr)["error"]) == (2, "HOLIDAYS_INVALID")
