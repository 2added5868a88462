"""Hostile parts of a log: checkpoints, tiles, records, proofs, and what a witness is shown.

The tree is pymerkle's, notes are written out by hand and signed with cryptography. Each file stands
in the place of one resource of a small sound log.
"""

import base64
import hashlib
import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final

from crypto.keys import SigningKey
from federation import ledger
from federation.ledger import Items
from federation.v1 import ledger_pb2, log_pb2
from tests.hostile.made import (
    DAY,
    DEPARTMENT,
    NOW,
    Hostile,
    Shelf,
    b64,
    compact,
    flipped,
    root,
    signature,
    tree,
)
from tests.support.exchanges import filler, key

CHECKPOINTS: Final = Shelf("checkpoints", "checkpoint", ".txt")
TILES: Final = Shelf("tiles", "tile", ".bin")
RECORDS: Final = Shelf("records", "records", ".bin")
PROOFS: Final = Shelf("proofs", "proof", ".txt")
PRESENTED: Final = Shelf("witness", "witness", ".pb")
ORIGIN: Final = f"test/{DEPARTMENT}"
WITNESSES: Final = ("witness_a", "witness_b", "witness_c")
SIGNED: Final = b"\x01"
COSIGNED: Final = b"\x04"
SEEN: Final = 4
"""Rows under the checkpoint that the witness has cosigned already."""
PROVEN: Final = 2
"""The row that proofs are about."""
ERASED: Final = 1

Row = tuple[str, str, str, str, bytes]
Kept = tuple[bytes, bytes, bytes]
"""Salt, record and what lies beside it."""


def entry(n: int, **changes: Any) -> Kept:
    """Write the nth exchange of the log, and what lies beside it."""
    beside = Items(
        request_leaves=(filler(f"asked {n}", 32),),
        answer_leaves=(filler(f"said {n}", 32),),
        tokens=(filler(f"jti {n}"),),
    ).write()
    usual: dict[str, Any] = {
        "at": NOW + n,
        "kind": "ask",
        "caller": "coordinator",
        "request": filler(f"request {n}", 60),
        "request_signature": filler(f"signature {n}", 64),
        "answer": filler(f"answer {n}", 60),
        "beside": ledger.digest(beside),
    }
    record = ledger_pb2.LedgerEntry(**(usual | changes)).SerializeToString(deterministic=True)
    return filler(f"salt {n}"), record, beside


def tombstone(*rows: int, **changes: Any) -> Kept:
    """Write the row that says which others were erased."""
    said = {"at": NOW + 9, "kind": "tombstone", "order": b64(bytes(32)), "rows": list(rows)}
    record = compact(dict(sorted((said | changes).items())))
    return filler("salt tombstone"), record, b""


ROWS: Final = (*map(entry, range(4)), tombstone(ERASED), entry(5))
ENTRIES: Final = [salt + record for salt, record, _ in ROWS]
LEAVES: Final = [hashlib.sha256(b"\0" + one).digest() for one in ENTRIES]


def std(data: bytes) -> str:
    return base64.b64encode(data).decode()


def text(size: int = len(ROWS), origin: str = ORIGIN, digest: bytes | None = None) -> str:
    """Write the text of a checkpoint over the first rows."""
    return f"{origin}\n{size}\n{std(root(ENTRIES[:size]) if digest is None else digest)}\n"


def key_id(name: str, kind: bytes, signer: SigningKey) -> bytes:
    named = name.encode() + b"\n" + kind + signer.verify_key.raw
    return hashlib.sha256(named).digest()[:4]


def own(said: str, party: str = DEPARTMENT, name: str = "") -> str:
    """Write the line by which a party signs a note."""
    named, signer = f"test/{name or party}", key(party)
    made = key_id(named, SIGNED, signer) + signature(signer, said.encode())
    return f"— {named} {std(made)}\n"


def cosigned(said: str, witness: str, at: int = NOW + 60) -> str:
    """Write the line by which a witness cosigns one."""
    named, signer = f"test/{witness}", key(witness)
    message = f"cosignature/v1\ntime {at}\n{said}".encode()
    made = key_id(named, COSIGNED, signer) + at.to_bytes(8, "big") + signature(signer, message)
    return f"— {named} {std(made)}\n"


