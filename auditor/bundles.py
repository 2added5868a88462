"""A case's evidence bundle, verified as a whole: its list, every receipt, the case and the report.

Knows what a bundle must hold beside its receipts. Does not know what a receipt demands
(``receipts``), files or screens. What concerns the bundle as a whole is raised; what concerns one
file of it is collected, so that everything wrong is named at once.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from auditor import papers as documents
from auditor import receipts
from auditor.papers import Papers
from auditor.receipts import Beside, Proven
from auditor.sums import Known
from auditor.transcripts import TOLD, Ran, Transcripts
from crypto import envelope
from crypto.errors import CryptoError
from federation import bundle, catalogue
from federation.bundle import Archive, Contents
from federation.catalogue import Form
from federation.errors import PeerFault
from federation.exchange import Outcome, outcome_text
from federation.manifest import PartyRole
from federation.root import Chain
from federation.strictjson import Json, loads
from federation.wire import codec, receipt_messages

RECEIPTS: Final = "receipts/"
_DOCUMENTS: Final = "documents/"
_STATUS: Final = "status/"
TOKENS: Final = "tokens/"
_TRANSCRIPTS: Final = "transcripts/"

Key = tuple[int, str, str, str]
"""Person of the report, department, predicate and parameter."""
Told = tuple[str, int]
"""Outcome and number of the use."""
_Line = tuple[str | int, ...]
"""Predicate and rung of a sum, then its people of the report, by slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a bundle proves: receipts and runs of sums by file, or the faults in their way.

    ``papers`` are the documents that it was verified by.
    """

    contents: Contents
    papers: Papers = field(repr=False)
    proven: Mapping[str, Proven]
    sums: Mapping[str, Ran]
    faults: tuple[PeerFault, ...]

    @property
    def receipts(self) -> int:
        """How many receipts the bundle has."""
        return len(self.contents.persons)

    @property
    def broken(self) -> int:
        """How many of them prove nothing."""
        return self.receipts - len(self.proven)


def check(
    data: bytes,
    chain: Chain,
    known: Mapping[str, bytes] | None = None,
    brought: Known | None = None,
) -> Verdict:
    """Verify a bundle by the pinned root; ``known`` are manifests and policies from elsewhere.

    By seeds that are ``brought`` its sums are replayed.

    Raises:
        PeerFault: OVERSIZE, BUNDLE_MALFORMED, BUNDLE_CONTENTS, BUNDLE_ROOT, BUNDLE_SIGNATURE or
            BUNDLE_FILES; as ``papers.gather``.
    """
    archive = bundle.read(data)
    signed, contents = bundle.read_contents(archive)
    papers = _papers(archive, chain, known or {})
    _check_signed(signed, contents, papers)
    _check_files(archive, contents)
    altered = _altered(archive, contents)
    beside = _beside(archive)
    proven, broken = _receipts(archive, contents, papers, beside)
    sums, torn = _sums(archive, Transcripts(papers, beside, contents, brought or Known()))
    faults = [fault for name, fault in altered.items() if name not in broken | torn]
    faults += [*broken.values(), *(fault for each in torn.values() for fault in each)]
    proven = {name: one for name, one in proven.items() if name not in altered}
    sums = {name: one for name, one in sums.items() if name not in altered}
    if not faults:
        faults += _report_faults(archive, contents, proven, sums)
    return Verdict(contents=contents, papers=papers, proven=proven, sums=sums, faults=tuple(faults))


def _receipts(
    archive: Archive, contents: Contents, papers: Papers, beside: Beside
) -> tuple[dict[str, Proven], dict[str, PeerFault]]:
    """Verify every receipt; give what is proven, and what is not, by file."""
    proven: dict[str, Proven] = {}
    broken: dict[str, PeerFault] = {}
    for name in sorted(contents.persons):
        try:
            one = receipts.check(archive.files[name], papers, beside)
            receipts.check_case(one, contents)
        except PeerFault as error:
            error.details |= {"file": name, "about": _about(archive.files[name])}
            broken[name] = error
        else:
            proven[name] = one
    return proven, broken


def _sums(
    archive: Archive, transcripts: Transcripts
) -> tuple[dict[str, Ran], dict[str, list[PeerFault]]]:
    """Verify every transcript, in their order; give what is proven, and what is not, by file."""
    proven: dict[str, Ran] = {}
    broken: dict[str, list[PeerFault]] = {}
    for name in sorted(one for one in archive.files if one.startswith(_TRANSCRIPTS)):
        ran, faults = transcripts.check(name, archive.files[name])
        if ran is None:
            broken[name] = faults
        else:
            proven[name] = ran
    return proven, broken


def _papers(archive: Archive, chain: Chain, known: Mapping[str, bytes]) -> Papers:
    there = {n: d for n, d in archive.files.items() if n.startswith(_DOCUMENTS)}
    try:
        theirs = documents.joined(chain, documents.chain_of(there.pop(bundle.ROOT, b"")))
    except PeerFault as error:
        error.details["file"] = bundle.ROOT
        raise
    return documents.gather(theirs, {**known, **there})


def _check_signed(signed: envelope.Envelope, contents: Contents, papers: Papers) -> None:
    document = papers.manifest_at(contents.made)
    try:
        keys = document.party(contents.coordinator, PartyRole.COORDINATOR).keys
        envelope.verify(signed, keys, payload_type=bundle.PAYLOAD_TYPE)
    except (PeerFault, CryptoError) as e:
        raise PeerFault("BUNDLE_SIGNATURE", file=bundle.CONTENTS, party=contents.coordinator) from e
    if contents.federation != document.federation:
        raise PeerFault("BUNDLE_SIGNATURE", file=bundle.CONTENTS, party=contents.federation)


def _check_files(archive: Archive, contents: Contents) -> None:
    """Refuse a bundle that lacks a listed file, or has another, or a receipt of nobody."""
    listed, there = contents.files.keys(), archive.files.keys() - {bundle.CONTENTS}
    odd = listed ^ there
    odd |= {name for name in listed if name.startswith(RECEIPTS)} ^ contents.persons.keys()
    odd |= {bundle.REPORT} - listed
    if odd:
        raise PeerFault("BUNDLE_FILES", file=min(odd))


def _altered(archive: Archive, contents: Contents) -> dict[str, PeerFault]:
    """Find the files that are not as they were signed."""
    found: dict[str, PeerFault] = {}
    for name, computed in bundle.digests(archive.files).items():
        signed = contents.files.get(name, computed)
        if signed != computed:
            told = {"signed": signed.hex(), "computed": computed.hex()}
            found[name] = PeerFault("BUNDLE_DIGEST", file=name, **told)
        elif name in archive.damaged:
            found[name] = PeerFault("BUNDLE_MALFORMED", file=name, why="checksum")
    return found


def _beside(archive: Archive) -> Beside:
    """Sort out what receipts name by digest; what a name says is not believed."""
    tokens = [data for name, data in archive.files.items() if name.startswith(TOKENS)]
    series: dict[str, list[bytes]] = defaultdict(list)
    for name in sorted(archive.files):
        if name.startswith(_STATUS):
            series[name.rpartition("/")[0]].append(archive.files[name])
    return Beside.of(tokens, series.values())


def _about(data: bytes) -> str:
    """Name the department and the question that a broken receipt is said to be about."""
    try:
        receipt = receipt_messages.decode_receipt(data)
        department = codec.decode_header(receipt.answer.envelope.payload).sender
        return f"{department} {codec.decode_question(receipt.request.item.item).predicate}"
    except PeerFault:
        return ""


def _report_faults(
    archive: Archive,
    contents: Contents,
    proven: Mapping[str, Proven],
    sums: Mapping[str, Ran],
) -> list[PeerFault]:
    """Compare the report with the receipts; both ways, so that it neither invents nor hides."""
    try:
        report = loads(archive.files[bundle.REPORT], bundle.REPORT)
        heads = [report[name] for name in ("case", "commission", "operator")]
        rows = dict(_reported(report["rows"]))
        added = dict(_added(report.get("sums", ())))
    except (PeerFault, LookupError, TypeError) as e:
        return [PeerFault("BUNDLE_REPORT", file=bundle.REPORT, why=type(e).__name__)]
    told: dict[Key, set[Told]] = defaultdict(set)
    for name, one in proven.items():
        if one.answer.outcome is not Outcome.PRESENT_AGAIN:
            told[_key(contents.persons[name], one)].add(_told(one))
    wrong: list[_Line] = [key for key, said in rows.items() if said not in told.get(key, ())]
    wrong += [key for key in told if key not in rows]
    wrong += _misreported(added, sums.values())
    if heads != [contents.case, contents.commission, contents.operator]:
        return [PeerFault("BUNDLE_REPORT", file=bundle.REPORT, why="case")]
    return [
        PeerFault("BUNDLE_REPORT", file=bundle.REPORT, why=" ".join(map(str, key)).strip())
        for key in wrong
    ]


def _reported(rows: Iterable[Json]) -> Iterator[tuple[Key, Told]]:
    """Read what a report says to have been answered; what was not is no receipt's business."""
    silence: set[Any] = {"", Outcome.UNAVAILABLE.name}
    for row in rows:
        if row["outcome"] not in silence:
            key = row["person"], row["department"], row["predicate"], row["parameter"]
            yield key, (row["outcome"], row["use"])


