"""A department with a dictionary: it enrols guessed people to learn who stands behind a pseudonym.

The registrar is real and behind real sockets; the department signs with its own key. What it can
learn is bounded by the roll that it declared, and every growth of that is written down.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import labels, oprf
from federation import exchange
from federation.clock import epoch_of
from federation.consenting import Role
from federation.enrolment import BlindBatch
from federation.errors import HeduiError
from federation.wire import codec
from federation.wire import registrar_messages as messages
from registrar.rolls import Growth
from tests.registrar import town as towns
from tests.registrar.town import NOW, Town, a_form, ask, person_id, someone

THIEF: Final = "civil_affairs"
YEAR: Final = epoch_of(NOW)
ROLL: Final = 50
MOST: Final = 51
"""What a roll of fifty allows: two in a hundred more."""
CEILING: Final = 60
CEILINGS: Final = {"rolls": {THIEF: CEILING}}
GUESSES: Final = [person_id("19700312", number) for number in range(1, 200)]
"""County and birthday of somebody are known; the rest is tried out."""


@dataclass
class Thief:
    """A department that has blinded guesses, and what it has learnt from the registrar."""

    town: Town
    known: dict[bytes, str]
    roll: int = ROLL
    epoch: int = YEAR
    tag: str = "id"
    number: int = 0

    def batch(self, people: Sequence[str], number: int | None = None) -> BlindBatch:
        """Blind guesses; under a number of its own unless one is given."""
        self.number += 1
        inputs = [labels.id_input(person) for person in people]
        self.blinds = oprf.derive_blinds(os.urandom(32), 0, len(inputs))
        return BlindBatch(
            tag=self.tag,
            epoch=self.epoch,
            batch_no=self.number if number is None else number,
            roll=self.roll,
            commitment=os.urandom(32),
            elements=tuple(oprf.blind(inputs, self.blinds)),
        )

    def guess(self, people: Sequence[str]) -> str:
        """Have guesses evaluated; give the code where they are refused."""
        batch = self.batch(people)
        try:
            done = self.town.client(THIEF).evaluate(batch)
        except HeduiError as error:
            return error.code
        evaluation = oprf.Evaluation(elements=done.elements, proof=done.proof)
        public = self.town.registrar.manifest.pseudonym_keys[THIEF, self.epoch]
        inputs = [labels.id_input(person) for person in people]
        outputs = oprf.finalize(inputs, self.blinds, batch.elements, evaluation, public)
        self.known |= {oprf.psn(o): p for o, p in zip(outputs, people, strict=True)}
        return ""

    def call(self, *batches: BlindBatch) -> str:
        """Send several batches in one call."""
        header = self.town.header(exchange.EVALUATE, THIEF)
        request = self.town.request(header, [messages.encode_blind(one) for one in batches])
        try:
            reply = self.town.call(THIEF, exchange.EVALUATE, request)
        except HeduiError as error:
            return error.code
        return "" if len(codec.decode_batch(reply).items) == len(batches) else "ODD"

    def evaluated(self) -> int:
        with self.town.running._store.read() as view:
            return view.rolls.evaluated(THIEF, self.tag, self.epoch)

    def growths(self) -> list[tuple[int, int]]:
        """Give what the registrar has noted of this year's rolls: how large, and when."""
        with self.town.running._store.read() as view:
            return [(g.roll, g.declared) for g in view.rolls.growths() if mine(g, self.epoch)]


def mine(growth: Growth, epoch: int) -> bool:
    return (growth.department, growth.epoch) == (THIEF, epoch)


@pytest.fixture
def thief(tmp_path: Path) -> Iterator[Thief]:
    with towns.running(tmp_path / "f") as town:
        town.registrar.settings = CEILINGS
        town.restart()
        yield Thief(town, {})


def sub_of(thief: Thief, person: str) -> bytes:
    """Give the pseudonym in the token that the department is shown about somebody."""
    form = a_form([someone(person, "某人", Role.APPLICANT)], [ask(0, THIEF, "P08")], members=1)
    (token,) = thief.town.issued(form).tokens
    return thief.town.read(token.token).claims.sub


def test_a_dictionary_ends_with_the_roll(thief: Thief) -> None:
    """Nobody beyond the quota is recognised: not by new numbers, and not after a restart."""
    subs = {sub_of(thief, person): person for person in (GUESSES[30], GUESSES[100])}
    assert thief.guess(GUESSES[:40]) == ""
    assert thief.guess(GUESSES[40:52]) == "QUOTA_EXCEEDED"
    assert thief.guess(GUESSES[40:51]) == ""
    for _ in range(3):
        assert thief.guess(GUESSES[100:101]) == "QUOTA_EXCEEDED"
        assert thief.guess(GUESSES[:1]) == "QUOTA_EXCEEDED", "a known one costs as much"
        thief.town.restart()
    assert thief.evaluated() == MOST == len(thief.known)
    recognised = {sub: thief.known[sub] for sub in subs if sub in thief.known}
    assert set(recognised.values()) == {GUESSES[30]}


def test_a_number_stands_for_one_batch_of_guesses(thief: Thief) -> None:
    first = thief.batch(GUESSES[:10], number=7)
    again = thief.batch(GUESSES[10:20], number=7)
    assert thief.call(first) == ""
    for _ in range(2):
        assert thief.call(again) == "BATCH_CHANGED"
        assert thief.call(replace(first, elements=first.elements[::-1])) == "BATCH_CHANGED"
        assert thief.call(first) == "", "what was evaluated is evaluated again, for nothing"
        thief.town.restart()
    assert thief.evaluated() == 10


