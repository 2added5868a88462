"""Tokens that must not be believed, each presented over real sockets and refused for its reason.

Every row is one attempt; the node stays the same. What is refused spends nothing and is not kept.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from crypto.keys import SigningKey
from federation import consent, limits, status
from federation.clock import epoch_end, epoch_of
from federation.consent import Claims, Grant
from federation.exchange import Purpose
from federation.status import Status
from federation.strictjson import b64, dumps, unb64
from tests.scenarios import hostile
from tests.scenarios.hostile import CENTRE, NODE, STRANGER, House, named, shown
from tests.support import twin as twins
from tests.support.twin import NOW, WITH_CAR, WITHOUT_CAR, grant

Attack = Callable[[House], bytes]
"""Makes a request with one question that must be refused."""
PLAIN = grant("P40", max_uses=9)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with hostile.running(tmp_path_factory.mktemp("tokens") / "f") as house:
        yield house


def claims(house: House, **changes: Any) -> Claims:
    return replace(house.twin.claims(NODE, WITH_CAR), **changes)


def signed(house: House, key: SigningKey | None = None, **changes: Any) -> bytes:
    """Sign a token for P40 with changed claims."""
    salted = {os.urandom(16): PLAIN}
    return consent.issue(claims(house, **changes), salted, key or house.twin.registrar.key)


def ask(make: Callable[[House], bytes], predicate: str = "P40", parameter: str = "") -> Attack:
    """Put one question under the token that is made."""

    def attack(house: House) -> bytes:
        token = make(house)
        return house.ask(shown(token, predicate, parameter), tokens=[token])

    return attack


def saying(**changes: Any) -> Attack:
    """Have the registrar itself sign changed claims."""
    return ask(lambda house: signed(house, **changes))


def granting(one: Grant, predicate: str = "", parameter: str | None = None) -> Attack:
    """Ask a question under a token with one grant."""

    def make(house: House) -> bytes:
        return house.twin.token(claims(house), one)

    wanted = one.parameter if parameter is None else parameter
    return ask(make, predicate or one.predicate, wanted)


def edited(change: Callable[[dict[str, Any]], object]) -> Attack:
    """Have the registrar sign claims that were edited as JSON."""

    def edit(payload: bytes) -> bytes:
        value = json.loads(payload)
        change(value)
        return dumps(value)

    return ask(lambda house: resigned(house, edit))


def written(old: bytes, new: bytes) -> Attack:
    """Have the registrar sign claims whose text was edited."""
    return ask(lambda house: resigned(house, lambda payload: payload.replace(old, new, 1)))


def resigned(house: House, edit: Callable[[bytes], bytes]) -> bytes:
    jwt, *rest = signed(house).split(b"~")
    head, payload, _ = jwt.split(b".")
    body = head + b"." + b64(edit(unb64(payload, "claims"))).encode()
    signature = b64(house.twin.registrar.key.sign(body)).encode()
    return b"~".join([body + b"." + signature, *rest])


def headed(**changes: Any) -> Attack:
    """Have the registrar sign another protected header."""

    def make(house: House) -> bytes:
        jwt, *rest = signed(house).split(b"~")
        head, payload, _ = jwt.split(b".")
        words = json.loads(unb64(head, "header")) | changes
        body = b64(dumps(words)).encode() + b"." + payload
        signature = b64(house.twin.registrar.key.sign(body)).encode()
        return b"~".join([body + b"." + signature, *rest])

    return ask(make)


def mended(change: Callable[[list[bytes]], list[bytes]]) -> Attack:
    """Change a token with two grants part by part: what was signed, disclosures, the end."""

    def make(house: House) -> bytes:
        token = house.twin.token(claims(house), PLAIN, grant("P42", "w12m", "window"))
        return b"~".join(change(token.split(b"~")))

    return ask(make)


def flipped(house: House) -> bytes:
    jwt, *rest = signed(house).split(b"~")
    body, _, signature = jwt.rpartition(b".")
    raw = unb64(signature, "signature")
    forged = b64(bytes([raw[0] ^ 1]) + raw[1:]).encode()
    return b"~".join([body + b"." + forged, *rest])


def borrowed(house: House) -> bytes:
    """Sign with one's own key under the registrar's name."""
    head, rest = signed(house, house.twin.coordinator.key).split(b".", 1)
    kid = house.twin.registrar.key.kid
    named = b64(dumps(json.loads(unb64(head, "header")) | {"kid": kid})).encode()
    return named + b"." + rest


def tampered(text: bytes) -> bytes:
    """Write another grant into a disclosure."""
    salt, value = json.loads(unb64(text, "disclosure"))
    return b64(dumps([salt, value | {"max_uses": 999}])).encode()


def in_state(state: int) -> Attack:
    """Have the registrar publish a state of the token before it is shown."""

    def attack(house: House) -> bytes:
        made = claims(house)
        token = house.twin.token(made, PLAIN)
        house.twin.states[made.status_index] = state  # type: ignore[assignment]
        house.node.status.refresh()
        return house.ask(shown(token), tokens=[token])

    return attack


def household(*people: str, role: str = "MEMBER", show: int = 1) -> Attack:
    """Sign a household's tokens; show so many of them, and ask about the first."""

    def attack(house: House) -> bytes:
        made = [house.twin.claims(NODE, person) for person in people]
        salt = os.urandom(16)
        whole = consent.household_commitment(salt, [one.sub for one in made])
        tokens = [
            house.twin.token(
                replace(
                    one,
                    household_salt=salt,
                    household_commitment=whole,
                    role=role if place else "APPLICANT",
                ),
                PLAIN,
            )
            for place, one in enumerate(made)
        ]
        return house.ask(shown(tokens[0]), tokens=tokens[:show])

    return attack


