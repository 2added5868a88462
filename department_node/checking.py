"""Hold a catalogue to the records it is about and to what each statement may ask for.

Knows what every statement has to return and which names it may bind. Runs no statement and knows
no person.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from department_node.catalogue import Listed, NodeCatalogue
from department_node.records import RecordSource
from federation.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One statement that cannot be used: which, and why (with ``where`` among the details)."""

    where: str
    error: BadInput


def check(listed: NodeCatalogue, records: RecordSource) -> None:
    """Refuse a catalogue of which any statement cannot be used.

    Raises:
        BadInput: CATALOGUE_TABLE_MISSING, CATALOGUE_COLUMN_MISSING, CATALOGUE_WRITES,
            CATALOGUE_FUNCTION or CATALOGUE_SQL, with the place in the catalogue.
        Unavailable: SOURCE_BUSY or SOURCE_UNREADABLE.
    """
    for fault in faults(listed, records):
        raise fault.error


def faults(listed: NodeCatalogue, records: RecordSource) -> Iterator[Fault]:
    """Find every statement that cannot be used.

    Raises:
        Unavailable: SOURCE_BUSY or SOURCE_UNREADABLE.
    """
    for one in listed.listed():
        try:
            _check(one, records)
        except BadInput as error:
            named = str(error.details.get("column") or error.details.get("table") or "")
            word = named.rpartition(".")[2]
            details = {**error.details, "where": listed.place(one.where, word)}
            yield Fault(where=one.where, error=BadInput(error.code, **details))


def _check(one: Listed, records: RecordSource) -> None:
    found = records.inspect(one.sql)
    if len(found.columns) != one.columns:
        raise BadInput("CATALOGUE_SQL", reason=f"{len(found.columns)} columns, not {one.columns}")
    strange = sorted(found.bindings - one.may_bind)
    if strange:
        raise BadInput("CATALOGUE_SQL", reason=f":{strange[0]} has no value here")
    missing = sorted(one.must_bind - found.bindings)
    if missing:
        raise BadInput("CATALOGUE_SQL", reason=f":{missing[0]} is not used")
