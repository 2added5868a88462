"""The register of checks: a line a case, naming nobody, that statistics are made of.

Knows the table and how people become numbers under a key of this installation. The lines stay when
a case's people are erased. Does not know how a line comes about.
"""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_bytes
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select, update

from coordinator.database import Database, chunks
from coordinator.schema_feedback import check_line, check_person
from federation import keyfile
from federation.errors import BadInput

KEY: Final = "register.key"
"""The file in the data folder whose key makes numbers of people."""
_LABEL: Final = b"hedui/v1/register|"
_KEY_BYTES: Final = 32
_NUMBER_BYTES: Final = 8
_POSITIVE: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A case as statistics see it. Months are numbers yyyymm, 0 where it has not come to that.

    ``entry``: a new application; ``month`` of its opening. ``seen`` tells up to what it is true.
    ``household`` is the applicant's number.
    """

    case_id: str
    programme: str
    area: str
    entry: bool
    month: int
    reported: int
    persons: int
    findings: int = 0
    seconds: int = 0
    timed: bool = False
    late: bool = False
    objected: bool = False
    sustained: bool = False
    granted: int = 0
    ended: int = 0
    outcome: str = ""
    household: int = 0
    seen: str = ""


class Register:
    """All lines."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def seen(self, case_ids: Sequence[str]) -> dict[str, str]:
        """Tell up to what the lines of cases are true; of a case without a line nothing."""
        wanted = select(check_line.c.case_id, check_line.c.seen)
        of: Any = bindparam("ids", expanding=True)
        with self._database.reading() as connection:
            return {
                row.case_id: row.seen
                for ids in chunks(case_ids)
                for row in connection.execute(
                    wanted.where(check_line.c.case_id.in_(of)), {"ids": ids}
                )
            }

    def keep(self, lines: Iterable[tuple[Line, frozenset[int]]]) -> None:
        """Keep lines with the numbers of their people, in place of those of the same cases."""
        with self._database.writing() as connection:
            for line, people in lines:
                mine = check_line.c.case_id == line.case_id
                number = connection.scalar(select(check_line.c.line).where(mine))
                if number is None:
                    made = connection.execute(insert(check_line), _row(line))
                    (number,) = made.inserted_primary_key or (None,)
                else:
                    connection.execute(update(check_line).where(mine).values(_row(line)))
                    connection.execute(delete(check_person).where(check_person.c.line == number))
                rows = [{"line": number, "person": one} for one in sorted(people)]
                if rows:
                    connection.execute(insert(check_person), rows)


class Numbers:
    """People as numbers that say nothing without the key of this installation."""

    def __init__(self, data: Path) -> None:
        """Read the key; draw one if there is none.

        Raises:
            BadInput: FILE_UNWRITABLE, or as ``keyfile.read_private``.
        """
        file = data / KEY
        try:
            if not file.exists():
                keyfile.write_private(file, token_bytes(_KEY_BYTES))
        except OSError as e:
            raise BadInput("FILE_UNWRITABLE", file=file.name, folder=data.name) from e
        self._key = keyfile.read_private(file)

    def of(self, person_id: str) -> int:
        """Give a person's number."""
        whole = hmac.digest(self._key, _LABEL + person_id.encode(), "sha256")
        return int.from_bytes(whole[:_NUMBER_BYTES], "big") & _POSITIVE


def _row(line: Line) -> dict[str, Any]:
    return {
        name: int(value) if type(value) is bool else value for name, value in asdict(line).items()
    }
