"""The coordinator's settings: the table ``[coordinator]`` of its ``party.toml``, parsed once.

Knows every setting with its unit and bounds. Does not know who uses them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from federation import ids, sentinel
from federation.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the coordinator keeps its state and how patiently it asks.

    ``database`` is a SQLAlchemy URL without a password; empty: a SQLite file in the data folder.
    ``database_password`` names the file that the password is in. ``operators`` gives
    the resident numbers of operators by their words in case files. The other settings of the
    misuse sentinel say what is usual for one operator, and after how many days a case is decided.
    """

    database: str = ""
    database_password: str = ""
    retention_days: int = 1_830
    workers: int = 16
    tries: int = 5
    timeout_ms: int = 20_000
    patience_ms: int = 60_000
    pause_ms: int = 200
    longest_pause_ms: int = 5_000
    consent_days: int = 180
    max_uses: int = 12
    report_days: int = 90
    sentinel_hourly: int = 3_000
    sentinel_after_hours: int = 300
    sentinel_undecided: int = 20
    decide_days: int = 90
    working_time: str = sentinel.WORKING_TIME
    operators: Mapping[str, str] = field(default_factory=dict, repr=False)


_BOUNDS: Final = {
    "retention_days": (30, 36_600),
    "workers": (1, 256),
    "tries": (1, 100),
    "timeout_ms": (10, 300_000),
    "patience_ms": (10, 300_000),
    "pause_ms": (0, 60_000),
    "longest_pause_ms": (0, 60_000),
    "consent_days": (1, 3_660),
    "max_uses": (1, 10_000),
    "report_days": (1, 366),
    "sentinel_hourly": (1, 1_000_000),
    "sentinel_after_hours": (1, 1_000_000),
    "sentinel_undecided": (1, 1_000_000),
    "decide_days": (1, 3_660),
}


def parse(settings: Mapping[str, Any]) -> Settings:
    """Read the table, holding each number to its bounds.

    Raises:
        BadInput: SETTINGS_INVALID.
    """
    unknown = settings.keys() - {one.name for one in fields(Settings)}
    if unknown:
        raise _invalid(f"coordinator.{min(unknown)} is unknown")
    for name in ("database", "database_password", "working_time"):
        if type(settings.get(name, "")) is not str:
            raise _invalid(f"coordinator.{name} is not a text")
    sentinel.working(settings.get("working_time", sentinel.WORKING_TIME))
    _check_operators(settings.get("operators", {}))
    for name, (low, high) in _BOUNDS.items():
        value = settings.get(name, low)
        if type(value) is not int or not low <= value <= high:
            raise _invalid(f"coordinator.{name} is not a whole number from {low} to {high}")
    return Settings(**settings)


def _check_operators(operators: Any) -> None:
    """Refuse what is no table of canonical resident numbers; none of them is told."""
    if not isinstance(operators, dict):
        raise _invalid("coordinator.operators is not a table")
    for word, number in operators.items():
        try:
            if ids.canonical_id(str(number)).id == number:
                continue
        except BadInput:
            pass
        raise _invalid(f"coordinator.operators.{word} is no resident number")


def _invalid(why: str) -> BadInput:
    return BadInput("SETTINGS_INVALID", file="party.toml", why=why)