def note(said: str, *lines: str) -> bytes:
    """Write a note; signed by the log and all witnesses if no line is given."""
    usual = (own(said), *(cosigned(said, one) for one in WITNESSES))
    return f"{said}\n{''.join(lines or usual)}".encode()


SOUND: Final = note(text())


def bundle(rows: Sequence[Kept | None]) -> bytes:
    """Write rows as their resource shows them; None is an erased one."""
    return b"".join(map(shown, rows))


def shown(row: Kept | None) -> bytes:
    if row is None:
        return b"\0"
    salt, record, beside = row
    sizes = [struct.pack(">I", len(one)) for one in (record, beside)]
    return b"\1" + salt + sizes[0] + record + sizes[1] + beside


KEPT: Final[tuple[Kept | None, ...]] = tuple(
    None if n == ERASED else row for n, row in enumerate(ROWS)
)


def replaced(at: int, row: Kept | None) -> bytes:
    """Show another row in a place."""
    return bundle([*KEPT[:at], row, *KEPT[at + 1 :]])


def path(index: int = PROVEN, size: int = len(ROWS)) -> list[bytes]:
    """Give the hashes from a row up to the root; pymerkle counts from one."""
    return [bytes(one) for one in tree(ENTRIES).prove_inclusion(index + 1, size).path[1:]]


def proof(
    index: object = PROVEN, hashes: Sequence[bytes] | None = None, signed: bytes = SOUND
) -> bytes:
    listed = path() if hashes is None else hashes
    lines = ["c2sp.org/tlog-proof@v1", f"index {index}", *map(std, listed), "", ""]
    return "\n".join(lines).encode() + signed


def files() -> Iterator[Hostile]:
    """Make all of them, the sound ones first."""
    yield CHECKPOINTS.sound(SOUND, "正当的检查点", "a sound checkpoint")
    yield TILES.sound(b"".join(LEAVES), "正当的树块", "a sound tile")
    yield RECORDS.sound(
        bundle(KEPT), "正当的记录,一条已依令清除", "sound records, one of them erased"
    )
    yield PROOFS.sound(proof(), "正当的收录证明", "a sound proof")
    yield PRESENTED.sound(presented(), "正当的新检查点", "a sound new checkpoint")
    for shelf, group in (
        (CHECKPOINTS, _notes),
        (CHECKPOINTS, _checkpoints),
        (CHECKPOINTS, _cosigned),
        (TILES, _tiles),
        (RECORDS, _records),
        (PROOFS, _proofs),
        (PRESENTED, _presented),
    ):
        for name, code, zh, en, data in group():
            yield shelf.hostile(name, code, (zh, en), data)


def _notes() -> Iterator[Row]:
    bad = "RECEIPT_CHECKPOINT"
    said = text()
    yield "empty", bad, "什么也没有", "nothing", b""
    yield "noise", bad, "乱码", "noise", filler("noise", 200)
    yield "unsigned", bad, "没有签名", "no signature", f"{said}\n".encode()
    yield "blank-none", bad, "缺空行", "no blank line", SOUND.replace(b"\n\n", b"\n")
    yield "end-none", bad, "末行没有结束", "its last line does not end", SOUND[:-1]
    yield "end-twice", bad, "末尾多一空行", "a blank line behind it", SOUND + b"\n"
    yield "control", bad, "夹有控制字符", "a control character", note(said.replace("\n6", "\n6\t"))
    yield "return", bad, "换行写法不同", "carriage returns", SOUND.replace(b"\n", b"\r\n")
    yield "utf16", bad, "另一种编码", "UTF-16", SOUND.decode().encode("utf-16")
    twice = note(said, own(said), own(said), cosigned(said, "witness_a"))
    yield "line-twice", bad, "同一签名两行", "a signature twice", twice
    dash = SOUND.replace("— ".encode(), b"- ")
    yield "dash", bad, "连字符不对", "a hyphen for a dash", dash
    padless = note(said, own(said).rstrip("=\n") + "\n")
    yield "base64", bad, "签名少了填充", "a signature without padding", padless
    many = [cosigned(said, "witness_a", NOW + n) for n in range(16)]
    yield "lines-17", bad, "十七个签名", "17 signatures", note(said, own(said), *many)


