"""The list of people that goes in, and the draft and the results that come out."""

from pathlib import Path

import pytest

from coordinator.asking import mandate_files
from federation import limits
from federation.errors import BadInput
from tests.support.mandates import person_id

ONE, TWO = person_id(1), person_id(2)


def read(tmp_path: Path, text: str | bytes) -> list[str]:
    path = tmp_path / "people.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return mandate_files.read_people(path)


@pytest.mark.parametrize(
    "text",
    [
        f"{TWO}\n{ONE}\n",
        f"身份证号,姓名\n{ONE},甲\n{TWO},乙\n",
        f"\ufeffid\r\n{ONE}\r\n\r\n{TWO}\r\n{ONE}\r\n",
        f"'{ONE}\n {TWO.lower()}\n",
    ],
)
def test_people_are_read_once_each_in_rising_order(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == [ONE, TWO]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (f"{ONE}\n{ONE[:17]}", "ID_LENGTH", 2),
        (f"id\n{ONE}\n{TWO[:6]}2026023{TWO[13:]}\n", "ID_DATE", 3),
        ("1.0E+17\n", "ID_SPREADSHEET", 1),
    ],
)
def test_a_malformed_number_is_named_by_its_line_and_not_repeated(
    tmp_path: Path, text: str, code: str, line: int
) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    assert (caught.value.code, caught.value.details["line"]) == (code, line)
    assert ONE not in str(caught.value)
    assert TWO[6:13] not in str(caught.value)


def test_nobody_or_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MANDATE_PERSONS", 1)
    for text in ("", "id\n", f"{ONE}\n{TWO}\n"):
        with pytest.raises(BadInput, match="MANDATE_LIST_SIZE"):
            read(tmp_path, text)


def test_a_file_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="FILE_MISSING"):
        mandate_files.read_people(tmp_path / "none.csv")
    with pytest.raises(BadInput, match="FILE_MISSING"):
        read(tmp_path, b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="FILE_UNWRITABLE"):
        mandate_files.write_draft(tmp_path / "no" / "draft.json", b"{}")


def test_a_draft_is_its_owners_alone_and_replaces_another(tmp_path: Path) -> None:
    path = tmp_path / "draft.json"
    for text in (b"{}", b"[]"):
        mandate_files.write_draft(path, text)
        assert path.read_bytes() == text
        assert path.stat().st_mode & 0o777 == 0o600
