"""The gate of batch mandates: each step says no with its own code, in its order."""

import hashlib
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from crypto.keys import SigningKey
from department_node import mandate_gate
from department_node.catalogue import Answering
from department_node.gate import Moment
from department_node.mandate_gate import AdmittedBlock, Believers, Shown
from federation import catalogue, mandate, mandate_list, policy, status
from federation.errors import Refused
from federation.exchange import Purpose, Scope
from federation.mandate_list import BlockQuestion, MandateList
from federation.root import Root
from federation.status import Status, StatusList, StatusLists
from tests.federation.test_mandate import GIVEN, KEYS, NOW
from tests.support.mandates import POLICY

REGISTRAR = SigningKey.from_seed(bytes([9]) * 32)
HOLDER = SigningKey.from_seed(bytes([8]) * 32).verify_key.raw
PEOPLE = b"".join(bytes([n]) * 32 for n in range(1, 4))
BELIEVERS = Believers(
    root=Root(keys={key.kid: key.verify_key for key in KEYS}, threshold=2),
    registrar="registrar",
    issuers={REGISTRAR.kid: REGISTRAR.verify_key},
    catalogue=catalogue.load(),
)
DOCUMENT = mandate.countersign(mandate.draft(GIVEN), KEYS[:2])
LISTED = MandateList(
    issuer="registrar",
    audience="civil_affairs",
    jti=bytes(16),
    issued=NOW,
    not_before=NOW,
    expires=GIVEN.expires,
    holder=HOLDER,
    status_index=7,
    status_uri=status.uri_of("registrar", "civil_affairs"),
    mandate=hashlib.sha256(DOCUMENT).digest(),
    epoch=2026,
    size=3,
    blocks=(hashlib.sha256(PEOPLE).digest(),),
)
QUESTION = BlockQuestion(signed_list=bytes(32), block=0, predicate="P10")


def signed(**changes: Any) -> bytes:
    return mandate_list.issue(replace(LISTED, **changes), REGISTRAR)


def believed(signed_list: bytes = signed(), document: bytes = DOCUMENT) -> Shown:
    return mandate_gate.believe(signed_list, document, BELIEVERS)


def current(states: dict[int, Status] | None = None) -> StatusLists:
    return StatusLists.of(
        StatusList(
            uri=LISTED.status_uri, issued=NOW, packed=status.pack(states or {}), digest=bytes(32)
        )
    )


def moment(**changes: Any) -> Moment:
    predicate = catalogue.load().predicate("P10")
    answering = Answering(
        predicate=predicate,
        purposes=frozenset({Purpose.MONITORING}),
        scope=Scope.CITY,
        sql="SELECT count(*) FROM cremation WHERE id = :key",
    )
    plain = Moment(
        department="civil_affairs",
        now=NOW,
        holder=HOLDER,
        purpose=Purpose.MONITORING,
        policy=policy.parse(POLICY.format(year=2026).encode(), catalogue.load()),
        answers={"P10": answering},
        revoked=current(),
        paused=False,
    )
    return replace(plain, **changes)


def admitted(question: BlockQuestion = QUESTION, **changes: Any) -> AdmittedBlock:
    shown = changes.pop("shown", None) or believed()
    sender = changes.pop("sender", "coordinator")
    return mandate_gate.admit(question, shown, sender, moment(**changes))


def test_all_that_fits_is_admitted() -> None:
    assert policy.parse(POLICY.format(year=2026).encode(), catalogue.load()).issued == date(
        2026, 1, 1
    )
    one = admitted()
    assert (one.block, one.rule.predicate, one.parameter) == (LISTED.blocks[0], "P10", None)
    mandate_gate.check_block(one, PEOPLE)