def _checkpoints() -> Iterator[Row]:
    bad = "RECEIPT_CHECKPOINT"
    for name, said, zh, en in (
        ("origin-none", text(origin="test/nobody"), "没有这个日志", "of no log that exists"),
        ("federation", text(origin=f"other/{DEPARTMENT}"), "别的联合体", "another federation's"),
        ("size-zeros", text().replace("\n6\n", "\n06\n"), "数前有零", "a size with a zero first"),
        ("size-sign", text().replace("\n6\n", "\n+6\n"), "数前有号", "a size with a sign"),
        ("size-huge", text().replace("\n6\n", f"\n{2**63}\n"), "过大", "larger than a tree can be"),
        ("root-short", text(digest=bytes(31)), "根少一字节", "a root a byte short"),
        ("root-url", text(digest=b"\xfb" * 32).replace("+", "-"), "另一种字母表", "base64url"),
        ("line-empty", text() + "\n", "有空行", "an empty line"),
        ("empty-tree", text(size=0, digest=bytes(32)), "空树有根", "an empty tree with a root"),
    ):
        yield name, bad, zh, en, note(said)
    lines = f"{ORIGIN}\n6\n"
    yield "two-lines", bad, "只有两行", "two lines", note(lines)
    tile = "LOG_TILE"
    yield "root", tile, "根不符", "another root", note(text(digest=filler("root", 32)))
    yield (
        "origin",
        "RECEIPT_COSIGNATURE",
        "别的日志",
        "another log's",
        note(text(origin="test/tax")),
    )
    yield (
        "size",
        "LOG_PART_MISSING",
        "条数不符",
        "another size",
        note(text(digest=root(ENTRIES), size=5)),
    )


def _cosigned() -> Iterator[Row]:
    said = text()
    mine, ours = own(said), [cosigned(said, one) for one in WITNESSES]
    bad, odd, few = "RECEIPT_CHECKPOINT", "RECEIPT_COSIGNATURE", "RECEIPT_WITNESSES"
    yield "log-none", bad, "日志没有签", "the log has not signed", note(said, *ours)
    yield (
        "log-other",
        odd,
        "别的部门签的",
        "another department signed",
        note(said, own(said, "tax"), *ours),
    )
    yield (
        "log-renamed",
        odd,
        "冒用日志的名字",
        "a stranger under its name",
        note(said, own(said, "tax", DEPARTMENT), *ours),
    )
    yield (
        "log-moved",
        bad,
        "别处剪来的签名",
        "a signature of another text",
        note(said, own(text(size=5)), *ours),
    )
    yield "witness-one", few, "只有一个见证方", "one witness of three", note(said, mine, ours[0])
    yield "witness-none", few, "没有见证方", "no witness", note(said, mine)
    moved = cosigned(text(size=5), "witness_b")
    yield (
        "witness-moved",
        odd,
        "见证的是别的",
        "a witness of another text",
        note(said, mine, ours[0], moved),
    )
    yield (
        "witness-other",
        odd,
        "不是见证方",
        "no witness's",
        note(said, mine, *ours, cosigned(said, "auditor")),
    )
    late = [cosigned(said, one, NOW + 400 * DAY) for one in WITNESSES]
    yield (
        "witness-late",
        "RECEIPT_MANIFEST",
        "清单已失效",
        "after the manifest's end",
        note(said, mine, *late),
    )
    signed = [own(said, one) for one in WITNESSES]
    yield (
        "witness-signed",
        odd,
        "见证方签成日志",
        "witnesses sign as if they were logs",
        note(said, mine, *signed),
    )


