"""From a list of people to signed lists: nothing is kept that is not of just these people."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from coordinator.mandate_cli import MandateDesk
from federation import limits, mandate, mandate_list
from federation.errors import BadInput, HeduiError
from federation.exchange import Purpose
from federation.mandate import Order, Receipt, Step
from tests.support import mandates as towns
from tests.support.mandates import CIVIL, DEATH, POOR, RURAL, Town, person_id

PEOPLE = [person_id(n) for n in range(5)]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Run a registrar and two departments that know nobody."""
    with towns.running(tmp_path_factory.mktemp("town") / "f", 1) as running:
        yield running


@pytest.fixture
def desk(town: Town) -> Iterator[MandateDesk]:
    with town.desk() as one:
        yield one


def refused(call: Any, code: str) -> None:
    with pytest.raises(HeduiError) as caught:
        call()
    assert caught.value.code == code


def test_a_draft_says_what_is_wanted_and_names_nobody(town: Town, desk: MandateDesk) -> None:
    filed = desk.enlistment.draft(town.wanted(), PEOPLE)
    given, unsigned = mandate.look(filed.document)
    assert (given.size, given.purpose, given.coordinator) == (5, Purpose.MONITORING, "coordinator")
    assert given.people == mandate.people_digest(filed.salt, PEOPLE)
    assert unsigned.signatures == ()
    assert not any(one.encode() in unsigned.payload for one in PEOPLE)
    assert desk.books.find(filed.id) == filed


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"questions": (("P21", "wage-12s"),)}, "MANDATE_DRAFT"),
        ({"questions": (("P99", ""),)}, "PREDICATE_UNKNOWN"),
        ({"questions": (DEATH,)}, "MANDATE_DRAFT"),
        ({"departments": (CIVIL,), "questions": (POOR,)}, "MANDATE_DRAFT"),
        ({"departments": ("nowhere",)}, "PARTY_UNKNOWN"),
        ({"departments": ("registrar",)}, "PARTY_UNKNOWN"),
        ({"purpose": Purpose.ENTRY}, "POLICY_NOT_ANSWERED"),
        ({"expires": 1}, "MANDATE_DRAFT"),
        ({"basis": {"zh": "法" * 501, "en": "law"}}, "MANDATE_DRAFT"),
    ],
)
def test_what_cannot_be_wanted(
    town: Town, desk: MandateDesk, changes: dict[str, Any], code: str
) -> None:
    known = len(desk.books.all())
    refused(lambda: desk.enlistment.draft(town.wanted(**changes), PEOPLE), code)
    assert len(desk.books.all()) == known


def test_enlisting_again_asks_the_registrar_for_nothing_new(
    town: Town, desk: MandateDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed = desk.enlistment.draft(town.wanted(), PEOPLE)
    document = town.signed(filed.document)
    told: list[tuple[str, int, int]] = []
    signed = desk.enlistment.enlist(document, lambda *one: told.append(one))
    assert signed.signed
    assert told == [("", 0, 5), ("", 5, 5), (CIVIL, 5, 5), (RURAL, 5, 5)]
    assert set(desk.books.lists(filed.id)) == {CIVIL, RURAL}
    told.clear()
    desk.enlistment.enlist(document, lambda *one: told.append(one))
    assert told == [("", 5, 5)]
    block = desk.books.block(filed.id, CIVIL, 0)
    listed = mandate_list.read(
        desk.books.lists(filed.id)[CIVIL].signed_list, town.parties["registrar"].entry.keys
    )
    assert listed.blocks == (hashlib.sha256(block.pseudonyms).digest(),)
    assert sorted(block.places) == list(range(5))
    monkeypatch.setattr(town.clock, "seconds", listed.expires)
    refused(lambda: desk.enlistment.enlist(document), "MANDATE_INVALID")


def test_what_the_root_did_not_sign_or_this_centre_did_not_draft(
    town: Town, desk: MandateDesk
) -> None:
    filed = desk.enlistment.draft(town.wanted(), PEOPLE)
    refused(lambda: desk.enlistment.enlist(filed.document), "MANDATE_INVALID")
    refused(lambda: desk.enlistment.enlist(town.signed(filed.document, 1)), "MANDATE_INVALID")
    foreign = towns.change(filed.document, town.roots, coordinator="stranger")
    refused(lambda: desk.enlistment.enlist(foreign), "MANDATE_INVALID")
    unknown = towns.change(filed.document, town.roots, id=bytes(16))
    refused(lambda: desk.enlistment.enlist(unknown), "MANDATE_UNKNOWN")
    others = towns.change(filed.document, town.roots, people=bytes(32))
    refused(lambda: desk.enlistment.enlist(others), "MANDATE_INVALID")
    with pytest.raises(BadInput, match="MANDATE_NOT_ENLISTED"):
        desk.run.run(filed)


def lying(desk: MandateDesk, lie: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the registrar's answer to an order be changed on its way."""
    client = desk.enlistment._registrar
    honest = client.mandate

    def mandate_(orders: list[Order]) -> list[Receipt]:
        return [lie(order, receipt) for order, receipt in zip(orders, honest(orders), strict=True)]

    monkeypatch.setattr(client, "mandate", mandate_)


def _another_pseudonym(order: Order, receipt: Receipt) -> Receipt:
    if order.step is not Step.EVALUATE:
        return receipt
    last = bytes([receipt.pseudonyms[-1] ^ 1])
    return replace(receipt, pseudonyms=receipt.pseudonyms[:-1] + last)


def _one_fewer(order: Order, receipt: Receipt) -> Receipt:
    return replace(receipt, pseudonyms=receipt.pseudonyms[32:])


@pytest.mark.parametrize("lie", [_another_pseudonym, _one_fewer])
def test_pseudonyms_that_the_list_does_not_hold(
    town: Town, desk: MandateDesk, lie: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed = desk.enlistment.draft(town.wanted(), PEOPLE)
    lying(desk, lie, monkeypatch)
    refused(lambda: desk.enlistment.enlist(town.signed(filed.document)), "WRONG_ANSWER")
    assert desk.books.lists(filed.id) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": RURAL},
        {"holder": bytes(32)},
        {"mandate": bytes(32)},
        {"size": 4},
        {"blocks": (bytes(32),)},
    ],
)
def test_a_list_of_something_else(
    town: Town, desk: MandateDesk, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    registrar = town.parties["registrar"]

    def lie(order: Order, receipt: Receipt) -> Receipt:
        if order.step is not Step.SIGN:
            return receipt
        listed = mandate_list.read(receipt.signed_list, registrar.entry.keys)
        changed = mandate_list.issue(replace(listed, **changes), registrar.key)
        return replace(receipt, signed_list=changed)

    filed = desk.enlistment.draft(town.wanted(), PEOPLE)
    lying(desk, lie, monkeypatch)
    refused(lambda: desk.enlistment.enlist(town.signed(filed.document)), "WRONG_ANSWER")


def test_a_record_that_broke_off_goes_on(
    town: Town, desk: MandateDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MANDATE_BLOCK", 2)
    filed = desk.enlistment.draft(town.wanted(), PEOPLE)
    sent: list[int] = []

    def counted(order: Order, receipt: Receipt) -> Receipt:
        if order.ids:
            sent.append(order.first)
            if len(sent) == 2:
                raise KeyboardInterrupt
        return receipt

    lying(desk, counted, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        desk.enlistment.enlist(town.signed(filed.document))
    desk.enlistment.enlist(town.signed(filed.document))
    assert sent == [0, 2, 4]
    assert len(desk.books.block(filed.id, RURAL, 2).places) == 1
