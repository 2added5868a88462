"""Rows and bundles: what is written is read back, and nothing else is."""

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.envelope import item_leaf
from federation.errors import PeerFault
from federation.log import rows
from federation.log.rows import Row

SALT = bytes(range(16))
ROW = rows.made(b"record", b"beside", SALT)
ERASED = Row(ROW.leaf, None, None, None)
ROWS = st.lists(
    st.one_of(
        st.builds(rows.made, st.binary(), st.binary(), st.binary(min_size=16, max_size=16)),
        st.builds(lambda leaf: Row(leaf, None, None, None), st.binary(min_size=32, max_size=32)),
    ),
    max_size=8,
)


def test_the_bytes_of_a_bundle() -> None:
    assert rows.write([ROW, ERASED]) == (
        b"\x01" + SALT + b"\x00\x00\x00\x06record" + b"\x00\x00\x00\x06beside" + b"\x00"
    )


@given(ROWS)
def test_round_trip(some: list[Row]) -> None:
    assert rows.read(rows.write(some), [row.leaf for row in some]) == some


@given(ROWS, st.data())
def test_a_bundle_of_another_length_is_refused(some: list[Row], data: st.DataObject) -> None:
    whole = rows.write(some)
    leaves = [row.leaf for row in some]
    longer = whole + data.draw(st.binary(min_size=1, max_size=40))
    with pytest.raises(PeerFault, match="MALFORMED"):
        rows.read(longer, leaves)
    if whole:
        shorter = whole[: data.draw(st.integers(0, len(whole) - 1))]
        with pytest.raises(PeerFault, match="MALFORMED"):
            rows.read(shorter, leaves)


def test_another_flag_is_refused() -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        rows.read(b"\x02" + rows.write([ROW])[1:], [ROW.leaf])


def test_the_page_shows_the_bytes_of_a_bundle() -> None:
    page = (Path(__file__).parents[3] / "docs" / "protocol" / "log.md").read_text("utf-8")
    salts = bytes(range(16)), bytes(range(16, 32))
    records = b'{"at":1800000000,"kind":"opened"}', b'{"at":1800000060,"kind":"closed"}'
    shown = [rows.made(record, b"", salt) for record, salt in zip(records, salts, strict=True)]
    bundle = rows.write(shown)
    for row, record in zip(shown, records, strict=True):
        assert f"    01 {(row.salt or b'').hex()}\n" in page
        assert f"       {len(record):08x} {record.hex()} 00000000\n" in page
    assert f"tile/records/000.p/2  {len(bundle)} bytes" in page
    assert f"SHA-256 of the file: {sha256(bundle).hexdigest()}" in page


def test_a_sound_row_is_whole_or_erased() -> None:
    assert ROW.leaf == item_leaf(SALT, b"record")
    assert ROW.sound
    assert not ROW.erased
    assert ERASED.sound
    assert ERASED.erased


@pytest.mark.parametrize(
    "changes",
    [
        {"leaf": bytes(32)},
        {"salt": bytes(16)},
        {"salt": b"short"},
        {"salt": None},
        {"salt": "text"},
        {"record": b"other"},
        {"record": None},
        {"record": 1},
        {"beside": None},
        {"beside": 1.5},
    ],
)
def test_an_edited_row_is_not_sound(changes: dict[str, object]) -> None:
    assert not ROW._replace(**changes).sound  # type: ignore[arg-type]


def test_what_is_no_whole_row_is_shown_as_erased() -> None:
    assert rows.write([ROW._replace(record="text")]) == b"\x00"  # type: ignore[arg-type]


def test_nobody_reads_records_in_a_trace() -> None:
    assert "record" not in repr(rows.made(b"record", b"", SALT))