def _tiles() -> Iterator[Row]:
    tile, whole = "LOG_TILE", b"".join(LEAVES)
    yield "bit", tile, "错一位", "one bit", flipped(whole, 40)
    yield "short", tile, "少一叶", "a leaf less", whole[:-32]
    yield "long", tile, "多一叶", "a leaf more", whole + bytes(32)
    yield "cut", tile, "少一字节", "a byte less", whole[:-1]
    yield "order", tile, "换了次序", "leaves exchanged", b"".join(LEAVES[::-1])
    yield "empty", tile, "什么也没有", "nothing", b""


def _records() -> Iterator[Row]:
    row, beside, gap = "LOG_ROW", "LOG_BESIDE", "LOG_GAP"
    whole = bundle(KEPT)
    salt, record, lies = ROWS[0]
    yield "empty", row, "什么也没有", "nothing", b""
    yield "cut", row, "少一字节", "a byte less", whole[:-1]
    yield "long", row, "多一字节", "a byte more", whole + b"\0"
    yield "flag", row, "标记不对", "a mark that is none", b"\2" + whole[1:]
    yield "length", row, "长度过大", "a length beyond the end", whole[:17] + b"\xff" + whole[18:]
    yield (
        "record",
        row,
        "改了记录",
        "a record changed",
        replaced(0, (salt, flipped(record, 2), lies)),
    )
    yield "salt", row, "换了盐", "another salt", replaced(0, (bytes(16), record, lies))
    yield (
        "exchanged",
        row,
        "换了次序",
        "rows exchanged",
        bundle([KEPT[2], None, KEPT[0], *KEPT[3:]]),
    )
    yield (
        "beside",
        beside,
        "旁证被改",
        "what lies beside is changed",
        replaced(0, (salt, record, flipped(lies, 20))),
    )
    yield "beside-none", beside, "旁证不见了", "nothing beside it", replaced(0, (salt, record, b""))
    yield (
        "beside-more",
        beside,
        "多出旁证",
        "something beside a tombstone",
        replaced(4, (*ROWS[4][:2], b"x")),
    )
    yield "hidden", gap, "无令而清除", "erased without a tombstone", replaced(3, None)
    yield (
        "back",
        gap,
        "清除了又出现",
        "erased, and there all the same",
        replaced(ERASED, ROWS[ERASED]),
    )
    yield "tombstone", gap, "清除令不见了", "the tombstone erased too", replaced(4, None)


def _proofs() -> Iterator[Row]:
    bad, check = "RECEIPT_LOG_PROOF", "RECEIPT_CHECKPOINT"
    whole = proof()
    yield "empty", bad, "什么也没有", "nothing", b""
    yield "head", bad, "别的格式", "another format", whole.replace(b"@v1", b"@v2")
    yield "index", bad, "别的序号", "another index", proof(index=3)
    yield "index-beyond", bad, "序号超出", "an index beyond the tree", proof(index=6)
    yield "index-zeros", bad, "数前有零", "an index with a zero first", proof(index="02")
    yield "index-sign", bad, "负序号", "a negative index", proof(index=-2)
    yield "hash-less", bad, "少一环", "a hash less", proof(hashes=path()[:-1])
    yield "hash-more", bad, "多一环", "a hash more", proof(hashes=[*path(), bytes(32)])
    yield (
        "hash-short",
        bad,
        "哈希少一字节",
        "a hash a byte short",
        proof(hashes=[path()[0][:-1], *path()[1:]]),
    )
    yield "hash-order", bad, "换了次序", "hashes exchanged", proof(hashes=path()[::-1])
    yield "hashes-64", bad, "六十四环", "64 hashes", proof(hashes=[bytes(32)] * 64)
    yield (
        "extra",
        bad,
        "夹带别的",
        "something with it",
        whole.replace(b"\nindex", b"\nextra bW9yZQ==\nindex", 1),
    )
    yield "return", bad, "换行写法不同", "carriage returns", whole.replace(b"\n", b"\r\n", 3)
    yield (
        "other-tree",
        bad,
        "别的树",
        "another tree's checkpoint",
        proof(signed=note(text(digest=filler("other", 32)))),
    )
    yield (
        "other-log",
        check,
        "别的日志",
        "another log's checkpoint",
        proof(signed=note(text(origin="test/tax"))),
    )
    yield "note", check, "检查点不是注记", "a checkpoint that is no note", proof(signed=b"x")
    said = text()
    yield (
        "log-none",
        check,
        "日志没有签",
        "the log has not signed",
        proof(signed=note(said, *(cosigned(said, one) for one in WITNESSES))),
    )
    yield (
        "witness-one",
        "RECEIPT_WITNESSES",
        "只有一个见证方",
        "one witness of three",
        proof(signed=note(said, own(said), cosigned(said, "witness_a"))),
    )