def filled(house: House) -> bytes:
    """Fill a household's gap with somebody else's token."""
    made = [house.twin.claims(NODE, person) for person in (WITH_CAR, WITHOUT_CAR)]
    salt = os.urandom(16)
    whole = consent.household_commitment(salt, [one.sub for one in made])
    first = replace(made[0], household_salt=salt, household_commitment=whole)
    other = replace(first, jti=os.urandom(16), sub=os.urandom(32))
    tokens = [house.twin.token(one, PLAIN) for one in (first, other)]
    return house.ask(shown(tokens[0]), tokens=tokens)


def reused(house: House) -> bytes:
    """Sign another token under the id of one that the node knows."""
    made = claims(house)
    first = house.twin.token(made, PLAIN)
    assert house.heard(house.ask(shown(first), tokens=[first])) == ["YES"]
    second = house.twin.token(replace(made, uses_a_month=999), PLAIN)
    return house.ask(shown(second), tokens=[second])


def unshown(house: House) -> bytes:
    return house.ask(shown(signed(house)))


def of_another_federation(house: House) -> bytes:
    """Come with a token of a city whose parties have the same names."""
    other = twins.make(house.twin.folder.parent / f"other-{os.urandom(4).hex()}")
    holder = house.twin.coordinator.key.verify_key.raw
    return other.token(replace(other.claims(NODE, WITH_CAR), holder=holder), PLAIN)


