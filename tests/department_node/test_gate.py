"""The gate by itself: every step says no with its own code, the earlier step first."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from department_node import gate
from department_node.catalogue import Answering, load
from department_node.gate import ANY, Admitted, Moment, Opening
from federation import catalogue as predicates
from federation import limits, policy, status
from federation.catalogue import Form, ParameterKind, Predicate
from federation.clock import epoch_end, epoch_of
from federation.consent import Claims, Consent, Grant
from federation.errors import Refused
from federation.exchange import ASK, Header, Purpose, Question
from federation.policy import Parameter, Policy
from federation.status import Status, StatusList, StatusLists
from tests.support.twin import CATALOGUE, NOW, POLICY

HOLDER = b"h" * 32
URI = status.uri_of("registrar", "public_security")
INDEX = 7
RULES = policy.parse(POLICY.encode(), predicates.load())


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answering]:
    path = tmp_path_factory.mktemp("gate") / "catalogue.toml"
    path.write_text(CATALOGUE, "utf-8")
    return dict(_listed(path))


def _listed(path: Path) -> dict[str, Answering]:
    kind = "public_security"
    return dict(load(path, department=kind, kind=kind, predicates=predicates.load()).answers)


CLAIMS = Claims(
    issuer="registrar",
    audience="public_security",
    sub=b"s" * 32,
    issued=NOW - 1000,
    not_before=NOW - 1000,
    expires=NOW + 10_000,
    jti=b"j" * 16,
    holder=HOLDER,
    status_index=INDEX,
    status_uri=URI,
    purpose=Purpose.ENTRY,
    basis="CONSENT",
    policy_family="test",
    policy_version=1,
    uses_a_month=10,
    data_life_days=0,
    role="APPLICANT",
    household_salt=bytes(16),
    household_commitment=bytes(32),
    members=1,
    evidence=bytes(32),
    chain=b"j" * 16,
)
HEADER = Header(
    method=ASK,
    sender="coordinator",
    audience="public_security",
    qid=bytes(16),
    issued=NOW,
    expires=NOW + limits.REQUEST_LIFE,
    n=1,
    root=bytes(32),
    purpose=Purpose.ENTRY,
    policy_version=1,
)


@dataclass
class World:
    """Everything that a decision depends on, before anything is broken."""

    answers: dict[str, Answering]
    header: Header = HEADER
    claims: Claims = CLAIMS
    grants: dict[tuple[str, str], Grant] = field(default_factory=dict)
    rules: Policy = RULES
    question: Question = field(
        default_factory=lambda: Question(predicate="P42", parameter="w12m", jti=b"j" * 16)
    )
    listed: StatusList | None = None
    states: dict[int, Status] = field(default_factory=dict)
    stale: bool = False
    paused: bool = False

    def moment(self) -> Moment:
        listed = StatusLists.of(
            StatusList(uri=URI, issued=NOW, packed=status.pack(self.states), digest=bytes(32))
        )
        return Moment(
            department="public_security",
            now=NOW,
            holder=HOLDER,
            purpose=self.header.purpose,
            policy=self.rules,
            answers=self.answers,
            revoked=None if self.stale else listed,
            paused=self.paused,
        )

    def admit_request(self) -> None:
        gate.admit_request(self.header, self.moment(), ASK)

    def admit(self) -> Admitted:
        shown = Consent(
            claims=self.claims, grants=self.grants, slots=len(self.grants), signature=b""
        )
        return gate.admit(self.question, shown, self.moment())


def world(answers: dict[str, Answering]) -> World:
    pair = ("P42", "w12m")
    grant = Grant(predicate="P42", parameter="w12m", form="window", max_uses=2)
    return World(answers=dict(answers), grants={pair: grant})


Breaking = Callable[[World], None]


def header(**change: object) -> Breaking:
    def do(w: World) -> None:
        w.header = replace(w.header, **change)  # type: ignore[arg-type]

    return do


def claims(**change: object) -> Breaking:
    def do(w: World) -> None:
        w.claims = replace(w.claims, **change)  # type: ignore[arg-type]

    return do


def rules(**change: object) -> Breaking:
    def do(w: World) -> None:
        w.rules = replace(w.rules, **change)  # type: ignore[arg-type]

    return do


def stale(w: World) -> None:
    w.stale = True


def paused(w: World) -> None:
    w.paused = True


def revoked(w: World) -> None:
    w.states[INDEX] = Status.INVALID


def no_grant(w: World) -> None:
    w.grants.clear()


def no_rule(w: World) -> None:
    w.rules = replace(w.rules, rules={})


def other_parameter(w: World) -> None:
    """Ask, under a grant that allows it, for a window that the policy's rule does not list."""
    rule = w.rules.rules.get("P42")
    if rule is not None:
        w.rules = replace(w.rules, rules={"P42": replace(rule, parameters=("w1m",))})


