"""A requester that probes with every freedom it has, against a policy's lines and a node's rules.

The node here is a model of protocol §5 in a few lines: at most four lines and two household sizes
a year over all policy versions, outcomes frozen by period, the period its own. What is shown: two
people whose amounts lie between the same two neighbouring opened lines get the same answers, so no
asker can tell them apart. A real gate's companion stands with the department's tests.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import catalogue, ladder, limits, policy, policy_check
from federation.errors import BadInput
from federation.ladder import Interval
from federation.policy import Parameter, Policy

MOST = 3_000
MONTHS = 12
Ask = tuple[int, str, int]
"""Policy version (its place in the list), rung and household size that the asker chose."""
Said = tuple[int, Ask, str]
"""Month, question and outcome: all that an asker sees."""
Row = tuple[str, int, str, str]
"""A rung as written: id, per head, comparator, per."""
Strategy = Callable[[tuple[Said, ...]], Ask]


@dataclass
class Node:
    """What a node keeps of one record and one quantity in one year."""

    versions: list[Policy]
    amounts: list[int]
    lines: set[int] = field(default_factory=set)
    sizes: set[int] = field(default_factory=set)
    frozen: dict[tuple[str, int, int], str] = field(default_factory=dict)
    cuts: dict[int, set[int]] = field(default_factory=dict)

    def answer(self, month: int, ask: Ask, recheck: bool = False) -> str:
        version, name, members = ask
        rung = self.versions[version].parameters.get(name)
        if rung is None:
            return "POLICY_PARAMETER"
        if (name, members, month) in self.frozen and not recheck:
            return self.frozen[name, members, month]
        lines = self.lines | {rung.per_head}
        sizes = self.sizes | ({members} if rung.per == "head" else set())
        if len(lines) > limits.LINES_A_QUANTITY or len(sizes) > limits.SIZES_A_QUANTITY:
            return "THRESHOLDS_EXHAUSTED"
        self.lines, self.sizes = lines, sizes
        self.cuts.setdefault(month, set()).update(ladder.cuts(rung, members))
        said = outcome(rung, members, self.amounts[month])
        self.frozen[name, members, month] = said
        return said

    def interval(self, month: int) -> Interval:
        """What is told of a month's amount: the interval between neighbouring opened lines."""
        return ladder.interval_of(self.amounts[month], self.cuts.get(month, set()))


def outcome(rung: Parameter, members: int, amount: int) -> str:
    line = rung.threshold(members)
    return "YES" if (amount <= line if rung.comparator == "le" else amount >= line) else "NO"


def text(version: int, rungs: list[Row]) -> bytes:
    head = f'family = "t"\nversion = {version}\nissued = 2026-01-01\nexpires = 2027-12-31\n'
    head += 'title = { zh = "测试", en = "Test" }\n'
    rows = "".join(
        f'[[parameter]]\nid = "{name}"\nkind = "rung"\nper_head = {line}\ncomparator = "{way}"\n'
        f'per = "{per}"\nzh = "线"\nen = "line"\nsource = "测试"\n'
        for name, line, way, per in rungs
    )
    names = ", ".join(f'"{name}"' for name, *_ in rungs)
    rule = f'[[rule]]\npredicate = "P50"\npurposes = ["ENTRY"]\nparameters = [{names}]\n'
    rule += 'period = "month"\nmax_age_days = 45\nsource = "测试"\nzh = "测试"\nen = "test"\n'
    return (head + rows + rule).encode()


def parse(version: int, rungs: list[Row]) -> Policy:
    return policy.parse(text(version, rungs), catalogue.load())


@st.composite
def ladders(draw: st.DrawFn) -> list[Policy]:
    """Draw a policy and perhaps its successor, with lines as dense as a writer could make them."""
    way, per = draw(st.sampled_from(["le", "ge"])), draw(st.sampled_from(["head", "person"]))
    found = []
    for version in range(1, draw(st.integers(1, 2)) + 1):
        lines = draw(st.lists(st.integers(0, 700), min_size=1, max_size=9, unique=True))
        rungs = [(f"r{place}", line, way, per) for place, line in enumerate(lines)]
        found.append(parse(version, rungs))
    for old, new in pairwise(found):
        policy_check.check_successor(old, new, catalogue.load())
    return found


def guessing(seed: int, versions: int) -> Strategy:
    """Ask anything at all, as chance and all that was said before may have it."""

    def choose(said: tuple[Said, ...]) -> Ask:
        chance = random.Random(repr((seed, said)))
        return chance.randrange(versions), f"r{chance.randrange(10)}", chance.randrange(1, 5)

    return choose


