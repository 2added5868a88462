"""The archive of a bundle has one spelling, and other readers read the same."""

import io
import struct
import zipfile
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import envelope
from federation import bundle, limits
from federation.bundle import Archive, Contents
from federation.errors import PeerFault
from federation.strictjson import dumps, loads
from tests.support.exchanges import EMPTY, key

FILES = {
    "contents.json": b"{}",
    "documents/manifest-12.json": b"m",
    "documents/policy-dibao-urban-3.json": b"",
    "documents/root.json": b"r" * 300,
    "receipts/001": bytes(range(256)),
    "receipts/00002": b"two",
    "report.json": b"report",
    f"status/{'0' * 64}/0.jwt": b"list",
    f"tokens/{'f' * 64}.sd-jwt": b"token",
}
DATA = bundle.write(FILES)
names = st.one_of(
    st.sampled_from(sorted(FILES)),
    st.integers(0, 99_999).map(lambda n: f"receipts/{n:03}"),
    st.integers(0, 9).map(lambda n: f"status/{'ab' * 32}/{n}.jwt"),
)


def refused(data: bytes) -> PeerFault:
    with pytest.raises(PeerFault) as caught:
        bundle.read(data)
    return caught.value


@given(st.dictionaries(names, st.binary(max_size=300), max_size=12))
def test_an_archive_comes_back_the_same(files: dict[str, bytes]) -> None:
    data = bundle.write(files)
    assert bundle.read(data) == Archive(files)
    assert bundle.write(dict(reversed(files.items()))) == data


@given(st.dictionaries(names, st.binary(max_size=300), min_size=1, max_size=12))
def test_other_readers_read_the_same(files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle.write(files))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == sorted(files)


def test_the_bytes_of_an_archive() -> None:
    data = bundle.write({"report.json": b"hi"})
    check = struct.pack("<I", zlib.crc32(b"hi"))
    told = (
        bytes.fromhex("0a00 0000 0000 0000 2100")
        + check
        + bytes.fromhex("02000000 02000000 0b00 0000")
    )
    assert data == (
        b"PK\x03\x04" + told + b"report.json" + b"hi"
        b"PK\x01\x02\x0a\x00" + told + bytes(14) + b"report.json"
        b"PK\x05\x06" + bytes.fromhex("0000 0000 0100 0100 39000000 2b000000 0000")
    )


@pytest.mark.parametrize(
    "name",
    [
        *("", "a", "../report.json", "/report.json", "report.json/", "REPORT.JSON", "receipts/1"),
        *(
            "receipts/../001",
            "receipts/001/..",
            "receipts\\001",
            "tokens/xy.sd-jwt",
            "receipts/٠٠١",
        ),
        *("documents/other.json", "documents/policy-.json", "transcripts/001", "report.json\n"),
        "documents/policy-" + "a" * 100 + ".json",
    ],
)
def test_a_name_without_a_place_is_refused(name: str) -> None:
    with pytest.raises(PeerFault) as caught:
        bundle.write({name: b""})
    assert caught.value.code == "BUNDLE_MALFORMED"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name or "x"), b"")
    assert refused(stream.getvalue()).code == "BUNDLE_MALFORMED"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_of_another_writer_is_refused(method: int) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("report.json", b"r" * 500)
    assert refused(stream.getvalue()).code == "BUNDLE_MALFORMED"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        DATA + b"\n",
        b"\n" + DATA,
        DATA[:-1],
        DATA + DATA,
        DATA.replace(b"receipts/001", b"receipts/\xff01"),
        DATA.replace(b"receipts/001", b"receipts/000"),
    ],
)
def test_another_spelling_is_refused(data: bytes) -> None:
    assert refused(data).code == "BUNDLE_MALFORMED"


def test_a_bomb_is_not_unpacked() -> None:
    claimed = bytearray(bundle.write({"report.json": b"hi"}))
    claimed[18:26] = b"\xff" * 8
    assert refused(bytes(claimed)).details["why"] == "length"


def test_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUNDLE_BYTES", len(DATA))
    assert bundle.read(DATA).files == FILES
    monkeypatch.setattr(limits, "BUNDLE_BYTES", len(DATA) - 1)
    assert refused(DATA).code == "OVERSIZE"
    with pytest.raises(PeerFault, match="OVERSIZE"):
        bundle.write(FILES)


