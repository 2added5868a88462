"""One joiner is handed all departments' tokens of a city, and must find nobody in two of them.

Protocol §3. The tokens come from a real registrar: first ones, renewals over the turn of a year,
reviews of aid in force, rechecks; whole, with more than any department is shown. The joiner looks
for equal values wherever they stand, for values inside one another, for digests of one that stand
in another, and for numbers that move together. What may be equal are the coarse fields listed here;
how rare each value of them is in this city is printed, for rarity is what is left to join by.
"""

import base64
import hashlib
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from statistics import correlation
from typing import Any, Final

import pytest

from federation.clock import epoch_end, epoch_of
from federation.consenting import ConsentForm, GrantRequest, IssuedTokens, Objection, Role
from tests.registrar import town as towns
from tests.registrar.town import NOW, Town, a_form, a_renewal, ask, person_id, someone

DEPARTMENTS: Final = {
    "public_security": "public_security",
    "civil_affairs": "civil_affairs",
    **{f"bank_{letter}": "bank" for letter in "abcd"},
}
HOUSEHOLDS: Final = 40
COARSE: Final = {
    "alg": "header.alg",
    "kid": "header.kid",
    "typ": "header.typ",
    "issuer": "iss",
    "kind": "vct",
    "day": "iat",
    "first day": "nbf",
    "month of the end": "exp",
    "coordinator's key, curve": "cnf.jwk.crv",
    "coordinator's key, type": "cnf.jwk.kty",
    "coordinator's key": "cnf.jwk.x",
    "purpose": "purpose.class",
    "legal basis": "purpose.basis",
    "number of the status list": "status.series",
    "policy": "policy.family",
    "policy's version": "policy.version",
    "frequency": "frequency",
    "data life": "data_life",
    "role": "role",
    "members": "household.members",
    "digest's name": "_sd_alg",
    "question": "grant.predicate",
    "its parameter": "grant.parameter",
    "its form": "grant.form",
    "its uses": "grant.max_uses",
    "its members": "grant.members",
    "recheck": "grant.recheck",
    "number of grants": "#grants",
}
"""All that may be equal at two departments, by the place where it stands in a token."""
COMBINED: Final = ("day", "month of the end", "purpose", "legal basis", "role", "members")
"""What a joiner would combine of these; questions differ between kinds of departments anyway."""


@dataclass(frozen=True)
class Seen:
    """A token as a department can read it, and, for the score alone, whose it is."""

    department: str
    person: str = field(repr=False)
    values: tuple[tuple[str, Any], ...]

    def at(self, place: str) -> list[Any]:
        return [value for where, value in self.values if where == place]

    def fine(self) -> Iterator[tuple[str, Any]]:
        """Give everything that is not listed as coarse."""
        listed = set(COARSE.values())
        return ((where, value) for where, value in self.values if where not in listed)

    def coarse(self, *names: str) -> tuple[Any, ...]:
        return tuple(tuple(self.at(COARSE[name])) for name in names)


def read(department: str, person: str, token: bytes) -> Seen:
    """Take a token apart, by nothing but JSON and base64."""
    jwt, *disclosures, _ = token.decode().split("~")
    head, payload, signature = jwt.split(".")
    values = [(f"header.{key}", value) for key, value in json.loads(unb64(head)).items()]
    claims = json.loads(unb64(payload))
    registrar, series = claims["status"]["status_list"].pop("uri").rsplit("/", 1)
    assert registrar == f"hedui:registrar/status/{department}"
    values += [("status.series", int(series)), *leaves(claims)]
    values.append(("signature", signature))
    for text in disclosures:
        salt, grant = json.loads(unb64(text))
        values += [("grant.salt", salt), *leaves(grant, "grant")]
    values.append(("#grants", len(disclosures)))
    return Seen(department, person, tuple(values))


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path, value


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# ---- the city


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Seen]]:
    with towns.running(tmp_path_factory.mktemp("joiner") / "f", DEPARTMENTS) as town:
        yield list(lived(town, Random(7)))