def test_a_call_is_within_the_quota_as_a_whole_or_not_at_all(thief: Thief) -> None:
    parts = [thief.batch(GUESSES[n : n + 20]) for n in range(0, 80, 20)]
    assert thief.call(*parts) == "QUOTA_EXCEEDED"
    assert thief.evaluated() == 0
    twice = thief.batch(GUESSES[:3], number=1), thief.batch(GUESSES[3:6], number=1)
    assert thief.call(*twice) == "BATCH_CHANGED"
    assert thief.evaluated() == 0
    assert thief.call(*parts, parts[0]) == "OVERSIZE"
    assert thief.call(*parts[:2]) == ""
    assert thief.evaluated() == 40


def test_calls_at_the_same_time_share_one_quota(thief: Thief) -> None:
    batches = [thief.batch(GUESSES[10 * n : 10 * n + 10]) for n in range(12)]
    with ThreadPoolExecutor(12) as pool:
        codes = list(pool.map(thief.call, batches))
    assert sorted(codes) == [""] * 5 + ["QUOTA_EXCEEDED"] * 7
    assert thief.evaluated() == 50


def test_each_tag_and_each_year_has_a_quota_of_its_own(thief: Thief) -> None:
    for epoch in (YEAR, YEAR + 1):
        for tag in ("id", "name"):
            thief.epoch, thief.tag = epoch, tag
            assert thief.guess(GUESSES[:MOST]) == ""
            assert thief.guess(GUESSES[MOST : MOST + 1]) == "QUOTA_EXCEEDED"
            assert thief.evaluated() == MOST
    for epoch in (YEAR - 1, YEAR + 2):
        thief.epoch = epoch
        assert thief.guess(GUESSES[:1]) == "EPOCH_NOT_LIVE"
    thief.epoch, thief.tag = YEAR, "nickname"
    assert thief.call(thief.batch(GUESSES[:1])) == "MALFORMED"


def test_the_quota_of_names_is_worth_as_many_guesses_again(thief: Thief) -> None:
    """A limit that is stated: what is blinded cannot be told apart, and both have one key."""
    sub = sub_of(thief, GUESSES[60])
    assert thief.guess(GUESSES[:MOST]) == ""
    assert sub not in thief.known
    thief.tag = "name"
    assert thief.guess(GUESSES[MOST : 2 * MOST]) == ""
    assert thief.known[sub] == GUESSES[60]
    assert len(thief.known) == 2 * MOST


def test_a_roll_that_suddenly_grows_is_held_to_the_ceiling_and_noted(thief: Thief) -> None:
    assert thief.guess(GUESSES[:MOST]) == ""
    thief.town.clock.seconds = NOW + 60
    for roll in (CEILING + 1, 1_000_000, 2**32 - 1):
        thief.roll = roll
        assert thief.guess(GUESSES[MOST : MOST + 1]) == "QUOTA_EXCEEDED"
    assert thief.growths() == [(ROLL, NOW)], "what was refused has not grown"
    thief.roll = CEILING
    assert thief.guess(GUESSES[MOST:61]) == ""
    thief.roll = ROLL
    assert thief.guess(GUESSES[61:62]) == "QUOTA_EXCEEDED", "a smaller one gives nothing back"
    thief.town.restart()
    assert thief.guess(GUESSES[61:62]) == "QUOTA_EXCEEDED"
    assert thief.growths() == [(ROLL, NOW), (CEILING, NOW + 60)]
    assert thief.evaluated() == 61


def test_nobody_enrols_in_another_department_s_name(thief: Thief) -> None:
    town, batch = thief.town, thief.batch(GUESSES[:3])
    item = [messages.encode_blind(batch)]
    for sender, signer, code in (
        ("bank_a", THIEF, "WRONG_PARTY"),
        (THIEF, "bank_a", "BAD_SIGNATURE"),
        ("coordinator", THIEF, "WRONG_PARTY"),
    ):
        request = town.request(town.header(exchange.EVALUATE, sender), item, signer=signer)
        with pytest.raises(HeduiError, match=code):
            town.call(THIEF, exchange.EVALUATE, request)
    request = town.request(town.header(exchange.EVALUATE, "coordinator"), item)
    with pytest.raises(HeduiError, match="WRONG_PARTY"):
        town.call("coordinator", exchange.EVALUATE, request)
    assert thief.evaluated() == 0


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns.running(tmp_path_factory.mktemp("department") / "f") as town:
        yield town


moves = st.lists(
    st.tuples(
        st.sampled_from(["id", "name"]),
        st.sampled_from([YEAR, YEAR + 1]),
        st.integers(0, 5),
        st.integers(1, 12),
        st.integers(0, 30),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=12, deadline=None)
@given(moves, st.integers(0, 25))
def test_no_order_of_calls_and_restarts_beats_the_quota(
    standing: Town, tries: list[tuple[str, int, int, int, int, bool]], ceiling: int
) -> None:
    standing.registrar.settings = {"rolls": {THIEF: ceiling}}
    standing.restart()
    with standing.running._store.write() as tx:
        tx.rolls._sql.execute("DELETE FROM batch")
        tx.rolls._sql.execute("DELETE FROM roll")
    thief = Thief(standing, {})
    declared = {YEAR: 0, YEAR + 1: 0}
    for tag, epoch, number, size, roll, restart in tries:
        thief.tag, thief.epoch, thief.roll = tag, epoch, roll
        if restart:
            standing.restart()
        if thief.call(thief.batch(GUESSES[:size], number)) == "":
            assert roll <= ceiling
            declared[epoch] = max(declared[epoch], roll)
    for epoch, highest in declared.items():
        thief.epoch = epoch
        for thief.tag in ("id", "name"):
            assert thief.evaluated() <= highest * 102 // 100
        assert [roll for roll, _ in thief.growths()] == sorted({r for r, _ in thief.growths()})
