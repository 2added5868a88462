"""The coordinator's settings: the table ``[coordinator]`` of its ``party.toml``, parsed once.

Knows every setting with its unit and bounds. Does not know who uses them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from federation.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the coordinator keeps its state and how patiently it asks.

    ``database`` is a SQLAlchemy URL; empty: a SQLite file in the data folder.
    """

    database: str = ""
    workers: int = 16
    tries: int = 5
    timeout_ms: int = 20_000
    patience_ms: int = 60_000
    pause_ms: int = 200
    longest_pause_ms: int = 5_000
    consent_days: int = 180
    max_uses: int = 12


_BOUNDS: Final = {
    "workers": (1, 256),
    "tries": (1, 100),
    "timeout_ms": (10, 300_000),
    "patience_ms": (10, 300_000),
    "pause_ms": (0, 60_000),
    "longest_pause_ms": (0, 60_000),
    "consent_days": (1, 3_660),
    "max_uses": (1, 10_000),
}


def parse(settings: Mapping[str, Any]) -> Settings:
    """Read the table, holding each number to its bounds.

    Raises:
        BadInput: SETTINGS_INVALID.
    """
    unknown = settings.keys() - {field.name for field in fields(Settings)}
    if unknown:
        raise _invalid(f"coordinator.{min(unknown)} is unknown")
    if type(settings.get("database", "")) is not str:
        raise _invalid("coordinator.database is not a text")
    for name, (low, high) in _BOUNDS.items():
        value = settings.get(name, low)
        if type(value) is not int or not low <= value <= high:
            raise _invalid(f"coordinator.{name} is not a whole number from {low} to {high}")
    return Settings(**settings)


def _invalid(why: str) -> BadInput:
    return BadInput("SETTINGS_INVALID", file="party.toml", why=why)
