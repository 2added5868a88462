"""All logs of a federation, held to one another: request, answer, consent, commission and policy.

Pure: verified rows in, findings out. Knows in which order logs are read, and what may be missing
from one of them. Does not know where logs lie (``exported``), how rows are verified (``logs``), nor
what must hold of each row: ``registry``, ``centre``, ``answered`` and ``departments`` do.

Who logs first is known without any clock: a coordinator logs a request before it is sent, a
department an answer before it leaves. So what came after something that is there cannot be missing
before it. Of the last rows a checkpoint may not tell yet; those are doubts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from auditor import erased, records
from auditor.around import WITNESSES_AWAY, Around
from auditor.centre import Centre
from auditor.chains import Chains, Used
from auditor.departments import Department, Stranger
from auditor.exchanges import Exchange
from auditor.findings import Finding, Place, Severity, doubted, found
from auditor.logs import Erasures, Shown
from auditor.papers import Papers
from auditor.records import Said
from auditor.registry import Registry
from auditor.sums import Known, Sum
from federation import alert, limits
from federation.alert import Alert
from federation.errors import PeerFault, Unavailable
from federation.log.alert_events import AlertRaised
from federation.log.events import Tombstone
from federation.log.kinds import Happened
from federation.manifest import AUDIENCES, PartyRole

KEEPING = (PartyRole.REGISTRAR, PartyRole.COORDINATOR, *AUDIENCES)
"""Who keeps a log, in the order in which logs are read."""
_NEVER = -1
_ALWAYS = 1 << 62

Take = Callable[[int, Said, bytes], Iterator[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One party's log: its rows, verified as they come, and when a witness has seen them all."""

    party: str
    role: PartyRole
    seen: int
    rows: Iterable[Shown] = field(repr=False)


@dataclass(slots=True, kw_only=True)
class Reconciled:
    """What all logs say together, and what does not hold; ``sizes`` counts each one's rows."""

    papers: Papers
    registry: Registry
    centres: Mapping[str, Centre]
    departments: Mapping[str, Department]
    chains: Chains
    findings: list[Finding] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    erasures: dict[str, Erasures] = field(default_factory=dict)
    alerts: dict[str, list[tuple[Place, Alert]]] = field(default_factory=dict)

    @property
    def proven(self) -> bool:
        """Whether no link is broken."""
        return all(one.severity is Severity.DOUBT for one in self.findings)

    @property
    def sums(self) -> Iterator[Sum]:
        """All comparisons, centre by centre, in their order."""
        for centre in self.centres.values():
            yield from centre.sums.all

    @property
    def exchanges(self) -> Iterator[Exchange]:
        """All requests, centre by centre, in the order of their rows."""
        for centre in self.centres.values():
            yield from centre.exchanges.values()


def reconcile(
    sources: Sequence[Source], papers: Papers, known: Known | None = None, *, settled: bool = False
) -> Reconciled:
    """Read all logs and hold them to one another, and to what the auditor knows beside them.

    ``settled``: they were exported when all had come to rest, so that nothing is to come.

    Raises:
        PeerFault: RECEIPT_MANIFEST when there is no manifest.
    """
    return _Reading(sources, papers, known or Known(), settled=settled).run()


