"""Case lists of invented people, and a desk of case lists over a town."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from openpyxl import Workbook, load_workbook

from coordinator.imports.book import ImportBook
from coordinator.imports.importing import Chosen, Examined, ImportDesk, Imported, check_new
from coordinator.imports.mapping import Wanted
from coordinator.life_book import LifeBook
from federation.ids import check_digit
from tests.coordinator.town import Town

HEADER = ("户编号", "身份证号", "姓名", "与申请人关系", "授权书摘要", "备注")
FIXED = {"programme": "DIBAO_URBAN", "area": "790301", "commission": "790301-list"}
CHOSEN = Chosen(wanted=Wanted(values=FIXED))
BY = "op-lin"


def number(place: int, born: str = "19700101") -> str:
    """Make the resident number of nobody: province 79 does not exist."""
    first = f"790301{born}{place:03}"
    return first + check_digit(first)


def row(household: object, place: int, relation: str = "本人", **more: str) -> list[str]:
    """Write a row of the list."""
    scan = more.get("evidence", "ab" * 32)
    person = more.get("id") or number(place, more.get("born", "19700101"))
    return [str(household), person, more.get("name", "王甲"), relation, scan, more.get("note", "")]


def families(count: int) -> list[list[str]]:
    """Write as many households of two."""
    return [
        one
        for place in range(count)
        for one in (row(place + 1, 2 * place), row(place + 1, 2 * place + 1, "妻"))
    ]


def csv(file: Path, rows: Sequence[Sequence[str]], encoding: str = "utf-8") -> Path:
    """Write a list as CSV."""
    text = "\n".join(",".join(cells) for cells in (HEADER, *rows))
    file.write_bytes(text.encode(encoding))
    return file


def xlsx(file: Path, rows: Sequence[Sequence[object]]) -> Path:
    """Write a list as a workbook."""
    book = Workbook()
    sheet = book.worksheets[0]
    for cells in (HEADER, *rows):
        sheet.append(list(cells))
    book.save(file)
    return file


def cells_of(file: Path) -> list[list[str]]:
    """Read a workbook of rejects."""
    sheet = load_workbook(file).worksheets[0]
    return [["" if cell is None else str(cell) for cell in row] for row in sheet.values]


@contextmanager
def desk(town: Town) -> Iterator[ImportDesk]:
    """Open the desk of case lists."""
    with town.desk() as opened, town.database() as database:
        yield ImportDesk(opened, ImportBook(database), LifeBook(database), town.clock)


def codes(found: Examined) -> list[tuple[int, str]]:
    """Give the rejected rows with their codes."""
    return [(one.line.row, one.error.code) for one in found.rejects]


def examined(town: Town, file: Path, chosen: Chosen = CHOSEN) -> Examined:
    """Read a list."""
    with desk(town) as opened:
        return opened.examine(file, chosen, BY)


def imported(town: Town, file: Path, *, resume: bool = False) -> Imported:
    """Read a list and open its cases."""
    with desk(town) as opened:
        found = opened.examine(file, CHOSEN, BY)
        check_new(found, resume=resume)
        return opened.open(found, BY, lambda _done, _all: None)


def shuffled(rows: Sequence[list[str]]) -> list[list[str]]:
    """Put rows into another order, the same each time."""
    found = list(rows)
    random.Random(1).shuffle(found)
    return found
