"""Each lie told alone: every verifier that has to find it names it, and nobody says anything else.

Clocks are off, and one witness of three signs whatever it is shown, as hypothesis thinks of it.
Knows how each lie comes about in a life that is honest otherwise.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from federation import limits
from tests.simulation import files, parties
from tests.simulation.cheats import Cheats, names
from tests.simulation.forger import FORGERIES
from tests.simulation.life import LONG, clocks, lives
from tests.simulation.parties import Betrayal, Twist
from tests.simulation.threats import FOUND_BY
from tests.simulation.truth import Held
from tests.simulation.verifiers import Finding
from tests.simulation.world import CENTRE, POLICE, REGISTRAR, WITNESSES

COUPLE: Final = 2
"""A household of which every department has something to tell."""
ECHO: Final = "USES_BROKEN"
"""What is also said where an answer took none of the uses that it should have taken."""
pytestmark = pytest.mark.timeout(86_400 if LONG else 600)

twice: Final = settings(lives(2), phases=[Phase.generate])
"""Two lives each; what fails is small as it is."""
offs = clocks
colluding = st.sampled_from(WITNESSES)


class Alone(Cheats):
    """A life in which a test says what is done; ``found`` is what verifiers say in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Finding] = []

    def judge(self, found: Sequence[Finding]) -> None:
        self.found = list(found)


@contextmanager
def alone(offs: dict[str, int], colluding: str) -> Iterator[Alone]:
    """Begin a life in which two households were served; let it go in the end."""
    life = Alone()
    life.begin(offs, 0, set(), colluding)
    with life._stack:
        yield life


def edit(how: str, life: Cheats) -> None:
    """Change the first row of a department's log that can be changed in this way."""
    for row in range(files.covered(life.world, POLICE)):
        if not life.lies:
            life.edit_log(POLICE, how, row)


def forge_log(life: Cheats) -> None:
    life.forge_log(POLICE, 0)


def put_back(life: Cheats) -> None:
    life.copy_aside(POLICE)
    life.serve(COUPLE)
    life.usual_round()
    life.put_back(0)


def lie(how: Twist, life: Cheats) -> None:
    life.lie(POLICE, how, COUPLE)


def overrule(what: str, life: Cheats) -> None:
    life.overrule(POLICE, what, 0)


def answer_expired(life: Cheats) -> None:
    """Be asked with a token that has ended by the department's clock, and not by the centre's."""
    held = life.truth.tokens.values()
    end = min(one.consent.claims.expires for one in held if one.consent.claims.audience == POLICE)
    life.world.clocks[POLICE].off, life.world.clocks[CENTRE].off = 60, -60
    life.world.clock.seconds = end - limits.STATUS_AGE // 2
    life.usual_round()
    life.world.clock.seconds = end
    parties.lie_once(life.world, POLICE, parties.overrule, life.done)
    life.ask(again=True, group=3, without=REGISTRAR)


def betray(how: Betrayal, life: Cheats) -> None:
    life.betray(how, COUPLE)


TOLD: Final[Mapping[str, Callable[[Cheats], None]]] = {
    **{how: partial(edit, how) for how in files.EDITS},
    "forged_log": forge_log,
    "rolled_back": put_back,
    "hidden_request": lambda life: life.ask_past_the_books(0),
    "hidden_exchange": partial(lie, parties.hide),
    "logged_otherwise": partial(lie, parties.say_otherwise),
    "answered_after_end": partial(overrule, "ended"),
    "answered_at_rest": partial(overrule, "rests"),
    "answered_by_old_list": partial(overrule, "old"),
    "answered_beyond_uses": partial(overrule, "used"),
    "answered_expired": answer_expired,
    "unrecorded_token": partial(betray, parties.issue_unrecorded),
    "unlogged_list": partial(betray, parties.publish_unlogged),
    "forgotten_revocation": lambda life: life.forget(0),
    "unrevoked": lambda life: life.revive(0),
}
"""How each lie is told, by its name."""


@pytest.mark.parametrize("name", FOUND_BY)
@twice
@given(offs=offs, colluding=colluding)
def test_a_lie_told_alone_is_found_by_all_who_have_to(
    name: str, offs: dict[str, int], colluding: str
) -> None:
    with alone(offs, colluding) as life:
        TOLD[name](life)
        (told,) = life.lies
        life.audit()
    assert told.name == name
    assert {one.by for one in life.found if names(told, one)} == FOUND_BY[name].keys()
    said = {(one.by, one.code) for one in life.found if one.code != ECHO}
    assert said <= {(by, code) for by, codes in FOUND_BY[name].items() for code in codes}


@pytest.mark.parametrize("how", FORGERIES)
@twice
@given(offs=offs, colluding=colluding)
def test_a_forged_request_is_refused_as_what_it_is(
    how: str, offs: dict[str, int], colluding: str
) -> None:
    with alone(offs, colluding) as life:
        for which in range(len(life.truth.tokens)):
            forged = getattr(life.forger, how)(life.token(which))
            assert life.refused(how, forged) == FORGERIES[how]


@twice
@given(offs=offs, colluding=colluding)
def test_an_old_request_tells_nothing_new(offs: dict[str, int], colluding: str) -> None:
    with alone(offs, colluding) as life:
        before = life.truth.released[0]
        elsewhere = life.forger.replayed_elsewhere(before)
        assert life.refused("elsewhere", elsewhere) == "WRONG_AUDIENCE"
        token = next(one for one in life.truth.tokens.values() if _audience(one) == before.node)
        again = life.forger.same_query(token, before)
        assert life.refused("same query", again) == "REPLAYED"
        assert life.forger.send(life.forger.replayed(before)) == (before.reply, "")


def _audience(held: Held) -> str:
    return held.consent.claims.audience
