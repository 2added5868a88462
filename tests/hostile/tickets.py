"""Hostile tickets about wrong data: another signer, another form, words that lead a screen astray.

What is signed is signed by the kit's coordinator.
"""

from collections.abc import Iterator
from typing import Any, Final

from federation import limits, ticket
from tests.hostile.made import (
    DEPARTMENT,
    NOW,
    Hostile,
    Shelf,
    b64,
    compact,
    enveloped,
    flipped,
)
from tests.support.exchanges import filler, key

SHELF: Final = Shelf("tickets", "ticket", ".json")


def written(by: str = "coordinator", kind: str = ticket.PAYLOAD_TYPE, **changes: Any) -> bytes:
    """Sign that an answer was wrong."""
    said = {
        "federation": "test",
        "centre": "coordinator",
        "department": DEPARTMENT,
        "ticket": f"QT-{DEPARTMENT}-2026-0001",
        "issued": NOW,
        "fault": "WRONG_DATA",
        "predicate": "P40",
        "parameter": "",
        "outcome": "YES",
        "as_of": 2026_11_17,
        "exchange": b64(filler("ticket")),
        "position": 3,
        "document": b64(filler("paper", 32)),
    }
    payload = compact(dict(sorted((said | changes).items())))
    return compact(enveloped(payload, kind, [key(by)]))


def files() -> Iterator[Hostile]:
    """Make all of them, the sound one first."""
    yield SHELF.sound(written(), "正当的工单", "a sound ticket")
    for name, zh, en, data in (
        ("signer", "部门签的", "a department signed", written(by=DEPARTMENT)),
        ("type", "别的类型", "another type", written(kind="application/json")),
        (
            "centre",
            "登记方冒充中心",
            "the registrar as a centre",
            written("registrar", centre="registrar"),
        ),
        ("centre-none", "没有这个中心", "no such centre", written(centre="nobody")),
        ("federation", "别的联合体", "another federation", written(federation="other")),
        ("fault", "没有出错", "no fault", written(fault="CONFIRMED")),
        ("predicate", "没有这个项目", "no such predicate", written(predicate="P99")),
        ("parameter", "参数夹带换行", "a line break", written(parameter="w12m\n")),
        ("outcome", "答案夹带控制符", "words that clear a screen", written(outcome="YES\x1b[2J")),
        ("day", "没有这一天", "no such day", written(as_of=2026_11_31)),
        ("exchange", "查询编号多一字节", "a long query id", written(exchange=b64(bytes(17)))),
        ("position", "第一千零一项", "item 1,001", written(position=limits.ITEMS)),
        ("placed", "合计没有第几项", "a place in a sum", written(exchange=b64(bytes(32)))),
        ("paper", "摘要少一字节", "a short digest", written(document=b64(bytes(31)))),
        (
            "number",
            "别的部门的编号",
            "another department's number",
            written(ticket="QT-tax-2026-0001"),
        ),
        (
            "path",
            "编号是路径",
            "a path for a number",
            written(ticket=f"QT-{DEPARTMENT}-2026-0001/.."),
        ),
        ("more", "多余的内容", "more in it", written(more=1)),
        ("issued", "时间是真值", "issued `true`", written(issued=True)),
        ("large", "太长", "too large", written(parameter="a" * limits.TICKET_BYTES)),
        ("bit", "错一位", "one bit", flipped(written(), 40)),
    ):
        yield SHELF.hostile(name, "TICKET_INVALID", (zh, en), data)