LONG_AGO = {"issued": NOW - 90_000, "not_before": NOW - 90_000}
END_OF_EPOCH = epoch_end(epoch_of(NOW)) + limits.EPOCH_GRACE
SECOND = "790302199302200158"
FORGED: dict[str, tuple[str, Attack]] = {
    "a bit of the signature": ("CONSENT_INVALID", ask(flipped)),
    "signed by the asker": (
        "CONSENT_INVALID",
        ask(lambda house: signed(house, house.twin.coordinator.key)),
    ),
    "signed by the asker in the registrar's name": ("CONSENT_INVALID", ask(borrowed)),
    "signed by the department itself": (
        "CONSENT_INVALID",
        ask(lambda house: signed(house, house.node.party.key)),
    ),
    "another federation's": ("CONSENT_INVALID", ask(of_another_federation)),
    "another registrar's": ("CONSENT_INVALID", saying(issuer="registrar_b")),
    "no algorithm": ("CONSENT_INVALID", headed(alg="none")),
    "another type": ("CONSENT_INVALID", headed(typ="JWT")),
    "a critical extension": ("CONSENT_INVALID", headed(crit=["hedui"])),
    "a claim of no use": ("CONSENT_INVALID", edited(lambda c: c.update(nickname="x"))),
    "a claim named _sd": ("CONSENT_INVALID", edited(lambda c: c.update(_sd=[]))),
    "a claim twice": (
        "CONSENT_INVALID",
        written(b'"frequency":', b'"exp":9999999999,"frequency":'),
    ),
    "a date with a fraction": ("CONSENT_INVALID", written(b',"frequency"', b'.0,"frequency"')),
    "a digest twice": (
        "CONSENT_INVALID",
        edited(lambda c: c["grants"].append(c["grants"][0])),
    ),
    "under a known id": ("CONSENT_INVALID", reused),
    "named and not shown": ("CONSENT_INVALID", unshown),
    "unknown basis": ("CONSENT_INVALID", saying(basis="HEARSAY")),
    "a mandate's basis": ("CONSENT_INVALID", saying(basis="STATUTORY_MANDATE")),
    "unknown role": ("CONSENT_INVALID", saying(role="NEIGHBOUR")),
}
DISCLOSED: dict[str, tuple[str, Attack]] = {
    "tampered": ("CONSENT_INVALID", mended(lambda p: [p[0], tampered(p[1]), *p[2:]])),
    "repeated": ("CONSENT_INVALID", mended(lambda p: [p[0], p[1], *p[1:]])),
    "stray": (
        "CONSENT_INVALID",
        mended(lambda p: [*p[:-1], b64(dumps([b64(bytes(16)), {}])).encode(), b""]),
    ),
    "empty": ("CONSENT_INVALID", mended(lambda p: [p[0], b"", *p[1:]])),
    "padded": ("CONSENT_INVALID", mended(lambda p: [p[0], p[1] + b"=", *p[2:]])),
    "key binding behind": ("CONSENT_INVALID", mended(lambda p: [*p[:-1], b"e30.e30.e30"])),
    "no end": ("CONSENT_INVALID", mended(lambda p: p[:-1])),
    "oversize": (
        "CONSENT_INVALID",
        mended(lambda p: [*p[:-1], b"A" * limits.TOKEN_BYTES, b""]),
    ),
    "withheld": ("CONSENT_NOT_GRANTED", mended(lambda p: [p[0], b""])),
}
DATED: dict[str, tuple[str, Attack]] = {
    "expired": ("CONSENT_EXPIRED", saying(**LONG_AGO, expires=NOW - 1)),
    "expires now": ("CONSENT_EXPIRED", saying(**LONG_AGO, expires=NOW)),
    "from tomorrow": ("CONSENT_NOT_YET_VALID", saying(not_before=NOW + limits.SKEW + 1)),
    "outlives its epoch": ("CONSENT_INVALID", saying(expires=END_OF_EPOCH + 1)),
    "revoked": ("CONSENT_REVOKED", in_state(Status.INVALID)),
    "suspended": ("CONSENT_SUSPENDED", in_state(Status.SUSPENDED)),
    "in a state that nobody knows": ("CONSENT_SUSPENDED", in_state(3)),
    "on another department's list": (
        "CONSENT_INVALID",
        saying(status_uri=status.uri_of("registrar", "tax")),
    ),
    "on a list that is not current": (
        "CONSENT_INVALID",
        saying(status_uri=status.uri_of("registrar", NODE, 1)),
    ),
}
STRAYED: dict[str, tuple[str, Attack]] = {
    "for another department": ("CONSENT_WRONG_AUDIENCE", saying(audience="tax")),
    "for another asker": ("CONSENT_WRONG_HOLDER", saying(holder=bytes(32))),
    "for another purpose": ("CONSENT_WRONG_PURPOSE", saying(purpose=Purpose.REVIEW)),
    "of another family of policies": ("POLICY_VERSION", saying(policy_family="other")),
    "of a later policy": ("POLICY_VERSION", saying(policy_version=2)),
    "another question": ("CONSENT_NOT_GRANTED", granting(PLAIN, "P42", "w12m")),
    "another rung": (
        "CONSENT_NOT_GRANTED",
        granting(grant("P41", "line-100", "threshold", members=1), "P41", "line-200"),
    ),
    "a rung that is in no policy": (
        "POLICY_PARAMETER",
        granting(grant("P41", "line-150", "threshold", members=1)),
    ),
    "a window for a rung": (
        "POLICY_PARAMETER",
        granting(grant("P41", "w12m", "threshold", members=1)),
    ),
    "a rung where there is none": ("POLICY_PARAMETER", granting(grant("P40", "line-100"))),
    "a question of no policy": ("POLICY_NOT_ANSWERED", granting(grant("P43"))),
    "a question of no catalogue": (
        "POLICY_NOT_ANSWERED",
        granting(grant("P21", "wage-12s", "threshold", members=1)),
    ),
    "no question at all": ("POLICY_NOT_ANSWERED", granting(grant("P99"))),
    "another form": ("CONSENT_NOT_GRANTED", granting(grant("P40", form="count"))),
    "a rung of no household": (
        "CONSENT_NOT_GRANTED",
        granting(grant("P41", "line-100", "threshold")),
    ),
    "a recheck of two uses": ("CONSENT_NOT_GRANTED", granting(grant("P40", recheck=True))),
}
HOUSEHOLDS: dict[str, tuple[str, Attack]] = {
    "one of two": ("HOUSEHOLD_MISMATCH", household(WITH_CAR, WITHOUT_CAR)),
    "two of three": ("HOUSEHOLD_MISMATCH", household(WITH_CAR, WITHOUT_CAR, SECOND, show=2)),
    "a supporter counted in": (
        "HOUSEHOLD_MISMATCH",
        household(WITH_CAR, WITHOUT_CAR, role="SUPPORTER", show=2),
    ),
    "a stranger in the gap": ("HOUSEHOLD_MISMATCH", filled),
    "a commitment to somebody else": (
        "HOUSEHOLD_MISMATCH",
        saying(household_commitment=bytes(32)),
    ),
}
TABLE = {
    f"{kind}: {name}": row
    for kind, rows in {
        "forged": FORGED,
        "disclosure": DISCLOSED,
        "time and state": DATED,
        "stray": STRAYED,
        "household": HOUSEHOLDS,
    }.items()
    for name, row in rows.items()
}


