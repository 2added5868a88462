"""A requester that probes with every freedom it has, against the real gate and the real books.

Two centres that work together hold consents of one person for several purposes, sizes and both live
epochs, with everything granted. They ask whatever they like, as often as they like, and go by what
they have heard. What is shown: two records whose amounts lie between the same neighbouring lines
among those that were opened are told apart by nobody, and what was said in a period stays said.
"""

import os
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from department_node.store import FILE
from federation import ladder, limits
from federation.clock import business_date, day_start, epoch_end, epoch_of
from federation.consent import Grant
from federation.exchange import ASK_STREAM, Purpose
from tests.scenarios import hostile
from tests.scenarios.hostile import CENTRE, LINES, NODE, STRANGER, Feed, House, shown
from tests.scenarios.played import query
from tests.support import twin as twins
from tests.support.twin import NOW, WITH_CAR, WITHOUT_CAR, Twin, grant

DAY: Final = 86_400
STEPS: Final = 14
MOST: Final = 2_600
"""Highest amount of a record, fen: beyond the highest line of the largest household."""
SIZES: Final = (1, 2, 3, 4)
NEXT_YEAR: Final = 60
"""In so many days it is another year, and another epoch."""
LADDER: Final = tuple(("P41", f"line-{line}") for line in LINES)
PAIRS: Final = (
    *LADDER,
    *(("P41", name) for name in ("line-150", "line-1", "wage-12s", "w12m", "")),
    *(("P40", name) for name in ("", "line-100")),
    *(("P42", name) for name in ("w12m", "w99m", "line-100")),
    ("P06", ""),
    ("P21", "wage-12s"),
    ("P99", ""),
)
FORMS: Final = {"P41": "threshold", "P42": "window", "P21": "threshold"}
TOLD: Final = frozenset({"YES", "NO"})


@dataclass(frozen=True, slots=True)
class Held:
    """A consent in the hands of a centre; a recheck's is for one use."""

    holder: str
    purpose: Purpose
    members: int
    epoch: int
    recheck: bool
    token: bytes = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Said:
    """All that is seen of a request: the month, each consent and question, and each answer."""

    month: tuple[int, int]
    wishes: tuple[tuple[Held, tuple[str, str]], ...]
    words: tuple[str, ...]

    def told(self) -> Iterator[tuple[Held, tuple[str, str], str]]:
        """Give what was answered and not refused."""
        for (held, pair), word in zip(self.wishes, self.words, strict=True):
            if word in TOLD:
                yield held, pair, word


Wishes = list[tuple[Held, tuple[str, str]]]
"""Questions of one request, all of one centre in one purpose."""
Strategy = Callable[[Sequence[Held], tuple[Said, ...], tuple[int, int]], Wishes]
"""Chooses by what it holds, what it has heard, and the month."""
Way = Callable[[str, bytes], list[str]]
"""Sends a request of a party and gives the words of its answer."""


@dataclass
class Lab:
    """A node, the consents of one person, and a record that is changed from outside."""

    house: House
    held: tuple[Held, ...]

    def probe(
        self, way: Way, strategy: Strategy, amounts: Sequence[int], days: Sequence[int]
    ) -> tuple[Said, ...]:
        """Ask step by step: before each, days pass and the record is changed."""
        said: tuple[Said, ...] = ()
        for place, (amount, later) in enumerate(zip(amounts, days, strict=True)):
            self.let_pass(later)
            self.record(amount, vehicles=place % 3)
            month = month_of(later)
            wishes = strategy(self.held, said, month)
            heard = way(wishes[0][0].holder, self.request(wishes))
            said += (Said(month, tuple(wishes), tuple(heard)),)
        return said

    def request(self, wishes: Wishes) -> bytes:
        first = wishes[0][0]
        questions = [shown(held.token, *pair) for held, pair in wishes]
        tokens = dict.fromkeys(held.token for held, _ in wishes)
        draft = self.house.draft(questions, *tokens, sender=first.holder)
        return draft.signed(purpose=first.purpose)

    def let_pass(self, later: int) -> None:
        twin = self.house.twin
        if twin.clock.seconds != NOW + later * DAY:
            twin.clock.seconds = NOW + later * DAY
            self.house.node.status.refresh()

    def record(self, amount: int, vehicles: int) -> None:
        with closing(sqlite3.connect(self.house.node.catalogue.source)) as c, c:
            c.execute("PRAGMA synchronous = OFF")
            c.execute("REPLACE INTO worth VALUES (?, ?)", (WITH_CAR, amount))
            c.execute("DELETE FROM vehicle")
            rows = [(WITH_CAR, "2026-05-01")] * vehicles
            c.executemany("INSERT INTO vehicle VALUES (?, ?)", rows)

    def empty(self) -> None:
        """Take the books back to the first day."""
        tables = ("cell", "opened", "uses", "recheck", "alert", "answered", "consent", "log")

        def job(connection: sqlite3.Connection) -> None:
            for table in tables:
                connection.execute(f"DELETE FROM {table}")
            connection.execute("DELETE FROM meta WHERE name = 'time'")

        node = self.house.node
        node.store.writer.write(job)
        self.house.twin.clock.seconds = NOW
        node.status.current = None
        node.status.refresh()

    def inside(self) -> Way:
        """Begin anew, and ask in this process."""
        self.empty()
        answerer, keys = self.house.node.answerer(), self.house.entry.keys
        return lambda sender, request: hostile.words(request, answerer.ask(sender, request), keys)

    def opened(self) -> list[tuple[int, int, int]]:
        """Read year, line and size of what the node has opened."""
        path = self.house.node.party.data / FILE
        return query(path, "SELECT DISTINCT year, line, size FROM opened")


