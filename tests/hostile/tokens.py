"""Hostile consent tokens: forged, stretched, re-disclosed or spelled in a second way.

Made with joserfc; disclosures by openvc-core. Each has an id of its own, so that none is refused
because of another.
"""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import Any, Final

from openvc.proof.sd_jwt import disclosure_digest, make_array_disclosure

from crypto.keys import SigningKey
from department_node.throwaway import PERSON, REVOKED
from federation import limits
from tests.hostile.made import (
    DAY,
    DEPARTMENT,
    NOW,
    Change,
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

SHELF: Final = Shelf("tokens", "token", ".sd-jwt")
REGISTRAR: Final = key("registrar")
HOLDER: Final = key("coordinator")
THIEF: Final = key("thief")
HEADER: Final = {"alg": "Ed25519", "kid": REGISTRAR.kid, "typ": "dc+sd-jwt"}
GRANT: Final = {"predicate": "P40", "parameter": "", "form": "boolean", "max_uses": 2}
OTHER: Final = {"predicate": "P99", "parameter": "", "form": "boolean", "max_uses": 2}
INVALID: Final = "CONSENT_INVALID"
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_SALT: Final = bytes(16)


def claims(name: str) -> Json:
    """Write the claims of the sound token, under an id that follows from the file's name."""
    jti = b64(filler(f"jti {name}"))
    commitment = hashlib.sha256(_SALT + PERSON).digest()
    return {
        "iss": "registrar",
        "vct": "hedui-consent/v1",
        "aud": DEPARTMENT,
        "sub": b64(PERSON),
        "iat": NOW - DAY,
        "nbf": NOW - DAY,
        "exp": NOW + 7 * DAY,
        "jti": jti,
        "cnf": {"jwk": {"crv": "Ed25519", "kty": "OKP", "x": b64(HOLDER.verify_key.raw)}},
        "status": {"status_list": {"idx": 7, "uri": f"hedui:registrar/status/{DEPARTMENT}/0"}},
        "purpose": {"class": "ENTRY", "basis": "CONSENT"},
        "policy": {"family": "kit", "version": 1},
        "frequency": 100,
        "data_life": 0,
        "role": "APPLICANT",
        "household": {"salt": b64(_SALT), "commitment": b64(commitment), "members": 1},
        "evidence": b64(bytes(32)),
        "chain": jti,
        "_sd_alg": "sha-256",
    }


def disclosure(name: str, value: object) -> str:
    """Hide a value behind a digest, as openvc-core does."""
    return str(make_array_disclosure(b64(filler(f"salt {name}")), value))


def body(name: str, grants: Sequence[object] = (GRANT, OTHER)) -> tuple[Json, list[str]]:
    """Give claims and disclosures of a token over these grants."""
    shown = [disclosure(f"{name} {n}", grant) for n, grant in enumerate(grants)]
    slots = [{"...": disclosure_digest(one)} for one in shown]
    return claims(name) | {"grants": slots}, shown


def joined(signed: str, shown: Sequence[str]) -> bytes:
    return "~".join([signed, *shown, ""]).encode()


def token(name: str, grants: Sequence[object] = (GRANT, OTHER), **changes: Any) -> bytes:
    """Sign a token in which some claims are others."""
    said, shown = body(name, grants)
    return joined(jwt(HEADER, compact(said | changes), REGISTRAR), shown)


def edited(name: str, change: Change) -> bytes:
    """Sign a token whose claims were changed in their depth."""
    said, shown = body(name)
    change(said)
    return joined(jwt(HEADER, compact(said), REGISTRAR), shown)


def texted(name: str, old: bytes, new: bytes) -> bytes:
    """Sign claims of which one text was exchanged: JSON that no encoder writes."""
    said, shown = body(name)
    text = compact(said)
    assert text.count(old) == 1, old
    return joined(odd_jwt(compact(HEADER), text.replace(old, new), REGISTRAR), shown)


def framed(name: str, before: bytes, behind: bytes = b"") -> bytes:
    """Sign claims with something around them."""
    said, shown = body(name)
    return joined(odd_jwt(compact(HEADER), before + compact(said) + behind, REGISTRAR), shown)


def headed(name: str, signer: SigningKey = REGISTRAR, **header: object) -> bytes:
    """Sign under another header; None leaves a parameter out."""
    said, shown = body(name)
    kept = {k: v for k, v in (HEADER | header).items() if v is not None}
    return joined(odd_jwt(compact(kept), compact(said), signer), shown)


def resigned(name: str, other: Any) -> bytes:
    """Exchange the signature of a sound token, given what was signed and the sound signature."""
    said, shown = body(name)
    start, _, made = jwt(HEADER, compact(said), REGISTRAR).rpartition(".")
    return joined(f"{start}.{b64(other(start.encode(), unb64(made)))}", shown)


def files() -> Iterator[Hostile]:
    """Make all of them, the sound one first."""
    yield SHELF.sound(token("sound"), "正当的授权令牌", "a sound token")
    yield SHELF.sound(
        joined(jwt(HEADER, compact(body("narrow")[0]), REGISTRAR), body("narrow")[1][:1]),
        "只出示一项许可的令牌",
        "a token of which one grant is shown",
        "narrow",
    )
    for group in (_signed, _headed, _timed, _named, _granted, _spelled):
        for name, code, zh, en, data in group():
            yield SHELF.hostile(name, code, (zh, en), data)


Row = tuple[str, str, str, str, bytes]


def _signed() -> Iterator[Row]:
    def unreduced(_: bytes, made: bytes) -> bytes:
        high = int.from_bytes(made[32:], "little") + _ORDER
        return made[:32] + high.to_bytes(32, "little")

    odd = {
        "signature-bit": ("签名错一位", "one bit of the signature", lambda _, m: flipped(m)),
        "signature-zero": ("签名全为零", "a signature of zeros", lambda _, _m: bytes(64)),
        "signature-short": ("签名少一字节", "a signature a byte short", lambda _, m: m[:-1]),
        "signature-long": ("签名多一字节", "a signature a byte long", lambda _, m: m + b"\0"),
        "signature-none": ("没有签名", "no signature", lambda _, _m: b""),
        "signature-unreduced": ("签名的另一种写法", "S not reduced (RFC 8032 §5.1.7)", unreduced),
        "signature-thief": (
            "外人的签名冒用登记方的名字",
            "a stranger's signature under the registrar's name",
            lambda b, _: signature(THIEF, b),
        ),
        "signature-holder": (
            "持有人自己签发",
            "signed by its holder",
            lambda b, _: signature(HOLDER, b),
        ),
    }
    for name, (zh, en, other) in odd.items():
        yield name, INVALID, zh, en, resigned(name, other)
    said, shown = body("claims-after")
    made = jwt(HEADER, compact(said), REGISTRAR).split(".")
    longer = b64(compact(said | {"exp": NOW + 300 * DAY}))
    yield (
        *("claims-after", INVALID, "签名后改了期限", "its end changed after it was signed"),
        joined(f"{made[0]}.{longer}.{made[2]}", shown),
    )


def _headed() -> Iterator[Row]:
    said, shown = body("alg-none")
    unsigned = f"{b64(compact(HEADER | {'alg': 'none'}))}.{b64(compact(said))}."
    yield "alg-none", INVALID, "声称无须签名", "`alg` none", joined(unsigned, shown)
    said, shown = body("alg-hmac")
    keyed = f"{b64(compact(HEADER | {'alg': 'HS256'}))}.{b64(compact(said))}"
    mac = hmac.digest(REGISTRAR.verify_key.raw, keyed.encode(), "sha256")
    yield (
        *("alg-hmac", INVALID, "以公钥作对称密钥", "`alg` HS256, keyed with the public key"),
        joined(f"{keyed}.{b64(mac)}", shown),
    )
    yield "alg-eddsa", INVALID, "算法名不同", "`alg` EdDSA", headed("alg-eddsa", alg="EdDSA")
    yield "typ-jwt", INVALID, "类型不同", "`typ` JWT", headed("typ-jwt", typ="JWT")
    yield "kid-none", INVALID, "没有写明密钥", "no `kid`", headed("kid-none", kid=None)
    stranger = headed("kid-thief", THIEF, kid=THIEF.kid)
    yield "kid-thief", INVALID, "不认识的密钥", "an unknown key's `kid`", stranger
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(THIEF.verify_key.raw)}
    yield (
        *("header-jwk", INVALID, "令牌自带公钥", "it brings its own key"),
        headed("header-jwk", THIEF, jwk=jwk),
    )
    yield (
        *("crit", INVALID, "不认识的关键扩展", "an unknown critical extension"),
        headed("crit", crit=["hedui"], hedui=True),
    )


