"""The registrar's settings: the table ``[registrar]`` of its ``party.toml``, parsed once.

Knows every setting with its bounds. Does not know how a roll is counted or a log is kept.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from federation.errors import BadInput

_LARGEST: Final = 2**32 - 1
"""No roll on the wire is larger."""
_CHECKPOINTS: Final = (1, 30)
"""Seconds between two checkpoints: a row is to be in one within 60 (protocol §6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How many persons a department may declare and enrol in a year, at most.

    ``rolls`` by department's id, ``roll_most`` for departments that are not named there;
    ``reflection`` tells parties what can be called. ``checkpoint_seconds`` lie between two
    checkpoints of the log.
    """

    rolls: Mapping[str, int] = field(default_factory=dict)
    roll_most: int = 5_000_000
    reflection: bool = False
    checkpoint_seconds: int = 10

    def ceiling(self, department: str) -> int:
        """Give the largest roll that a department may declare, in persons."""
        return self.rolls.get(department, self.roll_most)

    def check(self, departments: Collection[str]) -> None:
        """Refuse a ceiling for somebody who is not there: the one that is meant would have none.

        Raises:
            BadInput: SETTINGS_INVALID.
        """
        unknown = self.rolls.keys() - set(departments)
        if unknown:
            raise _invalid(f"registrar.rolls.{min(unknown)} is no department of the manifest")


def parse(settings: Mapping[str, Any]) -> Settings:
    """Read the table, holding each number to its bounds.

    Raises:
        BadInput: SETTINGS_INVALID.
    """
    unknown = settings.keys() - {field.name for field in fields(Settings)}
    if unknown:
        raise _invalid(f"registrar.{min(unknown)} is unknown")
    rolls = settings.get("rolls", {})
    if type(rolls) is not dict:
        raise _invalid("registrar.rolls is not a table")
    if type(settings.get("reflection", False)) is not bool:
        raise _invalid("registrar.reflection is neither true nor false")
    for department, roll in rolls.items():
        _check(f"rolls.{department}", roll, 0, _LARGEST)
    _check("roll_most", settings.get("roll_most", 0), 0, _LARGEST)
    least, most = _CHECKPOINTS
    _check("checkpoint_seconds", settings.get("checkpoint_seconds", least), least, most)
    return Settings(**settings)


def _check(name: str, number: object, least: int, most: int) -> None:
    if type(number) is not int or not least <= number <= most:
        raise _invalid(f"registrar.{name} is not a whole number from {least} to {most}")


def _invalid(why: str) -> BadInput:
    return BadInput("SETTINGS_INVALID", file="party.toml", why=why)
