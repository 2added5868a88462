"""One value of the policy: its forms and what a reader refuses."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import parameter
from federation.errors import BadInput
from federation.fields import Fields
from federation.parameter import Parameter

WORDS = {"zh": "线", "en": "line", "source": "表 1"}
FORMS: dict[str, dict[str, Any]] = {
    "window": {"months": 12},
    "rung": {"per_head": 996_000, "comparator": "ge", "per": "person"},
    "band": {"edges": [0, 83_000]},
    "area": {"prefix": "790301"},
    "value": {"value": "DIBAO"},
}


def read(**row: object) -> Parameter:
    return parameter.read(Fields(row, code="POLICY_INVALID", where="policy.parameter[1]"))


@pytest.mark.parametrize("kind", FORMS)
def test_every_kind_reads_what_it_needs_and_nothing_else(kind: str) -> None:
    own = FORMS[kind]
    found = read(id="x-1", kind=kind, **WORDS, **own)
    for key, value in own.items():
        assert getattr(found, key) == (tuple(value) if isinstance(value, list) else value)
    assert (found.text("zh"), found.text("en"), found.source) == ("线", "line", "表 1")
    others = {key: value for k, form in FORMS.items() if k != kind for key, value in form.items()}
    for key, value in others.items():
        with pytest.raises(BadInput, match=f"unknown: {key}"):
            read(id="x-1", kind=kind, **WORDS, **own, **{key: value})


def test_the_complaint_names_the_parameter() -> None:
    with pytest.raises(BadInput) as caught:
        read(id="w12m", kind="window", **WORDS)
    assert caught.value.details == {"where": "w12m", "why": "months is missing"}
    with pytest.raises(BadInput) as caught:
        read(kind="window", **WORDS)
    assert caught.value.details["where"] == "policy.parameter[1]"


@given(st.integers(0, 10**9), st.integers(1, 30))
def test_a_rung_is_per_head_unless_per_person(per_head: int, members: int) -> None:
    plain = Parameter(id="x", kind="rung", zh="", en="", per_head=per_head)
    person = Parameter(id="x", kind="rung", zh="", en="", per_head=per_head, per="person")
    assert plain.threshold(members) == per_head * members
    assert person.threshold(members) == per_head


@given(st.sampled_from(list(FORMS)), st.sampled_from(list(FORMS)))
def test_two_values_mean_the_same_when_they_answer_the_same(one: str, other: str) -> None:
    first = read(id="a", kind=one, **WORDS, **FORMS[one])
    second = read(id="b", kind=other, zh="别", en="else", source="表 2", **FORMS[other])
    assert (first.meaning == second.meaning) is (one == other)


def test_direction_and_reach_belong_to_the_meaning() -> None:
    rungs = [
        Parameter(id="x", kind="rung", zh="", en="", per_head=5, comparator=way, per=per)
        for way in ("le", "ge")
        for per in ("head", "person")
    ]
    assert len({rung.meaning for rung in rungs}) == 4
