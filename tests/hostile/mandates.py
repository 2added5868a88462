"""Hostile batch mandates and the lists signed for them: forged, stretched, misshapen, another's.

Mandates are signed by securesystemslib (DSSE), lists by joserfc (JWS). A list is judged by the
sound mandate; both are for two departments, so that a list can be another's.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, Final

from federation import limits, policy
from tests.hostile.documents import KEYS, OTHERS, line
from tests.hostile.made import (
    DAY,
    DEPARTMENT,
    NOW,
    Hostile,
    Json,
    Shelf,
    b64,
    compact,
    flipped,
    jwt,
    odd_jwt,
    signature,
    unb64,
)
from tests.support.exchanges import filler, key

MANDATES: Final = Shelf("mandates", "mandate", ".json")
LISTS: Final = Shelf("people", "people", ".jwt")
KIND: Final = "application/vnd.hedui.mandate.v1+json"
REGISTRAR: Final = key("registrar")
HEADER: Final = {"alg": "Ed25519", "kid": REGISTRAR.kid, "typ": "hedui-mandate-list+jwt"}
INVALID: Final = "MANDATE_INVALID"
SIZE: Final = 3
ENDS: Final = NOW + 20 * DAY
MANDATE: Final[Json] = {
    "id": b64(filler("mandate")),
    "version": 1,
    "purpose": "MONITORING",
    "basis": {"zh": "样本", "en": "Kit"},
    "coordinator": "coordinator",
    "departments": [DEPARTMENT, "other"],
    "questions": [["P10", ""]],
    "list": {"digest": b64(filler("people", 32)), "size": SIZE},
    "not_before": NOW - DAY,
    "expires": ENDS,
}

Row = tuple[str, str, str, str, bytes]


def given(**changes: Any) -> bytes:
    """Sign a mandate of which something is another."""
    return line(MANDATE | changes, KEYS[:2], KIND)


SOUND: Final = given()
CLAIMS: Final[Json] = {
    "iss": "registrar",
    "aud": DEPARTMENT,
    "jti": b64(filler("list")),
    "iat": NOW,
    "nbf": NOW,
    "exp": ENDS,
    "cnf": {"jwk": {"crv": "Ed25519", "kty": "OKP", "x": b64(key("coordinator").verify_key.raw)}},
    "status": {"status_list": {"idx": 20, "uri": f"hedui:registrar/status/{DEPARTMENT}/0"}},
    "mandate": b64(hashlib.sha256(SOUND).digest()),
    "epoch": 2026,
    "size": SIZE,
    "blocks": b64(filler("block", 32)),
}


def listed(**changes: Any) -> bytes:
    """Sign a list of which something is another."""
    return jwt(HEADER, compact(CLAIMS | changes), REGISTRAR).encode()


def files() -> Iterator[Hostile]:
    """Make all of them, each kind's sound one first."""
    yield MANDATES.sound(SOUND, "正当的批量授权", "a sound batch mandate")
    yield LISTS.sound(listed(), "正当的批量名单", "a sound list of a mandate's people")
    for shelf, group in (
        (MANDATES, _signed),
        (MANDATES, _said),
        (LISTS, _lists_signed),
        (LISTS, _lists_said),
        (LISTS, _lists_bound),
    ):
        for name, code, zh, en, data in group():
            yield shelf.hostile(name, code, (zh, en), data)


def _signed() -> Iterator[Row]:
    yield "empty", INVALID, "什么也没有", "nothing", b""
    yield "noise", INVALID, "不是文件", "no document", b"{}"
    yield "one-key", INVALID, "只有一把根钥匙签署", "one root key", line(MANDATE, KEYS[:1], KIND)
    yield "others", INVALID, "外人签署", "signed by others", line(MANDATE, OTHERS[:2], KIND)
    registrar = line(MANDATE, [REGISTRAR], KIND)
    yield "registrar", INVALID, "登记方签署", "signed by the registrar", registrar
    other = line(MANDATE, KEYS[:2], policy.PAYLOAD_TYPE)
    yield "type", INVALID, "按政策签署", "signed as a policy", other
    yield "behind", INVALID, "后面还有", "something behind it", SOUND + b"{}"
    yield "large", INVALID, "太大", "too large", SOUND + b" " * limits.MANDATE_BYTES