def halving(policies: list[Policy]) -> Strategy:
    """Ask for the line nearest to the middle of what is still possible."""

    def choose(said: tuple[Said, ...]) -> Ask:
        low, high, asked = 0, MOST, {ask for _, ask, _ in said}
        for _, (version, name, members), heard in said:
            rung = policies[version].parameters.get(name)
            if rung is not None and heard in {"YES", "NO"}:
                (cut,) = ladder.cuts(rung, members)
                below = (heard == "YES") is (rung.comparator == "le")
                low, high = (low, min(high, cut)) if below else (max(low, cut + 1), high)
        free = [
            (abs(2 * ladder.cuts(rung, members)[0] - low - high), (version, name, members))
            for version, one in enumerate(policies)
            for name, rung in one.parameters.items()
            for members in range(1, 5)
            if (version, name, members) not in asked
        ]
        return min(free)[1] if free else (0, "r0", 1)

    return choose


def probe(node: Node, strategy: Strategy, questions: int, rechecks: frozenset[int]) -> list[Said]:
    said: list[Said] = []
    for number in range(questions):
        month = number * MONTHS // questions
        ask = strategy(tuple(said))
        said.append((month, ask, node.answer(month, ask, recheck=number in rechecks)))
    return said


@st.composite
def strategies(draw: st.DrawFn, policies: list[Policy]) -> Strategy:
    if draw(st.booleans()):
        return halving(policies)
    return guessing(draw(st.integers(0, 2**32)), len(policies))


@given(st.data())
def test_nobody_learns_more_than_the_interval_between_opened_lines(data: st.DataObject) -> None:
    policies = data.draw(ladders())
    strategy = data.draw(strategies(policies))
    rechecks = data.draw(st.frozensets(st.integers(0, 59), max_size=3))
    amounts = data.draw(st.lists(st.integers(0, MOST), min_size=MONTHS, max_size=MONTHS))
    node = Node(policies, amounts)
    said = probe(node, strategy, 60, rechecks)
    others = [
        data.draw(
            st.integers(
                0 if told.low is None else told.low,
                MOST if told.high is None else max(told.high, told.low or 0),
            )
        )
        for told in map(node.interval, range(MONTHS))
    ]
    assert probe(Node(policies, others), strategy, 60, rechecks) == said


@given(st.data())
def test_what_is_told_is_bounded_by_four_lines_and_two_sizes(data: st.DataObject) -> None:
    policies = data.draw(ladders())
    node = Node(policies, [data.draw(st.integers(0, MOST))] * MONTHS)
    probe(node, data.draw(strategies(policies)), 60, frozenset())
    assert len(node.lines) <= 4
    assert len(node.sizes) <= 2
    offered = {
        cut
        for one in policies
        for rung in one.parameters.values()
        for members in node.sizes or {1}
        for cut in ladder.cuts(rung, members)
    }
    for month, cuts in node.cuts.items():
        assert len(cuts) <= 8
        assert cuts <= offered
        told = node.interval(month)
        assert {end for end in (told.low and told.low - 1, told.high) if end} <= offered | {0}


@given(st.integers(0, MOST))
def test_free_thresholds_would_find_the_amount(amount: int) -> None:
    low, high, questions = 0, MOST, 0
    while low < high:
        questions += 1
        middle = (low + high) // 2
        rung = Parameter(id="r", kind="rung", zh="", en="", per_head=middle)
        if outcome(rung, 1, amount) == "YES":
            high = middle
        else:
            low = middle + 1
    assert (low, questions <= 12) == (amount, True)


@given(st.integers(1, 700), st.integers(1, 4))
def test_both_directions_at_one_line_would_tell_the_amount_itself(line: int, members: int) -> None:
    ways: tuple[Literal["le", "ge"], ...] = ("le", "ge")
    both = [
        Parameter(id=way, kind="rung", zh="", en="", per_head=line, comparator=way) for way in ways
    ]
    cuts = {cut for rung in both for cut in ladder.cuts(rung, members)}
    amount = line * members
    assert ladder.interval_of(amount, cuts) == Interval(amount, amount)
    rows: list[Row] = [(f"r-{way}", line, way, "head") for way in ways]
    with pytest.raises(BadInput, match="POLICY_INVALID"):
        parse(1, rows)
