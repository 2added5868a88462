"""Random processes are killed while the centre works, and nothing that was answered is lost.

The seed says whom and when; what a kill interrupts is up to the machine. Every seed must pass.
"""

from collections import Counter
from typing import Final

import pytest

from hedui.demo.stage import WITNESSES
from tests.scenarios import evidence
from tests.scenarios.played import CENTRE, REGISTRAR, Played, play

pytestmark = pytest.mark.timeout(900)  # a busy machine takes its time to start processes again

KILLS: Final = 20
SEED: Final = 7


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Play the demonstration once while processes are killed."""
    folder = tmp_path_factory.mktemp("drill") / "city"
    return play(folder, "--kills", str(KILLS), "--seed", str(SEED))


def test_it_ends_well_all_the_same(drilled: Played) -> None:
    assert drilled.code == 0, drilled.err
    summary = drilled.summary
    killed = summary.pop("killed")
    assert summary == {"answers": len(drilled.asks) + len(drilled.sums), "refusals": 12, "wrong": 0}
    assert len(killed) == KILLS
    assert set(killed) <= {*drilled.nodes, *WITNESSES, REGISTRAR, CENTRE, "tally"}


def test_processes_were_killed_and_came_back(drilled: Played) -> None:
    killed = Counter(drilled.summary["killed"])
    for name in [REGISTRAR, *WITNESSES, *drilled.nodes]:
        starts = (drilled.home / "logs" / f"{name}.log").read_text("utf-8").count("--- start")
        assert starts >= 1 + (killed[name] > 0), name
    assert killed[CENTRE] > 0


def test_no_case_and_no_answer_is_lost(drilled: Played) -> None:
    evidence.check_cases(drilled)
    evidence.check_answers(drilled)


def test_every_answer_is_logged_once(drilled: Played) -> None:
    evidence.check_logs(drilled)
    evidence.check_strangers(drilled)


def test_no_use_is_counted_twice(drilled: Played) -> None:
    evidence.check_uses(drilled)