def _said() -> Iterator[Row]:
    long = {"zh": "据" * 501, "en": "Kit"}
    pair = ["P10", ""]
    for name, changes, zh, en in (
        ("early", {"not_before": NOW + limits.SKEW + 1}, "尚未生效", "not in force yet"),
        ("ended", {"expires": NOW}, "已到期", "ended"),
        ("turned", {"not_before": ENDS, "expires": NOW}, "先终后始", "ends before it begins"),
        ("coordinator", {"coordinator": "other"}, "授权给别的中心", "another coordinator's"),
        ("threshold", {"questions": [["P21", "line"]]}, "问门槛", "asks about a threshold"),
        ("question-unknown", {"questions": [["P99", ""]]}, "没有这个问题", "an unknown question"),
        ("question-twice", {"questions": [pair, pair]}, "同一问题两次", "a question twice"),
        ("question-none", {"questions": []}, "没有问题", "no question"),
        ("question-long", {"questions": [["P10", "", ""]]}, "问题有三段", "a question of three"),
        ("department-none", {"departments": []}, "没有部门", "no department"),
        ("department-twice", {"departments": [DEPARTMENT] * 2}, "同一部门两次", "one twice"),
        ("purpose", {"purpose": "CURIOSITY"}, "没有这种用途", "an unknown purpose"),
        ("size-none", {"list": MANDATE["list"] | {"size": 0}}, "没有人", "nobody"),
        ("size-true", {"list": MANDATE["list"] | {"size": True}}, "人数是真值", "`true` people"),
        (
            *("size-large", {"list": MANDATE["list"] | {"size": limits.MANDATE_PERSONS + 1}}),
            *("人数超过上限", "more people than a mandate may have"),
        ),
        (
            "digest-short",
            {"list": MANDATE["list"] | {"digest": b64(bytes(16))}},
            "摘要太短",
            "half",
        ),
        ("basis-one", {"basis": {"zh": "样本"}}, "依据只有一种文字", "its ground in one language"),
        ("basis-long", {"basis": long}, "依据过长", "a ground of 501 characters"),
        ("id-short", {"id": b64(bytes(15))}, "编号太短", "a short id"),
        ("version-none", {"version": 0}, "没有版本", "no version"),
        ("version-text", {"version": "1"}, "版本是文字", "its version is text"),
        ("field-more", {"more": 1}, "多余的字段", "a field that is not ours"),
    ):
        yield name, INVALID, zh, en, given(**changes)
    less = {name: value for name, value in MANDATE.items() if name != "departments"}
    yield "field-less", INVALID, "缺字段", "a field is missing", line(less, KEYS[:2], KIND)


def _lists_signed() -> Iterator[Row]:
    body, _, made = listed().decode().rpartition(".")
    thief = key("thief")
    bit = f"{body}.{b64(flipped(unb64(made)))}".encode()
    yield "empty", INVALID, "什么也没有", "nothing", b""
    yield "signature-bit", INVALID, "签名错一位", "one bit of the signature", bit
    yield "signature-none", INVALID, "没有签名", "no signature", f"{body}.".encode()
    forged = f"{body}.{b64(signature(thief, body.encode()))}".encode()
    yield "signature-thief", INVALID, "外人冒签", "a stranger's signature", forged
    own = jwt(HEADER | {"kid": thief.kid}, compact(CLAIMS), thief).encode()
    yield "kid-thief", INVALID, "不认识的密钥", "an unknown key's `kid`", own
    asking = key("coordinator")
    asked = jwt(HEADER | {"kid": asking.kid}, compact(CLAIMS), asking).encode()
    yield "kid-coordinator", INVALID, "询问方自己签的", "the one who asks has signed", asked
    typ = jwt(HEADER | {"typ": "statuslist+jwt"}, compact(CLAIMS), REGISTRAR).encode()
    yield "typ", INVALID, "撤销名单的类型", "a status list's type", typ
    alg = odd_jwt(compact(HEADER | {"alg": "none"}), compact(CLAIMS), REGISTRAR).encode()
    yield "alg-none", INVALID, "没有算法", "`alg` none", alg
    crit = odd_jwt(compact(HEADER | {"crit": ["x"], "x": 1}), compact(CLAIMS), REGISTRAR)
    yield "crit", INVALID, "不认识的关键扩展", "an unknown critical extension", crit.encode()
    twice = compact(CLAIMS)[:-1] + b',"size":2}'
    yield (
        "claim-twice",
        INVALID,
        "一项两次",
        "a claim twice",
        odd_jwt(compact(HEADER), twice, REGISTRAR).encode(),
    )
    yield "newline", INVALID, "后面有换行", "a new line behind it", listed() + b"\n"
    yield "four-parts", INVALID, "四段", "four parts", listed() + b".AA"