def no_answer(w: World) -> None:
    w.answers.clear()


def wrong_form(w: World) -> None:
    w.grants = {pair: replace(grant, form="count") for pair, grant in w.grants.items()}


REQUEST_STEPS: list[tuple[str, Breaking]] = [
    ("WRONG_AUDIENCE", header(audience="tax")),
    ("WRONG_METHOD", header(method="federation.v1.DepartmentNode/Other")),
    ("REQUEST_NOT_FRESH", header(issued=NOW - 500, expires=NOW - 300)),
    ("POLICY_VERSION", header(policy_version=2)),
    ("POLICY_VERSION", rules(expires=RULES.issued)),
    ("NODE_PAUSED", paused),
    ("STATUS_LIST_STALE", stale),
]
QUESTION_STEPS: list[tuple[str, Breaking]] = [
    ("CONSENT_WRONG_AUDIENCE", claims(audience="tax")),
    ("CONSENT_WRONG_HOLDER", claims(holder=bytes(32))),
    ("CONSENT_NOT_YET_VALID", claims(not_before=NOW + limits.SKEW + 1)),
    ("CONSENT_EXPIRED", claims(expires=NOW)),
    ("CONSENT_INVALID", claims(basis="HEARSAY")),
    ("STATUS_LIST_STALE", stale),
    ("CONSENT_INVALID", claims(status_uri=status.uri_of("registrar", "tax"))),
    ("CONSENT_REVOKED", revoked),
    ("CONSENT_WRONG_PURPOSE", claims(purpose=Purpose.REVIEW)),
    ("POLICY_VERSION", claims(policy_family="other")),
    ("CONSENT_NOT_GRANTED", no_grant),
    ("POLICY_NOT_ANSWERED", no_rule),
    ("POLICY_PARAMETER", other_parameter),
    ("POLICY_NOT_ANSWERED", no_answer),
    ("CONSENT_NOT_GRANTED", wrong_form),
]