def _added(rows: Iterable[Json]) -> Iterator[tuple[_Line, str]]:
    """Read what a report says of sums; nothing where it says no outcome."""
    for row in rows:
        key = row["predicate"], row["parameter"], *row["persons"]
        yield key, row["outcome"] if row["outcome"] in TOLD else ""


def _misreported(rows: Mapping[_Line, str], sums: Iterable[Ran]) -> Iterator[_Line]:
    """Name sums that the newest run does not bear out, and runs that a report hides.

    What no department adds up to follows from the rest of a report: it has no run.
    """
    told: dict[_Line, str] = {}
    for one in (ran.transcript for ran in sums):
        told[one.predicate, one.parameter, *one.persons] = one.outcome
    known = {one.id for one in catalogue.load() if one.form is Form.SUM}
    for key, said in rows.items():
        if said and key[0] in known and told.get(key) != said:
            yield key
    for key, said in told.items():
        if said in TOLD and key not in rows:
            yield key


def _key(person: int, one: Proven) -> Key:
    return person, one.said.sender, one.question.predicate, one.question.parameter


def _told(one: Proven) -> Told:
    closed = one.answer.outcome is Outcome.ENUM  # only a known predicate's answer is one
    values = catalogue.load().predicate(one.question.predicate).values if closed else ()
    return outcome_text(one.answer, values), one.answer.use_no