def month_of(later: int) -> tuple[int, int]:
    day = business_date(NOW + later * DAY)
    return day.year, day.month


def hold(twin: Twin) -> Iterator[Held]:
    """Have consents signed for everything there is; those of next year's epoch as well."""
    holders = {CENTRE: twin.coordinator, STRANGER: twins.stranger(twin)}
    purposes = (Purpose.ENTRY, Purpose.REVIEW)
    ends = epoch_end(epoch_of(NOW)) + limits.EPOCH_GRACE
    for holder, purpose, members, later, recheck in product(
        holders, purposes, SIZES, (0, NEXT_YEAR), (False, True)
    ):
        twin.clock.seconds = NOW + later * DAY  # for the pseudonyms alone
        name = twin.name_psn(NODE, WITH_CAR, "王甲")
        claims = replace(
            twin.claims(NODE, WITH_CAR),
            issued=day_start(NOW),
            not_before=day_start(NOW),
            expires=ends,
            holder=holders[holder].key.verify_key.raw,
            purpose=purpose,
            uses_a_month=9_999,
        )
        wanted = LADDER if recheck else PAIRS
        grants = [granted(pair, members, name, recheck) for pair in wanted]
        epoch = epoch_of(twin.clock.now())
        twin.clock.seconds = NOW
        token = twin.token(claims, *grants)
        yield Held(holder, purpose, members, epoch, recheck, token)


def granted(pair: tuple[str, str], members: int, name: bytes, recheck: bool) -> Grant:
    predicate, parameter = pair
    counted = {"members": members} if predicate == "P41" else {}
    return grant(
        predicate,
        parameter,
        FORMS.get(predicate, "boolean"),
        max_uses=1 if recheck else 9_999,
        recheck=recheck,
        args=(name,) if predicate == "P06" else (),
        **counted,
    )


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    twin = hostile.make(tmp_path_factory.mktemp("prober") / "f", refresh=300)
    with twins.open_node(twin) as node:
        twin.clock.seconds = NOW + NEXT_YEAR * DAY  # the roll of next year is enrolled as well
        node.enrolment().run()
        node.finish_enrolment()
        twin.clock.seconds = NOW
        with hostile.serving(twin, node) as house:
            yield Lab(house, tuple(hold(twin)))


# ---- ways to probe


def guessing(seed: int) -> Strategy:
    """Ask anything at all, as chance and all that was said before may have it."""

    def choose(held: Sequence[Held], said: tuple[Said, ...], month: tuple[int, int]) -> Wishes:
        chance = random.Random(repr((seed, month, said)))
        one = chance.choice(held)
        mine = [h for h in held if (h.holder, h.purpose) == (one.holder, one.purpose)]
        pairs = (*PAIRS, *LADDER)
        return [(chance.choice(mine), chance.choice(pairs)) for _ in range(chance.randint(1, 6))]

    return choose