def _lists_said() -> Iterator[Row]:
    jwk = CLAIMS["cnf"]["jwk"]
    entry = CLAIMS["status"]["status_list"]
    for name, changes, zh, en in (
        ("size-none", {"size": 0, "blocks": ""}, "没有人", "nobody"),
        ("size-text", {"size": "3"}, "人数是文字", "its size is text"),
        ("blocks-none", {"blocks": ""}, "没有名单", "no blocks"),
        ("blocks-more", {"blocks": b64(filler("blocks", 64))}, "多一块", "a block too many"),
        ("blocks-torn", {"blocks": b64(filler("block", 31))}, "块不完整", "a torn block"),
        ("jti-short", {"jti": b64(bytes(15))}, "编号太短", "a short id"),
        ("epoch-true", {"epoch": True}, "年份是真值", "the year `true`"),
        ("epoch-past", {"epoch": 2020}, "期限长过年份", "it outlives its year"),
        ("turned", {"nbf": ENDS, "exp": NOW + DAY}, "先终后始", "ends before it begins"),
        ("key-other-kind", {"cnf": {"jwk": jwk | {"crv": "P-256"}}}, "别种密钥", "another curve"),
        ("key-short", {"cnf": {"jwk": jwk | {"x": b64(bytes(31))}}}, "密钥太短", "a short key"),
        (
            *("status-index", {"status": {"status_list": entry | {"idx": -1}}}),
            *("名单位置为负", "a status entry below zero"),
        ),
        ("status-none", {"status": {}}, "无法撤销", "it cannot be revoked"),
        ("claim-more", {"more": 1}, "多余的声明", "a claim that is not ours"),
    ):
        yield name, INVALID, zh, en, listed(**changes)
    less = {name: value for name, value in CLAIMS.items() if name != "aud"}
    bare = jwt(HEADER, compact(less), REGISTRAR).encode()
    yield "claim-less", INVALID, "缺声明", "a claim is missing", bare


def _lists_bound() -> Iterator[Row]:
    """Sound lists, but for another mandate, department, key or time."""
    other = b64(hashlib.sha256(given(version=2)).digest())
    yield "issuer", INVALID, "别的登记方", "another registrar's", listed(iss="registrar2")
    yield "mandate", INVALID, "另一份授权的", "another mandate's", listed(mandate=other)
    yield "department", INVALID, "授权里没有的部门", "a department not named", listed(aud="nobody")
    yield (
        *("audience", "CONSENT_WRONG_AUDIENCE", "别的部门的名单", "another department's list"),
        listed(aud="other"),
    )
    stolen = CLAIMS["cnf"]["jwk"] | {"x": b64(key("thief").verify_key.raw)}
    yield (
        *("holder", "CONSENT_WRONG_HOLDER", "别人的名单", "somebody else's list"),
        listed(cnf={"jwk": stolen}),
    )
    yield (
        *("early", "CONSENT_NOT_YET_VALID", "尚未生效", "not valid yet"),
        listed(nbf=NOW + limits.SKEW + 1),
    )
    yield (
        *("ended", "CONSENT_EXPIRED", "已到期", "expired"),
        listed(iat=NOW - DAY, nbf=NOW - DAY, exp=NOW),
    )
    yield "long", INVALID, "长过授权", "it outlives its mandate", listed(exp=ENDS + 1)
    yield (
        *("size-more", "MANDATE_EXHAUSTED", "比授权的人多", "more people than the mandate has"),
        listed(size=SIZE + 1),
    )
