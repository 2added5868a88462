"""Batch mandates: the document that the root signs, and what makes it invalid."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from crypto import envelope
from crypto.envelope import Envelope
from crypto.keys import SigningKey
from federation import catalogue, limits, mandate
from federation.errors import BadInput, Refused
from federation.exchange import Purpose
from federation.mandate import BatchMandate
from federation.root import Root
from federation.strictjson import dumps

KEYS = [SigningKey.from_seed(bytes([n]) * 32) for n in range(3)]
ROOT = Root(keys={key.kid: key.verify_key for key in KEYS}, threshold=2)
NOW = 1_795_000_000
GIVEN = BatchMandate(
    id=bytes(16),
    version=1,
    purpose=Purpose.MONITORING,
    basis={"zh": "暂行办法第十三条", "en": "Interim measures, art. 13"},
    coordinator="coordinator",
    departments=("civil_affairs",),
    questions=(("P10", ""), ("P61", "aid-dibao")),
    people=bytes(32),
    size=3,
    not_before=NOW,
    expires=NOW + 86_400,
)


def signed(one: BatchMandate = GIVEN, keys: int = 2) -> bytes:
    return mandate.countersign(mandate.draft(one), KEYS[:keys])


def read(document: bytes) -> BatchMandate:
    return mandate.read(document, ROOT, catalogue.load())


def refused(document: bytes) -> str:
    with pytest.raises(Refused, match="MANDATE_INVALID") as caught:
        read(document)
    return str(caught.value.details["why"])


def resigned(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Change the payload in place, and have the root sign that."""
    payload = json.loads(mandate.look(mandate.draft(GIVEN))[1].payload)
    change(payload)
    unsigned = Envelope(payload=dumps(payload), payload_type=mandate.PAYLOAD_TYPE, signatures=())
    made = envelope.sign(unsigned.payload, unsigned.payload_type, *KEYS[:2])
    return envelope.to_json(made)


def test_what_is_signed_is_read() -> None:
    assert read(signed()) == GIVEN
    assert read(signed(keys=3)) == GIVEN


def test_signatures_are_collected_one_after_the_other_and_each_once() -> None:
    document = mandate.draft(GIVEN)
    assert refused(document) == "ROOT_SIGNATURE"
    document = mandate.countersign(document, [KEYS[2]])
    assert mandate.countersign(document, [KEYS[2]]) == document
    assert refused(document) == "ROOT_SIGNATURE"
    document = mandate.countersign(document, KEYS[1:])
    assert [one.kid for one in mandate.look(document)[1].signatures] == [KEYS[2].kid, KEYS[1].kid]
    assert read(document) == GIVEN


def test_one_root_key_is_not_enough_and_a_strangers_does_not_count() -> None:
    assert refused(signed(keys=1)) == "ROOT_SIGNATURE"
    both = [KEYS[0], SigningKey.generate()]
    assert refused(mandate.countersign(mandate.draft(GIVEN), both)) == "ROOT_SIGNATURE"


def test_a_changed_word_spoils_the_signatures() -> None:
    parsed = json.loads(signed())
    other = json.loads(signed(replace(GIVEN, size=4)))
    parsed["payload"] = other["payload"]
    assert refused(dumps(parsed)) == "ROOT_SIGNATURE"


def test_an_oversize_document_is_not_looked_at() -> None:
    assert refused(b"{" + b" " * limits.MANDATE_BYTES) == "size"


@pytest.mark.parametrize("predicate", ["P11", "P21", "P33", "P40", "P50", "H2"])
def test_no_threshold_sum_or_other_question_under_a_mandate(predicate: str) -> None:
    assert refused(signed(replace(GIVEN, questions=((predicate, ""),)))) == "questions"


def test_an_unknown_predicate() -> None:
    assert refused(signed(replace(GIVEN, questions=(("P99", ""),)))) == "PREDICATE_UNKNOWN"


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.update(more=1),
        lambda p: p.pop("basis"),
        lambda p: p["basis"].pop("en"),
        lambda p: p["basis"].update(zh="法" * 501),
        lambda p: p["list"].update(size=0),
        lambda p: p["list"].update(size=limits.MANDATE_PERSONS + 1),
        lambda p: p["list"].update(size=True),
        lambda p: p["list"].update(digest="AA"),
        lambda p: p.update(id="AA"),
        lambda p: p.update(version=0),
        lambda p: p.update(purpose="FISHING"),
        lambda p: p.update(departments=[]),
        lambda p: p.update(departments=["civil_affairs"] * 2),
        lambda p: p.update(departments=[f"d{n}" for n in range(65)]),
        lambda p: p.update(departments=7),
        lambda p: p.update(questions=[]),
        lambda p: p.update(questions=[["P10", ""]] * 2),
        lambda p: p.update(questions=[["P10"]]),
        lambda p: p.update(expires=NOW),
        lambda p: p.update(not_before=-1),
    ],
)
def test_a_document_of_another_form_is_invalid_even_when_signed(
    change: Callable[[dict[str, Any]], object],
) -> None:
    refused(resigned(change))


def test_whose_it_is_and_when() -> None:
    mandate.check(GIVEN, coordinator="coordinator", now=NOW - limits.SKEW)
    mandate.check(GIVEN, coordinator="coordinator", now=GIVEN.expires - 1)
    for coordinator, now in [
        ("stranger", NOW),
        ("coordinator", NOW - limits.SKEW - 1),
        ("coordinator", GIVEN.expires),
    ]:
        with pytest.raises(Refused, match="MANDATE_INVALID"):
            mandate.check(GIVEN, coordinator=coordinator, now=now)


def test_a_draft_is_shown_without_being_believed() -> None:
    shown, unverified = mandate.look(mandate.draft(GIVEN))
    assert shown == GIVEN
    assert unverified.signatures == ()
    other = envelope.to_json(replace(unverified, payload_type="other"))
    for wrong in [b"", b"{}", other, resigned(lambda p: p.pop("id"))]:
        with pytest.raises(BadInput, match="MANDATE_DRAFT"):
            mandate.look(wrong)


@over(st.lists(st.from_regex(r"[0-9]{17}[0-9X]", fullmatch=True), unique=True), st.binary())
def test_the_digest_names_people_and_their_number_by_all_of_them(
    numbers: list[str], salt: bytes
) -> None:
    people = sorted(numbers)
    digest = mandate.people_digest(salt, people)
    assert digest == mandate.people_digest(salt, iter(people))
    assert digest != mandate.people_digest(salt + b"x", people)
    if people:
        assert digest != mandate.people_digest(salt, people[1:])
