"""The demonstration keeps its word: to the oracle, the departments' logs, and whoever reads it."""

import json
import re
from collections import Counter
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from federation.consent import grants_of
from federation.exchange import ASK, Outcome
from federation.wire import codec
from hedui.cli import app
from hedui.demo.population import build_world
from hedui.demo.world import Account, Job, Land, NgoRole, Realty, Schooling, Stake, Vehicle
from tests.scenarios import evidence, recording
from tests.scenarios.forbidden import day_of
from tests.scenarios.played import CENTRE, Played, answers, strangers

REFUSED: Final = {
    "CONSENT_EXPIRED",
    "CONSENT_INVALID",
    "CONSENT_NOT_GRANTED",
    "CONSENT_REVOKED",
    "CONSENT_WRONG_HOLDER",
    "CONSENT_WRONG_PURPOSE",
    "USES_EXHAUSTED",
}
"""What signed answers must have refused; two more attacks end as transport refusals, one in TLS,
two at the registrar."""
NINGBO: Final = {1, 3, 4, 7, 9, 11, 12, 15, 19, 24, 27, 28}
"""Categories of the Ningbo article in which nothing is found about household B (land is news)."""
APPLICANTS: Final = "SELECT case_id, id_number, name FROM person WHERE role = 'APPLICANT'"
FOUND: Final = {
    "A": {(1, "P22"), (1, "P24"), (1, "P46"), (1, "P47")},
    "B": set(),
    "C": {(2, "P14"), (2, "P15"), (2, "P40"), (2, "P41"), (2, "P46"), (2, "P47")},
    "E": set(),
    "F": set(),
    "J": {(1, "P14"), (1, "P15"), (1, "P16"), (1, "P18"), (1, "P27"), (1, "P28")},
    "M1": {(1, "P23"), (1, "P35"), (1, "P40"), (1, "P41"), (1, "P42"), (1, "P43"), (2, "P48")},
    "M2": set(),
    "N": {(1, "P08")},
}
"""Person and predicate of everything that is to be looked at, by planted case: no more, no less."""
TOLD: Final = {
    "A": {(1, "P07"): "ENUM(single)", (1, "P40"): "NO", (1, "P33"): "COUNT(0)"},
    "B": {
        (1, "P55"): "YES",
        (1, "P56"): "YES",
        (3, "P60"): "ENUM(grade1_2)",
        (4, "P57"): "ENUM(university)",
    },
    "C": {(1, "P55"): "YES", (1, "P46"): "NO", (1, "P40"): "NO"},
    "E": {
        (1, "P07"): "ENUM(divorced)",
        (1, "P39"): "YES",
        (1, "P60"): "ENUM(grade1_2)",
        (2, "P57"): "ENUM(compulsory)",
    },
    "F": {(1, "P07"): "ENUM(widowed)", (1, "P04"): "YES", (2, "P57"): "ENUM(vocational)"},
    "J": {
        (1, "P40"): "NO",
        (1, "P46"): "NO",
        (2, "P48"): "NO",
        (3, "P33"): "COUNT(0)",
        (3, "P38"): "YES",
    },
    "M1": {(1, "P06"): "YES"},
    "M2": {(1, "P06"): "YES", (1, "P40"): "NO"},
    "N": {(1, "P07"): "ENUM(married)", (1, "P04"): "YES"},
}
"""What the story of each planted case tells besides, by person and predicate."""


def test_it_ends_well(demo: Played) -> None:
    assert demo.code == 0, demo.err
    assert demo.summary == {"answers": len(demo.asks), "refusals": 12, "wrong": 0}


def test_every_planned_question_is_answered_as_the_oracle_says(demo: Played) -> None:
    evidence.check_cases(demo)
    evidence.check_answers(demo)
    assert {one.key[2] for one in demo.asks} == set(demo.nodes)
    assert len(demo.nodes) == 13


def test_the_centre_and_the_nodes_hold_the_same_answers(demo: Played) -> None:
    evidence.check_logs(demo)
    evidence.check_strangers(demo)
    evidence.check_uses(demo)


def test_every_attack_was_refused_for_its_reason(demo: Played) -> None:
    assert demo.record
    attacks = {row.entry.answer for _, row in strangers(demo)}
    refused: Counter[str] = Counter()
    for one in recording.read(demo.record):
        sent = one.method == ASK and not one.request and not one.received
        if sent and codec.decode_batch(one.data).envelope.payload in attacks:
            refused.update(a.refusal.name for a in answers(one.data))
    honest = refused.pop("NONE")  # the attacker's own questions before they are abused
    assert honest >= 2
    assert refused.keys() == REFUSED
    victim = evidence.VICTIM
    transport = dict(demo.node(victim, "SELECT code, sum(n) FROM refused GROUP BY code"))
    assert transport == {"REPLAYED": 1, "WRONG_PARTY": 1}


def test_no_node_holds_what_is_another_departments(demo: Played) -> None:
    world = build_world(seed=1, today=day_of(demo))
    owned = {account.number: account.bank for account in world.every(Account)}
    for kind, field, department in (
        (Vehicle, "plate", "public_security"),
        (NgoRole, "organisation", "civil_affairs"),
        (Job, "employer", "human_resources"),
        (Realty, "unit", "natural_resources"),
        (Land, "parcel", "natural_resources"),
        (Stake, "company", "market_regulation"),
        (Schooling, "school", "education"),
    ):
        owned |= {getattr(fact, field): department for fact in world.every(kind)}
    found: dict[str, set[str]] = {node: set() for node in demo.nodes}
    for node in demo.nodes:
        files = [file for file in demo.folder(node).rglob("*.sqlite*") if file.is_file()]
        held = b"".join(file.read_bytes() for file in files)
        found[node] = {department for text, department in owned.items() if text.encode() in held}
    payers = {"public_security": set(), "tax": {"human_resources"}}
    assert found == {
        node: ({node} & set(owned.values())) | payers.get(node, set()) for node in demo.nodes
    }


