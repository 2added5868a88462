"""A federation that lives through whatever hypothesis thinks of, with parties that cheat.

Nothing is released without a consent in force, policy, budget and a durable entry; whatever is
tampered with is found by a verifier that the design has for it, at the latest by the audit at the
end. ``HEDUI_SIMULATION=long`` plays many more and longer lives.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, TypeVar

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from coordinator.desk import Desk
from federation.errors import HeduiError
from federation.exchange import Purpose
from tests.simulation import files, parties, verifiers
from tests.simulation import world as worlds
from tests.simulation.forger import FORGERIES, Forged, Forger
from tests.simulation.parties import TWISTS, Lie
from tests.simulation.threats import FOUND_BY
from tests.simulation.truth import SAYS_NOTHING, Held, Released, Truth
from tests.simulation.world import CENTRE, HOUSEHOLDS, LOGS, NODES, PEOPLE, REGISTRAR, WITNESSES
from tests.support.twin import NOW

T = TypeVar("T")
LONG: Final = os.environ.get("HEDUI_SIMULATION") == "long"

ABSENT: Final = (*NODES, REGISTRAR, *WITNESSES)
YEAR: Final = 300 * 86_400
"""Longest time of a life, seconds: what the root has signed lasts longer."""
numbers = st.integers(0, 1_000)
"""Chooses among what there is."""
households = st.integers(0, len(HOUSEHOLDS) - 1)
nodes = st.sampled_from(NODES)
logs = st.sampled_from(LOGS)


class Federation(RuleBasedStateMachine):
    """The world, whoever looks at all of it, and what was done to it."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.lies: list[Lie] = []
        self.mischief = False
        self.spoilt: set[str] = set()
        self.copies: dict[str, Path] = {}
        self.forged: set[bytes] = set()

    @initialize(
        offs=st.dictionaries(st.sampled_from([*LOGS, *WITNESSES]), st.sampled_from([-60, 60])),
        colluding=st.sampled_from(["", "", *WITNESSES]),
        household=households,
    )
    def begin(self, offs: dict[str, int], colluding: str, household: int) -> None:
        self.world = self._stack.enter_context(worlds.running(offs))
        self.truth = Truth(self.world)
        self.world.network.watchers.append(self.truth.watch)
        self.forger = Forger(self.world)
        self.colluding = colluding
        if colluding:
            parties.collude(self.world, colluding)
        self.open_case(household)
        self.usual_round()

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self.audit()
        finally:
            self._stack.close()

    # ── what a federation does ────────────────────────────────────────────────────────────────────

    @rule(household=households)
    def open_case(self, household: int) -> None:
        self.attempt(lambda: self.world.open_case(household))

    @rule(again=st.booleans(), group=st.integers(1, 3), without=st.sampled_from(["", "", *ABSENT]))
    def ask(self, again: bool, group: int, without: str) -> None:
        """Ask about all cases; somebody may be away meanwhile."""
        self.world.network.away |= {without}
        self.at_desk(lambda desk: desk.run(desk.case_ids(), again=again, group=group))
        self.world.network.away -= {without}

    @rule(which=numbers, what=st.sampled_from(["revoke", "suspend", "resume", "change_household"]))
    def change(self, which: int, what: str) -> None:
        self.at_desk(lambda desk: getattr(desk, what)(self.case(desk, which)))

    @rule(which=numbers)
    def consent_again(self, which: int) -> None:
        self.at_desk(lambda desk: desk.consent([self.case(desk, which)]))

    @rule(which=numbers)
    def renew(self, which: int) -> None:
        self.at_desk(lambda desk: desk.renew(self.case(desk, which), Purpose.REVIEW))

    @precondition(lambda self: self.truth.consents)
    @rule(which=numbers, what=st.sampled_from(["revoke", "suspend", "resume"]))
    def operator(self, which: int, what: str) -> None:
        """Have something done at the registrar's own desk."""
        number = chosen(sorted(self.truth.consents), which)
        if self.attempt(lambda: self.world.operator(number, what)):
            follow = {"revoke": self.truth.end}.get(what)
            if follow:
                follow(number)
            else:
                then = self.truth.rest if what == "suspend" else self.truth.go_on
                then(number, REGISTRAR)

    @rule(seconds=st.sampled_from([1, 59, 61, 301, 840, 901, 3_600, 86_400, 12 * 86_400]))
    def time_passes(self, seconds: int) -> None:
        if self.world.clock.seconds + seconds < NOW + YEAR:
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
        """See to a log, and hold the self-check to what was done to the file."""
        code = self.world.tend(party)
        event(f"tended: {code}")
        broken = [lie for lie in self.lies if lie.party == party and lie.name in files.EDITS]
        if broken:
            assert code == "LOG_ALTERED", (broken, code)
        if code == "LOG_ALTERED":
            assert party in self.spoilt

    @rule(node=nodes)
    def pause(self, node: str) -> None:
        """Pause a department, or let it go on."""
        marker = self.world.nodes[node]._node.paused_file
        if marker.exists():
            marker.unlink()
        else:
            marker.touch()
        self.world.nodes[node]._steward.round()

    @rule(party=st.sampled_from(ABSENT))
    def restart(self, party: str) -> None:
        self.world.stop(party)
        self.world.start(party)

    @rule(witness=st.sampled_from(WITNESSES))
    def away(self, witness: str) -> None:
        """Let nobody reach a witness, or let it be there again."""
        self.world.network.away ^= {witness}

    @rule(replies=st.integers(1, 3))
    def lose(self, replies: int) -> None:
        self.world.network.losing = replies

    @rule(which=st.integers(0, len(PEOPLE) - 1))
    def register_changes(self, which: int) -> None:
        """Let somebody buy or sell a car."""
        self.truth.cars[PEOPLE[which].number] = self.world.trade_car(which)

    # ── what nobody may do ────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.truth.tokens)
    @rule(which=numbers, how=st.sampled_from(FORGERIES))
    def forge(self, which: int, how: str) -> None:
        """Ask with a token as it must not be used: nothing is told."""
        self.refused(how, getattr(self.forger, how)(self.token(which)))

    @precondition(lambda self: self.truth.released)
    @rule(which=numbers, how=st.sampled_from(["replayed_elsewhere", "same_query"]), of=numbers)
    def misuse(self, which: int, how: str, of: int) -> None:
        before = chosen(self.truth.released, which)
        if how == "same_query":
            forged = self.forger.same_query(self.token(of), before)
            if forged.node != before.node:
                return
        else:
            forged = self.forger.replayed_elsewhere(before)
        self.refused(how, forged)

    @precondition(lambda self: self.truth.released)
    @rule(which=numbers)
    def replay(self, which: int) -> None:
        """Send an old request again: it gets its old answer, or none."""
        before = chosen(self.truth.released, which)
        reply, code = self.forger.send(self.forger.replayed(before))
        if before.node not in self.truth.turned:
            assert code or reply == before.reply

    @precondition(lambda self: self.truth.tokens)
    @rule(which=numbers)
    def ask_past_the_books(self, which: int) -> None:
        held = self.token(which)
        _, fresh = self.send(self.forger.plain(held, purpose=held.consent.claims.purpose))
        for one in fresh:
            self.done(Lie(name="hidden_request", party=CENTRE, qid=one.header.qid))

    @rule(node=nodes, how=st.sampled_from(sorted(TWISTS)))
    def lie_next(self, node: str, how: str) -> None:
        parties.lie_once(self.world, node, TWISTS[how], self.done)

    @rule(how=st.sampled_from(parties.REGISTRARS))
    def registrar_next(self, how: Callable[..., None]) -> None:
        how(self.world, self.done)

    @precondition(lambda self: any(of not in self.truth.excused for of in self.truth.ended))
    @rule(which=numbers)
    def revive(self, which: int) -> None:
        """Let the registrar bring back what has ended."""
        ended = [of for of in sorted(self.truth.ended) if of not in self.truth.excused]
        origin = parties.revive(self.world, chosen(ended, which))
        self.done(Lie(name="unrevoked", party=REGISTRAR, origin=origin))

    @precondition(lambda self: len(self.spoilt) < len(LOGS))
    @rule(party=logs, how=st.sampled_from(sorted(files.EDITS)), row=numbers)
    def edit_log(self, party: str, how: str, row: int) -> None:
        if party in self.spoilt or not files.covered(self.world, party):
            return
        with files.opened(self.world, party) as c:
            if files.EDITS[how](c, party, row % files.size(self.world, party)):
                self.spoil(party, Lie(name=how, party=party))

    @precondition(lambda self: len(self.spoilt) < len(LOGS))
    @rule(party=logs, row=numbers)
    def forge_log(self, party: str, row: int) -> None:
        seen = self.seen(party)
        if party not in self.spoilt and seen and files.forge(self.world, party, row % seen):
            self.spoil(party, Lie(name="forged_log", party=party))

    @rule(party=logs)
    def copy_aside(self, party: str) -> None:
        place = self.world.folder / f"{party}.aside"
        place.unlink(missing_ok=True)
        files.copy_of(self.world, party, place)
        self.copies[party] = place

    @precondition(lambda self: self.copies.keys() - self.spoilt)
    @rule(which=numbers)
    def put_back(self, which: int) -> None:
        party = chosen(sorted(self.copies.keys() - self.spoilt), which)
        if files.length(self.copies[party]) >= self.seen(party):
            return
        files.put_back(self.world, party, self.copies[party])
        self.spoil(party, Lie(name="rolled_back", party=party))

    # ── what must be so ───────────────────────────────────────────────────────────────────────────

    @invariant()
    def nothing_was_released_that_must_not_be(self) -> None:
        assert not hasattr(self, "truth") or self.truth.wrong == []

    def audit(self) -> None:
        """Bring everybody back, let everybody log something more, and look at everything."""
        self.world.network.away.clear()
        self.world.network.losing = 0
        self.world.network.drop_tricks()
        for _ in range(2):
            self.usual_round()
            for node in NODES:
                self.pause(node)
            self.open_case(0)
        self.usual_round()
        found = verifiers.every(self.world)
        for lie in self.lies:
            due = lie.name in files.LIES or (not self.spoilt and self.due(lie))
            event(f"{lie.name}: {'found' if due else 'not to be found'}")
            assert not due or any(names(lie, one) for one in found), (lie, found)
        if not self.mischief:
            assert found == []

    def due(self, lie: Lie) -> bool:
        """Tell whether what a lie has led to is in enough logs to be found."""
        heard = [
            one
            for one in self.truth.released
            if not one.lost and one.caller == CENTRE and one.header.qid not in self.forged
        ]
        match lie.name:
            case "hidden_request":
                return lie.qid not in {one.qid for one in self.lies if one.party != CENTRE}
            case "unrecorded_token":
                return any(set(lie.tokens) & set(one.tokens) for one in heard)
            case "unlogged_list":
                return any(one.signed_list == lie.signed_list for one in heard)
            case "forgotten_revocation":
                return not self.world.has_ended(lie.origin)
            case "unrevoked":
                return any(self.truth.late(one, lie.origin) for one in heard)
        return any(one.reply == lie.reply for one in heard)

    # ── by hand ───────────────────────────────────────────────────────────────────────────────────

    def done(self, lie: Lie) -> None:
        """Note a lie, and whom to believe no more."""
        self.lies.append(lie)
        self.mischief = True
        if lie.party in NODES:
            self.truth.turned.add(lie.party)
        if lie.origin:
            self.truth.excused.add(lie.origin)

    def spoil(self, party: str, lie: Lie) -> None:
        """Note what was done to a party's file."""
        self.spoilt.add(party)
        self.done(lie)
        if party == REGISTRAR and lie.name == "rolled_back":
            self.truth.lost = True

    def attempt(self, what: Callable[[], object]) -> bool:
        """Do something that may be refused."""
        try:
            what()
        except HeduiError as error:
            event(f"refused: {error.code}")
            return False
        return True

    def at_desk(self, what: Callable[[Desk], object]) -> None:
        def use() -> None:
            with self.world.desk() as desk:
                if desk.case_ids():
                    what(desk)

        self.attempt(use)

    def case(self, desk: Desk, which: int) -> str:
        return chosen(desk.case_ids(), which)

    def token(self, which: int) -> Held:
        return chosen([self.truth.tokens[jti] for jti in self.truth.tokens], which)

    def send(self, forged: Forged) -> tuple[str, list[Released]]:
        """Send a request past the centre's books; give its refusal, and what was answered."""
        self.mischief = True
        before = len(self.truth.released)
        _, code = self.forger.send(forged)
        fresh = self.truth.released[before:]
        self.forged |= {one.header.qid for one in fresh}
        return code, fresh

    def refused(self, how: str, forged: Forged) -> None:
        """Send a forged request, to which nothing may be told."""
        code, fresh = self.send(forged)
        for one in fresh:
            code = code or one.answers[0].refusal.name
            if one.node not in self.truth.turned:
                assert all(answer.outcome in SAYS_NOTHING for answer in one.answers), how
        event(f"{how}: {code}")

    def seen(self, party: str) -> int:
        """Tell how far honest witnesses have followed a log."""
        return max(
            verifiers.seen(self.world, one, party) for one in WITNESSES if one != self.colluding
        )


def chosen(some: Sequence[T], which: int) -> T:
    return some[which % len(some)]


def names(lie: Lie, finding: verifiers.Finding) -> bool:
    """Tell whether a finding is about a lie."""
    said = FOUND_BY[lie.name].get(finding.by, frozenset())
    about = not finding.qid or not lie.qid or finding.qid == lie.qid
    return finding.code in said and about


TestFederation = Federation.TestCase
TestFederation.settings = settings(
    max_examples=2_000 if LONG else 40,
    stateful_step_count=100 if LONG else 40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestFederation = pytest.mark.timeout(24 * 3_600 if LONG else 600)(TestFederation)