@pytest.mark.parametrize(("code", "attack"), TABLE.values(), ids=TABLE)
def test_a_token_is_refused_for_its_reason(house: House, code: str, attack: Attack) -> None:
    request = attack(house)
    before = house.spent()
    assert house.heard(request) == [code]
    assert house.spent() == before._replace(log=before.log + 1), "a refusal is logged, no more"


@pytest.mark.parametrize(
    "attack", [granting(grant("P40", max_uses=0)), saying(uses_a_month=0)], ids=["grant", "month"]
)
def test_a_token_without_a_use_left_looks_at_nothing(house: House, attack: Attack) -> None:
    request, before = attack(house), house.spent()
    assert house.heard(request) == ["USES_EXHAUSTED"]
    after = before._replace(log=before.log + 1, consents=before.consents + 1)
    assert house.spent() == after, "the token itself is sound, and known now"


@pytest.mark.parametrize("show", [1, 2])
def test_what_was_changed_is_all_that_was_wrong(house: House, show: int) -> None:
    """The same tokens, unchanged, are answered."""
    sound = household(*[WITH_CAR, WITHOUT_CAR][:show], show=show)
    assert house.heard(sound(house)) == ["YES"]
    assert house.heard(saying()(house)) == ["YES"]
    assert house.heard(mended(lambda parts: parts)(house)) == ["YES"]
    assert house.heard(in_state(Status.VALID)(house)) == ["YES"]
    rung = grant("P41", "line-100", "threshold", members=1)
    assert house.heard(granting(rung)(house)) == ["NO"]


def test_a_stranger_s_token_is_refused_shown_or_named(house: House) -> None:
    made = claims(house)
    token = house.twin.token(made, PLAIN)
    assert house.heard(house.ask(shown(token), tokens=[token])) == ["YES"]
    stolen = house.ask(shown(token), named(made.jti), tokens=[token], sender=STRANGER)
    assert house.heard(stolen, STRANGER) == ["CONSENT_WRONG_HOLDER"] * 2
    theirs = replace(made, jti=os.urandom(16), holder=twins.stranger(house.twin).key.verify_key.raw)
    lent = house.twin.token(theirs, PLAIN)
    assert house.heard(house.ask(shown(lent), tokens=[lent])) == ["CONSENT_WRONG_HOLDER"]
    own = house.ask(shown(lent), tokens=[lent], sender=STRANGER)
    assert house.heard(own, STRANGER) == ["YES"]


def test_a_guessed_token_is_not_known(house: House) -> None:
    for sender in (CENTRE, STRANGER):
        guessed = house.ask(named(os.urandom(16)), sender=sender)
        assert house.heard(guessed, sender) == ["PRESENT_AGAIN"]


def test_a_bad_token_spoils_no_other_of_its_request(house: House) -> None:
    """Whoever is refused beside them: the others are answered, in their places."""
    good = house.twin.token(claims(house), PLAIN)
    bad = [flipped(house), signed(house, audience="tax"), signed(house, expires=END_OF_EPOCH + 1)]
    asked = [shown(bad[0]), shown(good), shown(bad[1]), shown(good), shown(bad[2])]
    assert house.heard(house.ask(*asked, tokens=[*bad, good])) == [
        "CONSENT_INVALID",
        "YES",
        "CONSENT_WRONG_AUDIENCE",
        "YES",
        "CONSENT_INVALID",
    ]