def test_no_pseudonym_and_no_token_is_known_to_two_departments(demo: Played) -> None:
    seen: Counter[bytes] = Counter()
    for node in demo.nodes:
        seen.update({psn for (psn,) in demo.node(node, "SELECT psn FROM person")})
        for jti, token in demo.node(node, "SELECT jti, presentation FROM consent"):
            seen[jti] += 1
            departments = {one.key[2] for one in demo.asks if one.jti == jti}
            assert departments <= {node}, "a token for another department"
            asked = {one.key[3:] for one in demo.asks if one.jti == jti}
            assert not departments or grants_of(token).keys() == asked, "a grant nobody asked for"
    assert len(seen) > 500
    assert set(seen.values()) == {1}


def show(demo: Played, label: str, *words: str) -> str:
    """Run ``hedui case show`` on a case of the demonstration."""
    (case,) = (case for case, name in demo.labels.items() if name == label)
    line = ["case", "show", case, "-C", str(demo.folder(CENTRE)), *words]
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.output
    return result.stdout


def report(demo: Played, label: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(show(demo, label, "--json"))
    return shown


@pytest.mark.parametrize("label", FOUND)
def test_report_of_a_planted_case(demo: Played, label: str) -> None:
    rows = report(demo, label)["rows"]
    found = {(row["person"], row["predicate"]) for row in rows if row["status"] == "FOUND"}
    assert found == FOUND[label]
    outcomes = {(row["person"], row["predicate"]): row["outcome"] for row in rows}
    assert {key: outcomes.get(key) for key in TOLD[label]} == TOLD[label]
    assert all(row["as_of"] for row in rows if row["outcome"])
    assert all(row["rule"]["zh"] and row["rule"]["en"] for row in rows if row["status"] == "FOUND")


@pytest.mark.parametrize("label", FOUND)
def test_a_report_names_nobody_and_hides_nothing(demo: Played, label: str) -> None:
    shown = report(demo, label)
    text = json.dumps(shown, ensure_ascii=False)
    people = demo.books("SELECT id_number, name FROM person")
    assert not [one for person in people for one in person if one in text]
    planned = Counter(one.key[2:] for one in demo.asks if one.key[0] == label)
    reported = Counter(
        (row["department"], row["predicate"], row["parameter"])
        for row in shown["rows"]
        if row["outcome"]
    )
    assert reported == planned
    for row in shown["left"]:
        assert (row["ids"], row["names"], row["raw_records"]) == (0, 0, 0)


def test_the_namesakes_are_two_people(demo: Played) -> None:
    """What is found about one of them (FOUND: M1) is not found about the other (M2)."""
    cases = {label: case for case, label in demo.labels.items()}
    people = {case: (number, name) for case, number, name in demo.books(APPLICANTS)}
    (first, name), (second, same) = people[cases["M1"]], people[cases["M2"]]
    assert name == same
    assert first[:14] == second[:14]
    assert first != second


def test_sums_and_absent_departments_are_said_to_be_missing(demo: Played) -> None:
    rows = report(demo, "A")["rows"]
    not_asked = {row["predicate"] for row in rows if row["status"] == "NOT_ASKED"}
    assert {"H1", "H2", "H3"} <= not_asked
    assert {row["department"] for row in rows if row["status"] == "NOT_COVERED"} & {"finance"}


def test_report_b_says_that_nothing_was_found(demo: Played) -> None:
    shown = report(demo, "B")
    nothing = [row for row in shown["rows"] if row["status"] == "NOTHING_FOUND"]
    assert {row["category"] for row in nothing} >= NINGBO
    assert len({row["department"] for row in nothing}) >= 8
    assert shown["counts"]["FOUND"] == 0
    assert re.search(r"需核实 0 项 · 未发现 1\d\d 项", show(demo, "B", "--lang", "zh"))
    assert re.search(r"to check 0 · nothing found 1\d\d", show(demo, "B", "--lang", "en"))
    for item in ("机动车", "死亡、火化登记", "就业登记", "住房套数", "土地登记", "企业法人或股东"):
        assert re.search(f"{item} .*未发现", show(demo, "B", "--lang", "zh")), item


def test_the_second_language_says_the_same(demo: Played) -> None:
    chinese, english = show(demo, "C", "--lang", "zh"), show(demo, "C", "--lang", "en")
    masked = re.compile(r"[\u4e00-\u9fff]\*+")
    assert not re.findall(r"[\u4e00-\u9fff]", masked.sub("", english))
    assert len(re.findall(r"▲", chinese)) == len(re.findall(r"▲", english)) == 6
    assert set(re.findall(r"\d{4}-\d\d-\d\d", chinese)) == set(
        re.findall(r"\d{4}-\d\d-\d\d", english)
    )


def test_answers_are_of_one_size_and_say_nothing_more(demo: Played) -> None:
    for one in demo.exchanges:
        items = codec.decode_batch(one.receipt).items
        assert {len(item.item) for item in items} == {96}
        assert not {a.outcome for a in answers(one.receipt)} & {
            Outcome.REFUSED,
            Outcome.PRESENT_AGAIN,
        }
