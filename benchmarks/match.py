"""``match``: who of a list stands in a department's register, asked under a batch mandate.

CPU time of both sides, online: the centre's whole run (signing, mutual TLS, verifying every leaf,
books, the file of results) and the department's (signatures, count, roll, records, log). List,
mandate and people are presented within it. The baseline is the fastest of the peers, in the same
round: SecretFlow ``spu`` by RR22, KKRT and ECDH (CPU of both parties within the protocol, files
read and written), and ``openmined-psi`` without its setup message, which it can make beforehand.
Each row ``match.SCALE.PEER`` holds our same figure against that one peer.

Beside it stands what ours does beforehand, per person: ``enrolment`` of the register's people by
department and registrar, a fifth in each round, and ``list``, the mandate's list at centre and
registrar. Every result of every side is compared with the records.
"""

import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import typer

from benchmarks import town
from benchmarks.measuring import ROUNDS, Benchmark, Direction, Play, Round
from benchmarks.peers import environment, running
from benchmarks.peers.running import Peers
from benchmarks.processes import serving
from coordinator import mandate_cli
from coordinator.asking import mandate_files
from coordinator.asking.enlisting import Wanted
from coordinator.mandate_cli import MandateDesk
from coordinator.opening import installation
from federation import ceremony, mandate
from federation.clock import SystemClock, business_date
from federation.exchange import Purpose
from federation.founding import PartyPlan
from federation.manifest import PartyRole
from hedui.demo import stage
from hedui.demo.policy import policy_toml

NODE: Final = "civil_affairs"
DEATH: Final = ("P10", "")
SCALES: Final = {"30k_100k": (30_000, 100_000), "10k_1m": (10_000, 1_000_000)}
"""People on the list, and in the register."""
_HIT: Final = 3
"""One in so many on the list is in the register."""
_STANDARD_FEN: Final = 83_000
_MILLI: Final = 1_000
_MICRO: Final = 1_000_000
_BESIDE: Final = ("enrolment", "list")
_CATALOGUE: Final = """
department = "{node}"
version = 1
[source]
kind = "sqlite"
path = "records.sqlite"
[roll]
sql = "SELECT id, NULL, id FROM cremation"
[as_of]
sql = "SELECT '{as_of}'"
[[answer]]
predicate = "P10"
purposes = ["MONITORING"]
scope = "city"
sql = "SELECT count(*) FROM cremation WHERE id = :key"
"""

Figures = Mapping[str, float]
"""By name: ``ours`` and each peer in CPU seconds, ``enrolment`` and ``list`` a person."""


class WrongMatch(Exception):
    """Somebody was found who is not in the register, or the other way about."""


@dataclass(frozen=True, slots=True)
class _Lists:
    """Lists of people, one a round and one to warm up; whom each hits is known."""

    people: int
    register: Sequence[str]

    def of(self, number: int) -> tuple[list[str], frozenset[str]]:
        """Give a list in rising order, and who of it is in the register."""
        hits = self.people // _HIT
        step = len(self.register) // hits
        known = self.register[number % step :: step][:hits]
        misses = self.people - hits
        strangers = islice(town.invented(), len(self.register) + number * misses, None)
        return sorted([*known, *islice(strangers, misses)]), frozenset(known)


@dataclass(frozen=True, slots=True)
class _Scene:
    """A registrar and a department at work, by their process ids, and the centre's folder."""

    home: Path
    registrar: int
    node: int

    def match(self, desk: MandateDesk, given: bytes, target: Path) -> float:
        """Run a mandate and write its results; gives the CPU seconds of both sides."""
        before = time.process_time() + cpu_of(self.node)
        filed = desk.books.find(given)
        standing = desk.run.run(filed)
        mandate_files.write_results(target, desk.books, filed, {NODE: [DEATH]})
        spent = time.process_time() + cpu_of(self.node) - before
        if any(one.code for one in standing):
            raise WrongMatch(standing)
        return spent

    def enlist(self, desk: MandateDesk, people: Sequence[str]) -> tuple[bytes, float]:
        """Draft, sign and enlist a mandate; gives its id and the CPU seconds a person."""
        now = SystemClock().now()
        wanted = Wanted(
            purpose=Purpose.MONITORING,
            basis={"zh": "测试", "en": "test"},
            departments=(NODE,),
            questions=(DEATH,),
            not_before=now,
            expires=now + 86_400,
        )
        roots = ceremony.keys_at_hand(ceremony.open_home(self.home, now))
        before = time.process_time() + cpu_of(self.registrar)
        filed = desk.enlistment.draft(wanted, people)
        desk.enlistment.enlist(mandate.countersign(filed.document, roots))
        spent = time.process_time() + cpu_of(self.registrar) - before
        return filed.id, spent / len(people)


