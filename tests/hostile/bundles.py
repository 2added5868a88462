"""Hostile evidence bundles: archives that other readers read otherwise, and evidence left out.

Archives are written by zipfile; what is signed is signed by the kit's coordinator. Beside them lie
hostile alarms and orders to erase: signed documents of one page.
"""

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from auditor import alarms
from federation import bundle, erasure
from tests.hostile import logs
from tests.hostile.made import (
    DEPARTMENT,
    NOW,
    Hostile,
    Json,
    Shelf,
    b64,
    compact,
    enveloped,
    flipped,
)
from tests.hostile.receipts import told
from tests.support import exchanges
from tests.support.exchanges import Story, filler, key, of_case

SHELF: Final = Shelf("bundles", "bundle", ".zip")
ALARMS: Final = Shelf("alarms", "alarm", ".json")
ORDERS: Final = Shelf("orders", "order", ".json")
RECEIPT: Final = "receipts/001"

Row = tuple[str, str, str, str, bytes]
Files = Mapping[str, bytes]


@cache
def parts() -> Files:
    """Lay out the files of a case with one receipt."""
    return exchanges.case_files(told(of_case(Story())))


def contents(of: Files, /, signer: str = "coordinator", **changes: Any) -> bytes:
    """Sign a list of files."""
    said = {
        "format": 1,
        "federation": "test",
        "coordinator": "coordinator",
        "case": exchanges.CASE[0],
        "commission": exchanges.CASE[1],
        "operator": exchanges.CASE[2],
        "made": NOW + 100,
        "files": {name: b64(digest) for name, digest in sorted(bundle.digests(of).items())},
        "persons": {name: 1 for name in sorted(of) if name.startswith("receipts/")},
        "salts": {DEPARTMENT: b64(exchanges.SALT)},
    }
    payload = compact(dict(sorted((said | changes).items())))
    return compact(enveloped(payload, bundle.PAYLOAD_TYPE, [key(signer)]))


