"""An office over a town played in memory, and what its papers say, as one text."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from coordinator.asking.record import Record
from coordinator.asking.sum_record import SumRecord
from coordinator.desk import Books
from coordinator.documents.issues import Issues
from coordinator.documents.office import Office, Terms
from coordinator.documents.paper import Paper
from coordinator.life_book import LifeBook
from coordinator.store import Store
from tests.coordinator.town import Town

TERMS = Terms(centre="coordinator", report_days=90, consent_days=180)


@contextmanager
def opened(town: Town) -> Iterator[Office]:
    """Open the office of a town's centre."""
    with town.desk() as desk, town.database() as database:
        books = Books(
            store=Store(database),
            life=LifeBook(database),
            gate=desk.gate,
            record=Record(database),
            sums=SumRecord(database),
        )
        yield Office(desk, books, Issues(database), TERMS, town.clock)


def asked(town: Town, *texts: str) -> str:
    """Open a case, have it consented and asked; give its number."""
    (case_id,) = town.ready(*texts)
    with town.desk() as desk:
        desk.run([case_id])
    return case_id


def said(paper: Paper) -> str:
    """Join every text of a paper, a line each."""
    return "\n".join(_texts(paper.to_json()))


def rows(paper: Paper, heading: str) -> list[list[str]]:
    """Give the rows of the table under a heading that ends so."""
    blocks = iter(paper.blocks)
    for block in blocks:
        if block["kind"] == "heading" and block["text"].endswith(heading):
            found = next(blocks)
            return [list(row) for row in found.get("rows", [])]
    raise LookupError(heading)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    else:
        yield str(value)
