"""One demonstration, played once and recorded, that all scenarios look at."""

import pytest

from tests.scenarios.played import Played, play

pytest.register_assert_rewrite("tests.scenarios.evidence")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Play the demonstration once, with every message recorded before encryption."""
    folder = tmp_path_factory.mktemp("demo")
    return play(folder / "city", record=folder / "recording")
