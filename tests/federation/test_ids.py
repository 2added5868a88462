"""Numbers and names in canonical form: every way a file spoils them, and what is refused."""

import sys
import unicodedata
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric

from federation.errors import BadInput
from federation.ids import (
    Canonical,
    Notice,
    PersonId,
    birth_date,
    canonical_id,
    check_digit,
    is_demonstration,
    normal_name,
    sex,
)

# The planted people of the demonstration: written by hand, so not by the code under test.
PLANTED = [
    "79030119700312011X",
    "79030219680504013X",
    "790302197009190289",
    "790302199302200158",
    "790302199806110172",
    "790401196604080214",
    "790401199207230243",
    "790501194601010313",
    "799901197203150330",
    "790501198408250428",
    "790501201409030456",
    "790502197306180512",
    "790502200507200537",
    "790502199811050566",
    "790602197710100612",
    "79020119410205071X",
    "790701196506300814",
]
PERSON = PLANTED[0]
WIDE = {ord(narrow): chr(ord(narrow) + 0xFEE0) for narrow in "0123456789Xx"}
ID_CODES = {
    "ID_EMPTY",
    "ID_SPREADSHEET",
    "ID_LENGTH",
    "ID_CHARACTERS",
    "ID_DATE",
    "ID_CHECK_DIGIT",
}
NAME_CODES = {"NAME_EMPTY", "NAME_LENGTH", "NAME_CHARACTERS"}
SPACES = " \u00a0\u3000\u2003\u200b\ufeff\t"


@st.composite
def numbers(draw: st.DrawFn, first_year: int = 1850, last_year: int = 2200) -> str:
    """Any number with an existing date and the check digit that the oracle computes."""
    born = draw(st.dates(date(first_year, 1, 1), date(last_year, 12, 31)))
    province = draw(st.sampled_from(["79", "33", "11", "65"]))
    first17 = (
        f"{province}{draw(st.integers(0, 9999)):04}{born:%Y%m%d}{draw(st.integers(0, 999)):03}"
    )
    return first17 + ric.calc_check_digit(first17 + "0")


def outcome_of(form: Callable[[str], str], text: str) -> str:
    """Give a text's canonical form, or the code of the refusal."""
    try:
        return form(text)
    except BadInput as refusal:
        return refusal.code


def code_of(text: str) -> str:
    with pytest.raises(BadInput) as caught:
        canonical_id(text)
    digits = "".join(char for char in text if char.isdigit())
    assert not digits or len(digits) < 4 or digits[:4] not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("number", PLANTED)
def test_planted_people_are_canonical(number: str) -> None:
    accepted = canonical_id(number)
    assert accepted == Canonical(id=PersonId(number), notices=())
    assert is_demonstration(accepted.id)


@given(st.from_regex(r"[0-9]{17}", fullmatch=True))
def test_check_digit_agrees_with_stdnum(first17: str) -> None:
    assert check_digit(first17) == ric.calc_check_digit(first17 + "0")


@given(numbers())
def test_good_numbers_pass_unchanged(number: str) -> None:
    assert canonical_id(number) == Canonical(id=PersonId(number), notices=())


@given(numbers(), st.data())
def test_dirty_variants_give_the_same_person(number: str, data: st.DataObject) -> None:
    expected: set[Notice] = set()
    dirty = number
    if number.endswith("X") and data.draw(st.booleans()):
        dirty = number[:-1] + "x"
        expected.add(Notice.LOWER_X)
    if data.draw(st.booleans()):
        dirty = dirty.translate(WIDE)
        expected.add(Notice.FULL_WIDTH)
    if data.draw(st.booleans()):
        dirty = data.draw(st.sampled_from("'’＇‘")) + dirty
        expected.add(Notice.APOSTROPHE)
    for place in data.draw(st.lists(st.integers(0, len(dirty)), max_size=3)):
        dirty = dirty[:place] + data.draw(st.sampled_from(SPACES)) + dirty[place:]
        expected.add(Notice.SPACES)
    accepted = canonical_id(dirty)
    assert accepted.id == number
    assert set(accepted.notices) == expected


@given(numbers(first_year=1900, last_year=1999))
def test_fifteen_digits_gain_century_and_check_digit(number: str) -> None:
    accepted = canonical_id(number[:6] + number[8:17])
    assert accepted == Canonical(id=PersonId(number), notices=(Notice.FIFTEEN_DIGITS,))


@given(numbers(), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(number: str, place: int, shift: int) -> None:
    wrong = str((int(number[place]) + shift) % 10)
    assert code_of(number[:place] + wrong + number[place + 1 :]) in {"ID_CHECK_DIGIT", "ID_DATE"}


@given(numbers(), st.integers(0, 15))
def test_transposed_digits_are_always_found(number: str, place: int) -> None:
    first, second = number[place], number[place + 1]
    swapped = number[:place] + second + first + number[place + 2 :]
    if first == second:
        assert canonical_id(swapped).id == number
    else:
        assert code_of(swapped) in {"ID_CHECK_DIGIT", "ID_DATE"}


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_a_typed_refusal(text: str) -> None:
    outcome = outcome_of(lambda given: canonical_id(given).id, text)
    assert outcome in ID_CODES or canonical_id(outcome).id == outcome


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "ID_EMPTY"),
        (" \u3000\u00a0", "ID_EMPTY"),
        ("'", "ID_EMPTY"),
        ("7.9030119700312E+17", "ID_SPREADSHEET"),
        ("3.30203E+17", "ID_SPREADSHEET"),
        ("3e17", "ID_SPREADSHEET"),
        (" ３.３０２０３Ｅ＋１７", "ID_SPREADSHEET"),
        ("790301197003120110.0", "ID_SPREADSHEET"),
        ("790301197003", "ID_LENGTH"),
        (PERSON + "0", "ID_CHARACTERS"),
        ("790301197003120110" + "0", "ID_LENGTH"),
        (PERSON[:16] + "X", "ID_LENGTH"),
        ("7" * 1000, "ID_LENGTH"),
        (PERSON[:14] + "X", "ID_CHARACTERS"),
        ("X" + PERSON[1:], "ID_CHARACTERS"),
        ("7903-0119700312-011X", "ID_CHARACTERS"),
        (PERSON[:-1] + "Х", "ID_CHARACTERS"),  # a Cyrillic letter
        ("٧٩٠٣٠١١٩٧٠٠٣١٢٠١١X", "ID_CHARACTERS"),
        ("79030119700312011²", "ID_CHARACTERS"),
        ("王甲", "ID_CHARACTERS"),
        ("''" + PERSON, "ID_CHARACTERS"),
        ("790301197002300110", "ID_DATE"),
        ("790301190002290110", "ID_DATE"),
        ("790301197013010110", "ID_DATE"),
        ("790301000001010110", "ID_DATE"),
        ("790301700230011", "ID_DATE"),
        ("790301197003120110", "ID_CHECK_DIGIT"),
    ],
)
def test_refusals(text: str, code: str) -> None:
    assert code_of(text) == code


