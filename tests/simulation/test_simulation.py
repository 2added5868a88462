"""Federations live through whatever hypothesis thinks of, honestly or not.

Nothing is released without a consent in force, policy, budget and a durable entry; whatever is
tampered with is found by a verifier that the design has for it, at the latest by the audit at the
end; and where nobody cheats no verifier says a word. ``HEDUI_SIMULATION=long`` plays for hours.
"""

import os
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.cheats import Cheats
from tests.simulation.life import Life

LONG: Final = os.environ.get("HEDUI_SIMULATION") == "long"


def lives(count: int) -> settings:
    """So many lives, or a hundred times as many that last longer."""
    return settings(
        max_examples=count * 100 if LONG else count,
        stateful_step_count=80 if LONG else 30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.timeout(86_400 if LONG else 600)
def test_where_all_are_honest_nobody_is_accused() -> None:
    run_state_machine_as_test(Life, settings=lives(15))


@pytest.mark.timeout(86_400 if LONG else 600)
def test_whoever_cheats_gets_no_answer_or_is_found_out() -> None:
    run_state_machine_as_test(Cheats, settings=lives(35))