class _Reading:
    """One run over all logs."""

    def __init__(
        self, sources: Sequence[Source], papers: Papers, known: Known, *, settled: bool
    ) -> None:
        self._sources = {one.party: one for one in sources}
        self._settled = settled
        self._latest = max((one.seen for one in sources), default=0)
        manifest = papers.newest
        self._complete: dict[str, int] = dict.fromkeys(manifest.parties, _NEVER)
        registry = Registry(manifest.registrar.id, manifest)
        self._around = Around(papers=papers, registry=registry, complete=self._complete)
        chains = Chains()
        centres = {
            one.party: Centre(one.party, self._around, chains, known)
            for one in sources
            if one.role is PartyRole.COORDINATOR
        }
        departments = {
            one.party: Department(one.party, centres, self._around)
            for one in sources
            if one.role in AUDIENCES
        }
        self._all = Reconciled(
            papers=papers,
            registry=registry,
            centres=centres,
            departments=departments,
            chains=chains,
        )

    def run(self) -> Reconciled:
        takes: dict[str, Take] = {self._all.registry.party: self._registered}
        takes |= {party: one.take for party, one in self._all.centres.items()}
        takes |= {party: one.take for party, one in self._all.departments.items()}
        for party, take in takes.items():
            if party in self._sources:
                self._note(self._read(self._sources[party], take))
        for check in (self._missing_logs, self._consents, self._strangers, self._unlogged):
            self._note(check())
        for check in (self._all.chains.close, self._counts):
            self._note(check())
        return self._all

    def _note(self, findings: Iterable[Finding]) -> None:
        self._all.findings += findings

    def _registered(self, row: int, said: Said, beside: bytes) -> Iterator[Finding]:
        if isinstance(said, Happened):
            yield from self._all.registry.take(row, said, beside)
        else:
            yield found("LOG_RECORD", Place(self._all.registry.party, row), why="kind")

    def _read(self, source: Source, take: Take) -> Iterator[Finding]:
        """Read a log to its end, or to where it is broken."""
        party = source.party
        gone = self._all.erasures[party] = Erasures()
        at, row = 0, -1
        try:
            for row, shown in enumerate(source.rows):
                if shown is None:
                    gone.erased.add(row)
                    continue
                said = _said(shown[1])
                if said is None:
                    yield found("LOG_RECORD", Place(party, row))
                    continue
                at = max(at, said.at)
                if isinstance(said, Tombstone):
                    gone.tombstones[row] = said
                elif isinstance(said, Happened) and isinstance(said.event, AlertRaised):
                    yield from self._alerted(Place(party, row), said.at, shown[2])
                else:
                    yield from take(row, said, shown[2])
            self._complete[party] = self._whole(source, at)
        except (PeerFault, Unavailable) as e:
            row += 1
            yield found(e.code, Place(party, row), **{**e.details, "row": row})
            self._complete[party] = at - limits.SKEW
        self._all.sizes[party] = row + 1

    def _alerted(self, place: Place, at: int, document: bytes) -> Iterator[Finding]:
        """Keep a party's signed word that it suspects somebody."""
        try:
            told = alert.read(document, self._all.papers.manifest_at(at), place.party)
        except PeerFault as e:
            yield found("LOG_RECORD", place, why=e.code)
            return
        self._all.alerts.setdefault(place.party, []).append((place, told))

    def _whole(self, source: Source, at: int) -> int:
        """Tell until when nothing can be missing from a log that was read to its end."""
        if self._settled:
            return _ALWAYS
        witnessed = source.seen - limits.INCLUSION - limits.SKEW
        return max(witnessed, at - limits.SKEW, self._latest - WITNESSES_AWAY)

    def _missing_logs(self) -> Iterator[Finding]:
        """Name the parties whose log is not here: that is a gap where others name them."""
        named: dict[str, int] = {}
        for one in self._all.exchanges:
            if one.said is not None:
                named[one.department] = named.get(one.department, 0) + 1
        for department in self._all.departments.values():
            for stranger in department.strangers:
                sender = stranger.asked.sender
                named[sender] = named.get(sender, 0) + 1
        manifest = self._all.papers.newest
        for entry in manifest.parties.values():
            if entry.role in KEEPING and entry.id not in self._sources:
                told = found("LOG_MISSING", Place(entry.id), exchanges=named.get(entry.id, 0))
                needed = entry.id in named or entry.role is PartyRole.REGISTRAR
                yield told if needed else doubted(told)

    def _consents(self) -> Iterator[Finding]:
        """Hold what coordinators were told of consents to the registrar's log."""
        registry = self._all.registry
        for centre in self._all.centres.values():
            for name, case in centre.book.cases.items():
                for number, row in case.consents.items():
                    recorded = registry.consents.get(number)
                    told = {"case": name, "consent": number}
                    place = Place(centre.party, row)
                    if recorded is None or recorded.event.coordinator != centre.party:
                        missed = found("CONSENT_UNRECORDED", place, **told)
                        yield self._around.missing(missed, case.at)
                    elif case.ended and not registry.ended(recorded.event.origin):
                        where = Place(registry.party, recorded.row)
                        ended = Place(centre.party, case.ended.row)
                        missed = found("CONSENT_UNENDED", ended, where, **told)
                        yield self._around.missing(missed, case.ended.at)

    def _strangers(self) -> Iterator[Finding]:
        """Name what departments were asked and the coordinator has not logged."""
        for department in self._all.departments.values():
            for one in department.strangers:
                for token in one.tokens:
                    issue = self._all.registry.tokens.get(token)
                    self._all.chains.hidden[issue.event.chain if issue else token] += 1
                if one.asked.sender in self._all.centres:
                    yield self._stranger(department, one)

    def _stranger(self, department: Department, one: Stranger) -> Finding:
        sender = one.asked.sender
        tokens = ", ".join(token.hex() for token in one.tokens)
        told = {"qid": one.asked.qid, "request": one.digest, "tokens": tokens}
        missed = found("REQUEST_UNLOGGED", Place(department.party, one.row), Place(sender), **told)
        _, heard = self._known.get((sender, department.party), (-1, -1))
        return missed if one.row < heard else self._around.judged(missed, sender, one.at)

    def _unlogged(self) -> Iterator[Finding]:
        """Name what departments have answered and not logged, unless it was erased by order."""
        lost: dict[str, list[Exchange]] = {one: [] for one in self._all.departments}
        for one in self._all.exchanges:
            if one.node is not None and one.said is None:
                self._unheard(one)
            elif one.node is None and one.department in lost:
                lost[one.department].append(one)
        for party, gone in self._all.erasures.items():
            unexplained = yield from erased.check(
                party, gone, lost.get(party, []), self._subs, self._around
            )
            for one in unexplained:
                yield self._hidden(one)

    def _hidden(self, one: Exchange) -> Finding:
        department = Place(one.department)
        told = {"qid": one.asked.qid, "request": one.digest, "answer": one.came}
        missed = found("ANSWER_UNLOGGED", *one.places, department, **told)
        later, _ = self._known.get((one.coordinator, one.department), (-1, -1))
        at = one.said.issued if one.said else one.asked.issued
        if (one.reply or 0) < later:
            return missed
        return self._around.judged(missed, one.department, at)

    @cached_property
    def _known(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Give for two parties the last request that both have, and the last entry answered by.

        The first is a row of the coordinator's log, the second one of the department's.
        """
        last: dict[tuple[str, str], tuple[int, int]] = {}
        for one in self._all.exchanges:
            if one.node is not None:
                row, heard = last.get((one.coordinator, one.department), (-1, -1))
                heard = heard if one.reply is None else max(heard, one.node)
                last[one.coordinator, one.department] = max(row, one.row), heard
        return last

    def _counts(self) -> Iterator[Finding]:
        """Hold signed counts to the uses that are known, and closed cases to signed counts."""
        told: set[bytes] = set()
        for department in self._all.departments.values():
            told |= department.counts.keys()
            for place, count in department.counts.values():
                yield from self._all.chains.counted(count, place)
        gone = any(one.erased for one in self._all.erasures.values())
        known = min((self._complete[one] for one in self._all.departments), default=_NEVER)
        for centre in self._all.centres.values():
            for name, case in centre.book.cases.items():
                for digest in sorted(set(case.counts) - told):
                    place = Place(centre.party, case.closed)
                    missed = found("USES_BROKEN", place, case=name, count=digest, why="not logged")
                    yield doubted(missed) if gone or case.closed_at > known else missed

    def _unheard(self, one: Exchange) -> None:
        """Note which uses may have been counted by an answer that the coordinator never got."""
        for item in one.items:
            issue = self._all.registry.tokens.get(item.token)
            chain = issue.event.chain if issue else item.token
            used = Used(one.department, chain, item.predicate, item.parameter)
            self._all.chains.lost(used)

    def _subs(self, one: Exchange) -> frozenset[bytes]:
        """Name the people of an exchange by their pseudonyms at its department."""
        tokens = self._all.centres[one.coordinator].presented.tokens
        return frozenset(tokens[token].claims.sub for token in one.tokens if token in tokens)


def _said(record: bytes) -> Said | None:
    try:
        return records.read(record)
    except PeerFault:
        return None
