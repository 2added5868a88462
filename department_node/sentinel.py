"""The misuse sentinel of a department: what it counts, from what was answered.

Knows where counts come from: rows of answered requests, one after the other, once they are durable;
nobody waits for it. Does not know the rules (``federation.sentinel``) or what an alert is.

A department sees callers, not their operators: who is curious about relatives is found at the
centre. Here that shows only as a case's reference that stands for more people than a household has.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from department_node.alerts import Alerts
from department_node.beside import split
from department_node.drafting import NO_TOKEN
from department_node.gate import ANY
from department_node.store import Store
from federation import ledger, limits, sentinel
from federation.clock import Clock, business_date, epoch_of
from federation.errors import BadInput
from federation.exchange import Refusal
from federation.log.book import altered
from federation.party import Party
from federation.sentinel import Bounds, Key, Rule, Traffic, Working
from federation.wire import codec

HOURLY: Final = 20_000
AFTER_HOURS: Final = 2_000
LINES: Final = 2
SETTINGS: Final = frozenset(
    {"sentinel_hourly", "sentinel_after_hours", "sentinel_lines", "working_time"}
)
_MOST: Final = 1_000_000_000
_CHUNK: Final = 200
_STRIDE: Final = limits.SALT_BYTES + limits.ANSWER_ITEM_BYTES
_ANSWERED: Final = """
SELECT a.rowid, a.sender, a.at, length(a.items), a.questions, l.beside, a.entry
FROM answered AS a JOIN log AS l ON l.seq = a.entry + 1
WHERE a.rowid > ? ORDER BY a.rowid LIMIT ?
"""
_SUBJECT: Final = """
SELECT coalesce(CAST(p.key AS BLOB), c.sub) FROM consent AS c
LEFT JOIN person AS p ON p.psn = c.sub AND p.present = 1 WHERE c.jti = ?
"""
_LINES: Final = """
SELECT count(DISTINCT line) FROM opened
WHERE subject = ? AND year = ? AND quantity = ? AND line <> ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What is usual: questions of a caller an hour, those outside working time a day, lines.

    ``lines`` are those of one quantity of one record in a year.
    """

    hourly: int
    after_hours: int
    lines: int
    working: Working

    def bounds(self) -> dict[Rule, Bounds]:
        """Give what each rule suspects."""
        most = limits.CELLS_PER_RECORD_YEAR - limits.CELLS_RESERVED
        household = limits.HOUSEHOLD_PERSONS
        return {
            Rule.VOLUME: Bounds.over(self.hourly),
            Rule.HOURS: Bounds.over(self.after_hours),
            Rule.SERIES: Bounds(calm=1, suspect=self.lines + 1, alarm=limits.LINES_A_QUANTITY + 1),
            Rule.BUDGET: Bounds(calm=1, suspect=limits.CELLS_ALERT, alarm=most),
            Rule.CROWD: Bounds.over(household),
        }


def guard(settings: Mapping[str, Any]) -> Guard:
    """Read the sentinel's part of the table ``[node]``.

    Raises:
        BadInput: SETTINGS_INVALID.
    """
    written = settings.get("working_time", sentinel.WORKING_TIME)
    return Guard(
        hourly=_whole(settings, "sentinel_hourly", HOURLY, _MOST),
        after_hours=_whole(settings, "sentinel_after_hours", AFTER_HOURS, _MOST),
        lines=_whole(settings, "sentinel_lines", LINES, limits.LINES_A_QUANTITY),
        working=sentinel.working(str(written)),
    )


class Sentinel:
    """Looks at what was answered since it looked last, and raises what has become suspicious."""

    def __init__(self, party: Party, store: Store, clock: Clock, usual: Guard) -> None:
        self._party = party
        self._store = store
        self._clock = clock
        self._bounds = usual.bounds()
        self._alerts = Alerts(party, store, clock)
        self._traffic = Traffic(usual.working)
        self._crowds: dict[tuple[int, bytes], set[bytes]] = defaultdict(set)
        self._quantities: dict[str, str] = {}
        self._series: dict[Key, int] = {}
        self._last: int | None = None

    def look(self) -> None:
        """Count what is new, and raise alerts where a suspicion changes.

        Raises:
            Unavailable: LOG_UNAVAILABLE or LOG_ALTERED.
        """
        now, connection = self._clock.now(), self._store.reader
        known = self._alerts.known()
        rules = self._party.policy.rules.values()
        self._quantities = {rule.predicate: rule.quantity for rule in rules if rule.quantity}
        for row in self._new(connection, now):
            self._count(connection, row)
        series = {key: 0 for key in known if key.rule is Rule.SERIES} | self._series
        levels = {
            **self._traffic.levels(now),
            **self._crowd_levels(now),
            **_lines(connection, series, epoch_of(now)),
            **_budgets(connection, epoch_of(now)),
        }
        self._alerts.raise_all(sentinel.changes(known, levels, self._bounds), self._bounds)
        self._series.clear()

    def _new(self, connection: sqlite3.Connection, now: int) -> Iterator[tuple[Any, ...]]:
        """Give the rows of requests that were answered since; first those that still count."""
        if self._last is None:
            self._last = _before(connection, sentinel.traffic_since(now))
        while found := connection.execute(_ANSWERED, (self._last, _CHUNK)).fetchall():
            self._last = found[-1][0]
            yield from found

    def _count(self, connection: sqlite3.Connection, row: tuple[Any, ...]) -> None:
        rowid, sender, at, size, questions, beside, entry = row
        asked = list(split(questions))
        self._traffic.note(at, sender, min(size // _STRIDE, len(asked)))  # a share is longer
        if beside is None:  # erased meanwhile
            return
        day, quantities = business_date(at).toordinal(), self._quantities
        compared: list[tuple[int, bytes, str]] = []
        tokens = ledger.read_tokens(beside)
        if len(asked) != len(tokens):  # another row's: the self-check will say so
            raise altered(entry)
        for n, (item, token) in enumerate(zip(asked, tokens, strict=True)):
            if token != NO_TOKEN and item:
                predicate, reference = codec.recall_question(item)
                self._crowds[day, reference].add(token)
                if predicate in quantities:
                    compared.append((n, token, quantities[predicate]))
        if compared:
            _compare(connection, rowid, compared, self._series)

    def _crowd_levels(self, now: int) -> dict[Key, int]:
        """Count tokens by case reference, of today or yesterday, whichever are more."""
        first = business_date(now).toordinal() - 1
        for key in [key for key in self._crowds if key[0] < first]:
            del self._crowds[key]
        levels: dict[Key, int] = {}
        for (_, reference), tokens in self._crowds.items():
            crowd = Key(Rule.CROWD, reference.hex())
            levels[crowd] = max(len(tokens), levels.get(crowd, 0))
        return levels


def _compare(
    connection: sqlite3.Connection,
    rowid: int,
    compared: Iterable[tuple[int, bytes, str]],
    series: dict[Key, int],
) -> None:
    """Note of which records a quantity was compared with a line, and where one more was refused."""
    (items,) = connection.execute("SELECT items FROM answered WHERE rowid = ?", (rowid,)).fetchone()
    subjects: dict[bytes, tuple[bytes] | None] = {}
    for n, token, quantity in compared:
        if token not in subjects:
            subjects[token] = connection.execute(_SUBJECT, (token,)).fetchone()
        subject = subjects[token]
        if subject:
            said = items[n * _STRIDE + limits.SALT_BYTES : (n + 1) * _STRIDE]
            refused = codec.decode_answer(said).refusal is Refusal.THRESHOLDS_EXHAUSTED
            key = Key(Rule.SERIES, f"{subject[0].hex()} {quantity}")
            series[key] = max(series.get(key, 0), int(refused))


def _lines(connection: sqlite3.Connection, series: Mapping[Key, int], year: int) -> dict[Key, int]:
    """Count the lines that were opened of quantities of records this year, and one refused."""
    levels = {}
    for key, more in series.items():
        record, _, quantity = key.about.partition(" ")
        row = (bytes.fromhex(record), year, quantity, ANY)
        (lines,) = connection.execute(_LINES, row).fetchone()
        levels[key] = lines + more
    return levels


def _budgets(connection: sqlite3.Connection, year: int) -> dict[Key, int]:
    """Count the cells of the records of which most of this year's are open."""
    sql = "SELECT subject, count(*) FROM alert JOIN cell USING (subject, year) WHERE year = ?"
    found = connection.execute(f"{sql} GROUP BY subject", (year,))
    return {Key(Rule.BUDGET, f"{subject.hex()} "): cells for subject, cells in found}


def _before(connection: sqlite3.Connection, since: int) -> int:
    """Find the last row that was answered before a time: rows are in the order of time, nearly."""
    sql = "SELECT coalesce(min(rowid), 1), coalesce(max(rowid), 0) + 1 FROM answered"
    low, high = connection.execute(sql).fetchone()
    sql = "SELECT rowid, at FROM answered WHERE rowid >= ? ORDER BY rowid LIMIT 1"
    while low < high:
        middle = (low + high) // 2
        rowid, at = connection.execute(sql, (middle,)).fetchone()
        low, high = (low, middle) if at >= since else (rowid + 1, high)
    return int(low) - 1


def _whole(settings: Mapping[str, Any], name: str, usual: int, most: int) -> int:
    value = settings.get(name, usual)
    if type(value) is not int or not 1 <= value <= most:
        raise BadInput("SETTINGS_INVALID", file="party.toml", why=f"node.{name}: 1 … {most}")
    return value