def test_too_many_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUNDLE_FILES", len(FILES) - 1)
    assert refused(DATA).code == "BUNDLE_MALFORMED"
    with pytest.raises(PeerFault, match="OVERSIZE"):
        bundle.write(FILES)


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_any_changed_byte_is_refused_or_damages_one_file(at: int, mask: int) -> None:
    data = DATA[:at] + bytes((DATA[at] ^ mask,)) + DATA[at + 1 :]
    found = outcome(data)
    if isinstance(found, PeerFault):
        assert found.code == "BUNDLE_MALFORMED"
        assert "bytes" in found.details
    else:
        (damaged,) = found.damaged
        assert {name for name in FILES if found.files[name] != FILES[name]} <= {damaged}


def outcome(data: bytes) -> Archive | PeerFault:
    try:
        return bundle.read(data)
    except PeerFault as error:
        return error


def test_a_long_way_to_the_difference() -> None:
    files = {"report.json": bytes(10_000), "receipts/001": bytes(9_999)}
    data = bytearray(bundle.write(files))
    data[-10] ^= 1
    assert refused(bytes(data)).details["bytes"] == f"{len(data) - 10}-{len(data) - 10}"


CONTENTS = replace(
    EMPTY,
    files={"report.json": bytes(32)},
    persons={"receipts/001": 1},
    salts={"tax": b"s" * 32},
)


def archive_of(payload: bytes) -> Archive:
    signed = envelope.sign(payload, bundle.PAYLOAD_TYPE, key("coordinator"))
    return Archive({"contents.json": envelope.to_json(signed)})


def test_the_list_of_contents_comes_back_the_same() -> None:
    payload = bundle.write_contents(CONTENTS)
    signed, contents = bundle.read_contents(archive_of(payload))
    assert contents == CONTENTS
    assert signed.payload == payload


def test_the_list_of_contents_as_it_is_written() -> None:
    assert loads(bundle.write_contents(CONTENTS), "contents") == {
        "format": 1,
        "federation": "test",
        "coordinator": "coordinator",
        "case": "HD-790301-2026-0001",
        "commission": "790301-17",
        "operator": "op-lin",
        "made": CONTENTS.made,
        "files": {"report.json": "A" * 43},
        "persons": {"receipts/001": 1},
        "salts": {"tax": "c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M"},
    }


def payload(**changes: object) -> bytes:
    raw = loads(bundle.write_contents(CONTENTS), "contents")
    return dumps({name: v for name, v in {**raw, **changes}.items() if v is not None})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        payload(format=2),
        payload(case=None),
        payload(case=1),
        payload(more=1),
        payload(made=-1),
        payload(made="now"),
        payload(files=[]),
        payload(files={"report.json": "AA"}),
        payload(persons={"receipts/001": 0}),
        payload(persons={"receipts/001": 31}),
        payload(salts={"tax": 1}),
        payload().replace(b",", b", "),
    ],
)
def test_another_list_is_refused(data: bytes) -> None:
    with pytest.raises(PeerFault) as caught:
        bundle.read_contents(archive_of(data))
    assert caught.value.code == "BUNDLE_CONTENTS"


@pytest.mark.parametrize("files", [{}, {"contents.json": b"x"}])
def test_no_list_is_refused(files: dict[str, bytes]) -> None:
    with pytest.raises(PeerFault) as caught:
        bundle.read_contents(Archive(files))
    assert caught.value.code == "BUNDLE_CONTENTS"


def test_a_bundle_is_sealed_with_its_list() -> None:
    files = {"report.json": b"{}"}
    listed = replace(CONTENTS, files=bundle.digests(files))
    archive = bundle.read(bundle.seal(files, listed, key("coordinator")))
    signed, contents = bundle.read_contents(archive)
    assert contents == listed
    keys = {key("coordinator").kid: key("coordinator").verify_key}
    assert envelope.verify(signed, keys, payload_type=bundle.PAYLOAD_TYPE)


def test_a_case_reference_needs_its_salt() -> None:
    assert CONTENTS.case_reference("tax") is not None
    assert CONTENTS.case_reference("bank") is None
    other: Contents = replace(CONTENTS, commission="another")
    assert other.case_reference("tax") != CONTENTS.case_reference("tax")
