"""The second attempt: opened by the tally's abort and the auditor's verdict, for one rung alone."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from crypto.keys import SigningKey
from federation import verdict
from federation.summing import SumOrder
from federation.verdict import Verdict
from tests.tally.town import LINE, LOWER, PERIOD, Home, Play, Reply, Town

ABORTING = b"\x02".rjust(768, b"\x00")
"""A ciphertext of what is in no run."""


def aborted(town: Town, home: Home, rung: str = LINE) -> tuple[Play, Reply]:
    play = Play(town, home, rung=rung)
    reply = town.compare(home, ABORTING, rung)
    assert reply.said == "ABORTED"
    return play, reply


def opening(town: Town, play: Play, reply: Reply) -> SumOrder:
    """Ask for a second attempt as whoever may."""
    said = Verdict(run=play.run, rung=play.rung, replays=True)
    document = verdict.sign(said, town.parties["auditor"].key)
    return SumOrder(period=PERIOD, attempt=1, abort=reply.raw, verdict=document)


def test_an_abort_that_replays_opens_one_more_attempt(town: Town) -> None:
    home = town.home(2)
    first, reply = aborted(town, home)
    second = Play(town, home, (1_000_001, 0, 0), order=opening(town, first, reply))
    assert second.run != first.run
    assert second.outcome() is True
    assert first.compare().said == "SUM_CLOSED"


def test_it_opens_that_rung_alone(town: Town) -> None:
    home = town.home(2)
    first, reply = aborted(town, home)
    order = opening(town, first, reply)
    assert Play(town, home, rung=LOWER, order=order).compare().said == "SUM_ATTEMPT"
    _, lower = aborted(town, home, LOWER)
    mixed = replace(order, abort=lower.raw)
    assert Play(town, home, order=mixed).compare().said == "SUM_ATTEMPT"


def test_an_aborted_second_attempt_is_the_end(town: Town) -> None:
    home = town.home(2)
    first, reply = aborted(town, home)
    order = opening(town, first, reply)
    again = town.compare(home, ABORTING, order=order)
    assert again.said == "ABORTED"
    said = Verdict(run=again.compared.run, rung=LINE, replays=True)
    document = verdict.sign(said, town.parties["auditor"].key)
    third = SumOrder(period=PERIOD, attempt=2, abort=again.raw, verdict=document)
    assert Play(town, home, order=third).compare().said == "SUM_ATTEMPT"
    second = replace(third, attempt=1)
    assert town.compare(home, ABORTING, order=second).said == "SUM_CLOSED"


def test_a_rung_that_gave_a_bit_is_closed_under_every_attempt(town: Town) -> None:
    home = town.home(2)
    other = town.home(2)
    given = Play(town, home)
    reply = given.compare()
    order = opening(town, given, reply)
    assert Play(town, home, order=order).compare().said == "SUM_ATTEMPT"
    foreign, abort = aborted(town, other)
    elsewhere = opening(town, foreign, abort)
    assert Play(town, home, order=elsewhere).compare().said == "SUM_ATTEMPT"


def test_the_tallys_own_books_count_beside_its_signature(town: Town) -> None:
    """A signed abort of a run that its books know otherwise: an older copy of them was put back."""
    home = town.home(2)
    first, reply = aborted(town, home)

    def forget(books: object) -> None:
        books._c.execute("DELETE FROM comparison WHERE run = ?", (first.run,))  # type: ignore[attr-defined]

    town.running._store.write(forget)
    order = opening(town, first, reply)
    assert Play(town, home, order=order).compare().said == "SUM_ATTEMPT"


Forged = Callable[[Town, Play, SumOrder], SumOrder]


def _said(town: Town, said: Verdict, key: SigningKey | None = None) -> bytes:
    return verdict.sign(said, key or town.parties["auditor"].key)


FORGED: dict[str, Forged] = {
    "no abort": lambda _t, _p, one: replace(one, abort=b""),
    "no verdict": lambda _t, _p, one: replace(one, verdict=b""),
    "does not replay": lambda t, p, one: replace(
        one, verdict=_said(t, Verdict(run=p.run, rung=LINE, replays=False))
    ),
    "another run": lambda t, _p, one: replace(
        one, verdict=_said(t, Verdict(run=bytes(32), rung=LINE, replays=True))
    ),
    "another rung": lambda t, p, one: replace(
        one, verdict=_said(t, Verdict(run=p.run, rung=LOWER, replays=True))
    ),
    "not an auditor": lambda t, p, one: replace(
        one,
        verdict=_said(t, Verdict(run=p.run, rung=LINE, replays=True), t.parties["coordinator"].key),
    ),
    "abort changed": lambda _t, _p, one: replace(one, abort=one.abort[:-1] + b"\x00"),
    "abort is none": lambda _t, _p, one: replace(one, abort=b"\xff"),
}


@pytest.mark.parametrize("how", FORGED)
def test_forced_aborts_do_not_reopen_a_rung(town: Town, how: str) -> None:
    home = town.home(1)
    first, reply = aborted(town, home)
    order = FORGED[how](town, first, opening(town, first, reply))
    assert Play(town, home, order=order).compare().said == "SUM_ATTEMPT"
    good = opening(town, first, reply)
    assert Play(town, home, order=good).compare().said == "COMPARED"


def test_a_first_attempt_brings_neither(town: Town) -> None:
    home = town.home(1)
    first, reply = aborted(town, home)
    order = replace(opening(town, first, reply), attempt=0)
    assert Play(town, home, rung=LOWER, order=order).compare().said == "SUM_ATTEMPT"
    unasked = SumOrder(period=PERIOD, verdict=order.verdict)
    assert Play(town, home, rung=LOWER, order=unasked).compare().said == "SUM_ATTEMPT"
