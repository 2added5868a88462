"""What must never travel: the city's ids, names, amounts and records, and every plain hash of them.

Knows the invented world and what the departments' statements compute from their records. Gives
patterns of bytes, each of at least six, and sets of numbers. Does not know a message.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from enum import StrEnum
from itertools import product
from typing import Final
from urllib.parse import quote

from crypto import labels, oprf
from department_node import catalogue as node_catalogue
from department_node.evaluate import period_of
from department_node.records import SqliteRecords
from federation import catalogue
from federation.catalogue import Unit
from federation.clock import business_date
from hedui.demo import sums
from hedui.demo.city import tiny_flaws
from hedui.demo.flaws import see
from hedui.demo.population import build_world
from hedui.demo.sums import Adding
from hedui.demo.world import Person, World
from registrar.tokens import USES_A_MONTH
from tests.scenarios.played import Played

PREFIX: Final = 6
"""Bytes by which a pattern is looked up; the shortest is a name of three characters in GBK."""
DIGEST: Final = 8
"""Bytes of a digest that are looked for, so that truncated ones are found too."""
LEAST: Final = 1_000
"""Smaller amounts are left out: a count or a version would be one by chance."""

_ALGORITHMS: Final = [
    *("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha512_256", "ripemd160", "sm3"),
    *("sha3_224", "sha3_256", "sha3_384", "sha3_512", "blake2b", "blake2s"),
]
_JOINTS: Final = ("", "|", ":", ",", " ", "-", "_")


class Kind(StrEnum):
    """What was found."""

    ID = "id"
    NAME = "name"
    AMOUNT = "amount"
    HASH = "hash"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Bytes that must not occur, and what they are."""

    data: bytes
    kind: Kind
    dress: str


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Patterns by their first bytes, amounts in fen, and public numbers that may equal one."""

    patterns: dict[bytes, list[Pattern]] = field(repr=False)
    amounts: frozenset[int] = field(repr=False)
    public: frozenset[int] = field(repr=False)

    def is_amount(self, number: float) -> bool:
        """Tell whether a number is an amount of the city, in fen or in yuan."""
        if number < LEAST or number in self.public:
            return False
        fen = round(number * 100)
        return number in self.amounts or (fen in self.amounts and abs(fen - number * 100) < 1e-4)


def of(played: Played) -> Forbidden:
    """Collect what must not travel in a demonstration that was played with seed 1."""
    today = day_of(played)
    world = build_world(seed=1, today=today)
    patterns: dict[bytes, list[Pattern]] = defaultdict(list)
    for one in _patterns(world):
        assert len(one.data) >= PREFIX, one
        patterns[one.data[:PREFIX]].append(one)
    amounts = {*_amounts(world), *_computed(played, world, today), *_together(world, today)}
    areas = {int(household.area) for household in world.households}
    return Forbidden(
        patterns=dict(patterns),
        amounts=frozenset(amount for amount in amounts if amount >= LEAST),
        public=frozenset({USES_A_MONTH, today.year, today.year + 1, *areas}),
    )


def day_of(played: Played) -> date:
    """Give the day on which the city was laid."""
    return business_date(played.manifest.issued)


def _patterns(world: World) -> Iterator[Pattern]:
    digests = list(_digests())
    for person in world.people:
        for form, text in _ids(person.id):
            for coding, data in _coded(text):
                yield Pattern(data, Kind.ID, f"{form}, {coding}")
        for coding, data in _coded(person.name):
            yield Pattern(data, Kind.NAME, coding)
        for data, (name, digest) in product(set(_hashed(world, person)), digests):
            yield Pattern(digest(data)[:DIGEST], Kind.HASH, name)
        for blinded in (labels.id_input(person.id), labels.name_input(person.id, person.name)):
            yield Pattern(oprf.hash_to_group(blinded), Kind.HASH, "unblinded group element")
    for text in _records(world):
        for coding, data in _coded(text):
            yield Pattern(data, Kind.RECORD, coding)


def _ids(number: str) -> Iterator[tuple[str, str]]:
    """Write a resident number in the ways people and programs do."""
    short = number[:6] + number[8:17]
    forms = {"id": number, "lower case": number.lower(), "no check digit": number[:17]}
    forms |= {"15 digits": short, "reversed": number[::-1], "grouped": _grouped(number, " ")}
    forms |= {"hyphens": _grouped(number, "-"), "full width": _full_width(number)}
    yield from forms.items()


def _grouped(number: str, by: str) -> str:
    return by.join([number[:6], number[6:14], number[14:]])


def _full_width(number: str) -> str:
    return "".join(chr(ord(one) + 0xFEE0) for one in number)


def _coded(text: str) -> Iterator[tuple[str, bytes]]:
    """Write a text in the codings that a program of this country may use."""
    yield "UTF-8", text.encode()
    yield "UTF-16 LE", text.encode("utf-16-le")
    yield "UTF-16 BE", text.encode("utf-16-be")
    if not text.isascii():
        yield "GB18030", text.encode("gb18030")
        escaped = text.encode("unicode_escape")
        yield "escaped", escaped
        yield "escaped, upper case", escaped.upper().replace(b"\\U", b"\\u")
        yield "percent-encoded", quote(text).encode()
        yield "percent-encoded, lower case", quote(text).lower().encode()


def _hashed(world: World, person: Person) -> Iterator[bytes]:
    """Give everything about a person whose plain hash somebody might take for a pseudonym."""
    ids = [text for _, text in _ids(person.id)]
    joined = [one + by + person.name for one in ids[:2] for by in _JOINTS]
    joined += [person.name + by + one for one in ids[:2] for by in _JOINTS]
    for text in [*ids, person.name, *joined]:
        yield text.encode()
        yield text.encode("gb18030")
        yield text.encode() + b"\n"
    yield labels.id_input(person.id)
    yield labels.name_input(person.id, person.name)
    for household in world.households:
        if person.id in household.ids():  # the evidence that the case file names
            yield f"demonstration scan {household.case} {person.id}".encode()


def _digests() -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    """Give the hash functions that this Python has."""
    known = hashlib.algorithms_available
    for name in _ALGORITHMS:
        if name in known:
            yield name, lambda data, name=name: hashlib.new(name, data).digest()  # type: ignore[misc]
    yield "sha256 twice", lambda data: hashlib.sha256(hashlib.sha256(data).digest()).digest()
    yield "md5 of hex", lambda data: hashlib.md5(hashlib.md5(data).hexdigest().encode()).digest()  # noqa: S324 - what is looked for
    yield "shake_128", lambda data: hashlib.shake_128(data).digest(DIGEST)
    yield "shake_256", lambda data: hashlib.shake_256(data).digest(DIGEST)


def _records(world: World) -> set[str]:
    """Give what only a record says: plates, accounts, companies, schools, parcels."""
    people = {text for person in world.people for text in (person.id, person.name)}
    values = {getattr(fact, one.name) for fact in world.facts for one in fields(fact)}
    texts = {value for value in values - people if isinstance(value, str)}
    telling = {text for text in texts if sum(not c.isascii() or c.isdigit() for c in text) >= 7}
    return telling | {text for text in texts if sum(not c.isascii() for c in text) >= 3}


def _amounts(world: World) -> set[int]:
    """Give all money the world speaks of, and each person's sums of it."""
    found: set[int] = set()
    sums: dict[tuple[str, str, str], int] = defaultdict(int)
    for fact in world.facts:
        for one in fields(fact):
            if one.name.endswith("_fen"):
                amount = getattr(fact, one.name)
                found.add(amount)
                sums[fact.person, type(fact).__name__, getattr(fact, "kind", "")] += amount
    return found | set(sums.values())


