"""The life of a federation, one step after the other, as hypothesis or a test thinks of it.

Knows what honest parties do, what may go wrong without anybody's fault, and what must hold after
each step and in the end. Does not know what dishonest parties do (``cheats``).
"""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final, TypeVar

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from coordinator.desk import Desk, Disputed
from federation.errors import HeduiError
from federation.exchange import Purpose
from tests.simulation import verifiers
from tests.simulation import world as worlds
from tests.simulation.truth import Truth
from tests.simulation.world import CENTRE, HOUSEHOLDS, LOGS, NODES, PEOPLE, REGISTRAR, WITNESSES
from tests.support.twin import NOW

T = TypeVar("T")

LONG: Final = os.environ.get("HEDUI_SIMULATION") == "long"

SERVERS: Final = (*NODES, REGISTRAR, *WITNESSES)
LONGEST: Final = 300 * 86_400
"""Longest time of a life, seconds: what the root has signed lasts longer."""
TIMES: Final = (1, 59, 61, 301, 840, 901, 3_600, 86_400, 12 * 86_400)

numbers = st.integers(0, 1_000)
"""Chooses among what there is."""
households = st.integers(0, len(HOUSEHOLDS) - 1)
nodes = st.sampled_from(NODES)
logs = st.sampled_from(LOGS)
clocks = st.dictionaries(st.sampled_from([*LOGS, *WITNESSES]), st.sampled_from([-60, 60]))
"""Clocks that are a minute off, seconds: two of them differ by as much as is allowed."""


def lives(count: int) -> settings:
    """So many lives, the same each time; or a hundred times as many others that last longer."""
    return settings(
        max_examples=count * 100 if LONG else count,
        stateful_step_count=80 if LONG else 30,
        deadline=None,
        derandomize=not LONG,
        suppress_health_check=list(HealthCheck),
    )


