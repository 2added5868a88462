"""The registrar's signed list of a mandate's people at one department."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from crypto.keys import SigningKey
from federation import limits, mandate_list
from federation.clock import epoch_end
from federation.errors import Refused
from federation.mandate_list import MandateList, blocks_of
from federation.strictjson import b64, dumps, unb64
from tests.federation.test_mandate import GIVEN, NOW

KEY = SigningKey.from_seed(bytes(32))
ISSUERS = {KEY.kid: KEY.verify_key}
PEOPLE = [n.to_bytes(32, "big") for n in range(limits.MANDATE_BLOCK + 1)]
LISTED = MandateList(
    issuer="registrar",
    audience="civil_affairs",
    jti=bytes(16),
    issued=NOW,
    not_before=NOW,
    expires=GIVEN.expires,
    holder=bytes(32),
    status_index=7,
    status_uri="hedui:registrar/status/civil_affairs/0",
    mandate=bytes(32),
    epoch=2026,
    size=len(PEOPLE),
    blocks=tuple(hashlib.sha256(block).digest() for block in blocks_of(PEOPLE)),
)


def read(jwt: bytes) -> MandateList:
    return mandate_list.read(jwt, ISSUERS)


def refused(jwt: bytes) -> None:
    with pytest.raises(Refused, match="MANDATE_INVALID"):
        read(jwt)


def resigned(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> bytes:
    """Change header and claims in place, and sign that."""
    head, payload, _ = mandate_list.issue(LISTED, KEY).split(b".")
    header, claims = (json.loads(unb64(part, "part")) for part in (head, payload))
    change(header, claims)
    body = f"{b64(dumps(header))}.{b64(dumps(claims))}".encode()
    return body + b"." + b64(KEY.sign(body)).encode()


def test_what_is_signed_is_read_and_named_by_its_digest() -> None:
    jwt = mandate_list.issue(LISTED, KEY)
    assert read(jwt) == replace(LISTED, digest=hashlib.sha256(jwt).digest())


def test_blocks_hold_everybody_once_in_order() -> None:
    blocks = list(blocks_of(PEOPLE))
    assert b"".join(blocks) == b"".join(PEOPLE)
    assert [len(one) // 32 for one in blocks] == [limits.MANDATE_BLOCK, 1]
    assert [LISTED.persons(0), LISTED.persons(1)] == [limits.MANDATE_BLOCK, 1]
    for block in (-1, 2):
        with pytest.raises(Refused, match="QUESTION_MALFORMED"):
            LISTED.persons(block)


def test_the_same_people_have_one_name_in_any_list() -> None:
    assert LISTED.people == replace(LISTED, jti=bytes([1]) * 16, holder=bytes([2]) * 32).people
    assert LISTED.people != replace(LISTED, blocks=LISTED.blocks[:1]).people


def test_strangers_and_changes_are_refused() -> None:
    refused(mandate_list.issue(LISTED, SigningKey.generate()))
    jwt = mandate_list.issue(LISTED, KEY)
    refused(jwt[:-1])
    refused(jwt + b"A" * limits.MANDATE_LIST_BYTES)
    refused(b"")
    other = mandate_list.issue(replace(LISTED, audience="tax"), KEY)
    refused(b".".join([*other.split(b".")[:2], jwt.split(b".")[2]]))


@pytest.mark.parametrize(
    "change",
    [
        lambda h, c: h.update(alg="none"),
        lambda h, c: h.update(typ="dc+sd-jwt"),
        lambda h, c: h.update(crit=[]),
        lambda h, c: c.update(more=1),
        lambda h, c: c["cnf"]["jwk"].update(kty="EC"),
        lambda h, c: c["cnf"]["jwk"].update(x="AA"),
        lambda h, c: c["status"]["status_list"].update(idx=limits.STATUS_ENTRIES),
        lambda h, c: c.update(blocks=b64(bytes(32))),
        lambda h, c: c.update(blocks=b64(bytes(33))),
        lambda h, c: c.update(size=0),
        lambda h, c: c.update(exp=NOW),
        lambda h, c: c.update(nbf=NOW - 1),
        lambda h, c: c.update(exp=epoch_end(2026) + limits.EPOCH_GRACE + 1),
        lambda h, c: c.update(epoch=0),
    ],
)
def test_a_list_of_another_form_is_invalid_even_when_signed(
    change: Callable[[dict[str, Any], dict[str, Any]], object],
) -> None:
    refused(resigned(change))


def test_whose_it_is_and_when() -> None:
    def check(**changes: Any) -> None:
        now = changes.pop("now", NOW)
        said = {"audience": "civil_affairs", "holder": bytes(32)} | changes
        mandate_list.check(LISTED, now=now, **said)

    check()
    check(now=LISTED.not_before - limits.SKEW)
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"audience": "tax"}, "CONSENT_WRONG_AUDIENCE"),
        ({"holder": bytes([1]) * 32}, "CONSENT_WRONG_HOLDER"),
        ({"now": NOW - limits.SKEW - 1}, "CONSENT_NOT_YET_VALID"),
        ({"now": LISTED.expires}, "CONSENT_EXPIRED"),
    ]
    for changes, code in refusals:
        with pytest.raises(Refused, match=code):
            check(**changes)


def test_a_list_fits_its_mandate() -> None:
    given = replace(GIVEN, size=len(PEOPLE))
    mandate_list.check_fit(LISTED, given)
    with pytest.raises(Refused, match="MANDATE_INVALID"):
        mandate_list.check_fit(replace(LISTED, audience="tax"), given)
    with pytest.raises(Refused, match="MANDATE_INVALID"):
        mandate_list.check_fit(replace(LISTED, expires=given.expires + 1), given)
    with pytest.raises(Refused, match="MANDATE_EXHAUSTED"):
        mandate_list.check_fit(LISTED, replace(given, size=len(PEOPLE) - 1))
