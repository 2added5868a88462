"""A fresh town with people for every test."""

from pathlib import Path

import pytest

from coordinator.people import operators
from crypto.keys import SealCost
from tests.coordinator import town as towns
from tests.coordinator.people.staffed import Staffed


@pytest.fixture
def staffed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Staffed:
    """Give a town without operators yet; their passwords cost little."""
    cheap = (*(operators.Operators.__init__.__defaults__ or ())[:-1], SealCost.MINIMAL)
    monkeypatch.setattr(operators.Operators.__init__, "__defaults__", cheap)
    return Staffed(towns.build(tmp_path))
