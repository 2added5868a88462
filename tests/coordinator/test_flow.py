"""A flow of requests: a few ahead of their answers, none lost and none made twice."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from queue import Queue

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.asking.flow import AHEAD, Flow
from federation.errors import PeerFault


class Row:
    """Numbers made one after the other, so many of them; ``fault`` in place of the next."""

    def __init__(self, many: int, fault: BaseException | None = None) -> None:
        self.made: list[int] = []
        self._many = many
        self._fault = fault

    def __call__(self) -> tuple[int, bytes] | None:
        if len(self.made) == self._many:
            if self._fault:
                raise self._fault
            return None
        self.made.append(len(self.made))
        return self.made[-1], b"%d" % self.made[-1]


def test_requests_are_made_in_order_until_there_is_none() -> None:
    flow = Flow(Row(5))
    assert [(request, flow.answered()) for request in flow.requests()] == [
        (b"%d" % n, n) for n in range(5)
    ]
    assert flow.end() == []


def test_no_more_are_made_than_may_wait_for_their_answers() -> None:
    row = Row(10)
    flow = Flow(row)
    requests = flow.requests()
    assert list(islice(requests, AHEAD)) == [b"0", b"1", b"2"]
    waiting = threading.Thread(target=lambda: next(requests))
    waiting.start()
    time.sleep(0.3)
    assert row.made == [0, 1, 2]
    assert flow.answered() == 0
    waiting.join(5)
    assert row.made == [0, 1, 2, 3]
    assert flow.end() == [1, 2, 3]


def test_who_waits_for_room_goes_when_the_flow_is_over() -> None:
    flow = Flow(Row(10))
    requests = flow.requests()
    taken = list(islice(requests, AHEAD))
    rest: list[bytes] = []
    waiting = threading.Thread(target=lambda: rest.extend(requests))
    waiting.start()
    assert flow.end() == [0, 1, 2]
    waiting.join(5)
    assert not waiting.is_alive()
    assert (len(taken), rest) == (AHEAD, [])


def test_nothing_is_made_once_the_flow_is_over() -> None:
    row = Row(10)
    flow = Flow(row)
    requests = flow.requests()
    assert next(requests) == b"0"
    assert flow.end() == [0]
    assert list(requests) == []
    assert row.made == [0]


def test_the_end_waits_for_the_request_that_is_being_made() -> None:
    """Else it would be written down, and nobody would hear of it."""
    began, go_on = threading.Event(), threading.Event()

    def make() -> tuple[int, bytes] | None:
        began.set()
        go_on.wait(10)
        return 7, b"7"

    flow = Flow(make)
    requests = flow.requests()
    taking = threading.Thread(target=lambda: next(requests))
    taking.start()
    assert began.wait(10)
    threading.Timer(0.2, go_on.set).start()
    assert flow.end() == [7]
    taking.join(5)


@pytest.mark.parametrize("fault", [ZeroDivisionError(), KeyboardInterrupt()], ids=repr)
def test_what_keeps_a_request_from_being_made_is_told_at_the_end(fault: BaseException) -> None:
    flow = Flow(Row(2, fault))
    assert list(flow.requests()) == [b"0", b"1"]
    with pytest.raises(type(fault)):
        flow.end()


def test_an_answer_that_nobody_asked_for_is_the_departments_fault() -> None:
    flow = Flow(Row(1))
    with pytest.raises(PeerFault, match="WRONG_ANSWER"):
        flow.answered()
    assert list(flow.requests()) == [b"0"]
    assert flow.answered() == 0
    with pytest.raises(PeerFault, match="WRONG_ANSWER"):
        flow.answered()
    assert flow.end() == []


def carried(flow: Flow[int], answers: int, started: Callable[[], None]) -> Iterator[bytes]:
    """Play a transport: requests are taken by a thread, and only some are answered."""
    taken: Queue[bytes | None] = Queue()

    def take() -> None:
        started()
        for request in flow.requests():
            taken.put(request)
        taken.put(None)

    threading.Thread(target=take, daemon=True).start()
    for _ in range(answers):
        request = taken.get(timeout=10)
        if request is None:
            return
        yield request


@settings(max_examples=60, deadline=None)
@given(many=st.integers(0, 12), answers=st.integers(0, 12), delays=st.integers(0, 3))
def test_what_is_made_is_answered_or_told_at_the_end(many: int, answers: int, delays: int) -> None:
    row = Row(many)
    flow = Flow(row)
    answered = []
    for request in carried(flow, answers, lambda: time.sleep(delays / 1_000)):
        answered.append(flow.answered())
        assert request == b"%d" % answered[-1]
        assert len(row.made) - len(answered) <= AHEAD
    left = flow.end()
    made = list(row.made)
    assert answered + left == made
    assert len(answered) == min(many, answers)
    time.sleep(0.001)
    assert row.made == made
