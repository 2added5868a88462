"""Batch mandates at the registrar, over real sockets: recorded whole or not at all, then lists."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from crypto.keys import SigningKey
from federation import exchange, limits, mandate, mandate_list, status
from federation.errors import HeduiError, PeerFault
from federation.exchange import Purpose
from federation.log import kinds
from federation.log.kinds import Event
from federation.log.registrar_events import (
    MandateBegun,
    MandateEvaluated,
    MandateListed,
    MandateRecorded,
    MandateRevoked,
)
from federation.mandate import BatchMandate, Order, Receipt, Step
from federation.mandate_list import MandateList
from federation.status import Status
from federation.wire.registrar_client import RegistrarClient
from registrar.store import FILE, Store
from tests.support import mandates as towns
from tests.support.mandates import CIVIL, DAY, DEATH, POOR, RURAL, Town, person_id

PEOPLE = [person_id(n) for n in range(5)]
SALT = bytes(range(32))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Run the registrar; the departments know five people."""
    with towns.running(tmp_path_factory.mktemp("town") / "f", 5) as running:
        yield running


def given(town: Town, people: Sequence[str] = PEOPLE, **changes: Any) -> BatchMandate:
    now = town.clock.now()
    plain = BatchMandate(
        id=hashlib.sha256(repr((people, changes)).encode()).digest()[:16],
        version=1,
        purpose=Purpose.MONITORING,
        basis={"zh": "法", "en": "law"},
        coordinator="coordinator",
        departments=(CIVIL, RURAL),
        questions=(DEATH, POOR),
        people=mandate.people_digest(SALT, people),
        size=len(people),
        not_before=now,
        expires=now + DAY,
    )
    return replace(plain, **changes)


def document(town: Town, one: BatchMandate, keys: int = 2) -> bytes:
    return town.signed(mandate.draft(one), keys)


def client(town: Town, party: str = "coordinator") -> RegistrarClient:
    return RegistrarClient(town.parties[party], town.peers[party], town.clock)


def record(one: BatchMandate, paper: bytes, ids: Sequence[str] = PEOPLE, first: int = 0) -> Order:
    return Order(
        step=Step.RECORD, id=one.id, document=paper, salt=SALT, first=first, ids=tuple(ids)
    )


def step(one: BatchMandate, kind: Step, department: str = CIVIL, first: int = 0) -> Order:
    return Order(step=kind, id=one.id, department=department, first=first)


def did(town: Town, order: Order, party: str = "coordinator") -> Receipt:
    (receipt,) = client(town, party).mandate([order])
    return receipt


def refused(town: Town, order: Order, code: str, party: str = "coordinator") -> None:
    with pytest.raises(HeduiError) as caught:
        did(town, order, party)
    assert caught.value.code == code


def recorded(town: Town, **changes: Any) -> BatchMandate:
    """Record a mandate for five people."""
    one = given(town, **changes)
    assert did(town, record(one, document(town, one))).recorded == len(PEOPLE)
    return one


def listed(town: Town, one: BatchMandate, department: str = CIVIL) -> tuple[MandateList, bytes]:
    """Have a recorded mandate's list signed; gives it with the pseudonyms in the people's order."""
    found = did(town, step(one, Step.EVALUATE, department)).pseudonyms
    jwt = did(town, step(one, Step.SIGN, department)).signed_list
    return mandate_list.read(jwt, town.parties["registrar"].entry.keys), found


def state(town: Town, one: MandateList) -> Status:
    """Read a list's state from the signed status lists."""
    jwts = client(town).status_lists(one.audience)
    for series, jwt in jwts.items():
        uri = status.uri_of("registrar", one.audience, series)
        if uri == one.status_uri:
            keys = town.parties["registrar"].entry.keys
            return status.read(jwt, uri=uri, issuers=keys).at(one.status_index)
    raise AssertionError("no such list")


def test_a_list_says_what_the_mandate_allows_and_no_more(town: Town) -> None:
    one = recorded(town)
    signed, found = listed(town, one)
    assert (signed.audience, signed.issuer, signed.size) == (CIVIL, "registrar", 5)
    assert signed.holder == town.parties["coordinator"].key.verify_key.raw
    assert signed.mandate == hashlib.sha256(document(town, one)).digest()
    assert signed.expires == one.expires
    assert state(town, signed) is Status.VALID
    rising = sorted(found[i : i + 32] for i in range(0, len(found), 32))
    assert signed.blocks == (hashlib.sha256(b"".join(rising)).digest(),)
    assert all(a < b for a, b in pairwise(rising))


def test_the_pseudonyms_are_those_of_the_enrolled_people(town: Town) -> None:
    _, found = listed(town, recorded(town, version=2), RURAL)
    rows = town.rows(RURAL, "SELECT psn, key FROM person")
    enrolled = {row[0]: row[1] for row in rows}
    keys = [enrolled[found[i : i + 32]] for i in range(0, len(found), 32)]
    assert keys == PEOPLE


