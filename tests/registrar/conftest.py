"""One running town for all tests of a module; each test brings its own consents."""

from collections.abc import Iterator

import pytest

from tests.registrar import town as towns
from tests.registrar.town import NOW, Town


@pytest.fixture(scope="module")
def _town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns.running(tmp_path_factory.mktemp("town") / "f") as town:
        yield town


@pytest.fixture
def town(_town: Town) -> Iterator[Town]:
    _town.clock.seconds = NOW
    yield _town
    _town.clock.seconds = NOW
