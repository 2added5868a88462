"""A fresh town for every test; where it matters what keeps its state, one on each backend."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.coordinator import town as towns
from tests.coordinator.town import Town
from tests.support import servers

_ON_BOTH: Final = frozenset(
    {
        "test_closing",
        "test_counting",
        "test_desk",
        "test_gathering",
        "test_sentinel",
        "test_sums",
    }
)
"""Modules whose tests run on SQLite and on PostgreSQL; with ``HEDUI_BOTH=1`` all towns do."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Play a town of these modules on each backend."""
    name = metafunc.module.__name__.rpartition(".")[2]
    both = name in _ON_BOTH or "HEDUI_BOTH" in os.environ
    if both and "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", ["sqlite", "postgresql"], scope="function")


@pytest.fixture
def backend() -> str:
    """Say what keeps the state of a test's town."""
    return "sqlite"


@pytest.fixture(scope="session")
def server() -> Iterator[None]:
    """Stop the server when all tests are over, if any has started it."""
    yield
    servers.stop()


@pytest.fixture
def town(tmp_path: Path, backend: str, server: None) -> Town:
    """Give a town whose coordinator has an empty folder, and an empty database."""
    town = towns.build(tmp_path)
    town.url = servers.migrated() if backend == "postgresql" else ""
    return town
