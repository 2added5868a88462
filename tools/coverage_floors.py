"""Hold what the tests covered to the floors in ``pyproject.toml``, table ``tool.hedui.coverage``.

Usage: python -m tools.coverage_floors REPORT, where REPORT is what ``coverage json`` wrote.
A floor is the least percentage of lines and branches together. It stands for a file or a folder
without what a longer path in it has a floor of its own for. Does not run tests.
"""

import json
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

SETTINGS: Final = Path(__file__).parents[1] / "pyproject.toml"
_NAMED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """What was reached at one place, of how much; ``missing`` names the rest: file, then lines."""

    reached: int
    all: int
    missing: tuple[str, ...] = ()

    def __add__(self, other: "Covered") -> "Covered":
        return Covered(
            reached=self.reached + other.reached,
            all=self.all + other.all,
            missing=self.missing + other.missing,
        )

    def meets(self, floor: float) -> bool:
        """Tell whether enough was reached; nothing at all is never enough."""
        return self.all > 0 and 100 * self.reached >= floor * self.all

    def percent(self) -> float:
        """Give what was reached, rounded down so that 100 means all of it."""
        return self.reached * 10_000 // self.all / 100 if self.all else 0.0


def measure(report: Mapping[str, Any], floors: Mapping[str, float]) -> dict[str, Covered]:
    """Add up a coverage report by floor; files that no floor stands for come under their own name.

    Raises:
        KeyError: the report is none of ``coverage json`` with branches.
    """
    places = {place: Covered(reached=0, all=0) for place in floors}
    for name, found in report["files"].items():
        path = Path(name)
        holders = [one for one in (path, *path.parents) if one.as_posix() in floors]
        place = holders[0].as_posix() if holders else path.as_posix()
        places[place] = places.get(place, Covered(reached=0, all=0)) + _file(path, found)
    return places


def _file(path: Path, found: Mapping[str, Any]) -> Covered:
    total = found["summary"]
    rest = [str(line) for line in found["missing_lines"]]
    rest += [f"{line}→{'exit' if to < 0 else to}" for line, to in found["missing_branches"]]
    if len(rest) > _NAMED:
        rest[_NAMED:] = [f"and {len(rest) - _NAMED} more"]
    return Covered(
        reached=total["covered_lines"] + total["covered_branches"],
        all=total["num_statements"] + total["num_branches"],
        missing=(f"{path.as_posix()}: {', '.join(rest)}",) if rest else (),
    )


def table(places: Mapping[str, Covered], floors: Mapping[str, float]) -> list[str]:
    """Write what was covered and what has to be, in per cent."""
    rows = [
        f"{one.percent():7.2f} {floors.get(place, '-'):>5}  {place}"
        for place, one in sorted(places.items())
    ]
    return ["covered floor  place", *rows]


def complaints(places: Mapping[str, Covered], floors: Mapping[str, float]) -> list[str]:
    """Name what is below its floor, with all that is missing there."""
    said: list[str] = []
    for place, one in sorted(places.items()):
        if place not in floors:
            said.append(f"{place} has no floor")
        elif not one.meets(floors[place]):
            said += [f"{place} is below {floors[place]}", *(f"  {row}" for row in one.missing)]
    return said


def main(arguments: list[str], settings: Path = SETTINGS) -> int:
    """Print the table; give 1 where something is below its floor."""
    (report,) = arguments
    floors = tomllib.loads(settings.read_text("utf-8"))["tool"]["hedui"]["coverage"]
    measured = measure(json.loads(Path(report).read_bytes()), floors)
    said = complaints(measured, floors)
    sys.stdout.write("\n".join([*table(measured, floors), *said, ""]))
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