def _timed() -> Iterator[Row]:
    old = NOW - 400 * DAY
    expired = "CONSENT_EXPIRED"
    yield (
        *("expired-year", expired, "一年前到期", "expired a year ago"),
        token("expired-year", iat=old, nbf=old, exp=NOW - 365 * DAY),
    )
    yield (
        *("expired-second", expired, "一秒前到期", "expired a second ago"),
        token("expired-second", exp=NOW - 1),
    )
    yield "expires-now", expired, "此刻到期", "expires now", token("expires-now", exp=NOW)
    yield (
        *("not-yet", "CONSENT_NOT_YET_VALID", "一小时后生效", "valid from in an hour"),
        token("not-yet", nbf=NOW + 3_600),
    )
    yield (
        *("beyond-epoch", INVALID, "期限超出假名年度", "outlives the year of its pseudonym"),
        token("beyond-epoch", exp=NOW + 800 * DAY),
    )
    yield (
        *("ends-first", INVALID, "先到期后生效", "ends before it begins"),
        token("ends-first", exp=NOW - 2 * DAY),
    )
    end = f'"exp":{NOW + 7 * DAY}'.encode()
    for name, text in {"float": f"{NOW + 7 * DAY}.0", "nan": "NaN", "huge": "1e400"}.items():
        yield (
            *(f"exp-{name}", INVALID, "期限不是整数", f"its end is {text}"),
            texted(f"exp-{name}", end, b'"exp":' + text.encode()),
        )
    yield (
        "exp-text",
        INVALID,
        "期限是文字",
        "its end is text",
        token("exp-text", exp=str(NOW + DAY)),
    )
    yield "iat-true", INVALID, "签发时间是真值", "issued at `true`", token("iat-true", iat=True)
    yield "exp-far", INVALID, "三万年后到期", "ends in 36,000 years", token("exp-far", exp=1 << 41)


