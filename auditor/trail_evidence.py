"""What lies in folders of evidence, as far as a trail rests on it: bundles, counts, logs.

Knows files by what they are, whatever they are called; what is something else is left alone. A file
that does not hold is set aside with its code, since a missing answer shows in the use numbers. Does
not know whose trail is wanted, but for the tokens of its cases.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final

from auditor import bundles, logs, verify
from auditor.bundles import Verdict
from auditor.logs import Head, Log
from auditor.papers import Papers
from auditor.receipts import Beside, Proven
from auditor.trail import Asked, CaseFile
from auditor.trail_consents import Entries
from crypto import envelope
from crypto.errors import CryptoError
from federation import bundle, closing, limits
from federation.closing import ClosingCount
from federation.errors import BadInput, PeerFault, Unavailable
from federation.log import events, kinds
from federation.log.kinds import Happened
from federation.log.node_events import UsesCounted
from federation.log.reader import CHECKPOINT, LogReader, folder_reader
from federation.manifest import AUDIENCES
from federation.receipt import Receipt
from federation.root import Chain
from federation.shapes import text, whole
from federation.strictjson import loads
from federation.wire import receipt_messages

_ZIP: Final = b"PK\x03\x04"
_JSON: Final = b"{"
_COUNTED: Final = f'"kind":"{UsesCounted.kind}"'.encode()
"""Stands in the record of every signed count, and in no other: quotes in a text are escaped."""
_OF_CONSENTS: Final = re.compile(rb'"kind":"(consent|objection|person|token)\.')


@dataclass(slots=True, kw_only=True)
class Found:
    """Bundles, signed counts, and folders of exported logs."""

    bundles: list[Path] = field(default_factory=list)
    counts: list[Path] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)


def find(places: Iterable[Path]) -> Found:
    """Look through files and folders.

    Raises:
        BadInput: FILE_MISSING.
    """
    found = Found()
    for place in places:
        try:
            _look(found, place)
        except OSError as e:
            raise BadInput("FILE_MISSING", file=place.name, folder=place.parent.name) from e
    return found


def _look(found: Found, place: Path) -> None:
    if not place.is_dir():
        _sort(found, place)
    elif (place / CHECKPOINT).is_file():
        found.logs.append(place)
    else:
        for inner in sorted(place.iterdir()):
            if not inner.is_symlink() and not inner.name.startswith("."):
                _look(found, inner)


def _sort(found: Found, file: Path) -> None:
    data = _read(file, limits.COUNT_BYTES)
    if data.startswith(_ZIP):
        found.bundles.append(file)
    elif data.startswith(_JSON) and _is_count(data):
        found.counts.append(file)


def _is_count(data: bytes) -> bool:
    try:
        signed = envelope.from_json(data, max_bytes=limits.COUNT_BYTES)
    except CryptoError:
        return False
    return signed.payload_type == closing.PAYLOAD_TYPE


def _read(file: Path, most: int) -> bytes:
    with file.open("rb") as handle:
        return handle.read(most + 1)


class Reading:
    """Reads what was found; ``faults`` are the files that do not hold, by name and code."""

    def __init__(
        self, found: Found, pin: Chain, known: Mapping[str, bytes], papers: Papers
    ) -> None:
        self.faults: list[tuple[str, str]] = []
        self._found = found
        self._pin = pin
        self._known = known
        self._papers = papers

    def cases(self) -> Iterator[CaseFile]:
        """Verify the bundles, one after the other.

        Raises:
            OSError: a file cannot be read any more.
        """
        for file in self._found.bundles:
            data = _read(file, limits.BUNDLE_BYTES)
            try:
                verdict = bundles.check(data, self._pin, self._known)
            except (BadInput, PeerFault) as error:
                self.faults.append((file.name, error.code))
                continue
            self.faults += [(file.name, fault.code) for fault in verdict.faults]
            asked = tuple(_asked(verdict, bundle.read(data).files))
            yield CaseFile(contents=verdict.contents, asked=asked, papers=verdict.papers)

    def counts(self, tokens: Collection[bytes]) -> Iterator[ClosingCount]:
        """Verify the departments' counts of some tokens: in files, and in the departments' logs."""
        for file in self._found.counts:
            yield from self._counted(file.name, _read(file, limits.COUNT_BYTES))
        for folder in self._found.logs:
            try:
                for document in self._logged(folder_reader(folder), tokens):
                    yield from self._counted(folder.name, document)
            except (PeerFault, Unavailable) as error:
                self.faults.append((folder.name, error.code))

    def _counted(self, name: str, document: bytes) -> Iterator[ClosingCount]:
        try:
            yield _count(document, self._papers)
        except PeerFault as error:
            self.faults.append((name, error.code))

    def _logged(self, read: LogReader, tokens: Collection[bytes]) -> Iterator[bytes]:
        """Find the signed counts that a department's log has of some tokens."""
        head = logs.head(read, self._papers)
        known = self._papers.newest.parties.get(head.party)
        if known and known.role not in AUDIENCES:
            return
        for _, record, beside in filter(None, chain.from_iterable(Log(read, head).bundles())):
            if _COUNTED in record:
                event = kinds.read(record).event
                if isinstance(event, UsesCounted) and event.token in tokens:
                    yield beside

    def registrar_log(self) -> tuple[Head, Entries]:
        """Choose the longest log of the registrar; its rows are verified as they are read.

        Raises:
            BadInput: TRAIL_LOG when there is none.
            PeerFault, Unavailable: as ``logs.head``; its entries as ``logs.Log``, and LOG_GAP.
        """
        origin = self._papers.newest.note_name(self._papers.newest.registrar.id)
        readers = [folder_reader(folder) for folder in self._found.logs]
        heads = [
            (logs.head(read, self._papers), read)
            for read in readers
            if read(CHECKPOINT).startswith(f"{origin}\n".encode())
        ]
        if not heads:
            raise BadInput("TRAIL_LOG", party=origin)
        head, read = max(heads, key=lambda one: one[0].tree.size)
        return head, lambda: _entries(read, head)


