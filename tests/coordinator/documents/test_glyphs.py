"""Rare characters of names: shown where a font has them, 〓 where none has."""

from pathlib import Path
from struct import pack

import pylopdf_fonts_zh_cn as fonts
import pytest

from coordinator.documents.glyphs import GETA, covered, printable

BOTH: tuple[Path, ...] = (fonts.sans_path(), fonts.serif_path())


@pytest.mark.parametrize(
    "name", ["王㛃", "李䶮", "张龘", "王〇", "A-z 09", "，。；：（）“”", "▲〓□"]
)
def test_what_the_fonts_have_stays(name: str) -> None:
    assert printable(name, BOTH) == name


def test_what_they_lack_becomes_the_printers_mark() -> None:
    assert printable("王\U00020bb7a\n", BOTH) == f"王{GETA}a\n"


def test_a_font_covers_more_than_the_usual_hanzi() -> None:
    for font in BOTH:
        assert len(covered(font)) > 30_000
        assert {*range(0x4E00, 0x9FA6)} <= covered(font)


def test_a_map_in_another_format_covers_nothing(tmp_path: Path) -> None:
    groups = pack(">HHLLL", 13, 0, 28, 0, 1) + pack(">LLL", 65, 90, 1)
    cmap = pack(">HH", 0, 1) + pack(">HHL", 3, 10, 12) + groups
    font = tmp_path / "odd.otf"
    font.write_bytes(
        pack(">4sHHHH", b"OTTO", 1, 0, 0, 0) + pack(">4sLLL", b"cmap", 0, 28, 0) + cmap
    )
    assert covered(font) == frozenset()
