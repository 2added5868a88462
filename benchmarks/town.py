"""A federation for measuring: real folders, keys and documents, as many invented people as needed.

Every third person has a car, so each answer is known beforehand. Tokens are signed with the
registrar's own keys, as it would, but by the thousand and without its consent records.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Final

from federation import party as parties
from federation.clock import SystemClock, business_date
from federation.founding import PartyPlan
from federation.ids import check_digit
from federation.manifest import PartyRole
from federation.party import Party
from hedui.demo import stage
from hedui.demo.policy import policy_toml

_STANDARD_FEN: Final = 83_000
_FIRST_DAY: Final = date(1960, 1, 1)
_ONE_IN: Final = 3
_CATALOGUE: Final = """
department = "{department}"
version = 1
[source]
kind = "sqlite"
path = "records.sqlite"
[roll]
sql = "SELECT id, NULL, id FROM person"
[as_of]
sql = "SELECT '{as_of}'"
[[answer]]
predicate = "P40"
purposes = ["ENTRY", "REVIEW"]
scope = "city"
sql = "SELECT count(*) FROM vehicle WHERE owner = :key"
[[answer]]
predicate = "P42"
purposes = ["ENTRY", "REVIEW"]
scope = "city"
sql = "SELECT max(registered) FROM vehicle WHERE owner = :key"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """The federation's folder, its people, and the parties whose keys a benchmark lends."""

    folder: Path
    people: tuple[str, ...]
    registrar: Party
    coordinator: Party


def build(folder: Path, *, departments: list[str], people: int) -> Town:
    """Found a federation in an empty folder, with the same people in each department's records."""
    now = SystemClock().now()
    today = business_date(now)
    plans = [
        PartyPlan(
            id=department,
            role=PartyRole.NODE,
            kind="public_security",
            zh=department,
            en=department,
            endpoint="",
        )
        for department in departments
    ]
    stage.found(folder, plans, policy_toml(_STANDARD_FEN, today))
    ids = tuple(islice(invented(), people))
    as_of = (today - timedelta(days=1)).isoformat()
    for department in departments:
        home = folder / department
        text = _CATALOGUE.format(department=department, as_of=as_of)
        (home / "catalogue.toml").write_text(text, "utf-8")
        _write_records(home / "records.sqlite", ids, as_of)
    return Town(
        folder=folder,
        people=ids,
        registrar=parties.load(folder / stage.REGISTRAR, PartyRole.REGISTRAR, now),
        coordinator=parties.load(folder / stage.COORDINATOR, PartyRole.COORDINATOR, now),
    )


def invented() -> Iterator[str]:
    """Make resident numbers of nobody: their province, 79, does not exist."""
    for number in count():
        day = _FIRST_DAY + timedelta(days=number % 15_000)
        first = f"790301{day:%Y%m%d}{number // 15_000:03}"
        yield first + check_digit(first)


def has_car(number: int) -> bool:
    """Tell whether the person of that place on the roll has a car."""
    return number % _ONE_IN == 0


def _write_records(path: Path, people: tuple[str, ...], day: str) -> None:
    owners = [(one, day) for number, one in enumerate(people) if has_car(number)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE person (id TEXT PRIMARY KEY)")
        connection.execute("CREATE TABLE vehicle (owner TEXT, registered TEXT)")
        connection.execute("CREATE INDEX vehicle_owner ON vehicle (owner)")
        connection.executemany("INSERT INTO person VALUES (?)", [(one,) for one in people])
        connection.executemany("INSERT INTO vehicle VALUES (?, ?)", owners)
