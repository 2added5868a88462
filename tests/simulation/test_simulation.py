"""Federations live through whatever hypothesis thinks of, honestly or not.

Nothing is released without a consent in force, policy, budget and a durable entry; whatever is
tampered with is found by a verifier that the design has for it, at the latest by the audit at the
end; and where nobody cheats no verifier says a word. ``HEDUI_SIMULATION=long`` plays for hours.
"""

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.cheats import Cheats
from tests.simulation.life import LONG, Life, lives


@pytest.mark.timeout(86_400 if LONG else 600)
def test_where_all_are_honest_nobody_is_accused() -> None:
    run_state_machine_as_test(Life, settings=lives(15))


@pytest.mark.timeout(86_400 if LONG else 600)
def test_whoever_cheats_gets_no_answer_or_is_found_out() -> None:
    run_state_machine_as_test(Cheats, settings=lives(35))
