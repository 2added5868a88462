"""What the tally answers: one blinded sum and one message of slots a rung of a run, each once."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

from crypto import group as ristretto
from crypto.comparison import BITS
from federation import consent, exchange, summing
from federation.errors import HeduiError, PeerFault, Refused, Unavailable
from federation.exchange import Outcome, Question
from federation.summing import SumOrder
from federation.wire import codec, sum_messages
from tally.desk import Desk
from tally.store import beside
from tests.tally import town as towns
from tests.tally.town import GAP, LINE, LOWER, NOW, PERIOD, Home, Play, Town

COMPARED = Outcome.COMPARED.name
ABORTED = Outcome.ABORTED.name


def charged(town: Town, home: Home) -> int:
    """Count the runs that a household was charged for."""
    with beside(town.parties["tally"].data) as c:
        sql = "SELECT count(*) FROM charged WHERE subject = ?"
        return int(c.execute(sql, (home.joint.ref,)).fetchone()[0])


def shifted(play: Play, blind: int) -> bytes:
    """Blind an honest sum with another number."""
    key = play.aggregator._run.paillier
    value = key.read(play.z)
    return key.write(value * (1 + blind * key.n) % key.square)


@pytest.mark.parametrize(
    ("total", "least"), [(1_000_000, False), (1_000_001, True), (0, False), (999_999, False)]
)
def test_a_sum_is_held_to_the_line_of_all_heads(town: Town, total: int, least: bool) -> None:
    """At most 500,000 a head and two heads: the outcome is whether the sum is one more."""
    play = Play(town, town.home(2), amounts=(total, 0, 0))
    assert play.outcome() is least


@pytest.mark.parametrize(("expense", "least"), [(400, True), (399, False)])
def test_a_ratio_is_held_to_zero(town: Town, expense: int, least: bool) -> None:
    home = town.home(1, "H4", rungs=["ratio"])
    names = [one.id for one in town.group("H4").departments]
    amounts = {"medical": 100 * expense, "tax": -40 * 600, "human_resources": -40 * 400}
    play = Play(town, home, amounts=[amounts[name] for name in names], rung="ratio")
    assert play.outcome() is least


def gap(town: Town, declared: int = 700_000) -> tuple[Home, bytes]:
    salt = b"s" * 32
    wanted = summing.commit(salt, declared)
    home = town.home(1, "H5", rungs=[GAP], joint=lambda one: replace(one, declared=wanted))
    return home, salt


@pytest.mark.parametrize(("total", "least"), [(800_000, True), (799_999, False)])
def test_a_gap_is_held_to_the_declared_total_and_the_line(
    town: Town, total: int, least: bool
) -> None:
    home, salt = gap(town)
    play = Play(town, home, (total, 0, 0), GAP, declared=700_000, salt=salt)
    assert play.outcome() is least


def test_a_declared_total_that_was_not_committed_to_costs_nothing(town: Town) -> None:
    home, salt = gap(town)
    play = Play(town, home, (0, 0, 0), GAP, declared=700_000, salt=salt)
    assert play.compare(declared=699_999).said == "SUM_MALFORMED"
    assert play.compare(declared_salt=bytes(32)).said == "SUM_MALFORMED"
    assert play.compare(declared=0, declared_salt=b"").said == "SUM_MALFORMED"
    assert charged(town, home) == 0
    assert play.compare().said == COMPARED


def test_nothing_is_declared_for_other_sums(town: Town) -> None:
    play = Play(town, town.home(1))
    assert play.compare(declared=1).said == "SUM_MALFORMED"
    assert play.compare(declared_salt=bytes(32)).said == "SUM_MALFORMED"
    declaring = town.home(1, joint=lambda one: replace(one, declared=bytes(32)))
    assert Play(town, declaring).compare().said == "CONSENT_NOT_GRANTED"
    silent = town.home(1, "H5", rungs=[GAP])
    assert Play(town, silent, rung=GAP).compare().said == "CONSENT_NOT_GRANTED"


def test_a_line_above_what_a_sum_can_hold_is_refused(town: Town) -> None:
    largest = (1 << 39) - 1
    home, salt = gap(town, largest)
    play = Play(town, home, (0, 0, 0), GAP, declared=largest, salt=salt)
    assert play.compare().said == "POLICY_PARAMETER"
    assert charged(town, home) == 0


def test_the_same_request_gets_the_same_bytes(town: Town) -> None:
    play = Play(town, town.home())
    message = sum_messages.Comparison(order=play.order, z=play.z, seed_commitment=bytes(32))
    last = sum_messages.encode_comparison(message)
    request = town.asked(play.home, exchange.COMPARE, last)
    first = town.call(request)
    town.clock.seconds = NOW + 10_000
    assert town.call(request).raw == first.raw
    header = replace(town.header(exchange.COMPARE), qid=first.header.qid)
    other = town.request(header, [_question(play.home, 0)], last, play.home.tokens)
    with pytest.raises(Refused, match="REPLAYED"):
        town.call(other)


def _question(home: Home, slot: int, rung: str = LINE) -> Question:
    return Question(
        predicate=home.predicate,
        parameter=rung,
        presentation=home.shown[slot],
        case_ref=bytes(32),
    )


def test_the_same_sum_under_another_query_id_gets_the_same_bits_at_no_cost(town: Town) -> None:
    play = Play(town, town.home())
    first, again = play.compare(), play.compare()
    assert first.header.qid != again.header.qid
    assert (first.answers, first.last) == (again.answers, again.last)
    assert charged(town, play.home) == 1
    slots = play.slots(first)
    told, repeated = play.test(slots), play.test(slots)
    assert (told.answers, told.last) == (repeated.answers, repeated.last)
    assert play.compare().last == first.last


def test_a_second_blinded_sum_is_refused(town: Town) -> None:
    play = Play(town, town.home())
    first = play.compare()
    assert town.compare(play.home, shifted(play, 1)).said == "SUM_CLOSED"
    assert play.compare(seed_commitment=b"o" * 32).said == "SUM_CLOSED"
    assert play.aggregator.outcome(play.test(play.slots(first)).tested.share) is False
    assert town.compare(play.home, shifted(play, 1)).said == "SUM_CLOSED"
    assert charged(town, play.home) == 1


def test_a_second_message_of_slots_is_refused(town: Town) -> None:
    """Else forty-one messages, each with one slot, give the sum."""
    play = Play(town, town.home())
    slots = play.slots(play.compare())
    play.test(slots)
    for place in range(0, 3 * 64, 64):
        other = slots[:place] + slots[place + 64 :] + slots[place : place + 64]
        assert play.test(other).said == "SUM_CLOSED"


def test_slots_before_bits_are_refused(town: Town) -> None:
    play = Play(town, town.home())
    slots = bytes(64 * (BITS + 1))
    assert play.test(slots).said == "SUM_CLOSED"
    town.compare(play.home, shifted(play, 1 << 170))
    assert play.test(slots).said == "SUM_CLOSED"


def test_slots_that_are_none_are_refused_and_the_run_stays_open(town: Town) -> None:
    play = Play(town, town.home())
    slots = play.slots(play.compare())
    hiding = ristretto.IDENTITY + slots[32:]
    for wrong in (b"", slots[:-64], slots + slots[:64], b"\xff" * len(slots), hiding):
        assert play.test(wrong).said == "SUM_MALFORMED"
    assert play.aggregator.outcome(play.test(slots).tested.share) is False


@pytest.mark.parametrize("z", [bytes(768), b"\xff" * 768])
def test_what_is_no_ciphertext_is_refused_and_costs_nothing(town: Town, z: bytes) -> None:
    play = Play(town, town.home())
    assert town.compare(play.home, z).said == "SUM_MALFORMED"
    assert charged(town, play.home) == 0
    assert play.compare().said == COMPARED


def test_every_sum_that_is_not_of_its_run_aborts(town: Town) -> None:
    home = town.home(1)
    orders = [SumOrder(period=PERIOD - month) for month in range(4)]
    plays = [Play(town, home, order=order) for order in orders]
    key = plays[0].aggregator._run.paillier

    def product(*factors: bytes) -> bytes:
        return key.write(key.product(key.read(one) for one in factors))

    given = town.contributions("H1", plays[2].run, (1, 2, 3))
    sent = [
        product(plays[0].z, plays[0].z),  # scaled, or doubled
        plays[2].z,  # of another run
        product(*given[:2]),  # one is missing
        product(plays[3].z, given[0]),  # one is twice, and foreign
    ]
    for play, z in zip(plays, sent, strict=True):
        reply = town.compare(home, z, order=play.order)
        assert (reply.said, reply.compared.bits) == (ABORTED, b"")
        assert (reply.compared.run, reply.compared.rung) == (play.run, LINE)
        assert play.compare().said == "SUM_CLOSED"
    assert charged(town, home) == 4
    fifth = Play(town, home, order=SumOrder(period=PERIOD - 4))
    assert fifth.compare().said == "SUM_RUNS_EXHAUSTED"


def test_an_abort_that_is_asked_again_is_the_same_abort(town: Town) -> None:
    play = Play(town, town.home(1))
    wrong = shifted(play, 1 << 170)
    first = town.compare(play.home, wrong)
    assert town.compare(play.home, wrong).last == first.last
    assert charged(town, play.home) == 1


def test_uses_count_along_the_chain_and_end(town: Town) -> None:
    home = town.home(2, grant=lambda one: replace(one, max_uses=2))
    for number, month in enumerate((10, 9), 1):
        play = Play(town, home, order=SumOrder(period=202600 + month))
        reply = play.compare()
        assert [one.use_no for one in reply.answers] == [number] * 2
        assert {one.use_no for one in play.test(play.slots(reply)).answers} == {0}
    assert Play(town, home).compare().said == "USES_EXHAUSTED"
    assert Play(town, home, rung=LOWER).compare().said == COMPARED


def test_a_tokens_frequency_holds_for_all_its_runs(town: Town) -> None:
    home = town.home(1, claims=lambda one: replace(one, uses_a_month=1))
    assert Play(town, home).compare().said == COMPARED
    assert Play(town, home, rung=LOWER).compare().said == "USES_EXHAUSTED"


def test_four_runs_of_a_quantity_a_year_whatever_the_household(town: Town) -> None:
    shared = [b"%032d" % one for one in (1, 2)]
    first = town.home(2, subs=shared)
    for month in (8, 9, 10):
        assert Play(town, first, order=SumOrder(period=202600 + month)).compare().said == COMPARED
    other = town.home(2, subs=[shared[1], b"%032d" % 3])
    fourth = Play(town, other)
    assert fourth.compare().said == COMPARED
    assert Play(town, other, rung=LOWER).compare().said == "SUM_RUNS_EXHAUSTED"
    assert fourth.compare().said == COMPARED
    ratio = town.home(2, "H4", rungs=["ratio"], subs=shared)
    assert Play(town, ratio, (0, 0, 0), "ratio").compare().said == COMPARED


def test_a_consents_runs_count_on_when_pseudonyms_change(town: Town) -> None:
    home = town.home(1)
    for month in (7, 8, 9, 10):
        assert Play(town, home, order=SumOrder(period=202600 + month)).compare().said == COMPARED
    renewed = town.home(1, joint=lambda one: replace(one, ref=home.joint.ref))
    assert Play(town, renewed).compare().said == "SUM_RUNS_EXHAUSTED"


def test_twelve_runs_a_year_of_all_quantities(town: Town) -> None:
    home = town.home(1)
    sub = consent.visible(home.tokens[0]).sub
    rows = [(sub, 2026, f"q{n // 4}", bytes([n]) * 32, LINE) for n in range(12)]

    def fill(books: object) -> None:
        books._c.executemany("INSERT INTO charged VALUES (?, ?, ?, ?, ?)", rows)  # type: ignore[attr-defined]

    town.running._store.write(fill)
    assert Play(town, home).compare().said == "BUDGET_EXHAUSTED"


def test_tokens_are_named_by_id_once_they_were_admitted(town: Town) -> None:
    play = Play(town, town.home(2))
    last = sum_messages.encode_comparison(
        sum_messages.Comparison(order=play.order, z=play.z, seed_commitment=bytes(32))
    )

    def named() -> bytes:
        questions = [
            Question(predicate="H1", parameter=LINE, jti=jti, case_ref=bytes(32))
            for jti in play.home.jtis
        ]
        return town.request(town.header(exchange.COMPARE), questions, last, ())

    assert town.call(named()).said == "PRESENT_AGAIN"
    assert play.compare().said == COMPARED
    assert town.call(named()).said == COMPARED


def test_a_stranger_uses_nobodys_tokens(town: Town) -> None:
    play = Play(town, town.home(1))
    last = sum_messages.encode_comparison(
        sum_messages.Comparison(order=play.order, z=play.z, seed_commitment=bytes(32))
    )
    header = town.header(exchange.COMPARE, "stranger")
    request = town.request(header, [_question(play.home, 0)], last, play.home.tokens)
    assert town.call(request, "stranger").said == "CONSENT_WRONG_HOLDER"
    with pytest.raises(PeerFault, match="WRONG_PARTY"):
        town.call(request, "coordinator")


@contextmanager
def dying(town: Town, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the tally fail after a run was charged and computed, before anything is stored."""

    def fail(*_: object) -> None:
        raise Unavailable("LOG_UNAVAILABLE")

    with monkeypatch.context() as patch:
        patch.setattr(Desk, "_keep", fail)
        yield