class Life(RuleBasedStateMachine):
    """A world, and whoever looks at all of it. Everybody is honest."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.unfinished: list[tuple[str, str]] = []

    @initialize(offs=clocks, household=households)
    def begin(self, offs: dict[str, int], household: int) -> None:
        self.world = self._stack.enter_context(worlds.running(offs))
        self.truth = Truth(self.world)
        self.world.network.watchers.append(self.truth.watch)
        self.serve(household)
        self.serve(household + 1)
        self.usual_round()

    def teardown(self) -> None:
        """Audit all of it, and let everything go."""
        try:
            if hasattr(self, "world"):
                self.audit()
        finally:
            self._stack.close()

    # ── what a federation does ────────────────────────────────────────────────────────────────────

    @rule(household=households)
    def open_case(self, household: int) -> None:
        self.attempt(lambda: self.world.open_case(household % len(HOUSEHOLDS)))

    @rule(again=st.booleans(), group=st.integers(1, 3), without=st.sampled_from(["", "", *SERVERS]))
    def ask(self, again: bool, group: int, without: str) -> None:
        """Ask about all cases; somebody may be away meanwhile."""
        before = self.world.network.away
        self.world.network.away = before | {without}
        self.at_desk(lambda desk: desk.run(desk.case_ids(), again=again, group=group))
        self.world.network.away = before

    @rule(household=households)
    def serve(self, household: int) -> None:
        """Take a household's case as far as it goes."""
        self.open_case(household)
        self.ask(again=False, group=1, without="")

    @rule()
    def ask_once_more(self) -> None:
        """Ask everything again, as it is done from time to time."""
        self.ask(again=True, group=3, without="")

    @rule(which=numbers, what=st.sampled_from(["revoke", "suspend", "resume", "change_household"]))
    def change(self, which: int, what: str) -> None:
        """Have the centre end a consent, or let it rest, or go on; what fails is done later."""

        def order(desk: Desk) -> None:
            case_id = chosen(desk.case_ids(), which)
            self.unfinished.append((what, case_id))
            getattr(desk, what)(case_id)
            self.unfinished.pop()

        self.at_desk(order)

    @rule(which=numbers)
    def consent_again(self, which: int) -> None:
        self.at_desk(lambda desk: desk.consent([chosen(desk.case_ids(), which)]))

    @rule(which=numbers)
    def renew(self, which: int) -> None:
        """Open a case by the signatures of another."""
        self.at_desk(lambda desk: desk.renew(chosen(desk.case_ids(), which), Purpose.REVIEW))

    @rule(which=numbers, about=st.sampled_from(["P05", "P06", "P40", "P46"]), paper=numbers)
    def recheck(self, which: int, about: str, paper: int) -> None:
        """Have somebody object to an answer."""
        evidence = paper.to_bytes(32, "big")
        disputed = Disputed(place=0, predicate=about)
        self.at_desk(lambda desk: desk.recheck(chosen(desk.case_ids(), which), disputed, evidence))

    @precondition(lambda self: self.truth.consents)
    @rule(which=numbers, what=st.sampled_from(["revoke", "suspend", "resume"]))
    def operator(self, which: int, what: str) -> None:
        """Have the same done at the registrar's own desk."""
        number = chosen(sorted(self.truth.consents), which)
        if not self.attempt(lambda: self.world.operator(number, what)):
            return
        match what:
            case "revoke":
                self.truth.end(number)
            case "suspend":
                self.truth.rest(number, REGISTRAR)
            case _:
                self.truth.go_on(number, REGISTRAR)

    @rule(seconds=st.sampled_from(TIMES))
    def time_passes(self, seconds: int) -> None:
        if self.world.clock.seconds + seconds < NOW + LONGEST:
            self.world.clock.seconds += seconds

    @rule(node=nodes)
    def fetch_lists(self, node: str) -> None:
        self.world.fetch_lists(node)

    @rule()
    def usual_round(self) -> None:
        """Let a minute pass as it does where nothing special happens."""
        self.world.clock.seconds += 61
        for node in NODES:
            self.world.fetch_lists(node)
        for party in LOGS:
            self.tend(party)

    @rule(party=logs)
    def tend(self, party: str) -> None:
        """See to a log, whose own keeper finds it in order."""
        self.tended(party, self.world.tend(party))

    @rule(node=nodes)
    def pause(self, node: str) -> None:
        """Pause a department, or let it go on."""
        marker = self.world.nodes[node]._node.paused_file
        if marker.exists():
            marker.unlink()
        else:
            marker.touch()
        self.world.nodes[node]._steward.round()

    @rule(party=st.sampled_from([CENTRE, *SERVERS]))
    def restart(self, party: str) -> None:
        self.world.stop(party)
        self.world.start(party)

    @rule(witness=st.sampled_from(WITNESSES))
    def away(self, witness: str) -> None:
        """Let nobody reach a witness, or let it be there again."""
        self.world.network.away = self.world.network.away ^ {witness}

    @rule(replies=st.integers(1, 3))
    def lose(self, replies: int) -> None:
        """Let the next replies get lost."""
        self.world.network.losing = replies

    @rule(which=st.integers(0, len(PEOPLE) - 1))
    def register_changes(self, which: int) -> None:
        """Let somebody buy or sell a car."""
        self.truth.cars[PEOPLE[which].number] = self.world.trade_car(which)

    # ── what must be so ───────────────────────────────────────────────────────────────────────────

    @invariant()
    def nothing_was_released_that_must_not_be(self) -> None:
        assert not hasattr(self, "truth") or self.truth.wrong == []

    def tended(self, party: str, code: str) -> None:
        """Judge what a keeper has said of its log."""
        event(f"tended: {code}")
        assert code != "LOG_ALTERED", party

    def audit(self) -> None:
        """Let everybody come back and log something more, and look at everything."""
        self.world.network.away = frozenset()
        self.world.network.losing = 0
        self.usual_round()
        self.at_desk(self.finish)
        for _ in range(2):
            self.usual_round()
            for node in NODES:
                self.pause(node)
            self.open_case(0)
        self.usual_round()
        event(f"told: {sum(one.told for one in self.truth.released) // 10 * 10}")
        self.judge(verifiers.every(self.world))

    def finish(self, desk: Desk) -> None:
        """End what the registrar has not heard of."""
        for what, case_id in self.unfinished:
            if what in {"revoke", "change_household"}:
                self.attempt(partial(desk.revoke, case_id))

    def judge(self, found: Sequence[verifiers.Finding]) -> None:
        """Judge what verifiers have found: nothing."""
        assert found == []

    # ── by hand ───────────────────────────────────────────────────────────────────────────────────

    def attempt(self, what: Callable[[], object]) -> bool:
        """Do something that may be refused."""
        try:
            what()
        except HeduiError as error:
            event(f"refused: {error.code}")
            return False
        return True

    def at_desk(self, what: Callable[[Desk], object]) -> None:
        """Do something at the centre's desk, if it has a case."""

        def use() -> None:
            with self.world.desk() as desk:
                if desk.case_ids():
                    what(desk)

        self.attempt(use)


def chosen(some: Sequence[T], which: int) -> T:
    """Choose one of some."""
    return some[which % len(some)]