@pytest.mark.parametrize(
    ("signed_list", "document", "code"),
    [
        (mandate_list.issue(LISTED, SigningKey.generate()), DOCUMENT, "MANDATE_INVALID"),
        (signed(issuer="coordinator"), DOCUMENT, "MANDATE_INVALID"),
        (signed(), mandate.countersign(DOCUMENT, KEYS), "MANDATE_INVALID"),
        (signed(mandate=bytes(32)), DOCUMENT, "MANDATE_INVALID"),
        (signed(audience="tax"), DOCUMENT, "MANDATE_INVALID"),
        (signed(expires=GIVEN.expires + 1), DOCUMENT, "MANDATE_INVALID"),
        (signed(size=4), DOCUMENT, "MANDATE_EXHAUSTED"),
    ],
)
def test_what_is_not_believed(signed_list: bytes, document: bytes, code: str) -> None:
    with pytest.raises(Refused, match=code):
        believed(signed_list, document)


def test_a_mandate_that_the_root_did_not_sign() -> None:
    document = mandate.countersign(mandate.draft(GIVEN), KEYS[:1])
    listed = signed(mandate=hashlib.sha256(document).digest())
    assert mandate_gate.mandate_of(listed, BELIEVERS) == hashlib.sha256(document).digest()
    with pytest.raises(Refused, match="MANDATE_INVALID"):
        believed(listed, document)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"department": "tax"}, "CONSENT_WRONG_AUDIENCE"),
        ({"holder": bytes(32)}, "CONSENT_WRONG_HOLDER"),
        ({"now": GIVEN.expires}, "CONSENT_EXPIRED"),
        ({"now": NOW - 1_000}, "CONSENT_NOT_YET_VALID"),
        ({"sender": "stranger"}, "MANDATE_INVALID"),
        ({"revoked": None}, "STATUS_LIST_STALE"),
        ({"revoked": current({7: Status.INVALID})}, "CONSENT_REVOKED"),
        ({"revoked": current({7: Status.SUSPENDED})}, "CONSENT_SUSPENDED"),
        ({"purpose": Purpose.REVIEW}, "CONSENT_WRONG_PURPOSE"),
        ({"question": replace(QUESTION, predicate="P64")}, "CONSENT_NOT_GRANTED"),
        ({"question": replace(QUESTION, parameter="w12m")}, "CONSENT_NOT_GRANTED"),
        ({"question": replace(QUESTION, block=1)}, "QUESTION_MALFORMED"),
        (
            {"question": replace(QUESTION, predicate="P61", parameter="aid-dibao")},
            "POLICY_NOT_ANSWERED",
        ),
        ({"answers": {}}, "POLICY_NOT_ANSWERED"),
    ],
)
def test_each_step_has_its_code(changes: dict[str, Any], code: str) -> None:
    question = changes.pop("question", QUESTION)
    with pytest.raises(Refused) as caught:
        admitted(question, **changes)
    assert caught.value.code == code


def test_a_list_of_another_status_series_is_not_taken_for_valid() -> None:
    other = believed(signed(status_uri=status.uri_of("registrar", "civil_affairs", 1)))
    with pytest.raises(Refused, match="CONSENT_INVALID"):
        admitted(shown=other)


def test_a_predicate_that_is_answered_for_other_purposes_only() -> None:
    one = moment().answers["P10"]
    closed = {"P10": replace(one, purposes=frozenset({Purpose.ENTRY}))}
    with pytest.raises(Refused, match="POLICY_NOT_ANSWERED"):
        admitted(answers=closed)


@pytest.mark.parametrize("people", [PEOPLE[:64], PEOPLE + bytes(32), PEOPLE[32:] + PEOPLE[:32]])
def test_people_that_the_registrar_did_not_sign(people: bytes) -> None:
    with pytest.raises(Refused, match="MANDATE_INVALID"):
        mandate_gate.check_block(admitted(), people)


def test_the_mandates_number_of_people_is_counted_over_all_its_lists() -> None:
    mandate_gate.check_count(GIVEN, LISTED, 0)
    with pytest.raises(Refused, match="MANDATE_EXHAUSTED"):
        mandate_gate.check_count(GIVEN, LISTED, 1)