def lived(town: Town, random: Random) -> Iterator[Seen]:
    """Have households consent, object, be reviewed and renewed, and give every token of it."""
    client = town.client()
    numbers = itertools.count(1)
    for _ in range(HOUSEHOLDS):
        form = household(random, numbers)
        (receipt,) = client.record([form])
        yield from tokens(form, client.tokens([receipt.consent_no])[0])
        paper = Objection(
            consent_no=receipt.consent_no,
            person=0,
            predicate="P50",
            parameter="deposit-12s",
            evidence=os.urandom(32),
        )
        yield from tokens(form, client.recheck(paper))
        review = a_renewal(form, receipt.consent_no)
        (reviewed,) = client.record([review])
        yield from tokens(form, client.tokens([reviewed.consent_no])[0])
        town.clock.seconds = epoch_end(epoch_of(NOW)) + random.randrange(86_400)
        yield from tokens(form, client.tokens([receipt.consent_no])[0])
        town.clock.seconds = NOW + random.randrange(3 * 86_400)


def household(random: Random, numbers: Iterator[int]) -> ConsentForm:
    """Write the form of a household of one to five, about whom all departments are asked."""
    roles = [Role.APPLICANT, *[Role.MEMBER] * random.randrange(4), Role.SUPPORTER]
    persons = [
        someone(person_id(f"19{50 + i:02}0101", next(numbers)), role=role)
        for i, role in enumerate(roles)
    ]
    asked: list[GrantRequest] = []
    for person in range(len(persons)):
        asked += [ask(person, "public_security", name) for name in ("P40", "P02", "P06", "P04")]
        asked += [ask(person, "civil_affairs", "P08")]
        asked += [ask(person, f"bank_{one}", "P50", "deposit-12s") for one in "abcd"]
    return a_form(persons, asked, members=len(roles) - 1)


def tokens(form: ConsentForm, issued: IssuedTokens) -> Iterator[Seen]:
    for one in issued.tokens:
        yield read(one.department, form.persons[one.person].id, one.token)


# ---- the joiner


def joined(tokens: Iterable[Seen]) -> list[str]:
    """Give what a joiner can hold against one another of two departments' tokens."""
    by_department: dict[str, list[Seen]] = {}
    for one in tokens:
        by_department.setdefault(one.department, []).append(one)
    coarse = {
        value for one in tokens for where, value in one.values if where in set(COARSE.values())
    }
    views = {name: _views(mine, coarse) for name, mine in by_department.items()}
    return [
        f"{where} at {here} is {there_at} at {there}"
        for here, there in itertools.combinations(views, 2)
        for value, where in views[here].items()
        for there_at in [views[there].get(value)]
        if there_at
    ]


def _views(tokens: Iterable[Seen], coarse: set[Any]) -> dict[Any, str]:
    """Index everything that is not coarse: as it stands, its pieces, and their digests."""
    found: dict[Any, str] = {}
    for one in tokens:
        for where, value in one.fine():
            if value in coarse or value in {"", one.department} or isinstance(value, int):
                continue
            found[value] = where
            for piece in _pieces(str(value)):
                found.setdefault(piece, f"a piece of {where}")
    return found


def _pieces(text: str) -> Iterator[bytes]:
    """Give all runs of eight bytes of what a text encodes, and those of its digests."""
    raw = [text.encode()]
    if len(text) >= 22 and not set(text) & set(" :/"):
        raw = [unb64(text)]
    for data in (*raw, *(hashlib.sha256(one).digest() for one in raw)):
        yield from (data[i : i + 8] for i in range(len(data) - 7))


def rarity(tokens: Iterable[Seen]) -> Iterator[str]:
    """Tell of every coarse field how many values it has, and how rare the rarest is."""
    people = {one.person for one in tokens}
    for name, where in COARSE.items():
        holders: dict[Any, set[str]] = {}
        for one in tokens:
            for value in one.at(where):
                holders.setdefault(value, set()).add(one.person)
        if holders:
            least = min(map(len, holders.values()))
            rarest = f"the rarest of {least} in {len(people)} people"
            yield f"{name:26} {len(holders):3} values, {rarest}"
    here, there, score = max(guesses(tokens), key=lambda guess: guess[-1])
    yield f"by {', '.join(COMBINED)} together, the best guess who of {here} is who of {there}"
    yield f"is right for {score:.0%} of the people both are asked about"