def archive(files: Files, change: Callable[[zipfile.ZipInfo], object] = lambda _: None) -> bytes:
    """Write an archive as bundles are written, but for what is changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as written:
        for name in sorted(files):
            info = zipfile.ZipInfo(name)
            info.create_system = info.external_attr = 0
            info.create_version = info.extract_version = 10
            change(info)
            written.writestr(info, files[name])
        for info in written.infolist():
            info.external_attr = 0
    return out.getvalue()


def sealed(of: Files, /, **changes: Any) -> bytes:
    """Write a bundle whose signed list says something else."""
    return archive({**of, bundle.CONTENTS: contents(of, **changes)})


def after(**changed: bytes) -> bytes:
    """Change files of a bundle after its list was signed; by the first word of their names."""
    files = {**parts(), bundle.CONTENTS: contents(parts())}
    for word, data in changed.items():
        (name,) = (one for one in files if one.startswith(word))
        files[name] = data
    return archive(files)


def without(word: str) -> Files:
    return {name: data for name, data in parts().items() if not name.startswith(word)}


def files() -> Iterator[Hostile]:
    """Make all of them, the sound ones first."""
    yield SHELF.sound(sealed(parts()), "正当的证据包", "a sound bundle")
    yield ALARMS.sound(alarm(), "正当的警报", "a sound alarm")
    yield ORDERS.sound(order(), "正当的清除令", "a sound order")
    for shelf, group in (
        (SHELF, _archives),
        (SHELF, _listed),
        (ALARMS, _alarms),
        (ORDERS, _orders),
    ):
        for name, code, zh, en, data in group():
            yield shelf.hostile(name, code, (zh, en), data)


def _archives() -> Iterator[Row]:
    bad = "BUNDLE_MALFORMED"
    small = {bundle.REPORT: b"{}"}
    whole = sealed(without("receipts"))

    def odd(change: Callable[[zipfile.ZipInfo], object]) -> bytes:
        return archive(small, change)

    yield "empty", bad, "什么也没有", "nothing", b""
    yield "cut", bad, "少一字节", "a byte less", whole[:-1]
    yield "behind", bad, "后面还有内容", "bytes behind it", archive(small) + b"x"
    yield "before", bad, "前面还有内容", "bytes before it", b"x" + archive(small)
    yield "two", bad, "两个压缩包相连", "two archives", archive(small) * 2
    yield "comment", bad, "夹带附注", "a comment", archive(small)[:-2] + b"\1\0x"
    yield (
        "deflated",
        bad,
        "压缩过",
        "compressed",
        odd(lambda info: setattr(info, "compress_type", zipfile.ZIP_DEFLATED)),
    )
    yield (
        "dated",
        bad,
        "写了日期",
        "another date",
        odd(lambda info: setattr(info, "date_time", (2026, 11, 18, 0, 0, 0))),
    )
    yield (
        "extra",
        bad,
        "夹带附加字段",
        "an extra field",
        odd(lambda info: setattr(info, "extra", b"\x99\x99\x00\x00")),
    )
    for name, called, zh, en in (
        ("name-other", "readme.txt", "没有位置的文件", "a file without a place"),
        ("name-upwards", "../report.json", "目录外的文件", "a file outside"),
        ("name-folder", "receipts/", "是目录", "a folder"),
    ):
        yield name, bad, zh, en, archive({called: b""})
    twice = archive(small)
    local = twice[: twice.index(b"PK\x01\x02")]
    yield "name-twice", bad, "同名两份", "a name twice", local + twice
    at = twice.rindex(b"report.json")
    renamed = twice[:at] + b"reporT.json" + twice[at + 11 :]
    yield "name-two", bad, "两处名称不同", "two names of a file", renamed
    changed = after(report=exchanges.report())
    yield "report-changed", "BUNDLE_DIGEST", "签署后改了报告", "a report changed", changed


def _listed() -> Iterator[Row]:
    usual = parts()
    digests = {name: b64(one) for name, one in sorted(bundle.digests(usual).items())}
    forged, odd, none = "BUNDLE_SIGNATURE", "BUNDLE_FILES", "BUNDLE_CONTENTS"
    yield "list-none", none, "没有清单", "no list", archive(usual)
    yield "list-noise", none, "清单不成文", "a list that is none", after(contents=b"{}")
    yield "list-format", none, "别的格式", "another format", sealed(usual, format=2)
    yield "list-more", none, "清单里有多余的", "more in the list", sealed(usual, more=1)
    yield "signer", forged, "部门签的清单", "a department signed", sealed(usual, signer="tax")
    yield "coordinator", forged, "没有这个中心", "no such centre", sealed(usual, coordinator="tax")
    yield "federation", forged, "别的联合体", "another federation", sealed(usual, federation="x")
    less = {name: one for name, one in digests.items() if name != RECEIPT}
    yield "file-more", odd, "多一份文件", "a file that is not listed", sealed(usual, files=less)
    yield (
        "file-less",
        odd,
        "少一份文件",
        "a listed file is missing",
        sealed(without("receipts"), files=digests, persons={RECEIPT: 1}),
    )
    yield "person-none", odd, "收据无人", "a receipt about nobody", sealed(usual, persons={})
    yield "report-none", odd, "没有报告", "no report", sealed(without("report"))
    yield "token-changed", "BUNDLE_DIGEST", "令牌被改", "a token changed", after(tokens=b"x")
    yield (
        "receipt-changed",
        "RECEIPT_MALFORMED",
        "收据被改",
        "a receipt changed",
        after(receipts=usual[RECEIPT][:-1]),
    )
    yield (
        "token-none",
        "RECEIPT_TOKEN_MISSING",
        "缺令牌",
        "a token left out",
        sealed(without("tokens")),
    )
    yield "case", "BUNDLE_CASE", "别的案件", "another case", sealed(usual, case="HD-0")
    yield (
        "commission",
        "BUNDLE_CASE",
        "别的委托",
        "another commission",
        sealed(usual, commission="790301-18"),
    )
    yield "salt-none", "BUNDLE_CASE", "没有盐", "no salt opens it", sealed(usual, salts={})
    for name, report, zh, en in (
        ("report-hides", exchanges.report(), "报告漏写一答", "a report that hides an answer"),
        (
            "report-invents",
            exchanges.report(_row(), _row(person=2)),
            "报告多写",
            "one that invents",
        ),
        ("report-lies", exchanges.report(_row(outcome="NO")), "报告写反", "one that lies"),
        ("report-noise", b"[]", "报告不成文", "one that is none"),
    ):
        yield name, "BUNDLE_REPORT", zh, en, sealed({**usual, bundle.REPORT: report})
    yield "root-none", "BUNDLE_ROOT", "没有根", "no root", sealed(without("documents/root"))
    first = exchanges.first_manifest()
    one_key = exchanges.manifest_file(first, "root-1")
    yield (
        "manifest-forged",
        "ROOT_SIGNATURE",
        "清单只有一把钥匙签署",
        "one root key",
        sealed({**usual, "documents/manifest-1.json": one_key}),
    )
    yield (
        "early",
        "RECEIPT_MANIFEST",
        "早于清单",
        "made before the manifest",
        sealed(usual, made=NOW - 5_000),
    )


def _row(**changes: Any) -> Json:
    return exchanges.row(told(of_case(Story()))) | changes


SPLIT: Final = logs.text(size=logs.SEEN, digest=filler("split", 32))


def alarm(by: str = "witness_a", kind: str = alarms.PAYLOAD_TYPE, **changes: Any) -> bytes:
    """Sign that a log has shown two trees of one size."""
    known = logs.text(size=logs.SEEN)
    cosigned = logs.note(known, logs.own(known), logs.cosigned(known, "witness_a"))
    said = {
        "witness": "witness_a",
        "at": NOW,
        "origin": logs.ORIGIN,
        "code": "LOG_SPLIT",
        "known": b64(cosigned),
        "presented": b64(logs.note(SPLIT, logs.own(SPLIT))),
        "old_size": logs.SEEN,
        "proof": [],
    }
    return compact(enveloped(compact(said | changes), kind, [key(by)]))


def _alarms() -> Iterator[Row]:
    known = logs.text(size=logs.SEEN)
    bare = b64(logs.note(known, logs.own(known)))
    other = logs.text(origin="test/tax", size=logs.SEEN)
    forged = b64(logs.note(SPLIT, logs.own(SPLIT, "tax", DEPARTMENT)))
    for name, zh, en, data in (
        ("other-witness", "别的见证方签的", "another witness signed", alarm(by="witness_b")),
        ("no-witness", "不是见证方", "no witness signed", alarm(by="auditor")),
        ("type", "别的类型", "another type", alarm(kind="application/json")),
        ("more", "多余的内容", "more in it", alarm(more=1)),
        ("code", "说成别的", "another verdict", alarm(code="LOG_ROLLED_BACK")),
        ("code-none", "并无矛盾", "no contradiction", alarm(presented=bare, code="COSIGN")),
        ("same", "两份相同", "the same twice", alarm(presented=bare)),
        ("uncosigned", "没有见证过", "what was known is not cosigned", alarm(known=bare)),
        ("forged", "日志没有签", "the log has not signed", alarm(presented=forged)),
        ("origin", "别的日志", "another log", alarm(origin="test/tax")),
        (
            *("other-log", "检查点是别的日志的", "another log's checkpoint"),
            alarm(presented=b64(logs.note(other, logs.own(other, "tax")))),
        ),
        ("at", "时间是真值", "at `true`", alarm(at=True)),
    ):
        yield name, "ALARM_INVALID", zh, en, data


SUBS: Final = [b64(one) for one in sorted(filler(f"sub {n}", 32) for n in range(2))]


def order(by: str = "registrar", **changes: Any) -> bytes:
    """Sign an order to erase."""
    said = {
        "federation": "test",
        "registrar": "registrar",
        "order": b64(filler("order")),
        "issued": NOW - NOW % 86_400,
        "department": DEPARTMENT,
        "subs": SUBS,
        "reason": "WITHDRAWN",
    }
    return compact(enveloped(compact(said | changes), erasure.PAYLOAD_TYPE, [key(by)]))


def _orders() -> Iterator[Row]:
    subs = SUBS
    for name, zh, en, data in (
        ("signer", "部门签的", "a department signed", order(by=DEPARTMENT)),
        ("federation", "别的联合体", "another federation", order(federation="other")),
        ("registrar", "别的登记方", "another registrar", order(registrar="tax")),
        ("reason", "没有这种理由", "no such reason", order(reason="BECAUSE")),
        ("subs-none", "没有假名", "nobody", order(subs=[])),
        ("subs-order", "次序不对", "pseudonyms out of order", order(subs=subs[::-1])),
        ("subs-twice", "同一假名两次", "a pseudonym twice", order(subs=[subs[0], subs[0]])),
        ("sub-short", "假名少一字节", "a short pseudonym", order(subs=[b64(bytes(31))])),
        ("more", "多余的内容", "more in it", order(more=1)),
        ("bit", "错一位", "one bit", flipped(order(), 40)),
    ):
        yield name, "ERASURE_INVALID", zh, en, data
