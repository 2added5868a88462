"""The table ``[tally]``: every setting within its bounds, and nothing else."""

from typing import Any

import pytest

from federation.errors import BadInput
from tally.config import Settings, parse


def test_nothing_needs_to_be_set() -> None:
    assert parse({}) == Settings()
    assert parse({"pool": 0, "status_refresh": 0.5, "reflection": True}) == Settings(
        pool=0, status_refresh=0.5, reflection=True
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"rolls": 1},
        {"pool": -1},
        {"pool": 1.5},
        {"pool": True},
        {"pool": 10_001},
        {"status_refresh": 0},
        {"status_refresh": 301},
        {"status_refresh": "30"},
        {"checkpoint_seconds": 31},
        {"reflection": 1},
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="SETTINGS_INVALID"):
        parse(wrong)
