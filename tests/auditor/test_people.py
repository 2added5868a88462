"""What a centre's log says of its own people is part of it, and no finding of an auditor."""

import pytest

from auditor.casebook import Casebook
from federation.log import kinds
from federation.log.coordinator_events import OperatorActed, OperatorSet

AT = 1_795_000_000
SET = OperatorSet(
    operator="op-lin", role="CLERK", areas=("790301",), relatives=3, disabled=False, by="op-dir"
)
ACTED = OperatorActed(
    operator="op-lin",
    role="CLERK",
    action="CASE_ASK",
    cases=("HD-790301-2026-0001", "HD-790301-2026-0002"),
    about="",
    refused="OWN_RELATIVE",
)


@pytest.mark.parametrize("event", [SET, ACTED], ids=["set", "acted"])
def test_an_auditor_reads_it_back_and_finds_nothing(event: OperatorSet | OperatorActed) -> None:
    happened = kinds.read(kinds.write(event, AT))
    assert (happened.at, happened.event) == (AT, event)
    book = Casebook("coordinator")
    assert list(book.take(0, happened)) == []
    assert book.cases == {}
