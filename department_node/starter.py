"""A starter catalogue for a new node: every predicate its kind may answer, switched off.

Knows the catalogue's TOML form. Does not guess a department's tables.
"""

from pathlib import Path
from typing import Final

from federation.catalogue import JOINT, Catalogue, ParameterKind, Predicate
from federation.party import Party

FILE: Final = "catalogue.toml"
_HEAD: Final = """\
# What {party} answers, and from which of its own tables. Lines that begin with # are off: replace
# the SQL by a read-only statement over your tables that gives one value, then remove the #.
# Bound names: :key :from :to :today :since :prefix :value :size (docs/guides/department.md).
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


def write(folder: Path, party: Party, predicates: Catalogue) -> Path:
    """Write the starter catalogue unless there is a catalogue already, and give its path."""
    path = folder / FILE
    if not path.exists():
        head = _HEAD.format(party=party.id)
        rows = [
            _row(p, party) for p in predicates.for_kind(party.entry.kind) if p.form not in JOINT
        ]
        path.write_text(head + "\n".join(rows), "utf-8")
    return path


def _row(predicate: Predicate, party: Party) -> str:
    rule = party.policy.rules.get(predicate.id)
    purposes = ", ".join(f'"{p.name}"' for p in sorted(rule.purposes)) if rule else ""
    note = "" if rule else "  (the policy in force has no rule for it)"
    sql = "" if predicate.parameter is ParameterKind.NAME else "SELECT ... WHERE id = :key"
    return "\n".join(
        [
            f"# {predicate.zh.label} {predicate.zh.question}{note}",
            f"# {predicate.form.value}, {predicate.register.value} register",
            "# [[answer]]",
            f'# predicate = "{predicate.id}"',
            f"# purposes = [{purposes}]",
            '# scope = "city"',
            f'# sql = "{sql}"',
            "",
        ]
    )
