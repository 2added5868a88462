"""Sums over real sockets: a household of four, three departments and a tally, whatever happens."""

from collections.abc import Iterator

import pytest

from coordinator import opening
from coordinator.asking.sum_journal import SumJournal
from federation.errors import Unavailable
from tests.coordinator.test_sums import Dying
from tests.coordinator.town import Killed
from tests.scenarios import summing
from tests.scenarios.summing import ADDERS, FOUR, LINE, City, Put, between

T = FOUR * LINE
AMOUNTS = (T // 2, 3), (T // 4,), (T // 4 - 3,)
"""Of the wages one person and another, of the pension one, of the subsidies one: T together."""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with summing.running(tmp_path_factory.mktemp("sums") / "city") as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_sent(city: City) -> None:
    city.sent.clear()


def straight(put: Put, party: str, method: str, request: bytes) -> bytes:
    return put(party, method_of(method), request)


def method_of(method: str) -> str:
    service = "DepartmentNode" if method == "Contribute" else "Tally"
    return f"federation.v1.{service}/{method}"


def runs(city: City) -> int:
    """Count the comparisons that the tally has begun."""
    ((count,),) = city.rows("tally", "tally.sqlite", "SELECT count(*) FROM comparison")
    assert isinstance(count, int)
    return count


@pytest.mark.parametrize(
    ("more", "outcome"),
    [(-1, "YES"), (0, "YES"), (1, "NO"), (-T, "YES"), (10 * T, "NO")],
)
def test_four_people_are_compared_with_four_times_the_line(
    city: City, more: int, outcome: str
) -> None:
    wages, pension, subsidies = AMOUNTS
    amounts = (
        ((0,), (0,), (0,)) if more == -T else ((wages[0] + more, wages[1]), pension, subsidies)
    )
    case = city.household(*amounts)
    before = runs(city)
    ran = city.run(case)
    assert city.told(case) == (outcome, "", ())
    assert (ran.answered, ran.silent, runs(city)) == (1, 0, before + 1)
    again = city.run(case, again=True)
    assert (again.answered, runs(city)) == (0, before + 1)


@pytest.mark.parametrize("absent", ADDERS)
def test_an_absent_department_is_waited_for(city: City, absent: str) -> None:
    case = city.household(*AMOUNTS)
    before = runs(city)
    city.departments[absent].stop()
    ran = city.run(case)
    assert (ran.answered, ran.silent) == (0, 1)
    outcome, code, missing = city.told(case)
    assert (outcome, missing, runs(city)) == ("", (absent,), before)
    assert code in {"PEER_UNREACHABLE", "PEER_SLOW"}
    city.departments[absent].start()
    with between(city, straight):
        assert city.run(case).answered == 1
    assert city.told(case) == ("YES", "", ())
    asked = [party for party, method, _ in city.sent if method == "Contribute"]
    assert set(asked) == {absent}  # what the others gave is kept


@pytest.mark.parametrize("method", ["Compare", "Test"])
@pytest.mark.parametrize("answered", [False, True])
def test_a_tally_that_restarts_in_mid_run_gives_the_same_bit(
    city: City, method: str, answered: bool
) -> None:
    case = city.household(*AMOUNTS)
    before = runs(city)
    done: list[str] = []

    def restarting(put: Put, party: str, how: str, request: bytes) -> bytes:
        if how != method or done:
            return put(party, method_of(how), request)
        done.append(how)
        if answered:
            put(party, method_of(how), request)
        city.restart_tally()
        raise Unavailable("PEER_UNREACHABLE", peer=party)

    with between(city, restarting):
        assert city.run(case).answered == 1
    assert city.told(case) == ("YES", "", ())
    assert runs(city) == before + 1
    assert len({data for _, how, data in city.sent if how == method}) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_centre_that_is_killed_between_rounds_goes_on(
    city: City, at: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = city.household(*AMOUNTS)
    before = runs(city)

    def dying(database: object) -> Dying:
        return Dying(SumJournal(database), at, after=after)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(opening, "SumJournal", dying)
        with pytest.raises(Killed):
            city.run(case)
    city.run(case)
    assert city.told(case) == ("YES", "", ())
    assert runs(city) == before + 1


def test_a_department_that_answers_twice_says_the_same(city: City) -> None:
    case = city.household(*AMOUNTS)
    replies: dict[bytes, set[bytes]] = {}

    def twice(put: Put, party: str, how: str, request: bytes) -> bytes:
        for _ in range(2):
            replies.setdefault(request, set()).add(put(party, method_of(how), request))
        (reply,) = replies[request]
        return reply

    before = runs(city)
    with between(city, twice):
        assert city.run(case).answered == 1
    assert len(replies) == len(ADDERS) + 2
    assert runs(city) == before + 1


def test_answers_that_come_late_are_those_that_were_given(city: City) -> None:
    """Every reply is lost until its request has long expired, and comes when it is sent again."""
    case = city.household(*AMOUNTS)
    first: dict[bytes, tuple[int, bytes]] = {}

    def late(put: Put, party: str, how: str, request: bytes) -> bytes:
        reply = put(party, method_of(how), request)
        at, before = first.setdefault(request, (city.clock.now(), reply))
        assert reply == before
        if city.clock.now() == at:
            raise Unavailable("PEER_SLOW", peer=party)
        return reply

    before = runs(city)
    for lost in (len(ADDERS), len(ADDERS) + 1, len(ADDERS) + 2):
        with between(city, late):
            assert city.run(case).answered == 0
        assert city.told(case)[1] == "PEER_SLOW"
        assert len(first) == lost
        city.clock.seconds += 301
    with between(city, late):
        assert city.run(case).answered == 1
    assert city.told(case) == ("YES", "", ())
    assert runs(city) == before + 1


def test_nobody_keeps_an_amount_or_a_sum(city: City) -> None:
    """No message, log or database outside the departments' own records holds what was added up."""
    amounts = (123_456_789_012, 0), (98_765_432_101,), (87_654_321_098,)
    case = city.household(*amounts)
    sums = {sum(one) for one in amounts} | {sum(map(sum, amounts))}
    with between(city, straight):
        city.run(case)
    assert city.told(case)[0] == "NO"
    secrets = {
        spelled
        for fen in sums
        for spelled in (
            str(fen).encode(),
            f"{fen:x}".encode(),
            fen.to_bytes(6, "big"),
            fen.to_bytes(6, "little"),
        )
    }
    for name in (*ADDERS, summing.CENTRE, summing.TALLY, summing.REGISTRAR):
        for file in (city.folder / name / "data").rglob("*"):
            if file.is_file():
                data = file.read_bytes()
                assert not [one for one in secrets if one in data], file
    travelled = b"".join(request for _, _, request in city.sent)
    assert not [one for one in secrets if one in travelled]
