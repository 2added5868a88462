"""Hostile status lists: forged, stale, shortened, swollen, or bringing a revoked token back.

Made with joserfc; packed by ``runs``, an own way to write zlib streams, so that the bytes are the
same whatever zlib is installed.
"""

import zlib
from collections.abc import Iterator
from typing import Final

from federation import limits
from tests.hostile.made import (
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
from tests.support.exchanges import key

SHELF: Final = Shelf("lists", "list", ".jwt")
REGISTRAR: Final = key("registrar")
HEADER: Final = {"alg": "Ed25519", "kid": REGISTRAR.kid, "typ": "statuslist+jwt"}
INVALID: Final = "STATUS_LIST_INVALID"
ENDED: Final = b"\x00\x00\x00\x04"
"""The first sixteen entries: the thirteenth, counted from 0, has ended."""
PACKED: Final = ENDED + bytes(limits.STATUS_ENTRIES // 4 - len(ENDED))

Row = tuple[str, str, str, str, bytes]


def runs(data: bytes) -> bytes:
    """Compress: literals, and runs of 258 equal bytes (RFC 1951 §3.2.6, fixed codes)."""
    bits: list[str] = ["110"]  # last block, fixed codes
    at = 0
    while at < len(data):
        run = data[at : at + 258]
        if at and run == data[at - 1 : at] * 258:
            bits.append("11000101" + "00000")  # length 258, distance 1
            at += 258
        else:
            byte = data[at]
            bits.append(f"{byte + 0x30:08b}" if byte < 144 else f"{byte - 144 + 0x190:09b}")
            at += 1
    bits.append("0000000")
    stream = "".join(bits)
    stream += "0" * (-len(stream) % 8)
    packed = bytes(int(stream[i : i + 8][::-1], 2) for i in range(0, len(stream), 8))
    return b"\x78\x01" + packed + zlib.adler32(data).to_bytes(4, "big")


def claims(packed: bytes = PACKED) -> Json:
    return {
        "sub": f"hedui:registrar/status/{DEPARTMENT}/0",
        "iat": NOW,
        "exp": NOW + limits.STATUS_AGE,
        "ttl": 60,
        "status_list": {"bits": 2, "lst": b64(runs(packed))},
    }


def listed(**changes: object) -> bytes:
    return jwt(HEADER, compact(claims() | changes), REGISTRAR).encode()


def packed(stream: bytes, **beside: object) -> bytes:
    """Sign a list of these compressed bytes."""
    return listed(status_list={"bits": 2, "lst": b64(stream)} | beside)


def aged(seconds: int) -> bytes:
    return listed(iat=NOW - seconds, exp=NOW - seconds + limits.STATUS_AGE)


def files() -> Iterator[Hostile]:
    """Make all of them, the sound one first."""
    yield SHELF.sound(listed(), "正当的撤销名单", "a sound list")
    for group in (_signed, _said, _packed):
        for name, code, zh, en, data in group():
            yield SHELF.hostile(name, code, (zh, en), data)


def _signed() -> Iterator[Row]:
    body, _, made = listed().decode().rpartition(".")
    bit = f"{body}.{b64(flipped(unb64(made)))}".encode()
    yield "signature-bit", INVALID, "签名错一位", "one bit of the signature", bit
    yield "signature-none", INVALID, "没有签名", "no signature", f"{body}.".encode()
    thief = f"{body}.{b64(signature(key('thief'), body.encode()))}".encode()
    yield "signature-thief", INVALID, "外人冒签", "a stranger's signature", thief
    own = jwt(HEADER | {"kid": key("thief").kid}, compact(claims()), key("thief")).encode()
    yield "kid-thief", INVALID, "不认识的密钥", "an unknown key's `kid`", own
    typ = jwt(HEADER | {"typ": "dc+sd-jwt"}, compact(claims()), REGISTRAR).encode()
    yield "typ", INVALID, "令牌的类型", "a token's type", typ
    alg = odd_jwt(compact(HEADER | {"alg": "EdDSA"}), compact(claims()), REGISTRAR).encode()
    yield "alg-eddsa", INVALID, "算法名不同", "`alg` EdDSA", alg
    crit = odd_jwt(compact(HEADER | {"crit": ["x"], "x": 1}), compact(claims()), REGISTRAR)
    yield "crit", INVALID, "不认识的关键扩展", "an unknown critical extension", crit.encode()
    yield "newline", INVALID, "后面有换行", "a new line behind it", listed() + b"\n"
    yield "four-parts", INVALID, "四段", "four parts", listed() + b".AA"
    yield "empty", INVALID, "什么也没有", "nothing", b""


def _said() -> Iterator[Row]:
    yield "older", INVALID, "比见过的旧", "older than one that was seen", aged(60)
    yield "future", INVALID, "来自将来", "from the future", aged(-limits.SKEW - 1)
    yield (
        *("other", INVALID, "别的部门的", "another department's"),
        listed(sub="hedui:registrar/status/tax/0"),
    )
    yield (
        *("series", INVALID, "别的序列", "another of the series"),
        listed(sub=f"hedui:registrar/status/{DEPARTMENT}/1"),
    )
    yield "exp-far", INVALID, "有效期过长", "valid for a year", listed(exp=NOW + 31_536_000)
    yield "exp-text", INVALID, "期限是文字", "its end is text", listed(exp=str(NOW + 900))
    yield "iat-true", INVALID, "签发时间是真值", "issued at `true`", listed(iat=True)
    yield "ttl", INVALID, "刷新间隔过长", "to be kept for a year", listed(ttl=31_536_000)
    yield "more", INVALID, "多余的声明", "a claim that is not ours", listed(more=1)
    less = claims()
    del less["ttl"]
    yield (
        *("less", INVALID, "缺一项声明", "a claim is missing"),
        jwt(HEADER, compact(less), REGISTRAR).encode(),
    )
    twice = compact(claims())[:-1] + b',"ttl":60}'
    yield (
        *("twice", INVALID, "同一声明写两次", "a claim twice"),
        odd_jwt(compact(HEADER), twice, REGISTRAR).encode(),
    )


def _packed() -> Iterator[Row]:
    whole = runs(PACKED)
    yield (
        *("back", INVALID, "已撤销的又恢复了", "a revoked token is back"),
        packed(runs(bytes(len(PACKED)))),
    )
    yield "bits-one", INVALID, "每项一位", "one bit an entry", packed(whole, bits=1)
    yield "bits-text", INVALID, "位数是文字", "bits that are text", packed(whole, bits="2")
    yield "short", INVALID, "少四项", "four entries short", packed(runs(PACKED[:-1]))
    yield "long", INVALID, "多四项", "four entries more", packed(runs(PACKED + b"\0"))
    yield "none", INVALID, "一项也没有", "no entries", packed(runs(b""))
    yield "bomb", INVALID, "解开后四倍大", "grows to four times the size", packed(runs(PACKED * 4))
    yield "cut", INVALID, "压缩流截断", "a compressed stream cut short", packed(whole[:-1])
    yield "checksum", INVALID, "校验和不对", "a wrong checksum", packed(whole[:-4] + bytes(4))
    yield "behind", INVALID, "压缩流后还有内容", "bytes behind the stream", packed(whole + b"x")
    yield "raw", INVALID, "没有压缩", "not compressed", packed(PACKED[:1_000])
    yield (
        *("padded", INVALID, "带填充", "padded base64url"),
        listed(status_list={"bits": 2, "lst": b64(whole) + "=="}),
    )
    yield (
        *("beside", INVALID, "名单旁有别的", "something beside the list"),
        packed(whole, aggregation_uri="x"),
    )
    yield (
        *("oversize", INVALID, "过大", "larger than a list may be"),
        listed(status_list={"bits": 2, "lst": "A" * limits.STATUS_BYTES}),
    )
