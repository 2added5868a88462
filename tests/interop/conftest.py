"""One running town for all of it: tokens, lists and envelopes of a real registrar."""

from collections.abc import Iterator

import pytest

from tests.registrar import town as towns
from tests.registrar.town import Town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns.running(tmp_path_factory.mktemp("interop") / "f") as town:
        yield town