def test_nothing_is_equal_at_two_departments_beyond_the_mandate(town: Town) -> None:
    one = recorded(town, version=3)
    (here, mine), (there, other) = (listed(town, one, d) for d in (CIVIL, RURAL))
    assert here.jti != there.jti
    assert not set(here.blocks) & set(there.blocks)
    assert not {mine[i : i + 32] for i in range(0, 160, 32)} & {
        other[i : i + 32] for i in range(0, 160, 32)
    }
    assert (here.mandate, here.size) == (there.mandate, there.size)


def test_a_list_is_signed_once_for_a_key_and_anew_for_another(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = recorded(town, version=4)
    first, _ = listed(town, one)
    assert listed(town, one)[0] == first
    party = town.parties["coordinator"]
    key = SigningKey.generate()
    registrar = town.parties["registrar"]
    entry = registrar.manifest.parties["coordinator"]
    keys = {**entry.keys, key.kid: key.verify_key}
    with monkeypatch.context() as patch:
        patch.setitem(registrar.manifest.parties, "coordinator", replace(entry, keys=keys))
        patch.setattr(party, "papers", replace(party.papers, key=key))
        second, _ = listed(town, one)
    assert second.holder == key.verify_key.raw
    assert second.people == first.people
    assert (state(town, first), state(town, second)) == (Status.INVALID, Status.VALID)


def test_steps_may_be_repeated_and_parts_come_in_order(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("registrar.mandates", "federation.wire.mandate_messages"):
        monkeypatch.setattr(f"{place}.limits.MANDATE_BLOCK", 2)
    one = given(town, version=5)
    paper = document(town, one)
    assert did(town, record(one, paper, ())).recorded == 0
    refused(town, record(one, paper, PEOPLE[2:4], 2), "MANDATE_INVALID")
    refused(town, record(one, paper, PEOPLE[:1]), "MANDATE_INVALID")
    assert did(town, record(one, paper, PEOPLE[:2])).recorded == 2
    assert did(town, record(one, paper, PEOPLE[:2])).recorded == 2
    refused(town, record(one, paper, PEOPLE[1:3]), "MANDATE_INVALID")
    refused(town, record(one, paper, PEOPLE[1:3], 2), "MANDATE_INVALID")
    refused(town, step(one, Step.EVALUATE), "MANDATE_INVALID")
    assert did(town, record(one, paper, PEOPLE[2:4], 2)).recorded == 4
    assert did(town, record(one, paper, PEOPLE[4:], 4)).recorded == 5
    assert did(town, record(one, paper, ())).recorded == 5
    refused(town, step(one, Step.SIGN), "MANDATE_INVALID")
    refused(town, step(one, Step.EVALUATE, first=1), "MANDATE_INVALID")
    for first in (0, 2, 4):
        found = did(town, step(one, Step.EVALUATE, first=first)).pseudonyms
        assert did(town, step(one, Step.EVALUATE, first=first)).pseudonyms == found
    assert did(town, step(one, Step.SIGN)).signed_list


def test_people_that_do_not_fit_the_signed_digest(town: Town) -> None:
    one = given(town, version=6)
    paper = document(town, one)
    others = [*PEOPLE[:4], person_id(9)]
    refused(town, record(one, paper, others), "MANDATE_INVALID")
    assert did(town, record(one, paper, ())).recorded == 0
    refused(town, replace(record(one, paper), salt=bytes(32)), "MANDATE_INVALID")
    assert did(town, record(one, paper)).recorded == 5


@pytest.mark.parametrize(
    "ids",
    [
        (PEOPLE[1], PEOPLE[0], *PEOPLE[2:]),
        (PEOPLE[0], *PEOPLE[:4]),
        (*PEOPLE[:4], PEOPLE[4][:17] + "x"),
        (*PEOPLE[:4], "790301195001150040"),
    ],
)
def test_people_in_another_order_or_form(town: Town, ids: tuple[str, ...]) -> None:
    one = given(town, version=7)
    refused(town, record(one, document(town, one), ids), "MANDATE_INVALID")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"coordinator": "stranger"}, "MANDATE_INVALID"),
        ({"questions": (("P21", "wage-12s"),)}, "MANDATE_INVALID"),
        ({"questions": (("P62", ""), ("P40", ""))}, "MANDATE_INVALID"),
        ({"purpose": Purpose.ENTRY}, "POLICY_NOT_ANSWERED"),
        ({"questions": (("P61", ""),)}, "POLICY_NOT_ANSWERED"),
        ({"questions": (("P10", "w12m"),)}, "POLICY_PARAMETER"),
        ({"departments": ("nowhere",)}, "PARTY_UNKNOWN"),
        ({"departments": ("registrar",)}, "PARTY_UNKNOWN"),
    ],
)
def test_a_mandate_that_is_not_for_this(town: Town, changes: dict[str, Any], code: str) -> None:
    one = given(town, **changes)
    refused(town, record(one, document(town, one)), code)


