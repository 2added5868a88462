"""One town for all tests of a module; each test brings its own households.

No longer: threads that outlive a test of others' vectors are counted as covering nothing more.
"""

from collections.abc import Iterator

import pytest

from tests.tally import town as towns
from tests.tally.town import NOW, Town


@pytest.fixture(scope="module")
def _town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns.running(tmp_path_factory.mktemp("tally") / "f") as town:
        yield town


@pytest.fixture
def town(_town: Town) -> Iterator[Town]:
    _town.clock.seconds = NOW
    _town.states.clear()
    _town.refresh()
    yield _town
    _town.clock.seconds = NOW
    _town.running._rpc._highest = NOW  # tests that went ahead have left nothing behind
