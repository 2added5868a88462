"""Statistics on paper and in spreadsheets: the same figures everywhere, and no script anywhere."""

import csv
import io
import re
from dataclasses import replace

import pytest
from openpyxl import load_workbook

from coordinator.statistics import charts, files, page, periods
from coordinator.statistics.columns import COLUMNS
from coordinator.statistics.figures import Coverage, Covered, Figures, Part, Statistics, total
from tests.coordinator.statistics.registers import naming

PARTS = (
    Part(key="TEKUN", figures=Figures(households=156, persons=177, people=170, hits=3, findings=4)),
    Part(key="<gone>", figures=Figures(households=44, persons=100, people=100)),
)
MONTHS = (
    Part(key="2026-01", figures=Figures(households=100, persons=177)),
    Part(key="2026-02", figures=Figures(households=100, persons=100)),
)
STATISTICS = Statistics(
    period=periods.parse("2026-01..2026-02"),
    area="7903",
    by="programme",
    total=replace(total(PARTS), people=261),
    parts=PARTS,
    months=MONTHS,
    areas=(Part(key="790301", figures=total(PARTS)),),
    before=Figures(households=160),
)
COVERAGE = [
    Coverage(
        key="TEKUN",
        new=Covered(wanted=4, checked=3),
        existing=Covered(wanted=0, checked=0),
    )
]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_csv_has_every_part_the_total_and_what_differs(lang: str) -> None:
    written = files.to_csv(STATISTICS, naming(lang))
    assert written.startswith(b"\xef\xbb\xbf")
    head, *rows = csv.reader(io.StringIO(written.decode("utf-8-sig")))
    assert head[1:] == [column.title(lang) for column in COLUMNS]
    assert [row[1:4] for row in rows[:3]] == [
        ["156", "177", "170"],
        ["44", "100", "100"],
        ["200", "277", "261"],
    ]
    (note,) = rows[3]
    assert "261" in note
    assert "270" in note


def test_a_workbook_holds_numbers_as_numbers() -> None:
    book = load_workbook(io.BytesIO(files.to_xlsx(STATISTICS, COVERAGE, naming())))
    assert book.sheetnames == ["项目", "月份", "地区", "双百"]
    first = book["项目"]
    assert [cell.value for cell in first[4]][:4] == ["合计", 200, 277, 261]
    rate = first.cell(row=2, column=7)
    assert rate.value == pytest.approx(3 / 156)
    assert rate.number_format == "0.0%"
    assert [cell.value for cell in book["双百"][2]] == [
        naming().part("programme", "TEKUN"),
        *(4, 3, 0.75),
        *(0, 0, None),
    ]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_page_stands_alone_and_says_what_differs(lang: str) -> None:
    written = page.write(STATISTICS, COVERAGE, naming(lang))
    assert "<script" not in written
    assert not re.search(r"(?:src|href)=|url\(|@import", written)
    assert "&lt;gone&gt;" in written
    assert "<gone>" not in written
    assert "▲" in written
    assert "+25.0%" in written
    assert written.count("<svg") == 3
    assert "$" not in written


def test_a_page_about_nothing() -> None:
    empty = replace(STATISTICS, total=Figures(), parts=(), areas=(), before=Figures())
    written = page.write(empty, [], naming())
    assert "▲" not in written
    assert "–" in written


def test_bars_are_as_long_as_what_they_stand_for() -> None:
    drawn = charts.bars([("a", 10, "10"), ("b", 5, "5"), ("c", 0, "0")], "t")
    widths = [float(one) for one in re.findall(r'<rect[^>]* width="([\d.]+)"', drawn)]
    assert widths == [330.0, 165.0, 0.0]
    upright = charts.columns([("01", 4, "4"), ("02", 1, "1")], "t")
    heights = [float(one) for one in re.findall(r'<rect[^>]* height="([\d.]+)"', upright)]
    assert heights == [150.0, 37.5]
    assert charts.bars([], "<t>").count("<rect") == 0
    assert "<t>" not in charts.columns([], "<t>")
