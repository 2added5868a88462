"""The gate of sums by itself, and what is added up: each step says no with its own code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from department_node import catalogue as own
from department_node import contribution, parts
from department_node.catalogue import NodeCatalogue
from department_node.contribution import Joint
from department_node.gate import Moment
from federation import catalogue as predicates
from federation import group as groups
from federation import status, summing
from federation.consent import Consent, Grant
from federation.errors import BadInput, Refused, Unavailable
from federation.exchange import Purpose, Question, Scope
from federation.group import Group, Member
from federation.status import Status, StatusList, StatusLists
from federation.summing import SumOrder
from tests.department_node.test_gate import CLAIMS
from tests.support import sums
from tests.support.joint import CATALOGUE
from tests.support.sums import MONTH, NOW

LOW, HIGH = "income-12s", "income-18s"
H1 = sums.group()
URI = status.uri_of("registrar", "tax")
RULES = sums.rules()
ORDER = SumOrder(period=MONTH)
SIGNED = sums.group(
    predicate="H4",
    percent=60,
    departments=(
        Member(id="medical_insurance", weights={"medical_self_paid": 100}, mask=b"i" * 32),
        Member(id="tax", weights={"wage": -60}, mask=b"t" * 32),
        Member(id="human_resources", weights={"pension": -60}, mask=b"h" * 32),
    ),
)


def listed(tmp_path: Path, text: str = CATALOGUE, kind: str = "tax") -> NodeCatalogue:
    path = tmp_path / "catalogue.toml"
    path.write_text(text, "utf-8")
    return own.load(path, department="tax", kind=kind, predicates=predicates.load())


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> NodeCatalogue:
    return listed(tmp_path_factory.mktemp("catalogue"))


def grant(slot: int, parameter: str = LOW, **changed: Any) -> Grant:
    plain = Grant(
        predicate="H1",
        parameter=parameter,
        form="sum",
        max_uses=2,
        members=2,
        joint=sums.grant(H1, slot),
    )
    return replace(plain, **changed)


def shown(sub: bytes, *grants: Grant, **claims: Any) -> Consent:
    told = replace(CLAIMS, audience="tax", status_uri=URI, sub=sub, jti=sub[:16], **claims)
    by_name = {(one.predicate, one.parameter): one for one in grants}
    return Consent(claims=told, grants=by_name, slots=len(grants), signature=b"")


@dataclass
class World:
    """Everything that a decision depends on, before anything is broken."""

    known: NodeCatalogue
    tokens: list[Consent] = field(
        default_factory=lambda: [shown(bytes([n]) * 32, grant(n), grant(n, HIGH)) for n in range(2)]
    )
    rungs: list[str] = field(default_factory=lambda: [LOW, LOW])
    order: SumOrder = ORDER
    groups: Mapping[str, Group] = field(default_factory=lambda: {"H1": H1})
    purpose: int = Purpose.ENTRY
    states: dict[int, Status] = field(default_factory=dict)

    def moment(self) -> Moment:
        packed = status.pack(self.states)
        revoked = StatusList(uri=URI, issued=NOW, packed=packed, digest=bytes(32))
        return Moment(
            department="tax",
            now=NOW,
            holder=CLAIMS.holder,
            purpose=self.purpose,
            policy=RULES,
            answers=parts.answerings(self.known, "tax", self.groups),
            revoked=StatusLists.of(revoked),
            paused=False,
        )

    def admit(self) -> Joint:
        asked = [
            Question(predicate="H1", parameter=rung, jti=token.claims.jti)
            for rung, token in zip(self.rungs, self.tokens, strict=False)
        ]
        tokens = self.tokens[: len(asked)]
        return contribution.admit(asked, tokens, self.order, self.moment(), self.groups)


Breaking = Callable[[World], None]


def claims(**changed: Any) -> Breaking:
    def do(w: World) -> None:
        second = w.tokens[1]
        w.tokens[1] = replace(second, claims=replace(second.claims, **changed))

    return do


def granted(**changed: Any) -> Breaking:
    """Give the second slot another grant."""

    def do(w: World) -> None:
        w.tokens[1] = shown(b"\x01" * 32, grant(1, **changed))

    return do


def summed(**changed: Any) -> Breaking:
    """Give both slots another sum."""

    def do(w: World) -> None:
        w.tokens = [
            shown(bytes([n]) * 32, grant(n, joint=sums.grant(H1, n, **changed))) for n in range(2)
        ]

    return do


def ordered(**changed: Any) -> Breaking:
    def do(w: World) -> None:
        w.order = replace(w.order, **changed)

    return do


def revoked(w: World) -> None:
    w.states[CLAIMS.status_index] = Status.INVALID


def suspended(w: World) -> None:
    w.states[CLAIMS.status_index] = Status.SUSPENDED


def of_two_rungs(w: World) -> None:
    w.rungs[1] = HIGH


def of_no_rung(w: World) -> None:
    w.rungs = ["ratio-60", "ratio-60"]


def part(w: World) -> None:
    del w.rungs[1]


def twice(w: World) -> None:
    w.tokens[1] = w.tokens[0]


def turned(w: World) -> None:
    w.tokens.reverse()


def another_purpose(w: World) -> None:
    w.purpose = Purpose.STATUS
    w.tokens = [replace(t, claims=replace(t.claims, purpose=Purpose.STATUS)) for t in w.tokens]


def no_group(w: World) -> None:
    w.groups = {}


def another_group(w: World) -> None:
    w.groups = {"H1": sums.group(auditor=b"x" * 32)}


def not_of_it(w: World) -> None:
    w.groups = {"H1": sums.group(departments=H1.departments[1:])}


def nothing_listed(w: World) -> None:
    w.known = replace(w.known, components={})


STEPS: list[tuple[str, Breaking]] = [
    ("SUM_SLOTS", of_two_rungs),
    ("CONSENT_WRONG_AUDIENCE", claims(audience="finance")),
    ("CONSENT_WRONG_HOLDER", claims(holder=bytes(32))),
    ("CONSENT_EXPIRED", claims(issued=1, not_before=2, expires=NOW - 1)),
    ("CONSENT_REVOKED", revoked),
    ("CONSENT_SUSPENDED", suspended),
    ("CONSENT_WRONG_PURPOSE", claims(purpose=Purpose.REVIEW)),
    ("CONSENT_NOT_GRANTED", of_no_rung),
    ("POLICY_NOT_ANSWERED", another_purpose),
    ("POLICY_NOT_ANSWERED", no_group),
    ("POLICY_NOT_ANSWERED", not_of_it),
    ("POLICY_NOT_ANSWERED", nothing_listed),
    ("CONSENT_NOT_GRANTED", granted(form="threshold")),
    ("CONSENT_NOT_GRANTED", granted(joint=None)),
    ("CONSENT_NOT_GRANTED", granted(members=0)),
    ("CONSENT_NOT_GRANTED", granted(recheck=True, max_uses=1)),
    ("SUM_SLOTS", part),
    ("SUM_SLOTS", twice),
    ("SUM_SLOTS", turned),
    ("SUM_SLOTS", granted(members=3)),
    ("SUM_SLOTS", granted(joint=sums.grant(H1, 1, ref=b"x" * 16))),
    ("SUM_GROUP", another_group),
    ("SUM_GROUP", summed(group=b"x" * 32)),
    ("POLICY_VERSION", summed(ladder=b"x" * 32)),
    ("SUM_PERIOD", ordered(period=MONTH + 1)),
    ("SUM_PERIOD", ordered(period=MONTH - 1)),
    ("SUM_ATTEMPT", ordered(attempt=2, abort=b"a")),
    ("SUM_ATTEMPT", ordered(attempt=1)),
    ("SUM_ATTEMPT", ordered(abort=b"a")),
]


@pytest.mark.parametrize(("code", "breaking"), STEPS)
def test_a_step_says_no_with_its_own_code(
    known: NodeCatalogue, code: str, breaking: Breaking
) -> None:
    world = World(known)
    breaking(world)
    with pytest.raises(Refused, match=f"^{code}"):
        world.admit()


def test_a_household_shown_whole_is_admitted(known: NodeCatalogue) -> None:
    one = World(known).admit()
    assert (one.group, one.order, one.parameter) == (H1, SumOrder(period=MONTH), LOW)
    assert [slot.grant.joint for slot in one.slots] == [sums.grant(H1, 0), sums.grant(H1, 1)]
    assert one.run == one.first == summing.run_id(sums.grant(H1), H1, SumOrder(period=MONTH))
    assert one.rule == RULES.rules["H1"]


def test_a_run_is_the_same_for_all_rungs_and_another_for_the_second_attempt(
    known: NodeCatalogue,
) -> None:
    first = World(known).admit()
    assert World(known, rungs=[HIGH, HIGH]).admit().run == first.run
    again = World(known, order=SumOrder(period=MONTH, attempt=1, abort=b"a")).admit()
    assert (again.first, again.run == first.run) == (first.run, False)


@pytest.mark.parametrize("period", [202600, 202613, 202699])
def test_what_is_no_month_names_no_run(period: int) -> None:
    slots = [
        summing.Slot(sub=bytes([n]), members=2, grant=sums.grant(H1, n, first=0, last=999_999))
        for n in range(2)
    ]
    with pytest.raises(Refused, match="SUM_PERIOD"):
        summing.check(slots, SumOrder(period=period), H1, RULES, NOW + 300 * 86_400)


def test_the_period_hangs_on_the_month_of_the_order(known: NodeCatalogue) -> None:
    one = World(known).admit()
    for now, today in ((NOW, date(2026, 11, 18)), (NOW + 90 * 86_400, date(2027, 2, 16))):
        found = contribution.period(one, now)
        assert (found.start, found.end) == (date(2025, 11, 1), date(2026, 11, 1))
        assert found.today == today
    facts = replace(one, slots=tuple(replace(s, rule=RULES.rules["H2"]) for s in one.slots))
    found = contribution.period(facts, NOW + 90 * 86_400)
    assert (found.start, found.end) == (date(2026, 11, 1), date(2026, 12, 1))


def test_a_department_answers_the_sums_whose_components_it_has(
    known: NodeCatalogue, tmp_path: Path
) -> None:
    both = {"H1": H1, "H4": SIGNED}
    found = parts.answerings(known, "tax", both)
    assert found.keys() == {"H1", "H4"}
    assert found["H1"].purposes == frozenset(Purpose)
    assert (found["H1"].scope, found["H1"].sql) == (Scope.UNKNOWN, "")
    narrow = listed(tmp_path, CATALOGUE.replace('id = "wage"', 'id = "wage"\npurposes = ["ENTRY"]'))
    assert parts.answerings(narrow, "tax", both)["H4"].purposes == {Purpose.ENTRY}
    assert parts.answerings(known, "finance", both) == {}
    assert parts.answerings(replace(known, components={}), "tax", both) == {}
    assert parts.statements(known, H1, "tax") == {"wage": known.components["wage"].sql}


def add(values: Sequence[object | None], one: Group = H1) -> int:
    return contribution.amount(one, "tax", {"wage": values})


def test_all_slots_are_added_and_no_record_counts_nothing() -> None:
    assert add([311_111, None, 422_222]) == 733_333
    assert add([]) == 0
    assert add([100, 200], SIGNED) == -60 * 300


def test_every_component_has_its_weight() -> None:
    heavy = replace(H1.departments[0], weights={"wage": 2, "pension": 3})
    one = replace(H1, departments=(heavy, *H1.departments[1:]))
    assert contribution.amount(one, "tax", {"wage": [5, 1], "pension": [7, None]}) == 33


BOUND = groups.clip(H1)


def test_what_is_larger_than_any_line_is_cut_off() -> None:
    assert add([BOUND - 1]) == add([BOUND]) == add([BOUND, BOUND]) == BOUND - 1
    assert add([-BOUND + 1]) == -BOUND + 1
    with pytest.raises(Refused, match="SUM_AMOUNT"):
        add([-BOUND])


@given(st.integers(-4 * BOUND, 4 * BOUND))
def test_a_sum_that_may_fall_is_never_cut_off(value: int) -> None:
    if abs(60 * value) < groups.clip(SIGNED):
        assert add([value], SIGNED) == -60 * value
        return
    with pytest.raises(Refused, match="SUM_AMOUNT"):
        add([value], SIGNED)


@pytest.mark.parametrize("value", ["12", 1.5, b"12"])
def test_a_value_that_is_no_whole_number_is_the_source_s_fault(value: object) -> None:
    with pytest.raises(Unavailable, match="SOURCE_VALUE"):
        add([value])


def test_one_record_in_two_slots_would_count_twice() -> None:
    contribution.check_records([b"a", b"b"])
    with pytest.raises(Refused, match="SUM_SLOTS"):
        contribution.check_records([b"a", b"b", b"a"])


@pytest.mark.parametrize(
    ("change", "where", "why"),
    [
        (('id = "wage"', 'id = "pension"'), "catalogue.toml:11 pension", "no component"),
        (('id = "wage"', 'id = "house"'), "catalogue.toml:11 house", "no component"),
        (('id = "wage"', "id = 3"), "catalogue.toml 3", "not of type str"),
        (('id = "wage"', 'id = "wage"\nscope = "city"'), "catalogue.toml:11 wage", "unknown"),
        (('id = "wage"', 'id = "wage"\npurposes = []'), "catalogue.toml:11 wage", "are empty"),
        (('id = "wage"', 'id = "wage"\npurposes = ["X"]'), "catalogue.toml:11 wage", "X is none"),
        (("sql = '''", "other = '''"), "catalogue.toml:11 wage", "has no sql"),
        (("[[component]]", "[component]"), "catalogue.toml:10 component", r"written \[\[component"),
    ],
)
def test_a_wrong_component_says_where(
    tmp_path: Path, change: tuple[str, str], where: str, why: str
) -> None:
    with pytest.raises(BadInput, match=why) as error:
        listed(tmp_path, CATALOGUE.strip().replace(*change))
    assert error.value.details["where"] == where


def test_a_component_stands_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is there twice"):
        listed(tmp_path, CATALOGUE + '[[component]]\nid = "wage"\nsql = "SELECT 1"\n')


def test_another_kind_registers_other_components(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="departments of kind finance register"):
        listed(tmp_path, kind="finance")


def test_components_are_held_to_the_same_rules_as_answers(known: NodeCatalogue) -> None:
    (one,) = (one for one in known.listed() if one.where == "wage")
    assert one.must_bind == {"key"}
    assert one.may_bind == {"key", "from", "to", "today"}
    assert ("wage", known.components["wage"].sql) in known.statements()
