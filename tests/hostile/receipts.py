"""Hostile receipts: every link broken once, and receipts that are written in a second way.

No other program makes receipts. They are told by ``tests.support.exchanges``, whose parties sign
whatever a story says, and edited as protobuf.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final
from unittest import mock

from federation.exchange import ASK_MANDATE, Purpose
from federation.status import Status
from federation.v1 import receipt_pb2
from tests.hostile.lists import runs
from tests.hostile.made import DAY, NOW, Hostile, Shelf, flipped
from tests.support import exchanges
from tests.support.exchanges import CAR_GRANT, Made, Story

SHELF: Final = Shelf("receipts", "receipt", ".pb")

Row = tuple[str, str, str, str, bytes]
Message = receipt_pb2.Receipt


def told(story: Story) -> Made:
    """Tell a story whose status list is compressed the same way everywhere."""
    with mock.patch.object(zlib, "compress", lambda data, _level: runs(data)):
        return exchanges.tell(story)


@cache
def sound() -> bytes:
    return told(Story()).data


def files() -> Iterator[Hostile]:
    """Make all of them, the sound one first."""
    yield SHELF.sound(sound(), "正当的收据", "a sound receipt")
    by_id = told(Story(by_id=True)).data
    yield SHELF.sound(
        by_id, "以编号提到令牌的收据", "a receipt that names its token by id", "by-id"
    )
    for code, stories in _STORIES.items():
        for name, (zh, en, story) in stories.items():
            yield SHELF.hostile(name, code, (zh, en), told(story).data)
    for name, code, zh, en, change in _EDITS:
        yield SHELF.hostile(name, code, (zh, en), edited(change))
    for name, zh, en, data in _bytes():
        yield SHELF.hostile(name, "RECEIPT_MALFORMED", (zh, en), data)


def edited(change: Callable[[Message], object]) -> bytes:
    """Change the sound receipt as a message."""
    message = Message.FromString(sound())
    change(message)
    return message.SerializeToString(deterministic=True)


_STORIES: Final[Mapping[str, Mapping[str, tuple[str, str, Story]]]] = {
    "RECEIPT_REQUEST_SIGNATURE": {
        "asked-by-other": ("别的部门签的请求", "a department signed", Story(asker="tax")),
        "asked-by-nobody": (
            "没有这个询问方",
            "nobody of the federation asked",
            Story(asked={"sender": "nobody"}),
        ),
    },
    "RECEIPT_ANSWER_SIGNATURE": {
        "told-by-other": ("别的部门签的答复", "another department signed", Story(teller="tax")),
    },
    "RECEIPT_REQUEST_HASH": {
        "hash-other": (
            "答的是别的请求",
            "an answer to another request",
            Story(said={"request_hash": bytes(32)}),
        ),
    },
    "RECEIPT_WRONG_ANSWER": {
        "qid-other": ("查询号不同", "another query id", Story(said={"qid": bytes(16)})),
        "method-other": ("方法不同", "another method", Story(said={"method": ASK_MANDATE})),
        "purpose-other": (
            "答复改了用途",
            "an answer for another purpose",
            Story(said={"purpose": Purpose.REVIEW}),
        ),
        "sender-other": ("答复者不同", "another sender", Story(said={"sender": "tax"})),
    },
    "RECEIPT_TIMES": {
        "request-long": (
            "请求有效期过长",
            "a request that lives too long",
            Story(asked={"expires": NOW + 301}),
        ),
        "answer-early": (
            "答在问之前",
            "answered before it was asked",
            Story(said={"issued": NOW - 121, "expires": NOW}),
        ),
        "answer-late": (
            "过期才答",
            "answered when it had expired",
            Story(said={"issued": NOW + 421, "expires": NOW + 500}),
        ),
    },
    "RECEIPT_TOKEN_OTHER": {
        "token-other": (
            "问题提到别的令牌",
            "the question names another token",
            Story(question={"presentation": bytes(32)}),
        ),
        "token-id-other": (
            "问题提到别的编号",
            "the question names another id",
            Story(by_id=True, question={"jti": bytes(16)}),
        ),
    },
    "TOKEN_SIGNATURE": {
        "token-forged": ("部门自己签发令牌", "a department issued it", Story(issuer="tax")),
    },
    "TOKEN_PARTIES": {
        "token-issuer": ("别的签发者", "another issuer", Story(claims={"issuer": "tax"})),
        "token-holder": ("别的持有者", "another holder", Story(claims={"holder": bytes(32)})),
    },
    "TOKEN_TERMS": {
        "token-basis": ("没有这种依据", "no such ground", Story(claims={"basis": "CURIOSITY"})),
        "token-long": (
            "期限超出假名年度",
            "outlives the year of its pseudonym",
            Story(claims={"expires": NOW + 90 * DAY}),
        ),
    },
    "RECEIPT_CONSENT": {
        "consent-other": (
            "同意的是别的部门",
            "another department's",
            Story(claims={"audience": "tax"}),
        ),
        "consent-expired": ("同意已到期", "it had expired", Story(claims={"expires": NOW + 1})),
        "consent-early": ("同意尚未生效", "not yet valid", Story(claims={"not_before": NOW + 122})),
        "consent-purpose": (
            "同意的是别的用途",
            "for another purpose",
            Story(claims={"purpose": Purpose.REVIEW}),
        ),
        "consent-hidden": ("没有出示许可", "its grant was not shown", Story(disclosed=())),
    },
    "RECEIPT_STATUS_LIST": {
        "list-digest": (
            "名单摘要不符",
            "another list's digest",
            Story(said={"status_list_digest": bytes(32)}),
        ),
    },
    "RECEIPT_STATUS_AGE": {
        "list-old": ("名单过旧", "an old list", Story(list_age=901)),
        "list-early": ("名单来自将来", "a list from the future", Story(list_age=-121)),
    },
    "RECEIPT_REVOKED": {
        "revoked": ("同意已撤销", "revoked", Story(states={7: Status.INVALID})),
        "suspended": ("同意已中止", "suspended", Story(states={7: Status.SUSPENDED})),
    },
    "RECEIPT_POLICY": {
        "policy-asked": (
            "请求依据别的版本",
            "asked under another policy",
            Story(asked={"policy_version": 2}),
        ),
        "policy-family": (
            "令牌依据别的政策",
            "consented under another policy",
            Story(claims={"policy_family": "other"}),
        ),
        "policy-forbids": (
            "政策不许问",
            "what the policy does not allow",
            Story(
                question={"predicate": "P50"},
                grants=(replace(CAR_GRANT, predicate="P50"),),
                disclosed=(("P50", ""),),
            ),
        ),
    },
    "RECEIPT_LOG_RECORD": {
        "record-kind": ("日志记成别的", "logged as another kind", Story(entry={"kind": "mandate"})),
        "record-caller": ("日志记成别人", "logged as another's", Story(entry={"caller": "tax"})),
        "record-time": ("日志改了时间", "logged at another time", Story(entry={"at": NOW})),
        "record-answer": ("日志记别的答复", "another answer logged", Story(entry={"answer": b"x"})),
    },
    "RECEIPT_COSIGNATURE": {
        "log-key": ("别的部门签的日志", "another department's key", Story(log_key="tax")),
        "cosigner": (
            "审计方冒作见证",
            "an auditor plays witness",
            Story(cosigned={"witness_a": 1, "witness_b": 1, "auditor": 1}),
        ),
    },
    "RECEIPT_WITNESSES": {
        "witness-one": ("只有一个见证方", "one witness of three", Story(cosigned={"witness_a": 1})),
    },
    "RECEIPT_MANIFEST": {
        "before-manifest": (
            "清单尚未生效",
            "before the manifest",
            Story(asked={"issued": NOW - 5_000, "expires": NOW - 4_900}),
        ),
    },
}


def _set(**fields: Any) -> Callable[[Message], object]:
    """Set fields of a receipt by their way through it."""

    def change(message: Message) -> None:
        for name, value in fields.items():
            *way, last = name.split("__")
            inner: Any = message
            for step in way:
                inner = getattr(inner, step)
            setattr(inner, last, value)

    return change


def _item(message: Message) -> None:
    message.answer.item.item = flipped(message.answer.item.item, -1 % 96)


def _doubled(message: Message) -> None:
    message.status_lists.append(message.status_lists[0])


_EDITS: Final[tuple[tuple[str, str, str, str, Callable[[Message], object]], ...]] = (
    (
        *("request-index", "RECEIPT_REQUEST_ITEM", "别的序号", "another place among the questions"),
        _set(request__index=9),
    ),
    ("request-path", "RECEIPT_REQUEST_ITEM", "没有路径", "no path", _set(request__path=b"")),
    ("answer-item", "RECEIPT_ANSWER_ITEM", "改了答案", "an answer changed", _item),
    (
        *("answer-salt", "RECEIPT_ANSWER_ITEM", "换了盐", "another salt"),
        _set(answer__item__salt=bytes(16)),
    ),
    ("consent", "RECEIPT_TOKEN_OTHER", "摘要不符", "another digest", _set(consent=bytes(32))),
    (
        *("token-missing", "RECEIPT_TOKEN_MISSING", "没有令牌", "its token is missing"),
        _set(presentation=b""),
    ),
    ("list-twice", "RECEIPT_STATUS_LIST", "名单两份", "a list twice", _doubled),
    (
        *("manifest-version", "RECEIPT_MANIFEST", "没有这一版清单", "no such manifest"),
        _set(manifest__version=2),
    ),
    (
        *("manifest-digest", "RECEIPT_MANIFEST", "清单摘要不符", "another manifest's digest"),
        _set(manifest__digest=bytes(32)),
    ),
    (
        *("policy-digest", "RECEIPT_POLICY", "政策摘要不符", "another policy's digest"),
        _set(policy__digest=bytes(32)),
    ),
    (
        "log-salt",
        "RECEIPT_LOG_PROOF",
        "换了盐",
        "another salt of its row",
        _set(log__salt=bytes(16)),
    ),
    ("log-proof", "RECEIPT_LOG_PROOF", "没有证明", "no proof", _set(log__proof=b"x")),
    ("log-record", "RECEIPT_LOG_RECORD", "不是记录", "no record", _set(log__record=b"x")),
)


def _bytes() -> Iterator[tuple[str, str, str, bytes]]:
    whole = sound()
    yield "empty", "什么也没有", "nothing", b""
    yield "cut", "少一字节", "a byte less", whole[:-1]
    yield "behind", "后面还有内容", "a byte behind it", whole + b"\0"
    yield "field-unknown", "不认识的字段", "an unknown field", whole + b"\xa2\x06\x01x"
    yield "field-twice", "字段写两次", "a field twice", whole[:2] + whole
    yield "field-order", "字段次序不对", "a field out of order", whole[2:] + whole[:2]
    yield (
        "number-long",
        "数写得更长",
        "a number written longer",
        whole[:1] + b"\x81\x00" + whole[2:],
    )
    yield "format", "别的格式", "another format", edited(_set(format=2))
    yield "log-none", "没有日志证明", "no proof of its log", edited(lambda m: m.ClearField("log"))
    yield (
        "salt-short",
        "盐少一字节",
        "a salt a byte short",
        edited(_set(answer__item__salt=bytes(15))),
    )
    yield (
        "path-short",
        "路径少一字节",
        "a path a byte short",
        edited(lambda m: _set(request__path=m.request.path[:-1])(m)),
    )
    signed = edited(
        lambda m: m.request.envelope.signatures.append(m.request.envelope.signatures[0])
    )
    yield "signatures-two", "两个签名", "two signatures", signed