def halving(held: Sequence[Held], said: tuple[Said, ...], month: tuple[int, int]) -> Wishes:
    """Ask about the line nearest to the middle of what is still possible, and never twice."""
    low, high = 0, MOST
    tried = {(h.members, pair) for one in said if one.month == month for h, pair in one.wishes}
    for one in said:
        for h, pair, word in one.told() if one.month == month else ():
            if pair[0] == "P41":
                cut = cut_of(h, pair)
                low, high = (max(low, cut + 1), high) if word == "YES" else (low, min(high, cut))
    free = [
        (abs(2 * cut_of(h, pair) - low - high), place, pair)
        for place, h in enumerate(held)
        for pair in LADDER
        if not h.recheck and (h.members, pair) not in tried
    ]
    if not free:
        return [(held[0], LADDER[0])]
    _, place, pair = min(free)
    return [(held[place], pair)]


def cut_of(held: Held, pair: tuple[str, str]) -> int:
    """Give the highest amount to which the answer is NO."""
    return int(pair[1].removeprefix("line-")) * held.members - 1


def opened_in(said: Sequence[Said], year: int) -> set[tuple[str, int]]:
    """Give lines and sizes about which something was told in a year."""
    return {
        (pair[1], held.members)
        for one in said
        if one.month[0] == year
        for held, pair, _ in one.told()
        if pair[0] == "P41"
    }


def learnt(said: Sequence[Said], amount: int, year: int) -> tuple[int, int]:
    """Give the interval between neighbouring lines of those that were opened in a year."""
    cuts = {int(name.removeprefix("line-")) * size - 1 for name, size in opened_in(said, year)}
    low, high = ladder.interval_of(amount, cuts)
    low = low or 0
    return low, MOST if high is None else max(high, low)


def check_bounds(said: Sequence[Said]) -> None:
    """At most four lines, two sizes and one recheck a year (protocol §5)."""
    for year in {one.month[0] for one in said}:
        pairs = opened_in(said, year)
        assert len({name for name, _ in pairs}) <= 4
        assert len({size for _, size in pairs}) <= 2
        rechecked = [h for one in said if one.month[0] == year for h, *_ in one.told() if h.recheck]
        assert len(rechecked) <= 1


def check_frozen(said: Sequence[Said]) -> None:
    """What was said once in a month is said again in it, unless it was rechecked."""
    frozen: dict[object, str] = {}
    for one in said:
        for held, pair, word in one.told():
            cell = (one.month, pair, held.members if pair[0] == "P41" else held.epoch)
            if pair[0] in {"P40", "P42"}:
                cell = (one.month, pair, 0)
            assert held.recheck or frozen.get(cell, word) == word
            frozen[cell] = word


amounts = st.integers(0, MOST)
records = st.lists(amounts, min_size=STEPS, max_size=STEPS) | amounts.map(lambda a: [a] * STEPS)
days_drawn = st.lists(st.integers(0, NEXT_YEAR), min_size=STEPS, max_size=STEPS).map(sorted)
calendars = days_drawn | st.just([0] * STEPS)
strategies = st.just(halving) | st.integers(0, 2**32).map(guessing)


@settings(max_examples=25, deadline=None)
@given(st.data(), strategies, records, calendars)
def test_nobody_learns_more_than_the_interval_between_opened_lines(
    lab: Lab, data: st.DataObject, strategy: Strategy, record: list[int], days: list[int]
) -> None:
    said = lab.probe(lab.inside(), strategy, record, days)
    check_bounds(said)
    check_frozen(said)
    other = []
    for amount, later in zip(record, days, strict=True):
        low, high = learnt(said, amount, month_of(later)[0])
        other.append(data.draw(st.sampled_from([low, high]) | st.integers(low, high)))
    assert lab.probe(lab.inside(), strategy, other, days) == said


@pytest.mark.parametrize("strategy", [halving, guessing(1), guessing(2)], ids=["h", "g1", "g2"])
@pytest.mark.parametrize("amount", [0, 150, 777, MOST])
def test_nobody_learns_more_over_sockets(lab: Lab, strategy: Strategy, amount: int) -> None:
    """The same by streams of both centres; the other records are the ends of what was learnt."""
    year, today = month_of(0)[0], [0] * STEPS

    def probe(amount: int) -> tuple[Said, ...]:
        lab.empty()
        feeds = {sender: Feed(lab.house, sender) for sender in (CENTRE, STRANGER)}
        said = lab.probe(
            lambda sender, request: feeds[sender].put(request), strategy, [amount] * STEPS, today
        )
        for feed in feeds.values():
            feed.close()
        return said

    said = probe(amount)
    check_bounds(said)
    for end in learnt(said, amount, year):
        assert probe(end) == said


