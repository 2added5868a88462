"""The list of people that a mandate is drafted for, and the file of what was found.

Knows the two files. Does not know departments or signatures. Both hold resident numbers: the file
of results is its owner's alone.
"""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from coordinator.asking.mandate_books import Filed, MandateBooks
from federation import ids, limits
from federation.errors import BadInput
from federation.exchange import Outcome
from federation.mandate import Pair
from federation.wire import mandate_messages

_WORDS: Final = {one.value: one.name for one in Outcome}
_LINE: Final = 1_000  # characters


def read_people(path: Path) -> list[str]:
    """Read one resident number a line (of a CSV file, the first column), sorted, each once.

    A first line without any digit is a heading.

    Raises:
        BadInput: FILE_MISSING, MANDATE_LIST_SIZE, or the code of a malformed number with its line;
            the number is not repeated.
    """
    people: set[str] = set()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line, row in enumerate(csv.reader(file), start=1):
                cell = row[0][:_LINE] if row else ""
                heading = line == 1 and not any(char.isdigit() for char in cell)
                if cell and not heading:
                    people.add(_number(cell, line))
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise BadInput("FILE_MISSING", file=path.name, folder=path.parent.name) from e
    if not 1 <= len(people) <= limits.MANDATE_PERSONS:
        raise BadInput("MANDATE_LIST_SIZE", people=len(people), limit=limits.MANDATE_PERSONS)
    return sorted(people)


def _number(cell: str, line: int) -> str:
    try:
        return ids.canonical_id(cell).id
    except BadInput as e:
        raise BadInput(e.code, **e.details, line=line) from e


def write_results(
    path: Path, books: MandateBooks, filed: Filed, wanted: Mapping[str, Sequence[Pair]]
) -> None:
    """Write a line a person with a column a question and department; empty where not answered.

    Raises:
        BadInput: FILE_UNWRITABLE.
    """
    columns = {
        f"{department} {'/'.join(filter(None, pair))}": _column(books, filed, department, pair)
        for department, pairs in wanted.items()
        for pair in pairs
    }
    with _private(path) as file:
        file.write(",".join(["id", *columns]) + "\n")
        words = [_WORDS.get(i, "") for i in range(256)]
        for first, numbers in books.parts(filed.id):
            said = [column[first : first + len(numbers)] for column in columns.values()]
            file.writelines(
                f"{number},{','.join(words[one] for one in row)}\n"
                for number, *row in zip(numbers, *said, strict=True)
            )


def _column(books: MandateBooks, filed: Filed, department: str, pair: Pair) -> bytearray:
    """Give one outcome a person in the list's order; 0 where there is none."""
    found = bytearray(filed.size)
    for (number, asked), packed in books.answered(filed, department).items():
        if asked == pair:
            places = books.block(filed.id, department, number).places
            outcomes = mandate_messages.thawed(packed, 0).outcomes
            for place, outcome in zip(places, outcomes, strict=True):
                found[place] = outcome
    return found


def write_draft(path: Path, document: bytes) -> None:
    """Write a draft for the root's holders.

    Raises:
        BadInput: FILE_UNWRITABLE.
    """
    with _private(path) as file:
        file.write(document.decode())


@contextmanager
def _private(path: Path) -> Iterator[TextIO]:
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
        temporary.replace(path)
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=path.name, folder=path.parent.name) from e
