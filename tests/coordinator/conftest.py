"""A fresh town for every test."""

from pathlib import Path

import pytest

from tests.coordinator import town as towns
from tests.coordinator.town import Town


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Give a town whose coordinator has an empty folder."""
    return towns.build(tmp_path)
