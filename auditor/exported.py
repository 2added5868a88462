"""A federation's exported logs in one folder: a subfolder a party, and the signed documents.

Knows files and their places. Verifies heads; rows are verified as they are read. Does not know what
the logs say to one another (``reconcile``).

    root.json, manifest.json, policy.json     what everything is held to
    documents/                                earlier manifests and policies, under any name
    registrar/, coordinator/, tax/ …          one exported log each, named as its party
    witnessed/                                alarms, and checkpoints that others were shown
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from auditor import file_cli, logs, papers
from auditor.logs import Log, Shown, Tell
from auditor.papers import Papers
from auditor.reconcile import KEEPING, Source
from federation import limits
from federation.errors import BadInput, HeduiError, PeerFault, Unavailable
from federation.log.reader import folder_reader

WITNESSED: Final = "witnessed"
_DOCUMENTS: Final = "documents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What lies in a folder: documents, logs whose head is believed, and heads that are not."""

    papers: Papers
    logs: Mapping[str, Log]
    broken: Mapping[str, HeduiError] = field(default_factory=dict)
    witnessed: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def read(folder: Path, pin: Path | None = None, more: Iterable[Path] = ()) -> Exported:
    """Read the documents and the head of every log in a folder.

    Raises:
        BadInput: FILE_MISSING, LOGS_MISSING when no party has a log there; as ``papers.gather``.
        PeerFault: as ``papers.gather``; RECEIPT_MANIFEST when there is no manifest.
    """
    earlier = sorted((folder / _DOCUMENTS).glob("*.json"))
    known = file_cli.documents_of(folder, [*more, *earlier])
    by = papers.gather(file_cli.pinned(folder, pin), known)
    opened: dict[str, Log] = {}
    broken: dict[str, HeduiError] = {}
    for party in _keeping(by):
        if (folder / party).is_dir():
            try:
                opened[party] = _open(folder / party, party, by)
            except (PeerFault, Unavailable) as error:
                broken[party] = error
    if not opened and not broken:
        raise BadInput("LOGS_MISSING", folder=folder.name)
    seen = {one.name: _read(one) for one in sorted((folder / WITNESSED).glob("*")) if one.is_file()}
    return Exported(papers=by, logs=opened, broken=broken, witnessed=seen)


def sources(exported: Exported, tell: Mapping[str, Tell] | None = None) -> list[Source]:
    """Give the logs as ``reconcile`` reads them, the registrar's first; each is read once."""
    found: list[Source] = []
    for party in _keeping(exported.papers):
        role = exported.papers.newest.party(party).role
        if party in exported.logs:
            log = exported.logs[party]
            told = (tell or {}).get(party)
            rows = chain.from_iterable(log.bundles(told) if told else log.bundles())
            found.append(Source(party=party, role=role, seen=log.head.seen, rows=rows))
        elif party in exported.broken:
            refusing = iter(partial(_refuse, exported.broken[party]), None)
            found.append(Source(party=party, role=role, seen=0, rows=refusing))
    return found


def _keeping(by: Papers) -> list[str]:
    """Name the parties that keep a log."""
    return [entry.id for role in KEEPING for entry in by.newest.having(role)]


def _open(folder: Path, party: str, by: Papers) -> Log:
    read = folder_reader(folder)
    head = logs.head(read, by)
    if head.party != party:
        raise PeerFault("RECEIPT_CHECKPOINT", why=head.party)
    return Log(read, head)


def _refuse(error: HeduiError) -> Shown:
    """Take the place of rows that nobody can believe."""
    raise error


def _read(file: Path) -> bytes:
    with file.open("rb") as handle:
        return handle.read(limits.MANIFEST_BYTES + 1)