def test_without_its_limits_the_node_would_tell_more(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same prober, and the same record: what the limits are worth."""
    amount, year, today = 1_950, month_of(0)[0], [0] * STEPS
    record = [amount] * STEPS
    held = learnt(lab.probe(lab.inside(), halving, record, today), amount, year)
    monkeypatch.setattr(limits, "LINES_A_QUANTITY", 99)
    monkeypatch.setattr(limits, "SIZES_A_QUANTITY", 99)
    said = lab.probe(lab.inside(), halving, record, today)
    assert (held, learnt(said, amount, year)) == ((1_600, 1_999), (1_800, 1_999))
    assert len({size for _, size in opened_in(said, year)}) > 2


def test_lines_asked_at_the_same_time_are_counted_all(lab: Lab) -> None:
    """Every line in every size at once, by both centres: the books decide one after the other."""
    lab.empty()
    lab.record(777, vehicles=1)
    wanted = [(h, pair) for h in lab.held if not h.recheck for pair in LADDER]
    random.Random(5).shuffle(wanted)
    requests = [(one[0].holder, lab.request([one])) for one in wanted]
    with ThreadPoolExecutor(12) as pool:
        heard = pool.map(lambda one: lab.house.heard(one[1], one[0], ASK_STREAM), requests)
        words = [word for (word,) in heard]
    told = {
        (pair[1], h.members) for (h, pair), word in zip(wanted, words, strict=True) if word in TOLD
    }
    assert {word for word in words if word not in TOLD} == {"THRESHOLDS_EXHAUSTED"}
    assert len({name for name, _ in told}) == 4
    assert len({size for _, size in told}) == 2
    assert {(f"line-{line}", size) for _, line, size in lab.opened()} == told


# ---- the budget


def name_tokens(lab: Lab, count: int, holder: str, later: int = 0, **more: object) -> list[bytes]:
    """Have consents signed that each ask for another name: each opens a cell of its own."""
    twin = lab.house.twin
    key = lab.house.party(holder).key.verify_key.raw
    before = twin.clock.seconds
    twin.clock.seconds = NOW + later * DAY
    claims = [
        replace(
            twin.claims(NODE, WITH_CAR),
            holder=key,
            issued=day_start(NOW),
            not_before=day_start(NOW),
            expires=epoch_end(epoch_of(NOW)) + limits.EPOCH_GRACE,
        )
        for _ in range(count)
    ]
    twin.clock.seconds = before
    return [
        twin.token(one, grant("P06", args=(os.urandom(32),), **more))  # type: ignore[arg-type]
        for one in claims
    ]


def test_the_budget_of_a_record_ends_whoever_asks(lab: Lab) -> None:
    lab.empty()
    house = lab.house
    free = 240 - 24

    def heard(tokens: list[bytes], sender: str) -> list[str]:
        questions = [shown(token, "P06") for token in tokens]
        return house.heard(house.ask(*questions, tokens=tokens, sender=sender), sender)

    first = name_tokens(lab, 120, CENTRE)
    second = name_tokens(lab, 120, STRANGER, later=NEXT_YEAR)  # by the other epoch's pseudonym
    assert heard(first, CENTRE) == ["NO"] * 120
    assert heard(second, STRANGER) == ["NO"] * (free - 120) + ["BUDGET_EXHAUSTED"] * (240 - free)
    assert heard(first[:9], CENTRE) == ["NO"] * 9, "a repeat is free"
    (token,) = name_tokens(lab, 1, CENTRE, max_uses=1, recheck=True)
    assert heard([token], CENTRE) == ["NO"], "the reserve is for rechecks"
    (token,) = name_tokens(lab, 1, STRANGER, max_uses=1, recheck=True)
    assert heard([token], STRANGER) == ["RECHECK_EXHAUSTED"]
    other = house.twin.token(house.twin.claims(NODE, WITHOUT_CAR), grant("P40"))
    assert house.heard(house.ask(shown(other), tokens=[other])) == ["NO"], "another record"
    assert house.node.store.ledger().alerts() == [(WITH_CAR.encode(), epoch_of(NOW))]
    assert house.spent().cells == free + 2
