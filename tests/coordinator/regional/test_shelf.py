"""Which version of a programme is in force where and when, and what may not lie on one shelf."""

from datetime import date

import pytest

from coordinator.casework.programmes import Programmes
from coordinator.regional import filing
from coordinator.regional.shelf import Shelved
from federation.errors import BadInput, Refused
from tests.coordinator.regional.sheeted import DAY, SET, SHEET, changed, read, standard, standards

COUNTY = changed(SHEET, area='"790101"', id='"AID"\nlike = "AID"', cadence_months="1")
COUNTY = COUNTY.partition("[[deadline]]")[0]


def why(caught: pytest.ExceptionInfo[BadInput]) -> str:
    assert caught.value.code == "PROGRAMMES_INVALID"
    return str(caught.value.details["why"])


def test_what_must_not_bar_and_how_long_a_report_holds_stand_in_the_sheet_alone() -> None:
    """Also where an area's own layer says what is asked; what has no sheet has neither."""
    known = filing.shelved(filing.stock(), demonstration=True)
    layer = known.layer.programme("DIBAO_URBAN")
    assert (layer.exemptions, layer.report_months) == ((), 0)
    here = known.in_force("DIBAO_URBAN", "790301", DAY, 1)
    assert here.exemptions == known.shelf.exemptions("DIBAO_URBAN", "790301", DAY)
    assert here.report_months == known.shelf.sheet("DIBAO_URBAN", "790301", DAY).report_months == 6
    bare = known.in_force("FAMILIES", "790301", DAY, 1)
    assert (bare.exemptions, bare.report_months) == ((), 0)
    early = known.in_force("DIBAO_RURAL", "790301", date(2021, 6, 30), 1)
    assert (early.exemptions, early.report_months) == ((), 0)


def test_the_version_of_the_day_is_in_force() -> None:
    old = changed(SHEET, valid_from="2020-01-01\nvalid_to = 2025-12-31", cadence_months="6")
    new = changed(SHEET, valid_from="2026-01-01")
    shelf = read(old, new)
    months = [
        shelf.sheet("AID", "790101", day).cadence_months
        for day in (date(2020, 1, 1), date(2025, 12, 31), date(2026, 1, 1))
    ]
    assert months == [6, 6, 12]
    with pytest.raises(BadInput) as caught:
        shelf.sheet("AID", "790101", date(2019, 12, 31))
    assert caught.value.code == "PROGRAMME_UNKNOWN"


def test_a_county_overrides_and_starts_from_the_wider_area() -> None:
    shelf = read(SHEET, COUNTY)
    assert shelf.sheet("AID", "790101", DAY).cadence_months == 1
    assert shelf.sheet("AID", "790102", DAY).cadence_months == 12
    here, there = (shelf.programme("AID", area, DAY) for area in ("790101", "790102"))
    assert here.questions == there.questions
    assert here.sums == there.sums
    assert len(shelf.exemptions("AID", "790101", DAY)) == 1


