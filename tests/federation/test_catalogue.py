"""The catalogue of predicates: what is shipped, and what its parser refuses."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import catalogue
from federation.catalogue import (
    DepartmentKind,
    Form,
    ParameterKind,
    Register,
    parse_catalogue,
    parse_kinds,
)
from federation.errors import BadInput
from federation.exchange import Outcome

GLOSSARY = Path(__file__).parents[2] / "docs" / "glossary.md"

TAX = DepartmentKind(id="tax", zh="税务", en="Tax", aliases=("国税",))
VALID = """\
[[predicate]]
id = "P22"
name = "tax.business_income_gt0"
departments = ["tax"]
category = 12
form = "boolean"
register = "event"
parameter = "none"
unit = ""
quantity = ""
values = []
cap = 0
zh = { label = "经营所得申报", question = "近十二个月申报过经营所得吗" }
en = { label = "Business income declared", question = "Was business income declared?" }
"""
KIND = """\
[[kind]]
id = "tax"
zh = "税务"
en = "Tax"
aliases = ["国税", "地税"]
"""


def parse(text: str) -> catalogue.Catalogue:
    return parse_catalogue(text, (TAX,))


def changed(**lines: str) -> str:
    """Give the valid entry with whole lines replaced."""
    text = VALID
    for key, value in lines.items():
        (line,) = re.findall(rf"(?m)^{key} = .*$", text)
        text = text.replace(line, f"{key} = {value}")
    return text


def refusal(text: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        parse(text)
    assert caught.value.code == "CATALOGUE_INVALID"
    assert set(caught.value.details) == {"where", "why"}
    return caught.value


def test_every_predicate_of_the_domain_is_there_in_order() -> None:
    ids = [one.id for one in catalogue.load()]
    assert ids == [f"P{n:02}" for n in range(1, 68)] + [f"H{n}" for n in range(1, 8)]
    assert len(catalogue.load()) == 74


def test_every_category_has_a_predicate() -> None:
    covered = {one.category for one in catalogue.load() if one.id.startswith("P")}
    assert covered == set(range(1, 38))


def test_the_thirteen_nodes_of_the_demonstration_have_something_to_answer() -> None:
    kinds = [one.id for one in catalogue.kinds()][:11]
    assert (kinds[0], kinds[-1]) == ("public_security", "bank")
    for kind in kinds:
        asked = [one for one in catalogue.load().for_kind(kind) if one.form not in catalogue.JOINT]
        assert asked, kind


def test_every_kind_is_used_and_every_used_kind_is_known() -> None:
    used = {kind for one in catalogue.load() for kind in one.departments}
    assert used == {one.id for one in catalogue.kinds()}


@pytest.mark.parametrize(
    ("predicate", "form", "register", "parameter"),
    [
        ("P01", "boolean", "population", "area"),
        ("P04", "boolean", "population", "size"),
        ("P06", "boolean", "population", "name"),
        ("P07", "enum", "population", "none"),
        ("P08", "boolean", "population", "members"),
        ("P09", "window", "event", "window"),
        ("P10", "boolean", "event", "none"),
        ("P17", "band", "event", "band"),
        ("P33", "count", "event", "none"),
        ("P40", "boolean", "event", "none"),
        ("P50", "threshold", "event", "rung"),
        ("P57", "enum", "event", "none"),
        ("P61", "boolean", "event", "value"),
        ("H1", "sum", "event", "rung"),
        ("H6", "composite", "event", "none"),
        ("H7", "derived", "event", "band"),
    ],
)
def test_shapes(predicate: str, form: str, register: str, parameter: str) -> None:
    one = catalogue.load().predicate(predicate)
    assert (one.form, one.register, one.parameter) == (form, register, parameter)


def test_values_and_caps() -> None:
    load = catalogue.load()
    assert load.predicate("P07").values == ("single", "married", "divorced", "widowed")
    assert (load.predicate("P33").cap, load.predicate("P19").cap) == (2, 3)
    assert load.predicate("P34").unit == "m2_hundredths"


def test_only_facts_stand_on_population_registers() -> None:
    population = {one.id for one in catalogue.load() if one.register is Register.POPULATION}
    assert population == {"P01", "P02", "P03", "P04", "P06", "P07", "P08", "P63"}


def test_wording_is_complete_in_both_languages() -> None:
    labels: set[tuple[str, str]] = set()
    for one in catalogue.load():
        assert len(one.label("zh")) <= 14
        assert re.search(r"[一-鿿]", one.label("zh") + one.question("zh"))
        assert one.question("en").endswith("?")
        assert not re.search(r"[一-鿿]", one.label("en") + one.question("en"))
        labels |= {("zh", one.label("zh")), ("en", one.label("en"))}
    assert len(labels) == 2 * 74


def test_unknown_predicate() -> None:
    with pytest.raises(BadInput) as caught:
        catalogue.load().predicate("P99")
    assert caught.value.code == "PREDICATE_UNKNOWN"
    assert caught.value.details == {"predicate": "P99"}


def test_for_kind_gives_only_that_kind() -> None:
    asked = catalogue.load().for_kind("market_regulation")
    assert [one.id for one in asked] == ["P46", "P47", "P48", "H6"]
    assert catalogue.load().for_kind("nobody") == ()


@pytest.mark.parametrize("word", ["natural_resources", "自然资源", "国土", "Natural resources"])
def test_old_and_new_names_meet_in_one_kind(word: str) -> None:
    assert catalogue.kind(word).id == "natural_resources"


def test_merged_tax_bureaux_are_one_kind() -> None:
    assert catalogue.kind("国税") == catalogue.kind("地税") == catalogue.kind("tax")
    assert (catalogue.kind("工商").label("en"), catalogue.kind("工商").label("zh")) == (
        "Market regulation",
        "市场监管",
    )


def test_unknown_kind() -> None:
    with pytest.raises(BadInput) as caught:
        catalogue.kind("天文台")
    assert caught.value.code == "DEPARTMENT_KIND_UNKNOWN"


def test_the_valid_entry_is_valid() -> None:
    (only,) = parse(VALID)
    assert (only.id, only.departments, only.parameter) == ("P22", ("tax",), ParameterKind.NONE)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (VALID + VALID, "twice"),
        (VALID + changed(id='"P23"'), "twice"),
        (VALID + 'note = "x"\n', "unknown: note"),
        ("version = 1\n" + VALID, "unknown: version"),
        ('id = "P22"\n' + VALID + 'id = "P23"\n', "overwrite"),
        ("predicate = 5\n", "not of type list"),
        ("predicate = [5]\n", "not a table"),
        ("[[predicate]\n", "xpected"),
        (changed(id='"P1"'), "malformed"),
        (changed(id='"P022"'), "malformed"),
        (changed(id='"H1"'), "joint forms"),
        (changed(id="22"), "not of type str"),
        (changed(name='"Tax.Income"'), "malformed"),
        (changed(name='" tax.income"'), "blanks"),
        (changed(departments="[]"), "departments are empty"),
        (changed(departments='["treasury"]'), "treasury"),
        (changed(departments='["tax", "tax"]'), "twice"),
        (changed(departments="[7]"), "plain word"),
        (changed(departments='"tax"'), "not of type list"),
        (changed(category="0"), "between 1 and 37"),
        (changed(category="38"), "between 1 and 37"),
        (changed(category="true"), "not of type int"),
        (changed(category="12.0"), "not of type int"),
        (changed(form='"regex"'), "form is none of"),
        (changed(form='"sum"'), "components is missing"),
        (changed(form='"composite"'), "joint forms"),
        (changed(form='"enum"'), "an enum has values"),
        (changed(form='"count"'), "a count has a cap"),
        (changed(form='"threshold"'), "takes no parameter none"),
        (changed(form='"window"'), "takes no parameter none"),
        (changed(form='"threshold"', parameter='"rung"'), "unit"),
        (changed(register='"secret"'), "register is none of"),
        (changed(register='""'), "register is none of"),
        (changed(parameter='"rung"'), "takes no parameter rung"),
        (changed(parameter='"members"'), "needs a population register"),
        (
            changed(form='"band"', parameter='"band"', unit='"fen"', register='"population"'),
            "population register",
        ),
        (changed(unit='"yuan"'), "unit is none of"),
        (changed(unit='"fen"'), "unit fen does not fit"),
        (changed(quantity='"wage"'), "what is measured has a quantity"),
        (changed(form='"count"', cap="2", unit='"count"'), "what is measured has a quantity"),
        (
            changed(form='"count"', cap="2", unit='"count"', quantity='"My wage"'),
            "what is measured has a quantity",
        ),
        (
            changed(parameter='"size"', register='"population"'),
            "what is measured has a quantity",
        ),
        (VALID + 'components = ["wage"]\n', "unknown: components"),
        (VALID + "declared = true\n", "only a sum is compared with what was declared"),
        (changed(values='["a", "b"]'), "an enum has values"),
        (changed(form='"enum"', values='["a", "A b"]'), "small letters"),
        (changed(form='"enum"', values='["a", "a"]'), "twice"),
        (changed(cap="2"), "a count has a cap"),
        (changed(cap="-1"), "between 0 and 9"),
        (changed(form='"count"', cap="10"), "between 0 and 9"),
        (changed(form='"count"', cap="2"), "unit"),
        (changed(zh='{ label = "经营" }'), "question is missing"),
        (changed(zh='{ label = "", question = "吗" }'), "label is empty"),
        (changed(zh=f'{{ label = "{"长" * 15}", question = "吗" }}'), "longer than 14"),
        (changed(zh='{ label = "经营", question = "吗", help = "x" }'), "unknown: help"),
        (changed(zh='"经营"'), "not of type dict"),
        (changed(en='{ label = "a\\u0007", question = "?" }'), "control"),
        (changed(en=f'{{ label = "a", question = "{"x" * 201}" }}'), "longer than 200"),
        (VALID + "mandate = false\n", "mandate is true or is not there"),
        (
            changed(parameter='"area"', register='"population"') + "mandate = true\n",
            "a mandate asks who stands in a register",
        ),
    ],
)
def test_hostile_entries_are_refused(text: str, why: str) -> None:
    assert why in str(refusal(text).details["why"])


@given(st.integers(0, len(VALID.splitlines()) - 1))
def test_no_line_may_be_missing(number: int) -> None:
    lines = VALID.splitlines()
    del lines[number]
    refusal("\n".join(lines))


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        found = len(parse(text))
    except BadInput as refused:
        found = int(refused.code != "CATALOGUE_INVALID")
    assert found == 0


SUM = """\
[[predicate]]
id = "H1"
name = "household.income_le"
departments = ["tax"]
category = 11
form = "sum"
register = "event"
parameter = "rung"
unit = "fen"
quantity = "income"
components = ["wage"]
values = []
cap = 0
zh = { label = "收入", question = "收入不超过规定线吗" }
en = { label = "Income", question = "Is income within the line?" }
"""
WAGE = changed(
    form='"threshold"',
    parameter='"rung"',
    unit='"fen"',
    quantity='"wage"',
)


def test_a_sum_adds_up_what_departments_measure() -> None:
    wage, income = parse(SUM + WAGE)
    assert (wage.quantity, wage.components) == ("wage", ())
    assert (income.quantity, income.components) == ("income", ("wage",))
    assert "no department measures" in str(refusal(SUM + VALID).details["why"])
    empty = SUM.replace('["wage"]', "[]")
    assert "a sum has components" in str(refusal(empty + WAGE).details["why"])
    odd = SUM.replace('["wage"]', '["My wage"]')
    assert "has a quantity" in str(refusal(odd + WAGE).details["why"])


def test_every_sum_of_the_domain_and_its_components() -> None:
    sums = {one.id: one.components for one in catalogue.load() if one.form is Form.SUM}
    assert sums["H2"] == ("deposit", "securities", "insurance_value", "payment_balance")
    assert sums["H3"] == ("dwellings",)
    assert all(sums.values())
    sizes = {one.id for one in catalogue.load() if one.quantity == "household_size"}
    assert sizes == {"P04"}


def test_a_derived_form_has_no_departments() -> None:
    derived = changed(
        id='"H7"', form='"derived"', parameter='"band"', unit='"fen"', quantity='"gap"'
    )
    assert "derived" in str(refusal(derived).details["why"])
    (only,) = parse(derived.replace('["tax"]', "[]"))
    assert (only.form, only.departments) == (Form.DERIVED, ())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (KIND + KIND, "is taken"),
        (KIND + KIND.replace('"tax"', '"duty"').replace('"税务"', '"国税"'), "name 国税"),
        (KIND.replace('"tax"', '"Tax office"'), "small letters"),
        (KIND.replace('["国税", "地税"]', '["国税", "国税"]'), "twice"),
        (KIND.replace('aliases = ["国税", "地税"]\n', ""), "aliases is missing"),
        (KIND + "since = 2018\n", "unknown: since"),
        (KIND + "[more]\n", "unknown: more"),
    ],
)
def test_hostile_kinds_are_refused(text: str, why: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_kinds(text)
    assert caught.value.code == "CATALOGUE_INVALID"
    assert why in str(caught.value.details["why"])


def test_the_complaint_names_the_place() -> None:
    assert refusal(VALID + changed(id='"P23"', cap="-1")).details["where"] == (
        "predicates.predicate[2]"
    )


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_glossary_explains_every_outcome(outcome: Outcome) -> None:
    assert re.search(rf"`{outcome.name}(\(\w+\))?`", GLOSSARY.read_text("utf-8"))
