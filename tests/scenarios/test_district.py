"""A district is reviewed while processes are killed, one comes and goes, and files are poor.

The small one is played with every test run, the whole one with the tests of the system. The seed
says whom and when to kill; what a kill interrupts is up to the machine. Every seed must pass.
"""

import hashlib
import hmac
from collections import Counter
from typing import Final

import pytest

from federation.exchange import Question
from federation.log import kinds
from federation.log.coordinator_events import CaseOpened
from federation.strictjson import dumps
from federation.wire import codec
from hedui.demo.stage import TALLY, WITNESSES
from hedui.demo.verdict import CLOSED
from tests.scenarios import evidence
from tests.scenarios.played import CENTRE, REGISTRAR, Exchange, Played, play

pytestmark = pytest.mark.timeout(1800)  # a busy machine takes its time to start processes again

SIZES: Final = [
    pytest.param((40, 5, 3), id="small"),
    pytest.param((507, 50, 1), id="whole", marks=pytest.mark.system),
]
"""Households, kills and seed."""
OFFLINE: Final = "land_c"
FLAPPING: Final = "medical_insurance"
PAUSED: Final = "finance"
LATE: Final = "natural_resources"


@pytest.fixture(scope="module", params=SIZES)
def asked_for(request: pytest.FixtureRequest) -> tuple[int, int, int]:
    size: tuple[int, int, int] = request.param
    return size