def test_a_chain_of_likes_is_followed() -> None:
    second = changed(COUNTY, area='""', id='"MORE"')
    third = changed(COUNTY, area='""', id='"MOST"', like='"MORE"')
    shelf = read(SHEET, second, third)
    assert [one.id for one in shelf.line_of("MOST", "79", DAY)] == ["MOST", "MORE", "AID"]
    assert [q.predicate for q in shelf.programme("MOST", "79", DAY).questions] == ["P40"]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ((SHEET, SHEET), "two versions"),
        ((SHEET, changed(SHEET, valid_from="2024-01-01")), "two versions"),
        ((SET, SET), "two versions"),
        ((SET, changed(SET, area='"7902"', also_in="[]")), "two versions"),
        ((COUNTY,), "like: no other AID"),
        ((changed(COUNTY, like='"MOON"'), SHEET), "like: no other MOON"),
        (
            (
                changed(COUNTY, area='""', id='"ONE"', like='"TWO"'),
                changed(COUNTY, area='""', id='"TWO"', like='"ONE"'),
            ),
            "like: no other",
        ),
        ((changed(SHEET, parameter='"assets-none"'),), "H2: no rung assets-none"),
        ((SET, SET.replace("per_head = 100", "per_head = 200")), "two"),
        (('kind = "moon"\n',), "kind is none"),
        (("id = 1\n",), "kind is missing"),
        (("kind = \n",), "nvalid"),
    ],
)
def test_what_does_not_fit_together_is_refused(texts: tuple[str, ...], words: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(*texts)
    assert words in why(caught)


def test_adjoining_versions_do_not_overlap() -> None:
    old = changed(SHEET, valid_from="2020-01-01\nvalid_to = 2025-12-31")
    assert len(read(old, changed(SHEET, valid_from="2026-01-01")).sheets) == 2
    with pytest.raises(BadInput):
        read(old, changed(SHEET, valid_from="2025-12-31"))


def test_one_standard_for_town_and_country_has_one_line() -> None:
    shelf = read(SHEET, standards(standard(), standard("7902", urban=90000, rural=90000)))
    lines = [shelf.programme("AID", a, DAY).sums[0].parameter for a in ("7901", "7902", "11")]
    assert lines == ["assets-r", "assets-s", "assets-r"]


def test_the_standard_of_the_day_decides_about_the_line() -> None:
    later = standard(since="2027-01-01", urban=90000, rural=90000)
    shelf = read(SHEET, standards(standard(), later))
    days = (date(2026, 12, 31), date(2027, 1, 1))
    assert [shelf.programme("AID", "79", day).sums[0].parameter for day in days] == [
        "assets-r",
        "assets-s",
    ]


def test_property_rules_apply_where_and_when_they_are_in_force() -> None:
    shelf = read(SHEET, SET)
    assert [len(shelf.rulesets(a, DAY)) for a in ("790101", "790201", "790301", "79")] == [
        1,
        1,
        0,
        0,
    ]
    assert shelf.rulesets("790101", date(2025, 12, 31)) == ()
    assert len(shelf.exemptions("AID", "790101", DAY)) == 2


def shelved(*texts: str) -> Shelved:
    return filing.shelved(read(*texts), demonstration=False)


def test_a_case_is_asked_what_is_in_force_for_it() -> None:
    found = shelved(SHEET, SET, standards())
    small = found.in_force("AID", "790101", DAY, 2)
    large = found.in_force("AID", "790101", DAY, 3)
    assert [small.sums[0].parameter, large.sums[0].parameter] == ["assets-small", "assets-r"]
    assert found.programme("AID").label("zh") == "救助"
    with pytest.raises(BadInput) as caught:
        found.in_force("MOON", "790101", DAY, 2)
    assert caught.value.code == "PROGRAMME_UNKNOWN"


def test_the_demonstration_city_keeps_its_own_layer() -> None:
    found = filing.shelved(read(SHEET), demonstration=True)
    city = found.in_force("DIBAO_URBAN", "790301", DAY, 3)
    assert city == found.layer.programme("DIBAO_URBAN")
    assert found.in_force("AID", "790301", DAY, 3).id == "AID"
    with pytest.raises(BadInput):
        found.in_force("DIBAO_URBAN", "330201", DAY, 3)


def test_without_any_signed_programme_nothing_is_asked() -> None:
    with pytest.raises(Refused) as caught:
        shelved().in_force("AID", "790101", DAY, 1)
    assert caught.value.code == "PROGRAMMES_UNSIGNED"


def test_plain_programmes_are_the_same_everywhere() -> None:
    plain = Programmes(programmes={"AID": read(SHEET).sheets[0].own}, plans={})
    assert plain.in_force("AID", "11", DAY, 1) is plain.programme("AID")


def test_what_was_found_is_remembered_by_all_that_it_depends_on() -> None:
    found = shelved(SHEET, SET, standards())
    first = found.in_force("AID", "790101", DAY, 1)
    assert found.in_force("AID", "790101", DAY, 1) is first
    for ordinal in range(600):
        found.in_force("AID", "790101", date.fromordinal(DAY.toordinal() + ordinal), 3)
    assert found.in_force("AID", "790101", DAY, 1) == first
    assert len(found._found) <= 512