def test_refusals_give_a_position_or_a_length() -> None:
    with pytest.raises(BadInput) as caught:
        canonical_id("7903O119700312011X")
    assert caught.value.details == {"position": 5}
    with pytest.raises(BadInput) as caught:
        canonical_id("79030")
    assert caught.value.details == {"length": 5}


def test_future_dates_pass_because_there_is_no_clock_here() -> None:
    first17 = "79030129991231001"
    assert canonical_id(first17 + check_digit(first17)).notices == ()


@pytest.mark.parametrize(
    ("area", "unusual"),
    [("330203", False), ("820000", False), ("790301", False), ("990001", True), ("160101", True)],
)
def test_area_code_only_warns(area: str, unusual: bool) -> None:
    first17 = area + "19700312011"
    accepted = canonical_id(first17 + check_digit(first17))
    assert (Notice.AREA_UNUSUAL in accepted.notices) is unusual


def test_an_elder_with_an_abolished_area_code_is_accepted() -> None:
    first17 = "51021119310203001"
    assert canonical_id(first17 + check_digit(first17)).notices == ()


def test_what_a_number_says() -> None:
    man, woman = PersonId(PERSON), PersonId("790302197009190289")
    assert birth_date(man) == date(1970, 3, 12)
    assert (sex(man), sex(woman)) == ("male", "female")
    assert not is_demonstration(PersonId("330203197003120110"))


def test_a_number_does_not_show_in_the_repr_of_its_holder() -> None:
    assert PERSON not in repr(canonical_id(PERSON))


@given(numbers())
def test_birth_date_is_what_was_written(number: str) -> None:
    assert birth_date(PersonId(number)).strftime("%Y%m%d").zfill(8) == number[6:14]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("王甲", "王甲"),
        (" 王　甲\u00a0", "王甲"),
        ("㛃𬭊", "㛃𬭊"),
        ("Ｗａｎｇ Jia", "WangJia"),
        ("ＡＢ．Ｃ", "AB.C"),
        ("e\u200b\u0301", "é"),
        ("金\uf91b", "金亂"),
    ],
)
def test_names_are_normalised(text: str, name: str) -> None:
    assert normal_name(text) == name


@pytest.mark.parametrize("dot", "·•・‧∙⋅･᛫⸱ꞏ·")
def test_middle_dots_are_one(dot: str) -> None:
    assert normal_name(f"阿卜杜拉 {dot} 买买提") == "阿卜杜拉\u00b7买买提"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "NAME_EMPTY"),
        (" \u3000\u200b", "NAME_EMPTY"),
        ("王" * 65, "NAME_LENGTH"),
        ("王" * 300, "NAME_LENGTH"),
        ("ﷺ" * 10, "NAME_LENGTH"),
        ("王|甲", "NAME_CHARACTERS"),
        ("王｜甲", "NAME_CHARACTERS"),
        ("王\n甲", "NAME_CHARACTERS"),
        ("王\x00", "NAME_CHARACTERS"),
        ("王\u202e甲", "NAME_CHARACTERS"),
        ("王\u2028甲", "NAME_CHARACTERS"),
        ("王\ud800", "NAME_CHARACTERS"),
    ],
)
def test_names_refused(text: str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        normal_name(text)
    assert caught.value.code == code
    assert "王" not in str(caught.value)


def test_the_longest_name_passes() -> None:
    assert len(normal_name("王" * 64)) == 64


@given(st.text(max_size=70))
def test_normal_names_are_stable(text: str) -> None:
    outcome = outcome_of(normal_name, text)
    assert outcome in NAME_CODES or normal_name(outcome) == outcome


def test_no_character_becomes_a_forbidden_one() -> None:
    for code in range(sys.maxunicode + 1):
        outcome = outcome_of(normal_name, "王" + chr(code))
        kept = "" if outcome in NAME_CODES else outcome
        assert "|" not in kept
        assert not {"Cc", "Cf", "Cs", "Zs"} & {unicodedata.category(char) for char in kept}


def test_days_before_and_after_the_leap_day_exist() -> None:
    for offset in (-1, 0, 1):
        born = date(2000, 2, 29) + timedelta(days=offset)
        first17 = f"790301{born:%Y%m%d}001"
        assert birth_date(canonical_id(first17 + check_digit(first17)).id) == born


def test_a_small_x_becomes_a_capital() -> None:
    accepted = canonical_id("79030119700312011x")
    assert accepted.id == "79030119700312011X"
    assert accepted.notices == (Notice.LOWER_X,)