@pytest.fixture(scope="module")
def district(asked_for: tuple[int, int, int], tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Play the district once."""
    households, kills, seed = map(str, asked_for)
    folder = tmp_path_factory.mktemp("district") / "district"
    words = ("--size", "district", "--households", households, "--kills", kills, "--seed", seed)
    return play(folder, *words)


def test_it_ends_well(district: Played, asked_for: tuple[int, int, int]) -> None:
    assert district.code == 0, district.err
    households, kills, _ = asked_for
    summary = district.summary
    silent = sum(one.key[2] == OFFLINE for one in district.asks)
    silent += sum(not one.outcome for one in district.sums)
    asked = len(district.asks) + len(district.sums)
    assert (summary["households"], summary["wrong"], summary["refusals"]) == (households, 0, 12)
    assert (summary["silent"], summary["answers"]) == (silent, asked - silent)
    assert summary["people"] == round(1570 * households / 507) + 2, "and two supporters"
    assert len(summary["killed"]) == kills
    assert set(summary["killed"]) <= {
        *district.present,
        *WITNESSES,
        REGISTRAR,
        TALLY,
        CENTRE,
    }


def test_who_was_killed_or_away_came_back(district: Played) -> None:
    killed = Counter(district.summary["killed"])
    for name in [REGISTRAR, TALLY, *WITNESSES, *district.present]:
        starts = (district.home / "logs" / f"{name}.log").read_text("utf-8").count("--- start")
        away = district.summary["flapped"] if name == FLAPPING else int(name in {PAUSED, LATE})
        assert starts >= 1 + (killed[name] > 0) + (away > 0), name
    assert district.summary["flapped"] > 0


def test_every_department_but_one_was_there(district: Played) -> None:
    assert set(district.nodes) - set(district.present) == {OFFLINE}


def test_no_case_is_lost_and_one_consent_has_ended(district: Played) -> None:
    assert Counter(district.labels.values()) == Counter(district.applicants.values())
    states = dict(district.books("SELECT case_id, state FROM consent"))
    assert {district.labels[case]: state for case, state in states.items()} == {
        label: "REVOKED" if label == "R" else "READY" for label in district.labels.values()
    }


def test_every_question_ends_as_the_oracle_says(district: Played) -> None:
    expected = {one.key: district.oracle[one.key] for one in district.asks}
    assert {one.key: one.outcome or "UNAVAILABLE" for one in district.asks} == expected
    assert {key for key, outcome in expected.items() if outcome == "UNAVAILABLE"} == {
        one.key for one in district.asks if one.key[2] == OFFLINE
    }


def test_every_sum_ends_as_the_oracle_says_or_is_not_had(district: Played) -> None:
    """Homes in all cities are not: one register is never there, and none stands for the rest.

    Nor is a sum over whose share a department was killed: it is closed, and nobody learns more.
    """
    killed = set(district.summary["killed"])
    closed = {one.key for one in district.sums if one.outcome == CLOSED and killed & {*one.parties}}
    expected = {one.key: district.oracle[one.key] for one in district.sums}
    expected |= dict.fromkeys(closed, CLOSED)
    assert {one.key: one.outcome or "UNAVAILABLE" for one in district.sums} == expected
    silent = {one.key for one in district.sums if not one.outcome}
    assert {key[3] for key in silent if key[0] != "R"} == {"H3"}
    assert {one.key for one in district.sums if OFFLINE in one.parties} <= silent | closed
    assert ("R", "", "", "H1", "income-18s") in silent, "withdrawn before finance gave its share"
    assert len(district.sums) - len(silent) > len(district.labels)
    tested = [one.sum for one in district.messages if (one.round, one.state) == ("test", "GIVEN")]
    assert len(tested) == len(set(tested)) == len(district.sums) - len(silent) - len(closed)


def told(district: Played, case: str, department: str) -> set[tuple[str, ...]]:
    """Give what a department said of each question of a case, answer by answer."""
    return {
        tuple(sorted({answer.refusal.name for answer in one.answers}))
        for one in district.asks
        if (one.key[0], one.key[2]) == (case, department)
    }


def test_what_was_refused_for_the_moment_was_asked_again(district: Played) -> None:
    assert told(district, "R", LATE) == {("NONE", "SOURCE_UNAVAILABLE")}


def test_whoever_withdraws_is_answered_about_no_more(district: Played) -> None:
    assert told(district, "R", PAUSED) == {("CONSENT_REVOKED", "NODE_PAUSED")}


def test_every_answer_is_logged_once(district: Played) -> None:
    evidence.check_logs(district)
    evidence.check_strangers(district)


def test_no_use_is_counted_twice(district: Played) -> None:
    evidence.check_uses(district)


def test_the_centre_has_logged_every_request_and_every_answer_once(district: Played) -> None:
    """Also those that a killed command left behind, all of it under a checkpoint."""
    rows = district.books("SELECT record FROM log WHERE beside_in NOT IN ('', 'suspicion.alert')")
    entries = [codec.decode_entry(record) for (record,) in rows]
    exchanged = [(one.department, one.request, one.receipt) for one in district.exchanges]
    exchanged += [(one.party, one.request, one.receipt) for one in district.messages]
    sent = sorted((party, sha256(request)) for party, request, _ in exchanged)
    came = sorted((party, sha256(receipt)) for party, _, receipt in exchanged if receipt)
    for kind, expected in (("request", sent), ("reply", came)):
        assert sorted((e.caller, e.beside) for e in entries if e.kind == kind) == expected
    [(size, covered)] = district.books(
        "SELECT count(*), (SELECT max(size) FROM log_checkpoint) FROM log"
    )
    assert size == covered


def test_the_log_binds_the_operator_to_the_relative(district: Played) -> None:
    """The salted reference in the department's log opens to the operator of case U (§4)."""
    (case,) = (case for case, label in district.labels.items() if label == "U")
    (opened,) = (one for one in opened_cases(district) if one.case == case)
    assert opened.operator == "op-lin"
    own = hmac.digest(opened.opening, b"civil_affairs", "sha256")
    reference = sha256(own + dumps([case, opened.commission, opened.operator]))
    found = {
        question.predicate
        for one in district.exchanges
        if one.department == "civil_affairs" and one.receipt
        for question in questions(one)
        if question.case_ref == reference
    }
    assert "P26" in found
    relative = {one.outcome for one in district.asks if one.key[0] == "U" and one.key[3] == "P26"}
    assert relative == {"YES"}


def opened_cases(district: Played) -> list[CaseOpened]:
    """Read what the centre's log says of cases: all that an auditor needs to open references."""
    rows = district.books("SELECT record FROM log WHERE beside_in = ''")
    events = [kinds.read(record).event for (record,) in rows]
    return [event for event in events if isinstance(event, CaseOpened)]


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def questions(one: Exchange) -> list[Question]:
    return [codec.decode_question(item.item) for item in codec.decode_batch(one.request).items]
