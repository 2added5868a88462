"""What opens a second attempt: the tally's own abort of the first, and an auditor's verdict."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from federation import exchange, verdict
from federation.errors import Refused
from federation.exchange import Answer, Header, Outcome
from federation.summing import SumOrder
from federation.verdict import Verdict
from federation.wire import attempts, codec, signed, sum_messages
from federation.wire.sum_messages import Compared
from tests.federation.test_verdict import KEYS, manifest

RUN, RUNG = b"r" * 32, "income-12s"
HEADER = Header(
    method=exchange.COMPARE,
    sender="tally",
    audience="coordinator",
    qid=bytes(16),
    issued=1,
    expires=2,
    n=0,
    root=signed.UNSET_ROOT,
    request_hash=bytes(32),
)


def abort(
    header: Header = HEADER,
    outcome: Outcome = Outcome.ABORTED,
    said: Compared | None = None,
    key: str = "tally",
) -> bytes:
    last = sum_messages.encode_compared(said or Compared(run=RUN, rung=RUNG, bits=b""))
    items = [codec.encode_answer(Answer(outcome=outcome))] * 2
    return codec.encode_batch(signed.sign(signed.prepare(header, [*items, last]), KEYS[key]))


def order(abort: bytes, run: bytes = RUN, rung: str = RUNG, replays: bool = True) -> SumOrder:
    said = verdict.sign(Verdict(run=run, rung=rung, replays=replays), KEYS["one"])
    return SumOrder(period=202611, attempt=1, abort=abort, verdict=said)


def check(order: SumOrder) -> None:
    attempts.check(order, RUN, RUNG, "tally", manifest())


def test_an_abort_and_a_verdict_open_it() -> None:
    check(order(abort()))


def test_a_first_attempt_needs_neither_and_takes_neither() -> None:
    check(SumOrder(period=202611))
    for wrong in (
        SumOrder(period=202611, abort=abort()),
        SumOrder(period=202611, verdict=order(abort()).verdict),
    ):
        with pytest.raises(Refused, match="SUM_ATTEMPT"):
            check(wrong)


FORGED: dict[str, Callable[[], SumOrder]] = {
    "nothing": lambda: SumOrder(period=202611, attempt=1),
    "by another": lambda: order(abort(key="one")),
    "of a test": lambda: order(abort(replace(HEADER, method=exchange.TEST))),
    "as another": lambda: order(abort(replace(HEADER, sender="one"))),
    "a request": lambda: order(abort(replace(HEADER, request_hash=b""))),
    "compared": lambda: order(abort(outcome=Outcome.COMPARED)),
    "bits": lambda: order(abort(said=Compared(run=RUN, rung=RUNG, bits=b"b"))),
    "another run": lambda: order(abort(said=Compared(run=bytes(32), rung=RUNG, bits=b""))),
    "another rung": lambda: order(abort(said=Compared(run=RUN, rung="r", bits=b""))),
    "empty": lambda: order(
        codec.encode_batch(signed.sign(signed.prepare(HEADER, []), KEYS["tally"]))
    ),
    "no answers": lambda: order(
        codec.encode_batch(
            signed.sign(
                signed.prepare(
                    HEADER,
                    [sum_messages.encode_compared(Compared(run=RUN, rung=RUNG, bits=b""))],
                ),
                KEYS["tally"],
            )
        )
    ),
    "verdict of another run": lambda: order(abort(), run=bytes(32)),
    "verdict of another rung": lambda: order(abort(), rung="r"),
    "does not replay": lambda: order(abort(), replays=False),
    "no verdict": lambda: replace(order(abort()), verdict=b""),
}


@pytest.mark.parametrize("how", FORGED)
def test_anything_less_does_not(how: str) -> None:
    with pytest.raises(Refused, match="SUM_ATTEMPT"):
        check(FORGED[how]())
