"""When a status list is signed anew."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from crypto.keys import SigningKey
from federation import status
from federation.clock import FixedClock
from federation.errors import PeerFault, Unavailable
from federation.status import Status
from registrar.entries import Listing
from registrar.status import RESIGN_AFTER, StatusPublisher

KEY = SigningKey.from_seed(bytes(32))
OTHER = SigningKey.from_seed(bytes([1]) * 32)


class Department:
    """Counts how often its states are read, which happens once a signature."""

    def __init__(self) -> None:
        self.clock = FixedClock(1_000_000)
        self.invalid: dict[int, Status] = {}
        self.changes = Counter[int]()
        self.newest = 0
        self.reads = 0
        self.noted: list[tuple[str, int, bytes, int]] = []
        self.unwritable = False
        self.lists = StatusPublisher(
            "registrar", KEY, self.clock, find=self.listing, publishing=self.publishing
        )

    @contextmanager
    def publishing(self) -> Iterator["Department"]:
        yield self
        if self.unwritable:
            raise Unavailable("LOG_UNAVAILABLE")

    def published(self, department: str, series: int, jwt: bytes, now: int) -> None:
        self.noted.append((department, series, jwt, now))

    def listing(self, _: str, least: int, now: int) -> Listing | None:
        assert now == self.clock.now()
        if least > self.newest:
            return None
        return Listing(series=least, changes=self.changes[least], more=least < self.newest)

    def states(self, _: str, series: int) -> dict[int, Status]:
        self.reads += 1
        return self.invalid if series == 0 else {}

    def change(self, index: int, state: Status) -> None:
        self.invalid[index] = state
        self.changes[0] += 1

    def current(self, series: int = 0) -> status.StatusList:
        listed = self.lists.current("tax", series)
        uri = status.uri_of("registrar", "tax", listed.series)
        return status.read(listed.jwt, uri=uri, issuers={KEY.kid: KEY.verify_key})


def test_a_list_is_kept_for_a_minute() -> None:
    department = Department()
    first = department.current()
    department.clock.seconds += RESIGN_AFTER - 1
    assert department.current() == first
    assert department.reads == 1
    department.clock.seconds += 1
    assert department.current().issued == first.issued + RESIGN_AFTER


def test_what_is_signed_anew_is_noted_and_what_is_kept_is_not() -> None:
    department = Department()
    first = department.lists.current("tax", 0)
    department.clock.seconds += 1
    assert department.lists.current("tax", 0) == first
    assert department.noted == [("tax", 0, first.jwt, 1_000_000)]
    department.change(7, Status.INVALID)
    second = department.lists.current("tax", 0)
    assert department.noted[1:] == [("tax", 0, second.jwt, 1_000_001)]


def test_what_cannot_be_noted_is_not_handed_out() -> None:
    department = Department()
    department.unwritable = True
    for _ in range(2):
        with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
            department.current()
    department.unwritable = False
    assert department.current().at(7) is Status.VALID


def test_a_list_that_another_call_has_just_signed_is_not_signed_twice() -> None:
    department = Department()
    begin, served = department.publishing, []

    @contextmanager
    def late() -> Iterator[Department]:
        department.lists._publishing = begin
        served.append(department.lists.current("tax", 0))
        yield department

    department.lists._publishing = late
    assert [department.lists.current("tax", 0)] == served
    assert len(department.noted) == 1


def test_a_list_that_goes_meanwhile_is_none() -> None:
    department = Department()
    begin = department.publishing

    @contextmanager
    def late() -> Iterator[Department]:
        department.newest = -1
        with begin() as book:
            yield book

    department.lists._publishing = late
    with pytest.raises(PeerFault, match="MALFORMED"):
        department.lists.current("tax", 0)
    assert not department.noted


def test_a_new_key_signs_a_list_of_its_own() -> None:
    department = Department()
    department.current()
    department.lists.renew(OTHER)
    jwt = department.lists.current("tax", 0).jwt
    uri = status.uri_of("registrar", "tax", 0)
    assert status.read(jwt, uri=uri, issuers={OTHER.kid: OTHER.verify_key}).issued == 1_000_000


def test_a_revocation_shows_at_once() -> None:
    department = Department()
    assert department.current().at(7) is Status.VALID
    department.change(7, Status.INVALID)
    assert department.current().at(7) is Status.INVALID
    assert department.current().at(6) is Status.VALID
    assert department.reads == 2


def test_a_suspension_and_its_lifting_show_at_once() -> None:
    """As many tokens are not valid after the change as before: what is counted are changes."""
    department = Department()
    for index, state in ((7, Status.SUSPENDED), (7, Status.VALID), (8, Status.SUSPENDED)):
        department.change(index, state)
        assert department.current().at(index) is state


def test_each_list_of_a_series_is_signed_by_itself() -> None:
    department = Department()
    department.newest = 1
    first, second = (department.lists.current("tax", series) for series in (0, 1))
    assert (first.series, first.more, second.series, second.more) == (0, True, 1, False)
    department.change(7, Status.INVALID)
    assert department.lists.current("tax", 1) == second
    assert department.current(0).at(7) is Status.INVALID
    assert department.current(1).at(7) is Status.VALID
    with pytest.raises(PeerFault, match="MALFORMED"):
        department.lists.current("tax", 2)


def test_a_clock_set_back_signs_anew() -> None:
    department = Department()
    department.current()
    department.clock.seconds -= 10
    assert department.current().issued == department.clock.now()


def test_each_department_has_its_own_list() -> None:
    department = Department()
    department.current()
    department.lists.current("housing", 0)
    assert department.reads == 2
