"""A real folder: feedback is signed by the centre's key, the register's key lies with the data."""

import stat
from pathlib import Path

import pytest

from coordinator.opening import open_feedback, open_statistics
from coordinator.statistics import periods
from coordinator.statistics.register import KEY
from federation.clock import FixedClock
from federation.errors import BadInput
from tests.coordinator.town import case_text
from tests.support import twin


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = twin.make(tmp_path_factory.mktemp("federation") / "home")
    return made.folder / "coordinator"


def test_a_desk_without_reports_has_nothing_to_send_or_count(folder: Path) -> None:
    clock = FixedClock(twin.NOW)
    with open_feedback(folder, clock) as desk:
        (case_id,) = desk.desk.new([desk.desk.read(case_text().encode()).case], "demonstration")
        assert list(desk.issue([case_id], "owner")) == []
        assert (desk.tasks(), desk.loops([]), desk.tickets()) == ([], [], [])
        with pytest.raises(BadInput, match="FEEDBACK_UNKNOWN"):
            desk.task("FB-790301-2026-0001")
    month = periods.parse("2026-11")
    with open_statistics(folder, clock) as counted:
        assert counted.statistics(month).total.households == 0
        (coverage,) = counted.coverage(month)
        assert (coverage.new.wanted, coverage.new.checked) == (1, 0)
    assert stat.S_IMODE((folder / "data" / KEY).stat().st_mode) == 0o600