def guesses(tokens: Iterable[Seen]) -> Iterator[tuple[str, str, float]]:
    """Score the best guess who of one department is who at another, by the coarse fields alone."""
    crowds: dict[str, dict[str, tuple[Any, ...]]] = {}
    for one in tokens:
        crowds.setdefault(one.department, {}).setdefault(one.person, one.coarse(*COMBINED))
    for (here, mine), (there, theirs) in itertools.combinations(crowds.items(), 2):
        sizes = Counter(theirs.values())
        both = mine.keys() & theirs.keys()
        hits = sum(1 / sizes[theirs[person]] for person in both if mine[person] == theirs[person])
        yield here, there, hits / len(both)


# ---- what it finds


def test_a_joiner_of_all_departments_finds_nothing_but_what_is_coarse(
    city: list[Seen], capsys: pytest.CaptureFixture[str]
) -> None:
    assert {one.department for one in city} == set(DEPARTMENTS)
    assert len(city) > 2_000
    assert joined(city) == []
    with capsys.disabled():
        print("", *rarity(city), sep="\n")  # noqa: T201 - a measurement to be read


def test_every_field_of_a_token_is_either_listed_or_different_everywhere(
    city: list[Seen],
) -> None:
    places = {where for one in city for where, _ in one.values} - set(COARSE.values())
    assert places == {
        "aud",
        "sub",
        "jti",
        "chain",
        "evidence",
        "household.salt",
        "household.commitment",
        "status.status_list.idx",
        "grants....",
        "grant.salt",
        "grant.args",
        "signature",
    }


def test_the_numbers_of_a_person_do_not_move_together(city: list[Seen]) -> None:
    """Status indices: drawn for each department by itself, in whatever order people come."""
    first: dict[str, dict[str, int]] = {}
    for one in city:
        (index,) = one.at("status.status_list.idx")
        first.setdefault(one.department, {}).setdefault(one.person, index)
    for here, there in itertools.combinations(first.values(), 2):
        both = sorted(here.keys() & there.keys())
        pairs = [here[one] for one in both], [there[one] for one in both]
        assert abs(correlation(*pairs)) < 5 / len(both) ** 0.5
        assert sum(a == b for a, b in zip(*pairs, strict=True)) <= 1


def test_coarse_fields_alone_pick_nobody_out(city: list[Seen]) -> None:
    for _, _, score in guesses(city):
        assert score < 0.5


@pytest.mark.parametrize("leak", ["value", "piece", "digest", "elsewhere", "prefix of another"])
def test_the_joiner_is_not_blind(city: list[Seen], leak: str) -> None:
    """One leak is planted between two departments; exactly these two are told."""
    few = city[:200]
    (at,) = [i for i, one in enumerate(few) if one.department == "bank_a"][:1]
    (to,) = [i for i, one in enumerate(few) if one.department == "civil_affairs"][:1]
    (secret,) = few[at].at("evidence")
    raw = unb64(secret)
    planted: Mapping[str, tuple[str, Any]] = {
        "value": ("evidence", secret),
        "piece": ("jti", _b64(os.urandom(7) + raw[3:12])),
        "digest": ("sub", _b64(hashlib.sha256(raw).digest())),
        "elsewhere": ("grant.salt", secret),
        "prefix of another": ("household.commitment", _b64(raw[:8] + os.urandom(24))),
    }
    where, value = planted[leak]
    others = tuple(pair for pair in few[to].values if pair[0] != where)
    few[to] = replace(few[to], values=(*others, (where, value)))
    found = joined(few)
    assert found
    assert all("bank_a" in one and "civil_affairs" in one for one in found)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
