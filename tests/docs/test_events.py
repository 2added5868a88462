"""The page on logs has a row for every kind of event, with all its fields."""

from dataclasses import fields
from pathlib import Path

import pytest

from federation.log.kinds import KINDS

PAGE = (Path(__file__).parents[2] / "docs/protocol/log.md").read_text("utf-8")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_event_has_a_row_with_its_fields(kind: str) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `") and f"`{kind}`" in line]
    assert len(rows) == 1
    assert [one.name for one in fields(KINDS[kind]) if f"`{one.name}`" not in rows[0]] == []
