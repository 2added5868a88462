"""When a status list is signed anew."""

from crypto.keys import SigningKey
from federation import status
from federation.clock import FixedClock
from federation.status import Status
from registrar.status import RESIGN_AFTER, StatusPublisher

KEY = SigningKey.from_seed(bytes(32))


class Department:
    """Counts how often its states are read, which happens once a signature."""

    def __init__(self) -> None:
        self.clock = FixedClock(1_000_000)
        self.invalid: dict[int, Status] = {}
        self.reads = 0
        self.lists = StatusPublisher(
            "registrar", KEY, self.clock, ended=lambda _: len(self.invalid), states=self.states
        )

    def states(self, _: str) -> dict[int, Status]:
        self.reads += 1
        return self.invalid

    def current(self) -> status.StatusList:
        uri = status.uri_of("registrar", "tax")
        return status.read(self.lists.current("tax"), uri=uri, issuers={KEY.kid: KEY.verify_key})


def test_a_list_is_kept_for_a_minute() -> None:
    department = Department()
    first = department.current()
    department.clock.seconds += RESIGN_AFTER - 1
    assert department.current() == first
    assert department.reads == 1
    department.clock.seconds += 1
    assert department.current().issued == first.issued + RESIGN_AFTER


def test_a_revocation_shows_at_once() -> None:
    department = Department()
    assert department.current().at(7) is Status.VALID
    department.invalid[7] = Status.INVALID
    assert department.current().at(7) is Status.INVALID
    assert department.current().at(6) is Status.VALID
    assert department.reads == 2


def test_a_clock_set_back_signs_anew() -> None:
    department = Department()
    department.current()
    department.clock.seconds -= 10
    assert department.current().issued == department.clock.now()


def test_each_department_has_its_own_list() -> None:
    department = Department()
    department.current()
    department.lists.current("housing")
    assert department.reads == 2