def test_a_mandate_of_one_root_key_or_another_id_or_another_time(town: Town) -> None:
    one = given(town, version=8)
    refused(town, record(one, document(town, one, keys=1)), "MANDATE_INVALID")
    refused(town, replace(record(one, document(town, one)), id=bytes(16)), "MANDATE_INVALID")
    now = town.clock.now()
    for times in [(now - DAY, now - 1), (now + limits.SKEW + 60, now + DAY)]:
        other = replace(one, not_before=times[0], expires=times[1])
        refused(town, record(other, document(town, other)), "MANDATE_INVALID")


def test_another_centre_gets_nothing_of_it(town: Town) -> None:
    one = recorded(town, version=9)
    refused(town, record(one, document(town, one)), "MANDATE_INVALID", "stranger")
    for kind in (Step.EVALUATE, Step.SIGN):
        refused(town, step(one, kind), "MANDATE_INVALID", "stranger")
    refused(town, step(one, Step.SIGN, "public_security"), "MANDATE_INVALID")
    with pytest.raises(PeerFault, match="WRONG_PARTY"):
        did(town, step(one, Step.SIGN), CIVIL)


def test_an_unknown_mandate(town: Town) -> None:
    refused(town, step(given(town, version=10), Step.EVALUATE), "MANDATE_INVALID")


def test_one_id_stands_for_one_document_until_a_higher_version(town: Town) -> None:
    one = recorded(town, version=11)
    before, _ = listed(town, one)
    same = replace(one, expires=one.expires + 1)
    refused(town, record(same, document(town, same)), "MANDATE_INVALID")
    higher = replace(same, version=12)
    assert did(town, record(higher, document(town, higher))).recorded == 5
    refused(town, record(one, document(town, one)), "MANDATE_INVALID")
    after, _ = listed(town, higher)
    assert (state(town, before), state(town, after)) == (Status.INVALID, Status.VALID)


def test_a_revoked_mandate_and_its_lists_have_ended_for_good(town: Town) -> None:
    one = recorded(town, version=13)
    signed, _ = listed(town, one)
    town.revoke(one.id)
    assert state(town, signed) is Status.INVALID
    for order in (record(one, document(town, one)), step(one, Step.EVALUATE), step(one, Step.SIGN)):
        refused(town, order, "MANDATE_INVALID")
    store = Store(town.parties["registrar"].data / FILE)
    with store.read() as view:
        (found,) = [two for two in view.mandates.all() if two.id == one.id]
    store.close()
    assert found.revoked


def test_a_call_takes_few_steps_and_a_query_id_stands_for_one_call(town: Town) -> None:
    one = recorded(town, version=14)
    several = [step(one, Step.EVALUATE, d) for d in (CIVIL, RURAL)]
    assert all(receipt.pseudonyms for receipt in client(town).mandate(several))
    with pytest.raises(PeerFault, match="OVERSIZE"):
        client(town).mandate([several[0]] * (limits.BATCHES + 1))
    assert exchange.ISSUE_MANDATE_LIST == "federation.v1.Registrar/IssueMandateList"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("federation.wire.registrar_client.os.urandom", bytes)
        did(town, several[0])
        refused(town, several[1], "REPLAYED")


def logged(town: Town, since: int) -> list[Event]:
    store = Store(town.parties["registrar"].data / FILE)
    book = store.book()
    found = [kinds.read(row.record).event for row in book.rows(since, book.size()) if row.record]
    store.close()
    return [event for event in found if event.kind.startswith("mandate.")]


def log_size(town: Town) -> int:
    store = Store(town.parties["registrar"].data / FILE)
    size = store.book().size()
    store.close()
    return size


def test_a_mandates_life_is_logged_without_its_people(town: Town) -> None:
    since = log_size(town)
    one = recorded(town, version=40)
    signed, found = listed(town, one)
    jwt = did(town, step(one, Step.SIGN)).signed_list
    did(town, step(one, Step.EVALUATE))
    town.revoke(one.id)
    town.revoke(one.id)
    digest = hashlib.sha256(document(town, one)).digest()
    series = int(signed.status_uri.rpartition("/")[2])
    assert logged(town, since) == [
        MandateBegun(mandate=one.id, coordinator="coordinator", version=40, document=digest),
        MandateRecorded(mandate=one.id, version=40, size=5, people=one.people),
        MandateEvaluated(
            mandate=one.id,
            department=CIVIL,
            epoch=signed.epoch,
            first=0,
            size=5,
            digest=hashlib.sha256(found).digest(),
        ),
        MandateListed(
            mandate=one.id,
            department=CIVIL,
            epoch=signed.epoch,
            jti=signed.jti,
            list=hashlib.sha256(jwt).digest(),
            size=5,
            series=series,
            index=signed.status_index,
            expires=signed.expires,
        ),
        MandateRevoked(mandate=one.id, by="registrar"),
    ]


def test_a_refused_mandate_leaves_no_entry(town: Town) -> None:
    since = log_size(town)
    one = given(town, version=41)
    refused(town, record(one, document(town, one, keys=1)), "MANDATE_INVALID")
    assert logged(town, since) == []
