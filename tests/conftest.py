"""What every test may ask for: the folder with test vectors of others."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
"""A child between fork and exec must not meet gRPC's handlers: PostgreSQL's tools crash there."""


@pytest.fixture
def vectors(no_cover: None) -> Path:
    """Give the folder of others' test vectors; skip where it is absent.

    What they reach counts as covered nowhere: it has to be without them, too.
    """
    default = Path(__file__).parents[2] / "shared" / "vectors"
    folder = Path(os.environ.get("HEDUI_VECTORS", default))
    if not folder.is_dir():
        pytest.skip("no test vectors here: set HEDUI_VECTORS to their folder")
    return folder