def _computed(played: Played, world: World, today: date) -> Iterable[int]:
    """Give every amount that a department's own statement computes about anybody."""
    predicates = catalogue.load()
    for node in played.nodes:
        listed = node_catalogue.load(
            played.folder(node) / "catalogue.toml",
            department=node,
            kind=played.manifest.party(node).kind,
            predicates=predicates,
        )
        with SqliteRecords(listed.source) as records:
            told = [one.sql for one in listed.answers.values() if one.predicate.unit is Unit.FEN]
            for sql in (*told, *(one.sql for one in listed.components.values())):
                for person in world.people:
                    yield from _scalars(records, sql, person.id, today)


def _together(world: World, today: date) -> Iterator[int]:
    """Give what every household's amounts come to, over all departments."""
    seen = see(world, tiny_flaws(today))
    for household in world.households:
        people = tuple(member.person.id for member in household.members)
        for some in (people, *((one.person.id,) for one in household.supporters)):
            adding = Adding(seen=seen, household=household, people=some, heads=len(some))
            for total in (sums.wages, sums.pensions, sums.income, sums.assets, sums.medical_costs):
                yield total(adding)


def _scalars(records: SqliteRecords, sql: str, key: str, today: date) -> Iterator[int]:
    for name in ("month", "12m"):
        period = period_of(name, today)
        bound = {"key": key, "from": period.start.isoformat(), "to": period.end.isoformat()}
        bound |= {"today": today.isoformat(), "since": (today - timedelta(days=366)).isoformat()}
        value = records.scalar(sql, bound | {"prefix": "", "value": "", "size": "1"})
        if isinstance(value, int):
            yield value
