"""The registrar's settings: what an operator says about rolls, and slips of the pen."""

from typing import Any

import pytest

from federation.errors import BadInput
from registrar import config
from registrar.config import Settings


def test_a_named_department_has_its_own_ceiling_and_the_others_the_default() -> None:
    settings = config.parse({"rolls": {"tax": 120_000}, "roll_most": 7})
    assert (settings.ceiling("tax"), settings.ceiling("housing")) == (120_000, 7)
    assert config.parse({}) == Settings()
    assert Settings().ceiling("tax") == 5_000_000
    assert not Settings().reflection
    assert config.parse({"reflection": True}).reflection
    assert Settings().checkpoint_seconds == 10
    assert config.parse({"checkpoint_seconds": 30}).checkpoint_seconds == 30


@pytest.mark.parametrize(
    "table",
    [
        {"roll": {}},
        {"rolls": 5},
        {"rolls": {"tax": -1}},
        {"rolls": {"tax": True}},
        {"rolls": {"tax": "120000"}},
        {"rolls": {"tax": 2**32}},
        {"roll_most": 2**32},
        {"roll_most": 1.5},
        {"reflection": 1},
        {"reflection": "true"},
        {"checkpoint_seconds": 0},
        {"checkpoint_seconds": 31},
        {"checkpoint_seconds": 2.5},
        {"checkpoint_seconds": True},
    ],
)
def test_a_slip_of_the_pen_is_found(table: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="SETTINGS_INVALID"):
        config.parse(table)


def test_a_ceiling_for_nobody_is_found() -> None:
    settings = config.parse({"rolls": {"taxx": 1}})
    with pytest.raises(BadInput) as caught:
        settings.check({"tax"})
    assert caught.value.details["why"] == "registrar.rolls.taxx is no department of the manifest"
    settings.check({"tax", "taxx"})
