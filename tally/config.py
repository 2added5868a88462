"""The tally's settings: the table ``[tally]`` of its ``party.toml``, parsed once.

Knows every setting with its bounds. Does not know what is done with one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from federation.errors import BadInput

_BOUNDS: Final = {
    "status_refresh": (0.1, 300),
    "checkpoint_seconds": (0.1, 30),  # a row is to be in a checkpoint within 60 (protocol §6)
    "pool": (0, 10_000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Seconds between two status lists and two checkpoints, and comparisons that are prepared.

    ``reflection`` tells parties what can be called.
    """

    status_refresh: float = 30
    checkpoint_seconds: float = 10
    pool: int = 100
    reflection: bool = False


def parse(settings: Mapping[str, Any]) -> Settings:
    """Read the table, holding each number to its bounds.

    Raises:
        BadInput: SETTINGS_INVALID.
    """
    unknown = settings.keys() - {field.name for field in fields(Settings)}
    if unknown:
        raise _invalid(f"tally.{min(unknown)} is unknown")
    if type(settings.get("reflection", False)) is not bool:
        raise _invalid("tally.reflection is neither true nor false")
    for name, (least, most) in _BOUNDS.items():
        kinds = (int,) if name == "pool" else (int, float)
        number = settings.get(name, most)
        if type(number) not in kinds or not least <= number <= most:
            raise _invalid(f"tally.{name} is not a number from {least} to {most}")
    return Settings(**settings)


def _invalid(why: str) -> BadInput:
    return BadInput("SETTINGS_INVALID", file="party.toml", why=why)