def _named() -> Iterator[Row]:
    yield (
        *("audience", "CONSENT_WRONG_AUDIENCE", "给另一部门的", "for another department"),
        token("audience", aud="tax"),
    )
    yield (
        *("audiences", INVALID, "同时给几个部门", "for several departments"),
        token("audiences", aud=[DEPARTMENT, "tax"]),
    )
    yield "issuer", INVALID, "别的签发者", "another issuer", token("issuer", iss="tax")
    yield (
        "kind",
        INVALID,
        "另一种令牌",
        "another kind of token",
        token("kind", vct="hedui-consent/v2"),
    )
    yield (
        *("holder", "CONSENT_WRONG_HOLDER", "给另一询问方的", "for another requester's key"),
        edited("holder", lambda c: c["cnf"]["jwk"].update(x=b64(THIEF.verify_key.raw))),
    )
    yield (
        *("holder-private", INVALID, "夹带私钥", "it carries a private key"),
        edited("holder-private", lambda c: c["cnf"]["jwk"].update(d=b64(THIEF.seed))),
    )
    yield (
        *("purpose", "CONSENT_WRONG_PURPOSE", "用途不同", "for another purpose"),
        token("purpose", purpose={"class": "REVIEW", "basis": "CONSENT"}),
    )
    yield (
        *("purpose-unknown", INVALID, "没有这种用途", "for no purpose that exists"),
        token("purpose-unknown", purpose={"class": "CURIOSITY", "basis": "CONSENT"}),
    )
    yield (
        *("basis", INVALID, "没有这种依据", "on no ground that exists"),
        token("basis", purpose={"class": "ENTRY", "basis": "STATUTORY_MANDATE"}),
    )
    yield (
        "role",
        INVALID,
        "没有这种身份",
        "a role that does not exist",
        token("role", role="NEIGHBOUR"),
    )
    for name, version, zh, en in (
        ("policy-later", {"family": "kit", "version": 2}, "政策版本尚未生效", "a later policy"),
        ("policy-other", {"family": "other", "version": 1}, "别的政策", "another policy"),
    ):
        yield name, "POLICY_VERSION", zh, en, token(name, policy=version)
    uri = f"hedui:registrar/status/{DEPARTMENT}/0"
    for name, code, index, zh, en in (
        ("revoked", "CONSENT_REVOKED", REVOKED, "已撤销", "revoked"),
        ("suspended", "CONSENT_SUSPENDED", REVOKED + 1, "已中止", "suspended"),
        ("status-beyond", INVALID, limits.STATUS_ENTRIES, "名单外的序号", "beyond the list"),
    ):
        yield name, code, zh, en, token(name, status={"status_list": {"idx": index, "uri": uri}})
    other = {"status_list": {"idx": 7, "uri": "hedui:registrar/status/tax/0"}}
    yield (
        *("status-other", INVALID, "别人的撤销名单", "on another department's list"),
        token("status-other", status=other),
    )
    yield "status-none", INVALID, "不在任何名单上", "on no list", token("status-none", status={})
    commitment = {"salt": b64(_SALT), "commitment": b64(bytes(32)), "members": 2}
    yield (
        *(
            "household",
            "HOUSEHOLD_MISMATCH",
            "家庭没有出示完整",
            "its household is not shown whole",
        ),
        token("household", household=commitment),
    )
    yield (
        "sub-short",
        INVALID,
        "假名少一字节",
        "a pseudonym a byte short",
        token("sub-short", sub=b64(PERSON[:-1])),
    )
    yield (
        "claim-more",
        INVALID,
        "多余的声明",
        "a claim that is not ours",
        token("claim-more", more="x"),
    )
    yield (
        "claim-less",
        INVALID,
        "缺一项声明",
        "a claim is missing",
        edited("claim-less", lambda c: c.pop("evidence")),
    )


