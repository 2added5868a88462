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
    "U": {(1, "P26")},
}
"""Person and predicate of everything that is to be looked at, by planted case: no more, no less."""
TOLD: Final = {
    "A": {(1, "P07"): "ENUM(single)", (1, "P40"): "NO", (1, "P33"): "COUNT(0)"},
    "B": {
        (1, "P56"): "YES",
        (3, "P60"): "ENUM(grade1_2)",
        (4, "P57"): "ENUM(university)",
    },
    "C": {(1, "P46"): "NO", (1, "P40"): "NO"},
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
    "U": {(1, "P06"): "YES", (1, "P40"): "NO", (1, "P60"): "ENUM(grade1_2)"},
}
"""What the story of each planted case tells besides, by person and predicate."""


JOINT: Final = {
    "D": {("H2", 1): "YES", ("H2", 2): "NO", ("H6", 2): "YES"},
    "F": {("H1", 1, 2): "YES", ("H2", 1, 2): "YES", ("H3", 1, 2): "YES"},
    "I": {
        ("H1", 1): "NO",
        ("H2", 1): "YES",
        ("H3", 1): "YES",
        ("H5", 1): "YES",
        ("H7",): "BAND(2)",
    },
    "K": {("H1", 1): "YES", ("H2", 1): "NO", ("H3", 1): "YES"},
    "14": {("H1", 1, 2): "YES", ("H2", 1, 2): "YES", ("H3", 1, 2): "YES"},
    "15": {("H1", 1): "YES", ("H2", 1): "YES", ("H3", 1): "YES", ("H4", 1): "NO"},
}
"""What a report says of sums: predicate, the people added up, and the outcome."""
SUMS: Final = {
    ("D", "H2"): "YES",
    ("I", "H1"): "NO",
    ("I", "H5"): "YES",
    ("K", "H2"): "NO",
    ("L", "H1"): "YES",
    ("L", "H5"): "NO",
    ("11", "H4"): "YES",
    ("13", "H1"): "NO",
    ("13", "H2"): "NO",
    ("13", "H3"): "NO",
    ("14", "H1"): "YES",
    ("14", "H2"): "YES",
    ("14", "H3"): "YES",
    ("15", "H4"): "NO",
}
"""What some households' sums must tell, whatever the oracle says."""


def test_it_ends_well(demo: Played) -> None:
    assert demo.code == 0, demo.err
    told = len(demo.asks) + len(demo.sums)
    assert demo.summary == {"answers": told, "refusals": 12, "wrong": 0}


def test_every_planned_question_is_answered_as_the_oracle_says(demo: Played) -> None:
    evidence.check_cases(demo)
    evidence.check_answers(demo)
    asked = {one.key[2] for one in demo.asks}
    adding = {party for one in demo.sums for party in one.parties}
    assert asked | adding == {*demo.nodes, "tally"}
    assert adding - asked == {"bank_a", "bank_b", "bank_c", "securities", "insurer", "tally"}
    assert len(demo.nodes) == 18


def test_every_sum_is_told_as_the_oracle_says_and_nobody_gave_twice(demo: Played) -> None:
    evidence.check_sums(demo)
    told = {(one.key[0], one.key[3]): one.outcome for one in demo.sums if not one.key[1]}
    assert {key: told[key] for key in SUMS} == SUMS
    assert {one.key[3] for one in demo.sums} == {"H1", "H2", "H3", "H4", "H5"}


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
    owned |= {unit.unit: unit.register for unit in world.every(Realty)}
    owned |= {right.parcel: right.register for right in world.every(Land)}
    for kind, field, department in (
        (Vehicle, "plate", "public_security"),
        (NgoRole, "organisation", "civil_affairs"),
        (Job, "employer", "human_resources"),
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


def sums_by_token(demo: Played) -> dict[bytes, set[tuple[str, str]]]:
    """Give which sums each token was asked for, as the books have it."""
    tokens = {
        (demo.labels[case], place, department): jti
        for case, place, department, jti in demo.books(
            "SELECT case_id, place, department, jti FROM token"
        )
    }
    found: dict[bytes, set[tuple[str, str]]] = {}
    for one in demo.sums:
        for party in one.parties:
            for place in one.persons:
                found.setdefault(tokens[one.key[0], place, party], set()).add(one.key[3:])
    return found


def test_no_pseudonym_and_no_token_is_known_to_two_departments(demo: Played) -> None:
    seen: Counter[bytes] = Counter()
    added = sums_by_token(demo)
    for node in demo.nodes:
        seen.update({psn for (psn,) in demo.node(node, "SELECT psn FROM person")})
        for jti, token in demo.node(node, "SELECT jti, presentation FROM consent"):
            seen[jti] += 1
            departments = {one.key[2] for one in demo.asks if one.jti == jti}
            assert departments <= {node}, "a token for another department"
            asked = {one.key[3:] for one in demo.asks if one.jti == jti}
            asked |= added.get(jti, set())
            assert not asked or grants_of(token).keys() == asked, "a grant nobody asked for"
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
    outcomes: dict[tuple[int, str], set[str]] = {}
    for row in rows:
        outcomes.setdefault((row["person"], row["predicate"]), set()).add(row["outcome"])
    assert {key for key, told in TOLD[label].items() if told not in outcomes[key]} == set()
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


def test_what_is_not_asked_and_who_is_absent_is_said(demo: Played) -> None:
    rows = report(demo, "A")["rows"]
    not_asked = {row["predicate"] for row in rows if row["status"] == "NOT_ASKED"}
    assert not_asked == {"H5", "H7"}, "this household declared no income"
    absent = {row["department"] for row in rows if row["status"] == "NOT_COVERED"}
    assert {"collective_assets", "payment", "maritime"} <= absent


@pytest.mark.parametrize("label", JOINT)
def test_what_several_departments_told_together(demo: Played, label: str) -> None:
    shown = report(demo, label)["sums"]
    assert {(row["predicate"], *row["persons"]): row["outcome"] for row in shown} == JOINT[label]
    assert all(row["as_of"] for row in shown if row["predicate"] != "H7")
    assert not any(row["absent"] or row["code"] for row in shown)


def test_report_b_says_that_nothing_was_found(demo: Played) -> None:
    shown = report(demo, "B")
    told = [*shown["rows"], *shown["sums"]]
    nothing = [row for row in told if row["status"] == "NOTHING_FOUND"]
    assert {row["category"] for row in nothing} >= NINGBO
    assert len({row.get("department") for row in nothing}) >= 8
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