def test_a_restart_between_the_steps_loses_nothing(town: Town) -> None:
    play = Play(town, town.home())
    first = play.compare()
    town.restart()
    assert play.compare().last == first.last
    slots = play.slots(first)
    told = play.test(slots)
    town.restart()
    assert play.test(slots).last == told.last
    assert play.test(slots[64:] + slots[:64]).said == "SUM_CLOSED"
    assert charged(town, play.home) == 1


def test_what_was_begun_goes_on_with_the_same_sum_only(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = Play(town, town.home())
    with dying(town, monkeypatch), pytest.raises(Unavailable):
        play.compare()
    assert charged(town, play.home) == 1
    town.restart()
    assert town.compare(play.home, shifted(play, 1)).said == "SUM_CLOSED"
    reply = play.compare()
    assert [one.use_no for one in reply.answers] == [1, 1]
    assert play.aggregator.outcome(play.test(play.slots(reply)).tested.share) is False
    assert charged(town, play.home) == 1


def test_slots_that_were_not_answered_can_be_sent_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = Play(town, town.home())
    slots = play.slots(play.compare())
    with dying(town, monkeypatch), pytest.raises(Unavailable):
        play.test(slots)
    town.restart()
    assert play.aggregator.outcome(play.test(slots).tested.share) is False


def test_two_at_the_same_time_are_one_run(town: Town) -> None:
    play = Play(town, town.home())
    last = sum_messages.encode_comparison(
        sum_messages.Comparison(order=play.order, z=play.z, seed_commitment=bytes(32))
    )
    request = town.asked(play.home, exchange.COMPARE, last)
    replies: list[bytes | HeduiError] = []

    def ask() -> None:
        try:
            replies.append(town.call(request).raw)
        except HeduiError as error:
            replies.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(set(replies)) == 1
    assert isinstance(replies[0], bytes)
    assert charged(town, play.home) == 1


def test_a_household_of_another_size_is_not_told_what_another_was(town: Town) -> None:
    """Two households under one reference: the registrar's fault, and still no answer."""
    play = Play(town, town.home(2))
    assert play.compare().said == COMPARED
    other = town.home(1, joint=lambda one: replace(one, ref=play.home.joint.ref))
    assert town.compare(other, play.z).said == "SUM_CLOSED"


def test_the_kept_bit_is_veiled_and_goes_with_the_slots(town: Town) -> None:
    play = Play(town, town.home(1))

    def high() -> object:
        with beside(town.parties["tally"].data) as c:
            sql = "SELECT high FROM comparison WHERE run = ?"
            return c.execute(sql, (play.run,)).fetchone()[0]

    reply = play.compare()
    assert high() in {0, 1}
    play.test(play.slots(reply))
    assert high() is None


def test_neither_sums_nor_ciphertexts_are_stored(town: Town) -> None:
    home, salt = gap(town)
    play = Play(town, home, (800_000, 0, 0), GAP, declared=700_000, salt=salt)
    slots = play.slots(play.compare())
    play.test(slots)
    town.running.stop(0)
    data = b"".join(
        path.read_bytes() for path in town.parties["tally"].data.iterdir() if path.is_file()
    )
    town.running = towns._opened(town)
    assert play.z[:64] not in data
    assert slots[:64] not in data
    assert salt not in data
    assert home.joint.ref in data
    with closing(town.running._store._log_reader._connection.cursor()) as c:
        kinds = {
            codec.decode_entry(record).kind for (record,) in c.execute("SELECT record FROM log")
        }
    assert kinds == {"compare", "test"}
