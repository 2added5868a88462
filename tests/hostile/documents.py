"""Hostile documents of a federation: roots, manifests and policies, signed by securesystemslib.

What a manifest or a root says is changed as JSON; a policy's text is changed as text.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from crypto.keys import SigningKey
from federation import limits, manifest, policy, root
from tests.hostile.made import DAY, NOW, Change, Hostile, Json, Shelf, compact, enveloped
from tests.support import exchanges
from tests.support.exchanges import key

ROOTS: Final = Shelf("documents", "root", ".json")
MANIFESTS: Final = Shelf("manifests", "manifest", ".json")
POLICIES: Final = Shelf("policies", "policy", ".json")
KEYS: Final = [key(name) for name in exchanges.ROOT_KEYS]
OTHERS: Final = [key(name) for name in ("root-4", "root-5", "root-6")]
TEXT: Final = """\
family = "kit"
version = 1
issued = 2026-01-01
expires = 2027-12-31
title = { zh = "样本", en = "Kit" }
[[parameter]]
id = "w12m"
kind = "window"
months = 12
zh = "近12个月"
en = "last 12 months"
source = "样本"
[[rule]]
predicate = "P40"
purposes = ["ENTRY"]
parameters = []
period = "month"
max_age_days = 30
source = "样本"
zh = "样本"
en = "kit"
[[rule]]
predicate = "P42"
purposes = ["ENTRY"]
parameters = ["w12m"]
period = "month"
max_age_days = 30
source = "样本"
zh = "样本"
en = "kit"
"""

Row = tuple[str, str, str, str, bytes]


def said(payload: bytes) -> Json:
    value: Json = json.loads(payload)
    return value


ROOT: Final = said(root.write(exchanges.root_document()))
MANIFEST: Final = said(manifest.write(exchanges.first_manifest()))


def line(document: Json | bytes, signers: list[SigningKey], kind: str = root.PAYLOAD_TYPE) -> bytes:
    """Sign a document as one line of JSON."""
    payload = document if isinstance(document, bytes) else compact(document)
    return compact(enveloped(payload, kind, signers))


def listed(**changes: Any) -> bytes:
    """Sign a manifest of which something is another."""
    return line(MANIFEST | changes, KEYS[:2], manifest.PAYLOAD_TYPE)


def edited(change: Change) -> bytes:
    """Sign a manifest that was changed in its depth."""
    document = json.loads(json.dumps(MANIFEST))
    change(document)
    return line(document, KEYS[:2], manifest.PAYLOAD_TYPE)


def written(old: str, new: str) -> bytes:
    """Sign a policy in which one text stands for another."""
    assert old in TEXT, old
    return line(TEXT.replace(old, new, 1).encode(), KEYS[:2], policy.PAYLOAD_TYPE)


def files() -> Iterator[Hostile]:
    """Make all of them, the root first."""
    yield ROOTS.sound(line(ROOT, KEYS) + b"\n", "正当的根", "a sound root", "root")
    second = line(ROOT | {"version": 2}, KEYS) + b"\n"
    yield ROOTS.sound(line(ROOT, KEYS) + b"\n" + second, "换了两版的根", "a root of two versions")
    yield MANIFESTS.sound(listed(), "正当的成员清单", "a sound manifest")
    yield POLICIES.sound(
        line(TEXT.encode(), KEYS[:2], policy.PAYLOAD_TYPE), "正当的政策", "a sound policy"
    )
    for shelf, group in ((ROOTS, _roots), (MANIFESTS, _manifests), (POLICIES, _policies)):
        for name, code, zh, en, data in group():
            yield shelf.hostile(name, code, (zh, en), data)


def _roots() -> Iterator[Row]:
    invalid, forged = "ROOT_INVALID", "ROOT_SIGNATURE"
    first = line(ROOT, KEYS) + b"\n"

    def then(changes: Json, signers: list[SigningKey]) -> bytes:
        return first + line(ROOT | changes, signers) + b"\n"

    others = said(root.write(exchanges.root_document(2, ("root-4", "root-5"))))
    new = {"version": 2, "keys": others["keys"]}
    yield "empty", invalid, "什么也没有", "nothing", b""
    yield "noise", invalid, "不是文件", "no document", b"{}\n"
    yield "one-key", forged, "只有一把钥匙签署", "signed by one key of two", line(ROOT, KEYS[:1])
    yield "others", forged, "外人签署", "signed by others", line(ROOT, OTHERS)
    yield (
        *("taken-over", forged, "新钥匙自己任命自己", "new keys appoint themselves"),
        then(new, OTHERS[:2]),
    )
    yield (
        *("not-held", forged, "新钥匙没有签署", "the new keys have not signed"),
        then(new, KEYS),
    )
    yield "skipped", invalid, "跳过一版", "a version is skipped", then({"version": 3}, KEYS)
    yield "repeated", invalid, "同一版两次", "a version twice", then({"version": 1}, KEYS)
    other = {"version": 2, "federation": "other"}
    yield "federation", invalid, "别的联合体", "another federation", then(other, KEYS)
    for name, changes, zh, en in (
        ("threshold-none", {"threshold": 0}, "门槛为零", "a threshold of none"),
        ("threshold-high", {"threshold": 4}, "门槛高于钥匙数", "a threshold above the keys"),
        ("threshold-true", {"threshold": True}, "门槛是真值", "a threshold of `true`"),
        ("version-none", {"version": 0}, "没有版本", "no version"),
        ("field-more", {"more": 1}, "多余的字段", "a field that is not ours"),
        ("key-twice", {"keys": ROOT["keys"] + ROOT["keys"][:1]}, "同一钥匙两次", "a key twice"),
    ):
        yield name, invalid, zh, en, line(ROOT | changes, KEYS)
    odd = [ROOT["keys"][0] | {"suite": "rot13"}, *ROOT["keys"][1:]]
    yield (
        "suite",
        "SUITE_UNKNOWN",
        "不认识的算法",
        "an unknown suite",
        line(ROOT | {"keys": odd}, KEYS),
    )
    ended = line(ROOT | {"expires": NOW}, KEYS)
    yield "expired", "ROOT_EXPIRED", "已到期", "expired", ended


def _manifests() -> Iterator[Row]:
    forged, invalid = "ROOT_SIGNATURE", "MANIFEST_INVALID"
    kind = manifest.PAYLOAD_TYPE
    yield (
        "one-key",
        forged,
        "只有一把钥匙签署",
        "one root key of two",
        line(MANIFEST, KEYS[:1], kind),
    )
    yield "others", forged, "外人签署", "signed by others", line(MANIFEST, OTHERS[:2], kind)
    once = enveloped(compact(MANIFEST), kind, KEYS[:1])
    twice = once | {"signatures": once["signatures"] * 2}
    yield "key-twice", forged, "一把钥匙算两次", "one key twice", compact(twice)
    again = once["signatures"][0]
    named = once | {"signatures": [again, again | {"keyid": KEYS[1].kid}]}
    yield "key-renamed", forged, "一把钥匙两个名字", "one key under two names", compact(named)
    other = line(MANIFEST, KEYS[:2], policy.PAYLOAD_TYPE)
    yield "type", forged, "政策的类型", "a policy's type", other
    sound = enveloped(compact(MANIFEST), kind, KEYS[:2])
    padless = sound | {"payload": sound["payload"].rstrip("=") + "\n"}
    yield "base64", forged, "另一种写法", "base64 in another spelling", compact(padless)
    yield (
        "field-more",
        forged,
        "信封里有多余的字段",
        "more in the envelope",
        compact(sound | {"a": 1}),
    )
    yield "behind", forged, "后面还有内容", "bytes behind it", compact(sound) + b"{}"
    changed = json.loads(json.dumps(sound))
    changed["payload"] = enveloped(compact(MANIFEST | {"version": 2}), kind, KEYS[:1])["payload"]
    yield "changed", forged, "签署后改了", "changed after it was signed", compact(changed)
    yield "expired", "MANIFEST_EXPIRED", "已到期", "expired", listed(expires=NOW - DAY)
    for name, changes, zh, en in (
        ("claim-more", {"more": 1}, "多余的内容", "something that is not ours"),
        ("version-text", {"version": "1"}, "版本是文字", "a version that is text"),
        ("name", {"federation": "a+b"}, "名称不许有加号", "a name with a plus sign"),
        ("demonstration", {"demonstration": 0}, "演示标记不是真假", "a mark that is a number"),
        ("ca", {"ca": None}, "没有证书机构", "no authority"),
    ):
        yield name, invalid, zh, en, listed(**changes)
    for name, change, zh, en in _PARTIES:
        yield name, invalid, zh, en, edited(change)
    yield (
        *("suite", "SUITE_UNKNOWN", "不认识的算法", "an unknown suite"),
        edited(lambda d: d["parties"][0]["keys"][0].update(suite="rot13")),
    )


_PARTIES: Final[tuple[tuple[str, Change, str, str], ...]] = (
    ("party-twice", lambda d: d["parties"].append(d["parties"][1]), "一方两次", "a party twice"),
    (
        "registrars",
        lambda d: d["parties"][1].update(role="registrar"),
        "两个登记方",
        "two registrars",
    ),
    ("registrar-none", lambda d: d["parties"].pop(0), "没有登记方", "no registrar"),
    ("role", lambda d: d["parties"][1].update(role="king"), "没有这种角色", "no such role"),
    ("kind", lambda d: d["parties"][0].update(kind="tax"), "登记方不是部门", "a registrar's kind"),
    ("id", lambda d: d["parties"][1].update(id="../tax"), "编号是路径", "an id that is a path"),
    (
        "kid",
        lambda d: d["parties"][1]["keys"][0].update(kid="f" * 32),
        "密钥不叫这个名字",
        "a key under another name",
    ),
    (
        "use",
        lambda d: d["parties"][1]["keys"][0].update(use="root"),
        "密钥用途不对",
        "a key for another use",
    ),
)


def _policies() -> Iterator[Row]:
    forged, invalid = "ROOT_SIGNATURE", "POLICY_INVALID"
    kind = policy.PAYLOAD_TYPE
    text = TEXT.encode()
    yield "one-key", forged, "只有一把钥匙签署", "one root key of two", line(text, KEYS[:1], kind)
    yield "others", forged, "外人签署", "signed by others", line(text, OTHERS[:2], kind)
    cut = enveloped(text, kind, KEYS[:2])
    cut["signatures"][1]["sig"] = cut["signatures"][0]["sig"]
    yield "exchanged", forged, "签名对调", "another key's signature", compact(cut)
    yield (
        "type",
        forged,
        "清单的类型",
        "a manifest's type",
        line(text, KEYS[:2], manifest.PAYLOAD_TYPE),
    )
    yield "not-utf8", invalid, "不是 UTF-8", "not UTF-8", line(text + b"\xff", KEYS[:2], kind)
    yield "not-toml", invalid, "不是 TOML", "not TOML", line(text + b"[[", KEYS[:2], kind)
    for name, old, new, zh, en in (
        ("key-more", "version = 1", "version = 1\nmore = 1", "多余的键", "a key that is not ours"),
        ("predicate", '"P40"', '"P97"', "没有这个项目", "a predicate that does not exist"),
        (
            "purpose",
            '["ENTRY"]\nparameters = []',
            '["FUN"]\nparameters = []',
            "没有这种用途",
            "no such purpose",
        ),
        ("parameter", '["w12m"]', '["w99m"]', "没有这个参数", "a parameter that does not exist"),
        ("parameter-none", '["w12m"]', "[]", "缺少参数", "a parameter is missing"),
        (
            "period",
            '"month"',
            '"week"',
            "没有这种期间",
            "no such period",
        ),
        ("dates", "2027-12-31", "2025-12-31", "先到期后生效", "ends before it begins"),
        ("long", "2027-12-31", "2029-12-31", "超过两年", "longer than two years"),
        ("version", "version = 1", "version = true", "版本是真值", "a version of `true`"),
        ("rule-twice", '"P42"', '"P40"', "同一项目两条规则", "two rules for a predicate"),
    ):
        yield name, invalid, zh, en, written(old, new)
    yield (
        *("ended", "POLICY_VERSION", "已失效", "no longer in force"),
        written("2027-12-31", "2026-10-31"),
    )
    yield (
        *("to-come", "POLICY_VERSION", "尚未生效", "not yet in force"),
        written("issued = 2026-01-01", "issued = 2026-12-01"),
    )
    yield (
        *("oversize", forged, "过大", "larger than a document may be"),
        line(text + b"#" * limits.MANIFEST_BYTES, KEYS[:2], kind),
    )
