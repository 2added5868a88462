"""An empty register, on either backend."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.database import Database, open_database, url_of
from tests.support import servers


@pytest.fixture
def database(tmp_path: Path, backend: str, server: None) -> Iterator[Database]:
    """Give an empty database."""
    opened = open_database(servers.migrated() if backend == "postgresql" else url_of("", tmp_path))
    yield opened
    opened.close()
