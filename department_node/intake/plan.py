"""The list of files that a department imports together: ``import.toml``.

Knows the TOML form. Does not open any of the files.
"""

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from department_node.intake.spec import ImportSpec
from federation.errors import BadInput

_LISTS: Final = ("required", "integers", "indexes")
_TEXTS: Final = ("id_column", "encoding", "sheet", "source_table")
_FLAGS: Final = ("append", "allow_empty")
_KEYS: Final = {"file", "table", "as_of", *_LISTS, *_TEXTS, *_FLAGS}


@dataclass(frozen=True, slots=True)
class PlannedImport:
    """One file and where its rows go."""

    file: Path
    spec: ImportSpec


def read(path: Path) -> list[PlannedImport]:
    """Read an import plan; files are relative to it.

    Raises:
        BadInput: IMPORT_PLAN_INVALID with what is wrong.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
        return [_planned(row, path.parent) for row in raw["table"]]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, TypeError) as e:
        raise BadInput("IMPORT_PLAN_INVALID", file=path.name, why=str(e)) from e
    except KeyError as e:
        raise BadInput("IMPORT_PLAN_INVALID", file=path.name, why=f"no {e.args[0]}") from e


def _planned(row: Any, base: Path) -> PlannedImport:
    if not isinstance(row, dict):
        raise TypeError("no table")
    unknown = row.keys() - _KEYS
    if unknown or not isinstance(row.get("as_of", date.min), date):
        raise TypeError(f"unknown key or no date: {min(unknown, default='as_of')}")
    texts: dict[str, Any] = {name: str(row[name]) for name in _TEXTS if row.get(name)}
    lists: dict[str, Any] = {
        name: tuple(str(c) for c in row[name]) for name in _LISTS if name in row
    }
    flags: dict[str, Any] = {name: bool(row[name]) for name in _FLAGS if name in row}
    if texts.get("encoding", "auto") not in {"auto", "utf-8", "gbk"}:
        raise TypeError("encoding is auto, utf-8 or gbk")
    spec = ImportSpec(table=str(row["table"]), as_of=row.get("as_of"), **(texts | lists | flags))
    return PlannedImport(base / str(row["file"]), spec)