def _granted() -> Iterator[Row]:
    not_granted = "CONSENT_NOT_GRANTED"

    def shown(name: str, change: Any) -> bytes:
        said, known = body(name)
        return joined(jwt(HEADER, compact(said), REGISTRAR), change(known))

    yield (
        *("grant-hidden", not_granted, "没有出示所问的许可", "the grant is not disclosed"),
        shown("grant-hidden", lambda known: known[1:]),
    )
    yield (
        *("grant-other", not_granted, "许可的是别的项目", "it grants another question"),
        token("grant-other", grants=[OTHER]),
    )
    yield (
        *("grant-parameter", not_granted, "许可的是别的参数", "it grants another parameter"),
        token("grant-parameter", grants=[GRANT | {"parameter": "not-this"}]),
    )
    yield (
        *("grant-form", not_granted, "许可的是别的形式", "it grants another form of answer"),
        token("grant-form", grants=[GRANT | {"form": "value"}]),
    )
    yield (
        *("grant-recheck", not_granted, "复核许可用两次", "a recheck with two uses"),
        token("grant-recheck", grants=[GRANT | {"recheck": True}]),
    )
    spent = "USES_EXHAUSTED"
    yield (
        *("uses-none", spent, "一次也不能用", "a grant of no use"),
        token("uses-none", grants=[GRANT | {"max_uses": 0}]),
    )
    yield "month-none", spent, "本月不能用", "no use in a month", token("month-none", frequency=0)
    more = disclosure("grown", GRANT | {"max_uses": 9_999})
    yield (
        *("disclosure-changed", INVALID, "改大了次数", "a disclosure with more uses"),
        shown("disclosure-changed", lambda known: [more, known[1]]),
    )
    yield (
        *("disclosure-stray", INVALID, "夹带不属于它的许可", "a disclosure that no digest names"),
        shown("disclosure-stray", lambda known: [*known, more]),
    )
    yield (
        *("disclosure-twice", INVALID, "同一许可出示两次", "a disclosure twice"),
        shown("disclosure-twice", lambda known: [*known, known[0]]),
    )
    yield (
        *("disclosure-empty", INVALID, "空的许可", "an empty disclosure"),
        shown("disclosure-empty", lambda known: [*known, ""]),
    )
    for name, value, zh, en in (
        ("grant-more", GRANT | {"comment": "x"}, "许可里有多余的字段", "a grant with more in it"),
        ("grant-true", GRANT | {"max_uses": True}, "次数是真值", "uses that are `true`"),
        ("grant-many", GRANT | {"max_uses": 10_001}, "次数过多", "more uses than there may be"),
        ("grant-named", GRANT | {"...": "x"}, "许可里有保留字", "a grant with a reserved name"),
    ):
        yield name, INVALID, zh, en, token(name, grants=[value])
    yield (
        *("grant-repeated", INVALID, "两条相同的许可", "the same grant twice"),
        token("grant-repeated", grants=[GRANT, GRANT | {"max_uses": 9}]),
    )
    yield (
        *("grant-open", INVALID, "许可没有隐去", "a grant that is not hidden"),
        edited("grant-open", lambda c: c["grants"].__setitem__(0, GRANT)),
    )
    yield (
        *("slot-twice", INVALID, "同一摘要占两格", "one digest in two slots"),
        edited("slot-twice", lambda c: c["grants"].append(c["grants"][0])),
    )
    yield (
        *("disclosures-129", INVALID, "许可过多", "129 grants"),
        token("disclosures-129", grants=[GRANT | {"predicate": f"X{n}"} for n in range(129)]),
    )