def consistency(first: int = SEEN, size: int = len(ROWS)) -> list[bytes]:
    """Prove that a tree has grown out of a smaller one, as RFC 6962 §2.1.2 says.

    pymerkle's own proofs begin with the smaller tree's peaks: its hashes are used, not its form.
    """
    assert (first, size) == (SEEN, len(ROWS)), "a full subtree of four, and two rows behind it"
    return [root(ENTRIES[SEEN:])]


def presented(old: int = SEEN, hashes: Sequence[bytes] | None = None, signed: bytes = b"") -> bytes:
    """Show a witness the log's new checkpoint."""
    said = text()
    return log_pb2.AddCheckpoint(
        old_size=old,
        proof=consistency() if hashes is None else hashes,
        checkpoint=signed or note(said, own(said)),
    ).SerializeToString(deterministic=True)


def _presented() -> Iterator[Row]:
    bad, forged = "MALFORMED", "BAD_SIGNATURE"
    whole = presented()
    said = text()
    yield "cut", bad, "少一字节", "a byte less", whole[:-1]
    yield "behind", bad, "后面还有内容", "bytes behind it", whole + b"\x20\x01"
    yield "hash-short", bad, "哈希少一字节", "a hash a byte short", presented(hashes=[bytes(31)])
    yield "hashes-64", bad, "六十四环", "64 hashes", presented(hashes=[bytes(32)] * 64)
    yield "old-size", bad, "旧数大于新数", "an old size beyond the new", presented(old=7)
    yield "proof-idle", bad, "无须证明而证明", "a proof of nothing", presented(old=0)
    yield "note", bad, "不是注记", "no note", presented(signed=b"x")
    more = said + "more\n"
    yield (
        "extension",
        bad,
        "夹带一行",
        "a line that nobody understands",
        presented(signed=note(more, own(more))),
    )
    other = text(origin="test/tax")
    yield (
        "other-log",
        "WRONG_PARTY",
        "别的日志",
        "another log's",
        presented(signed=note(other, own(other, "tax"))),
    )
    yield (
        "log-none",
        forged,
        "日志没有签",
        "the log has not signed",
        presented(signed=note(said, cosigned(said, "witness_a"))),
    )
    yield (
        "log-renamed",
        forged,
        "冒用日志的名字",
        "a stranger under its name",
        presented(signed=note(said, own(said, "tax", DEPARTMENT))),
    )
    split = text(size=SEEN, digest=filler("split", 32))
    yield (
        "split",
        "LOG_SPLIT",
        "同样大小,另一个根",
        "the same size, another root",
        presented(old=SEEN, hashes=[], signed=note(split, own(split))),
    )
    back = text(size=3)
    yield (
        "rolled-back",
        "LOG_ROLLED_BACK",
        "比见证过的小",
        "smaller than was cosigned",
        presented(old=3, hashes=[], signed=note(back, own(back))),
    )
    past = text(digest=filler("past", 32))
    yield (
        "rewritten",
        "LOG_INCONSISTENT",
        "改写了过去",
        "another past",
        presented(signed=note(past, own(past))),
    )
    yield (
        "proof",
        "LOG_INCONSISTENT",
        "证明不成立",
        "a proof that does not hold",
        presented(hashes=[filler("proof", 32)]),
    )
    yield "proof-none", "LOG_INCONSISTENT", "没有证明", "no proof", presented(hashes=[])
