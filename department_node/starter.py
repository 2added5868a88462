"""A starter catalogue for a new node: every predicate its kind may answer, switched off.

Knows the catalogue's TOML form. Does not guess a department's tables.
"""

from pathlib import Path
from typing import Final

from department_node.catalogue import components_of
from federation.catalogue import JOINT, Catalogue, Form, ParameterKind, Predicate, Unit
from federation.errors import BadInput
from federation.party import Party

FILE: Final = "catalogue.toml"
_HEAD: Final = """\
# What {party} answers, and from which of its own tables.
# Lines that begin with # are off: replace each ... by your tables and columns, then remove the #
# of the five lines from [[answer]] on. A statement only reads and gives one value. Bound names:
# :key :from :to :today, and where the question has one :since :prefix :value :size
# (docs/guides/department.md).
department = "{party}"
version = 1

[source]
kind = "sqlite"
path = "records.sqlite"

# Whom the register knows: columns id, name (or NULL), key.
[roll]
sql = "SELECT id, name, id AS key FROM person"

# The day that the data describe.
[as_of]
sql = "SELECT max(as_of) FROM import_log"

"""


_MEASURED: Final = {Unit.FEN, Unit.AREA, Unit.ENERGY, Unit.PERCENT}
_VALUES: Final = {
    Form.BOOLEAN: ("SELECT count(*) FROM ... WHERE id = :key", "0 or NULL: no; else yes"),
    Form.COUNT: ("SELECT count(*) FROM ... WHERE id = :key", "a whole number"),
    Form.BAND: ("SELECT sum(...) FROM ... WHERE id = :key", "a whole number"),
    Form.THRESHOLD: ("SELECT sum(...) FROM ... WHERE id = :key", "a whole number"),
    Form.WINDOW: (
        "SELECT max(...) FROM ... WHERE id = :key",
        "the latest day, 2026-01-31, or NULL",
    ),
    Form.ENUM: ("SELECT ... FROM ... WHERE id = :key", "one of"),
}
_CONDITIONS: Final = {
    ParameterKind.AREA: " AND area LIKE :prefix || '%'",
    ParameterKind.VALUE: " AND programme = :value",
}


def write(folder: Path, party: Party, predicates: Catalogue) -> bool:
    """Write the starter catalogue and tell so, unless there is a catalogue already.

    Raises:
        BadInput: FILE_UNWRITABLE.
    """
    path = folder / FILE
    head = _HEAD.format(party=party.id)
    kind = party.entry.kind
    rows = [_row(p, party) for p in predicates.for_kind(kind) if p.form not in JOINT]
    rows += [_component(name, sums) for name, sums in components_of(kind, predicates).items()]
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(head + "\n".join(rows))
    except FileExistsError:
        return False
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=FILE, folder=folder.name) from e
    return True


def _row(predicate: Predicate, party: Party) -> str:
    rule = party.policy.rules.get(predicate.id)
    purposes = ", ".join(f'"{p.name}"' for p in sorted(rule.purposes)) if rule else ""
    note = "" if rule else "  (the policy in force has no rule for it)"
    sql, value = _statement(predicate)
    return "\n".join(
        [
            f"# {predicate.zh.label} {predicate.zh.question}{note}",
            f"# {predicate.form.value}, {predicate.register.value} register. The value: {value}",
            "# [[answer]]",
            f'# predicate = "{predicate.id}"',
            f"# purposes = [{purposes}]",
            '# scope = "city"',
            f'# sql = "{sql}"',
            "",
        ]
    )


def _component(name: str, sums: list[Predicate]) -> str:
    """Write a part of sums over departments: it never leaves but masked and encrypted."""
    units = sorted({one.unit.value for one in sums if one.unit is not Unit.PERCENT})
    labels = ", ".join(f"{one.id} {one.zh.label}" for one in sums)
    return "\n".join(
        [
            f"# {name}, a part of: {labels}",
            f"# sum. The value: a whole number{' of ' + units[0] if units else ''}",
            "# [[component]]",
            f'# id = "{name}"',
            '# sql = "SELECT sum(...) FROM ... WHERE id = :key"',
            "",
        ]
    )


def _statement(predicate: Predicate) -> tuple[str, str]:
    match predicate.parameter:
        case ParameterKind.NAME:
            return "", "none, the node compares pseudonyms"
        case ParameterKind.MEMBERS:
            return "SELECT ... FROM ... WHERE id = :key", "the other person's key, or NULL for none"
        case ParameterKind.SIZE:
            return "SELECT count(*) = :size FROM ... WHERE id = :key", "0 or NULL: no; else yes"
    sql, value = _VALUES[predicate.form]
    listed = f" {', '.join(predicate.values)}" if predicate.values else ""
    unit = f" of {predicate.unit.value}" if predicate.unit in _MEASURED else ""
    return sql + _CONDITIONS.get(predicate.parameter, ""), f"{value}{listed}{unit}"