def _spelled() -> Iterator[Row]:
    whole = token
    yield "no-tilde", INVALID, "没有以波浪号结束", "not closed", whole("no-tilde")[:-1]
    yield "trailing", INVALID, "后面还有东西", "bytes behind it", whole("trailing") + b"more"
    yield "newline", INVALID, "后面有换行", "a new line behind it", whole("newline") + b"\n"
    yield "blank", INVALID, "前面有空格", "a blank before it", b" " + whole("blank")
    yield "empty", INVALID, "什么也没有", "nothing", b"~"
    said, shown = body("key-binding")
    binding = jwt({"alg": "Ed25519", "typ": "kb+jwt"}, compact({"iat": NOW, "aud": "x"}), HOLDER)
    yield (
        *("key-binding", INVALID, "夹带持有证明", "a key binding behind it"),
        joined(jwt(HEADER, compact(said), REGISTRAR), shown) + binding.encode(),
    )
    said, shown = body("padded")
    yield (
        *("padded", INVALID, "签名带填充", "a padded signature"),
        joined(jwt(HEADER, compact(said), REGISTRAR) + "==", shown),
    )
    parts = jwt(HEADER, compact(body("four-parts")[0]), REGISTRAR)
    yield "four-parts", INVALID, "四段", "four parts", joined(f"{parts}.AA", body("four-parts")[1])
    again = f'"exp":{NOW + 700 * DAY},"frequency":'.encode()
    yield (
        *("claim-twice", INVALID, "同一声明写两次", "its end twice"),
        texted("claim-twice", b'"frequency":', again),
    )
    nested: object = "x"
    for _ in range(9):
        nested = [nested]
    yield "nested", INVALID, "嵌套过深", "nested 9 deep", token("nested", role=nested)
    yield (
        *("surrogate", INVALID, "半个字符", "half a surrogate pair"),
        texted("surrogate", b'"APPLICANT"', b'"\\ud800"'),
    )
    yield (
        "claims-bom",
        INVALID,
        "带字节序标记",
        "a byte order mark",
        framed("claims-bom", b"\xef\xbb\xbf"),
    )
    yield (
        "claims-list",
        INVALID,
        "声明是列表",
        "claims in a list",
        framed("claims-list", b"[", b"]"),
    )
    yield (
        "claims-more",
        INVALID,
        "声明后还有内容",
        "more behind the claims",
        framed("claims-more", b"", b"{}"),
    )
    yield (
        *("oversize", INVALID, "过大", "larger than a token may be"),
        token("oversize", role="x" * limits.TOKEN_BYTES),
    )