def _entries(read: LogReader, head: Head) -> Iterator[tuple[Happened, bytes]]:
    """Give what a log says of consents; nothing is ever erased of it.

    Most of its rows tell of status lists, of which there is a new one each minute: they are not
    read once more.
    """
    for at, row in enumerate(chain.from_iterable(Log(read, head).bundles())):
        if row is None:
            raise PeerFault("LOG_GAP", row=at)
        _, record, beside = row
        if events.is_event(record) and _OF_CONSENTS.search(record):
            yield kinds.read(record), beside


def _asked(verdict: Verdict, files: Mapping[str, bytes]) -> Iterator[Asked]:
    beside = Beside.of(files[name] for name in files if name.startswith(bundles.TOKENS))
    for name, one in verdict.proven.items():
        receipt = receipt_messages.decode_receipt(files[name])
        yield Asked(proven=one, place=receipt.answer.index, jti=_token(one, receipt, beside))
    for step in chain.from_iterable(ran.steps for ran in verdict.sums.values()):
        for one, receipt in step.slots:
            yield Asked(proven=one, place=receipt.answer.index, jti=_token(one, receipt, beside))


def _token(one: Proven, receipt: Receipt, beside: Beside) -> bytes | None:
    """Tell by which token was asked; of a refused question, only if it is a genuine one."""
    if one.claims:
        return one.claims.jti
    presentation = receipt.presentation or beside.presentations[receipt.consent]
    try:
        return verify.token(presentation, one.document).claims.jti
    except PeerFault:
        return None


def _count(data: bytes, papers: Papers) -> ClosingCount:
    """Verify a count.

    Raises:
        PeerFault: COUNT_INVALID, PARTY_UNKNOWN or RECEIPT_MANIFEST.
    """
    try:
        claimed = loads(envelope.from_json(data, max_bytes=limits.COUNT_BYTES).payload, "count")
        department = text(claimed["department"])
        at = whole(claimed["at"], 0, limits.CONSENT_END)
    except (CryptoError, PeerFault, KeyError, TypeError) as e:
        raise PeerFault("COUNT_INVALID", department="") from e
    return closing.read(data, papers.manifest_at(at), department)
