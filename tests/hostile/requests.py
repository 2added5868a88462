"""Hostile requests: bytes that no program writes, forged headers, exchanged items, wrong terms.

The bytes are protobuf's own; what is signed is encoded by securesystemslib (DSSE), the tree over
the items is pymerkle's. Each has a query id and a token of its own, but for replays.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from securesystemslib import dsse

from crypto.keys import SigningKey
from federation import limits
from federation.v1 import envelope_pb2, node_pb2
from tests.hostile import tokens
from tests.hostile.made import DEPARTMENT, NOW, Hostile, Shelf, flipped, root, signature
from tests.support.exchanges import filler, key

SHELF: Final = Shelf("requests", "request", ".pb")
COORDINATOR: Final = key("coordinator")
TYPE: Final = "application/vnd.hedui.header.v1+protobuf"
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493

Row = tuple[str, str, str, str, bytes]
Items = list[tuple[bytes, bytes]]
"""Salt and content of each."""


def question(under: bytes, **changes: Any) -> bytes:
    """Write a question under a presentation."""
    usual: dict[str, Any] = {
        "presentation": hashlib.sha256(under).digest(),
        "predicate": "P40",
        "case_ref": filler("case", 32),
    }
    return node_pb2.Question(**(usual | changes)).SerializeToString(deterministic=True)


def header(name: str, items: Items, **changes: Any) -> bytes:
    """Write the header over items."""
    usual: dict[str, Any] = {
        "method": "federation.v1.DepartmentNode/Ask",
        "schema": 1,
        "sender": "coordinator",
        "audience": DEPARTMENT,
        "qid": filler(f"qid {name}"),
        "issued": NOW,
        "expires": NOW + 300,
        "purpose": 1,
        "policy_version": 1,
        "n": len(items),
        "root": root([salt + item for salt, item in items]),
    }
    return envelope_pb2.Header(**(usual | changes)).SerializeToString(deterministic=True)


def batch(
    payload: bytes,
    items: Items,
    shown: Sequence[bytes] = (),
    *,
    signer: SigningKey = COORDINATOR,
    **changes: Any,
) -> bytes:
    """Sign a header, or say that somebody did, and put items and presentations beside it."""
    kind = changes.get("kind", TYPE)
    sig = changes.get("sig", signature(signer, dsse.Envelope(payload, kind, {}).pae()))
    kids = changes.get("kids", [changes.get("kid", signer.kid)])
    return envelope_pb2.SignedBatch(
        envelope=envelope_pb2.Envelope(
            payload=payload,
            payload_type=kind,
            signatures=[envelope_pb2.Signature(kid=kid, sig=sig) for kid in kids],
        ),
        items=[envelope_pb2.SaltedItem(salt=salt, item=item) for salt, item in items],
        presentations=shown,
    ).SerializeToString(deterministic=True)


def asked(name: str, *questions: bytes) -> tuple[Items, bytes]:
    """Give salted questions, the sound one if none is named, and the token that they name."""
    shown = tokens.token(f"request {name}")
    listed = questions or (question(shown),)
    return [(filler(f"{name} {n}"), one) for n, one in enumerate(listed)], shown


def sent(name: str, **changes: Any) -> bytes:
    """Sign a request whose header says something else."""
    items, shown = asked(name)
    return batch(header(name, items, **changes), items, [shown])


def paid(name: str, change: Callable[[bytes], bytes], **more: Any) -> bytes:
    """Sign a header whose bytes were changed."""
    items, shown = asked(name)
    return batch(change(header(name, items)), items, [shown], **more)


def behind(name: str, more: bytes) -> bytes:
    """Sign a header with something behind its fields."""
    return paid(name, lambda sound: sound + more)


def signed_so(name: str, **changes: Any) -> bytes:
    """Change the signature of a request, or what says whose it is."""
    items, shown = asked(name)
    return batch(header(name, items), items, [shown], **changes)


def swapped(name: str, change: Callable[[Items], Items]) -> bytes:
    """Change the items of a request of two after it was signed."""
    shown = tokens.token(f"request {name}")
    items, _ = asked(name, question(shown), question(shown, predicate="P99"))
    return batch(header(name, items), change(items), [shown])


def asking(name: str, item: bytes) -> bytes:
    """Ask something that is no sound question."""
    items, shown = asked(name, item)
    return batch(header(name, items), items, [shown])


def made(name: str, **changes: Any) -> bytes:
    """Ask a question that differs."""
    items, shown = asked(name)
    items = [(items[0][0], question(shown, **changes))]
    return batch(header(name, items), items, [shown])


def files() -> Iterator[Hostile]:
    """Make all of them, the sound one first."""
    yield SHELF.sound(sent("sound"), "正当的请求", "a sound request")
    for group in (_bytes, _headers, _signed, _items, _sent, _questions):
        for name, code, zh, en, data in group():
            yield SHELF.hostile(name, code, (zh, en), data)


def _bytes() -> Iterator[Row]:
    bad = "MALFORMED"
    sound = sent("bytes")
    bare = envelope_pb2.SignedBatch(presentations=[b"x"])
    yield "empty", bad, "什么也没有", "nothing", b""
    yield "noise", bad, "乱码", "noise", filler("noise", 400)
    yield "cut", bad, "少一字节", "cut by a byte", sound[:-1]
    yield "half", bad, "只有一半", "half of it", sound[: len(sound) // 2]
    yield "behind", bad, "后面还有内容", "a byte behind it", sound + b"\0"
    yield "part-unknown", bad, "不认识的部分", "an unknown part", sound + b"\x22\x01x"
    yield "envelope-none", bad, "没有信封", "no envelope", bare.SerializeToString()
    items, shown = asked("no-items")
    yield "items-none", bad, "没有问题", "no items", batch(header("no-items", []), [], [shown])
    items, shown = asked("salt-short")
    short = [(salt[1:], item) for salt, item in items]
    yield (
        *("salt-short", bad, "盐少一字节", "a salt a byte short"),
        batch(header("salt-short", short), short, [shown]),
    )
    items, shown = asked("items-1001")
    many = items * (limits.ITEMS + 1)
    yield (
        *("items-1001", "OVERSIZE", "一千零一问", "a thousand and one questions"),
        batch(header("items-1001", many), many, [shown]),
    )
    few = [filler(f"{n}", 8) for n in range(limits.ITEMS + 1)]
    items, _ = asked("shown-1001")
    yield (
        *("shown-1001", "OVERSIZE", "出示一千零一份", "a thousand and one presentations"),
        batch(header("shown-1001", items), items, few),
    )


def _headers() -> Iterator[Row]:
    bad = "MALFORMED"
    more = {
        "field-unknown": (b"\x70\x01", "不认识的字段", "an unknown field"),
        "field-float": (b"\x75\x00\x00\x80\x3f", "浮点数", "a float"),
        "field-map": (b"\x72\x06\x0a\x01a\x12\x01b", "映射", "a map"),
        "field-group": (b"\x73\x08\x01\x74", "组", "a group"),
        "field-order": (b"\x10\x01", "字段次序不对", "a field out of order"),
        "field-twice": (b"\x50\x02", "字段写两次", "a field twice"),
        "field-default": (b"\x62\x00", "写出缺省值", "a default written out"),
    }
    for name, (data, zh, en) in more.items():
        yield name, bad, zh, en, behind(name, data)
    yield (
        *("number-long", bad, "数写得更长", "a number written longer"),
        paid("number-long", lambda sound: sound.replace(b"\x50\x01", b"\x50\x81\x00")),
    )
    yield (
        *("text-none", bad, "不是文字", "a text that is none"),
        paid("text-none", lambda sound: sound.replace(b"federation", b"\xff" * 10)),
    )
    yield "header-half", bad, "半个抬头", "half a header", paid("header-half", lambda s: s[:40])
    yield "qid-short", bad, "查询号少一字节", "a short query id", sent("q", qid=bytes(15))
    yield "qid-none", bad, "没有查询号", "no query id", sent("q", qid=b"")
    yield "root-short", bad, "根少一字节", "a short root", sent("root-short", root=bytes(31))
    yield (
        *("type", bad, "别的文件类型", "another type of document"),
        paid("type", bytes, kind="application/vnd.in-toto+json"),
    )
    long = sent("header-long", method="m" * limits.HEADER_BYTES)
    yield "header-long", "OVERSIZE", "抬头过长", "a long header", long


def _signed() -> Iterator[Row]:
    forged = "BAD_SIGNATURE"
    items, _ = asked("made")
    sound = signature(COORDINATOR, dsse.Envelope(header("made", items), TYPE, {}).pae())
    high = int.from_bytes(sound[32:], "little") + _ORDER
    unreduced = sound[:32] + high.to_bytes(32, "little")
    for name, sig, zh, en in (
        ("signature-bit", flipped(sound), "签名错一位", "one bit of the signature"),
        ("signature-unreduced", unreduced, "签名的另一种写法", "S not reduced (RFC 8032 §5.1.7)"),
        ("signature-none", b"", "签名为空", "an empty signature"),
    ):
        yield name, forged, zh, en, signed_so("made", sig=sig)
    thief = key("thief")
    yield "kid-thief", forged, "不认识的密钥", "an unknown key", signed_so("kt", signer=thief)
    yield (
        *("signature-thief", forged, "外人冒用中心的名字", "a stranger under the centre's name"),
        signed_so("signature-thief", signer=thief, kid=COORDINATOR.kid),
    )
    yield "kid-none", forged, "没有写明密钥", "a key without a name", signed_so("kn", kid="")
    raw = header("pae", items)
    yield (
        *("signature-bare", forged, "只签了内容", "a signature over the payload alone"),
        batch(raw, items, [], sig=signature(COORDINATOR, raw)),
    )
    yield "signatures-none", "MALFORMED", "没有签名", "no signature", signed_so("s0", kids=[])
    two = [COORDINATOR.kid, "other"]
    yield "signatures-two", "MALFORMED", "两个签名", "two signatures", signed_so("s2", kids=two)


def _items() -> Iterator[Row]:
    differ = "ITEMS_DO_NOT_MATCH"
    changes: dict[str, tuple[str, str, Callable[[Items], Items]]] = {
        "items-reordered": ("换了次序", "items exchanged", lambda old: old[::-1]),
        "items-less": ("少一问", "an item less", lambda old: old[:-1]),
        "items-more": ("多一问", "an item twice", lambda old: [*old, old[0]]),
        "item-salt": ("换了盐", "another salt", lambda old: [(bytes(16), old[0][1]), old[1]]),
        "item-changed": (
            "改了一问",
            "an item changed",
            lambda old: [(old[0][0], flipped(old[0][1], -1 % len(old[0][1]))), old[1]],
        ),
        "salts-exchanged": (
            "盐对调",
            "salts exchanged",
            lambda old: [(old[1][0], old[0][1]), (old[0][0], old[1][1])],
        ),
    }
    for name, (zh, en, change) in changes.items():
        yield name, differ, zh, en, swapped(name, change)
    yield "count", differ, "问题数不符", "a wrong count", sent("count", n=2)
    yield "root", differ, "根不符", "a wrong root", sent("root", root=bytes(32))


def _sent() -> Iterator[Row]:
    party, method, stale = "WRONG_PARTY", "WRONG_METHOD", "REQUEST_NOT_FRESH"
    yield "sender", party, "冒充另一询问方", "from another party", sent("s", sender="stranger")
    yield "sender-none", party, "没有询问方", "from nobody", sent("sender-none", sender="")
    yield (
        "audience",
        "WRONG_AUDIENCE",
        "问另一部门",
        "to another department",
        sent("audience", audience="tax"),
    )
    for name, changes, zh, en in (
        ("method", {"method": "federation.v1.Registrar/IssueTokens"}, "别的方法", "another method"),
        ("method-stream", {"method": "federation.v1.DepartmentNode/AskStream"}, "流", "the stream"),
        ("schema", {"schema": 2}, "别的版本", "another version"),
        ("schema-none", {"schema": 0}, "没有版本", "no version"),
        ("answer", {"request_hash": bytes(32)}, "假作答复", "as if it were an answer"),
        ("knows-list", {"status_list_digest": bytes(32)}, "假知名单", "as if it knew a list"),
    ):
        yield name, method, zh, en, sent(name, **changes)
    hour = 3_600
    for name, issued, expires, zh, en in (
        ("hour-ago", NOW - hour, NOW - hour + 300, "一小时前的", "an hour ago"),
        ("in-an-hour", NOW + hour, NOW + hour + 300, "一小时后的", "in an hour"),
        ("long-lived", NOW, NOW + 301, "有效期过长", "valid for too long"),
        ("dead", NOW, NOW, "没有有效期", "valid for no time"),
    ):
        yield name, stale, zh, en, sent(name, issued=issued, expires=expires)
    for version in (0, 2):
        yield (
            *(f"policy-{version}", "POLICY_VERSION", "别的政策版本", "another policy"),
            sent(f"policy-{version}", policy_version=version),
        )
    for purpose in (0, 2, 99):
        yield (
            *(f"purpose-{purpose}", "CONSENT_WRONG_PURPOSE", "用途不同", "another purpose"),
            sent(f"purpose-{purpose}", purpose=purpose),
        )
    items, shown = asked("replayed")
    yield (
        *("replayed", "REPLAYED", "用过的查询号", "a query id that was used"),
        batch(header("sound", items), items, [shown]),
    )
    items, _ = asked("token-none")
    yield (
        *("token-none", "CONSENT_INVALID", "没有附上令牌", "its token is not with it"),
        batch(header("token-none", items), items),
    )


def _questions() -> Iterator[Row]:
    odd = "QUESTION_MALFORMED"
    whole = question(b"x")
    for name, item, zh, en in (
        ("question-empty", b"", "空的问题", "an empty question"),
        ("question-noise", b"\xff\xff", "乱码", "noise"),
        ("question-field", whole + b"\x30\xe8\x07", "夹带一个数", "a number of the asker's"),
        ("question-period", whole + b"\x32\x0820260101", "夹带期间", "a period of the asker's"),
        ("question-twice", whole + whole[-34:], "字段写两次", "a field twice"),
        ("question-order", whole[34:] + whole[:34], "字段次序不对", "fields out of order"),
        ("question-length", b"\x0a\xa0\x00" + whole[2:], "长度写得更长", "a length written longer"),
    ):
        yield name, odd, zh, en, asking(name, item)
    for name, changes, zh, en in (
        ("named-twice", {"jti": bytes(16)}, "两样都写", "both token and id"),
        ("named-never", {"presentation": b""}, "两样都没有", "neither token nor id"),
        ("named-short", {"presentation": bytes(31)}, "摘要少一字节", "a short name of a token"),
        ("case-none", {"case_ref": b""}, "没有案件", "no case"),
        ("case-short", {"case_ref": bytes(31)}, "案件少一字节", "a short case"),
        ("question-long", {"predicate": "P" * 500}, "过长", "a long question"),
    ):
        yield name, odd, zh, en, made(name, **changes)
    unknown, never = "CONSENT_NOT_GRANTED", "PRESENT_AGAIN"
    yield (
        "predicate",
        unknown,
        "没有许可的项目",
        "a question not granted",
        made("predicate", predicate="P98"),
    )
    yield (
        "parameter",
        unknown,
        "没有许可的参数",
        "a parameter not granted",
        made("parameter", parameter="not-this"),
    )
    yield (
        "token-unknown",
        never,
        "没有出示过的令牌",
        "a token never shown",
        made("token-unknown", presentation=b"", jti=bytes(16)),
    )
    yield (
        "policy",
        "POLICY_NOT_ANSWERED",
        "政策不许问",
        "what the policy does not allow",
        made("policy", predicate="P99"),
    )