def refusal(do: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        do()
    return caught.value.code


def test_what_keeps_to_everything_is_admitted(answers: dict[str, Answering]) -> None:
    whole = world(answers)
    whole.admit_request()
    admitted = whole.admit()
    assert admitted.rule.predicate == "P42"
    assert admitted.parameter is not None
    assert admitted.parameter.months == 12
    assert admitted.answering.predicate.id == "P42"
    assert admitted.grant.max_uses == 2


@pytest.mark.parametrize(("code", "broken"), REQUEST_STEPS)
def test_each_step_of_a_request_refuses(
    answers: dict[str, Answering], code: str, broken: Breaking
) -> None:
    one = world(answers)
    broken(one)
    assert refusal(one.admit_request) == code


@pytest.mark.parametrize(("code", "broken"), QUESTION_STEPS)
def test_each_step_of_a_question_refuses(
    answers: dict[str, Answering], code: str, broken: Breaking
) -> None:
    one = world(answers)
    broken(one)
    assert refusal(one.admit) == code


@pytest.mark.parametrize(("first", "second"), list(combinations(range(len(REQUEST_STEPS)), 2)))
def test_the_earlier_step_of_a_request_wins(
    answers: dict[str, Answering], first: int, second: int
) -> None:
    one = world(answers)
    for number in (second, first):
        REQUEST_STEPS[number][1](one)
    assert refusal(one.admit_request) == REQUEST_STEPS[first][0]


@pytest.mark.parametrize(("first", "second"), list(combinations(range(len(QUESTION_STEPS)), 2)))
def test_the_earlier_step_of_a_question_wins(
    answers: dict[str, Answering], first: int, second: int
) -> None:
    one = world(answers)
    for number in (second, first):
        QUESTION_STEPS[number][1](one)
    assert refusal(one.admit) == QUESTION_STEPS[first][0]


@given(st.sets(st.integers(0, len(QUESTION_STEPS) - 1), min_size=1), st.randoms())
def test_of_any_faults_the_first_step_speaks(
    answers: dict[str, Answering], numbers: set[int], order: object
) -> None:
    one = world(answers)
    shuffled = sorted(numbers)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    for number in shuffled:
        QUESTION_STEPS[number][1](one)
    assert refusal(one.admit) == QUESTION_STEPS[min(numbers)][0]


@given(
    predicate=st.sampled_from([one.id for one in predicates.load()]) | st.text(max_size=4),
    parameter=st.sampled_from(["", "w12m", "wage-12s"]) | st.text(max_size=4),
    purpose=st.sampled_from(list(Purpose)),
)
def test_nothing_is_admitted_that_consent_policy_and_catalogue_do_not_all_name(
    answers: dict[str, Answering], predicate: str, parameter: str, purpose: Purpose
) -> None:
    one = world(answers)
    known = {p.id: p for p in predicates.load()}
    form = known[predicate].form.value if predicate in known else "boolean"
    grant = Grant(
        predicate=predicate, parameter=parameter, form=form, max_uses=1, args=(bytes(32),)
    )
    one.grants = {(predicate, parameter): grant}
    one.question = Question(predicate=predicate, parameter=parameter, jti=b"j" * 16)
    one.claims = replace(one.claims, purpose=purpose)
    one.header = replace(one.header, purpose=purpose)
    rule = RULES.rules.get(predicate)
    listed = answers.get(predicate)
    allowed = (
        rule is not None
        and listed is not None
        and purpose in rule.purposes & listed.purposes
        and parameter in (rule.parameters or ("",))
    )
    try:
        one.admit()
    except Refused:
        assert not allowed
    else:
        assert allowed


def test_a_later_policy_version_in_the_consent_is_refused(answers: dict[str, Answering]) -> None:
    one = world(answers)
    one.claims = replace(one.claims, policy_version=2)
    assert refusal(one.admit) == "POLICY_VERSION"


@pytest.mark.parametrize(
    ("state", "code"),
    [(Status.INVALID, "CONSENT_REVOKED"), (Status.SUSPENDED, "CONSENT_SUSPENDED")],
)
def test_states_of_the_status_list(answers: dict[str, Answering], state: Status, code: str) -> None:
    one = world(answers)
    one.states = {INDEX - 1: state, INDEX + 1: state}
    one.admit()
    one.states = {INDEX: state}
    assert refusal(one.admit) == code


@pytest.mark.parametrize(
    ("change", "admitted"),
    [
        ({"not_before": NOW + limits.SKEW}, True),
        ({"expires": NOW + 1}, True),
        ({"expires": epoch_end(epoch_of(NOW)) + limits.EPOCH_GRACE}, True),
        ({"expires": epoch_end(epoch_of(NOW)) + limits.EPOCH_GRACE + 1}, False),
        ({"basis": "IN_FORCE_AID"}, True),
        ({"basis": "STATUTORY_MANDATE"}, False),
        ({"role": "NEIGHBOUR"}, False),
        ({"basis": ""}, False),
    ],
)
def test_boundaries_of_a_token(
    answers: dict[str, Answering], change: dict[str, object], admitted: bool
) -> None:
    one = world(answers)
    claims(**change)(one)
    if admitted:
        one.admit()
    else:
        assert refusal(one.admit) == "CONSENT_INVALID"


@pytest.mark.parametrize(("members", "admitted"), [(0, False), (1, True), (30, True)])
def test_a_threshold_needs_a_signed_size(
    answers: dict[str, Answering], members: int, admitted: bool
) -> None:
    one = world(answers)
    threshold = predicates.load().predicate("P21")
    one.answers["P21"] = replace(one.answers["P42"], predicate=threshold)
    grant = Grant(
        predicate="P21", parameter="wage-12s", form="threshold", max_uses=1, members=members
    )
    one.grants = {("P21", "wage-12s"): grant}
    one.question = Question(predicate="P21", parameter="wage-12s", jti=b"j" * 16)
    if admitted:
        one.admit()
    else:
        assert refusal(one.admit) == "CONSENT_NOT_GRANTED"


@pytest.mark.parametrize(("names", "admitted"), [(0, False), (1, True), (2, False)])
def test_a_name_question_needs_one_signed_name(
    answers: dict[str, Answering], names: int, admitted: bool
) -> None:
    one = world(answers)
    args = tuple(bytes([i]) * 32 for i in range(names))
    grant = Grant(predicate="P06", parameter="", form="boolean", max_uses=1, args=args)
    one.grants = {("P06", ""): grant}
    one.question = Question(predicate="P06", jti=b"j" * 16)
    if admitted:
        one.admit()
    else:
        assert refusal(one.admit) == "CONSENT_NOT_GRANTED"


@given(st.integers(0, 5), st.integers(0, 15))
def test_uses_end_where_grant_and_month_say(
    answers: dict[str, Answering], grant_uses: int, month_uses: int
) -> None:
    admitted = world(answers).admit()

    def check() -> None:
        gate.check_usage(admitted, grant_uses, month_uses)

    if grant_uses < 2 and month_uses < 10:
        check()
    else:
        assert refusal(check) == "USES_EXHAUSTED"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize(
    ("issued", "known"),
    [
        ("2026-11-18T00:00Z", {2026}),
        ("2026-12-31T00:00Z", {2026, 2027}),  # in China the year ends within this day
        ("2027-01-01T00:00Z", {2027}),
    ],
)
def test_absence_is_only_said_of_an_enrolled_roll(issued: str, known: set[int]) -> None:
    shown = replace(CLAIMS, issued=at(issued))
    assert gate.epochs(shown) == known
    for year in (2025, 2026, 2027, 2028):
        enrolled = frozenset({year})
        if year in known:
            gate.check_roll(shown, enrolled)
        else:
            assert refusal(lambda: gate.check_roll(shown, enrolled)) == "SOURCE_UNAVAILABLE"  # noqa: B023 - called at once
    assert refusal(lambda: gate.check_roll(shown, frozenset())) == "SOURCE_UNAVAILABLE"


def test_a_token_of_the_first_hours_of_a_year_is_the_new_years(
    answers: dict[str, Answering],
) -> None:
    """Issued at 03:00 on New Year's Day in China: its day of issue is still the old year's."""
    one = world(answers)
    one.claims = replace(
        CLAIMS,
        issued=at("2026-12-31T00:00Z"),
        not_before=NOW,
        expires=at("2027-12-31T15:59:59Z"),
    )
    one.admit()
    one.claims = replace(one.claims, issued=at("2026-12-30T00:00Z"))
    assert refusal(one.admit) == "CONSENT_INVALID"


@pytest.mark.parametrize(("recheck", "most"), [(False, 216), (True, 240)])
def test_the_budget_of_a_record_ends_and_rechecks_have_a_reserve(recheck: bool, most: int) -> None:
    gate.check_budget(most - 1, recheck=recheck)
    for cells in (most, most + 1):
        code = refusal(lambda c=cells: gate.check_budget(c, recheck=recheck))  # type: ignore[misc]
        assert code == "BUDGET_EXHAUSTED"


_LINES: list[Opening] = [("wages", line, 3) for line in (100, 200, 300, 400)]


@pytest.mark.parametrize(
    ("wanted", "opened", "admitted"),
    [
        (("wages", 100, 3), [], True),
        (("wages", 100, 3), _LINES, True),
        (("wages", 400, 4), _LINES, True),
        (("wages", 500, 3), _LINES, False),
        (("wages", 500, ANY), _LINES, False),
        (("wages", ANY, 4), _LINES, True),
        (("deposits", 500, 3), _LINES, True),
        (("wages", 100, 5), [("wages", 100, 3), ("wages", 100, 4)], False),
        (("wages", 100, ANY), [("wages", 100, 3), ("wages", 100, 4)], True),
        (("wages", ANY, 5), [("wages", ANY, 3), ("wages", ANY, 4)], False),
    ],
)
def test_four_lines_and_two_sizes_of_a_quantity(
    wanted: Opening, opened: list[Opening], admitted: bool
) -> None:
    if admitted:
        gate.check_opening(wanted, opened)
    else:
        assert refusal(lambda: gate.check_opening(wanted, opened)) == "THRESHOLDS_EXHAUSTED"


def test_what_a_question_opens(answers: dict[str, Answering]) -> None:
    assert gate.opening(world(answers).admit()) is None
    rung = Parameter(id="r", kind="rung", zh="", en="", source="", per_head=70)
    threshold = predicates.load().predicate("P21")
    sized = replace(threshold, form=Form.BOOLEAN, parameter=ParameterKind.SIZE)
    grant = Grant(predicate="P21", parameter="r", form="threshold", max_uses=1, members=3)

    def opens(predicate: Predicate, parameter: Parameter | None) -> Opening | None:
        admitted = world(answers).admit()
        answering = replace(admitted.answering, predicate=predicate)
        return gate.opening(
            replace(admitted, answering=answering, parameter=parameter, grant=grant)
        )

    assert opens(threshold, rung) == (threshold.quantity, 70, 3)
    assert opens(threshold, replace(rung, per="person")) == (threshold.quantity, 70, ANY)
    assert opens(sized, None) == (threshold.quantity, ANY, 3)


def test_a_recheck_is_for_one_use(answers: dict[str, Answering]) -> None:
    one = world(answers)
    (pair, grant), *_ = one.grants.items()
    one.question = Question(predicate=pair[0], parameter=pair[1], jti=b"j" * 16)
    one.grants = {pair: replace(grant, recheck=True, max_uses=1)}
    one.admit()
    one.grants = {pair: replace(grant, recheck=True, max_uses=2)}
    assert refusal(one.admit) == "CONSENT_NOT_GRANTED"
