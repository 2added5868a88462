"""The rules of feedback: the closest deadline, codes for what they may explain, no faulty file."""

from datetime import date

import pytest

from coordinator.feedback import rules
from federation import catalogue
from federation.errors import BadInput

DEADLINE = """
[[deadline]]
programmes = {programmes}
area = "{area}"
since = {since}
workdays = {workdays}
source = "x"
"""
EXEMPTION = """
[[exemption]]
id = "A"
predicates = ["P40"]
zh = "甲"
en = "a"
source = "x"
"""


def deadline(
    programmes: str = "[]", area: str = "", since: str = "2020-01-01", days: int = 9
) -> str:
    return DEADLINE.format(programmes=programmes, area=area, since=since, workdays=days)


def test_the_closest_deadline_in_force() -> None:
    text = (
        deadline(days=15)
        + deadline('["TEMP_AID"]', days=10)
        + deadline(area="7903", days=7)
        + deadline(area="7903", since="2027-01-01", days=5)
    )
    known = rules.parse(text)
    today = date(2026, 11, 18)
    assert known.deadline("TEKUN", "790401", today).workdays == 15
    assert known.deadline("TEMP_AID", "790401", today).workdays == 10
    assert known.deadline("TEMP_AID", "790301", today).workdays == 7
    assert known.deadline("TEKUN", "790301", date(2027, 1, 1)).workdays == 5
    with pytest.raises(BadInput, match="FEEDBACK_RULES_INVALID"):
        known.deadline("TEKUN", "790401", date(2019, 12, 31))


def test_what_is_shipped_names_known_predicates_only() -> None:
    shipped = rules.load()
    known = {one.id for one in catalogue.load()}
    named = {predicate for one in shipped.exemptions.values() for predicate in one.predicates}
    assert named <= known
    assert shipped.explaining("P40")[:2] == ["MOBILITY_VEHICLE", "VEHICLE_GONE"]
    # every finding can be explained somehow, if only by what has changed since
    assert all("CHANGED_SINCE" in shipped.explaining(one) for one in known)


@pytest.mark.parametrize(
    "text",
    [
        deadline(days=0),
        deadline(days=367),
        deadline(since='"2020"'),
        EXEMPTION + EXEMPTION,
        EXEMPTION + "more = 1\n",
        EXEMPTION.replace('zh = "甲"\n', ""),
        "unknown = 1\n",
        "[[deadline]]\n",
        "not toml",
    ],
)
def test_a_faulty_file_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="FEEDBACK_RULES_INVALID"):
        rules.parse(text)
