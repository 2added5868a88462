"""Families of programmes: each programme in one, named in both languages."""

import pytest

from coordinator.statistics import layout
from federation.errors import BadInput

FAMILY = """
[[family]]
id = "{id}"
programmes = ["{programme}"]
zh = "甲"
en = "a"
"""


def test_urban_and_rural_are_one_line() -> None:
    shipped = layout.load()
    assert shipped.of["DIBAO_URBAN"] == shipped.of["DIBAO_RURAL"] == "DIBAO"
    assert shipped.families["DIBAO"].label("zh") == "低保"
    assert shipped.families["TEKUN"].label("en") == "Extreme poverty"


@pytest.mark.parametrize(
    "text",
    [
        FAMILY.format(id="A", programme="P") + FAMILY.format(id="A", programme="Q"),
        FAMILY.format(id="A", programme="P") + FAMILY.format(id="B", programme="P"),
        FAMILY.format(id="", programme="P"),
        FAMILY.format(id="A", programme="P") + "more = 1\n",
    ],
)
def test_a_faulty_file_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="STATISTICS_LAYOUT_INVALID"):
        layout.parse(text)