@cache
def rounds(scale: str) -> Sequence[Figures]:
    """Found a federation, enrol the register in fifths, and match a list a round on every side."""
    people, size = SCALES[scale]
    installed = environment.install(["spu", running.OPENMINED])
    _tell_missing(installed.missing)
    with TemporaryDirectory(prefix="hedui-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        home = folder / "federation"
        register = list(islice(town.invented(), size))
        _found(home)
        words = ["hedui", "registrar", "serve", "--json", "--folder", str(home / stage.REGISTRAR)]
        stack.enter_context(serving(folder, {stage.REGISTRAR: words}))
        registrar = _process(home / stage.REGISTRAR)
        enrolments = [_enrol(home, part, registrar) for part in _fifths(register)]
        words = ["hedui", "node", "serve", "--json", "--folder", str(home / NODE)]
        stack.enter_context(serving(folder, {NODE: words}))
        scene = _Scene(home, registrar, _process(home / NODE))
        _write_csv(folder / "register.csv", register)
        others = stack.enter_context(running.peers(installed, folder / "register.csv", people))
        installed_centre = stack.enter_context(installation(home / stage.COORDINATOR))
        desk = mandate_cli.desk_of(installed_centre)
        lists = _Lists(people, register)
        found = [_round(scene, desk, others, lists.of(i), folder) for i in range(ROUNDS + 1)][1:]
        return [
            {**figures, "enrolment": spent}
            for figures, spent in zip(found, enrolments, strict=True)
        ]


def _round(
    scene: _Scene,
    desk: MandateDesk,
    others: Peers,
    listed: tuple[list[str], frozenset[str]],
    folder: Path,
) -> Figures:
    """Match one list on every side, and hold each result to the records."""
    people, expected = listed
    given, spent = scene.enlist(desk, people)
    figures = {"list": spent, "ours": scene.match(desk, given, folder / "found.csv")}
    lines = (folder / "found.csv").read_text("utf-8").splitlines()[1:]
    _check("ours", frozenset(line[:18] for line in lines if line.endswith(",YES")), expected)
    if len(lines) != len(people):
        raise WrongMatch("ours: not everybody is in the results")
    _write_csv(folder / "people.csv", people)
    for name in others.names():
        matched = others.match(name, folder / "people.csv")
        _check(name, matched.found, expected)
        figures[name] = matched.cpu
    return figures


def _check(name: str, found: frozenset[str], expected: frozenset[str]) -> None:
    if found != expected:
        raise WrongMatch(f"{name}: {len(found)} instead of {len(expected)}")


def cpu_of(process: int) -> float:
    """Give the CPU seconds, user and system, of a process with all its threads (Linux)."""
    return time.clock_gettime((~process << 3) | 2)  # as clock_getcpuclockid(3) makes it


def _tell_missing(missing: Mapping[str, str]) -> None:
    for name, why in missing.items():
        typer.echo(f"skipped: {name} cannot be installed here ({why})", err=True)
    if missing:
        typer.echo(f"{len(missing)} of 2 peers' packages skipped", err=True)


def _found(home: Path) -> None:
    today = business_date(SystemClock().now())
    plan = PartyPlan(
        id=NODE, role=PartyRole.NODE, kind=NODE, zh="民政", en="Civil affairs", endpoint=""
    )
    stage.found(home, [plan], policy_toml(_STANDARD_FEN, today))
    as_of = (today - timedelta(days=1)).isoformat()
    (home / NODE / "catalogue.toml").write_text(_CATALOGUE.format(node=NODE, as_of=as_of), "utf-8")
    with closing(sqlite3.connect(home / NODE / "records.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE cremation (id TEXT PRIMARY KEY)")


def _fifths(register: Sequence[str]) -> Iterator[Sequence[str]]:
    size = len(register) // ROUNDS
    return (register[i * size : (i + 1) * size] for i in range(ROUNDS))


def _enrol(home: Path, part: Sequence[str], registrar: int) -> float:
    """Add people to the register and enrol them; gives the CPU seconds a person of both sides."""
    with closing(sqlite3.connect(home / NODE / "records.sqlite")) as connection, connection:
        connection.executemany("INSERT INTO cremation VALUES (?)", [(one,) for one in part])
    before = _children() + cpu_of(registrar)
    words = ["hedui", "node", "enrol", "--json", "--folder", str(home / NODE)]
    subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", *words], check=True, stdout=subprocess.DEVNULL
    )
    return (_children() + cpu_of(registrar) - before) / len(part)


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _process(folder: Path) -> int:
    return int((folder / "data" / "lock").read_text("ascii"))


def _write_csv(path: Path, people: Sequence[str]) -> None:
    path.write_text("\n".join(["id", *people]) + "\n", "utf-8")


@contextmanager
def contest(scale: str, against: str, _: Path) -> Iterator[Play]:
    """Play the rounds that all rows of a scale share, one after the other."""
    left = iter(rounds(scale))

    def play() -> Round:
        figures = next(left)
        if against in _BESIDE:
            return Round(ours=figures[against] * _MICRO)
        names = [against] if against else [n for n in running.NAMES if n in figures]
        peers = [figures[name] * _MILLI for name in names if name in figures]
        return Round(ours=figures["ours"] * _MILLI, baseline=min(peers, default=None))

    yield play


def _row(scale: str, against: str) -> Benchmark:
    name = f"match.{scale}.{against.lower()}" if against else f"match.{scale}"
    return Benchmark(
        name=name,
        unit="CPU µs/person" if against in _BESIDE else "CPU ms",
        direction=Direction.LESS,
        target=None if against else 2.0,
        stage=partial(contest, scale, against),
    )


BENCHMARKS: Final = [
    _row(scale, against) for scale in SCALES for against in ("", *running.NAMES, *_BESIDE)
]
