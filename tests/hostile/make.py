"""Write all hostile files anew, with the two tables of what ought to come of them.

Usage: python -m tests.hostile.make [--check]

What a node can meet is the kit that ships with it (``department_node/data/hostile``); what auditors
and witnesses can meet lies beside this file. With --check nothing is written: it ends with 1 where
a committed file is not what would be written.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Final

from department_node import conform
from department_node.kit import TABLE
from tests.hostile import (
    bundles,
    catalogues,
    documents,
    lists,
    logs,
    mandates,
    receipts,
    requests,
    sums,
    tables,
    tickets,
    tokens,
)
from tests.hostile.made import COMMITTED_MOST, DEPARTMENT, NOW, Hostile, b64
from tests.support.exchanges import key

KIT: Final = Path(__file__).parents[2] / "department_node" / "data" / "hostile"
OTHERS: Final = Path(__file__).parent / "files"
_HEAD: Final = """\
# Written by `python -m tests.hostile.make`: every file of this folder, who looks at it (verifier),
# the code with which it is refused (none: it is accepted), the accepted file from which it was made
# (twin), and in a line what is wrong with it.
"""
_TERMS: Final = f"""
[kit] # what its files name; the seeds are published, their keys belong to nobody
now = {NOW}
department = "{DEPARTMENT}"
registrar_seed = "{b64(key("registrar").seed)}"
coordinator_seed = "{b64(key("coordinator").seed)}"
"""


def kit() -> list[Hostile]:
    """Make what a node can meet."""
    found = [tokens, requests, lists, documents, mandates, catalogues, tables]
    records = tables.database(tables.RECORDS)
    beside = Hostile(
        file=conform.RECORDS,
        verifier="table",
        code="IMPORT_TABLE_CHOICE",
        zh="目录所读的记录,有两张表",
        en="the records that catalogues read: two tables",
        data=records,
        twin=tables.BASES.path("sound"),
    )
    return [*chain.from_iterable(one.files() for one in found), beside]


def others() -> list[Hostile]:
    """Make what auditors and witnesses can meet, and what people carry to a department."""
    return [*chain.from_iterable(one.files() for one in (receipts, bundles, logs, sums, tickets))]


def small(files: Iterable[Hostile]) -> list[Hostile]:
    """Leave out what is too large to be kept."""
    return [one for one in files if len(one.data) <= COMMITTED_MOST]


def large() -> list[Hostile]:
    """Give what is made when it is tested."""
    return [one for one in [*kit(), *others()] if len(one.data) > COMMITTED_MOST]


def rows(files: Iterable[Hostile], name: str = "file") -> Iterator[str]:
    """Write the rows of a table."""
    for one in files:
        cells = {
            "file": one.file,
            "verifier": one.verifier,
            "code": one.code,
            "twin": one.twin,
            "zh": one.zh,
            "en": one.en,
        }
        yield f"\n[[{name}]]\n" + "".join(f'{k} = "{v}"\n' for k, v in cells.items())


def written() -> Mapping[Path, bytes]:
    """Give every file that is kept, by where it lies."""
    mine, its = kit(), others()
    table = "".join([_HEAD, _TERMS, *rows(small(mine))])
    later = "\n# Too large to be kept: made when they are tested.\n"
    beside = "".join([_HEAD, *rows(small(its)), later, *rows(large(), "made")])
    found = {KIT / one.file: one.data for one in small(mine)}
    found |= {OTHERS / one.file: one.data for one in small(its)}
    tables_ = {KIT / TABLE: table.encode(), OTHERS.parent / TABLE: beside.encode()}
    assert len(found) == len(small(mine)) + len(small(its)), "one name twice"
    return found | tables_


def kept() -> set[Path]:
    """List the files that lie there."""
    found = {path for folder in (KIT, OTHERS) for path in folder.rglob("*") if path.is_file()}
    return found | {OTHERS.parent / TABLE}


def main(arguments: list[str]) -> int:
    """Write all files, or with --check tell whether they are as they would be written."""
    wanted = written()
    if arguments == ["--check"]:
        same = kept() == wanted.keys() and all(p.read_bytes() == d for p, d in wanted.items())
        return 0 if same else 1
    if arguments:
        return 2
    for path in kept() - wanted.keys():
        path.unlink(missing_ok=True)
    for path, data in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
