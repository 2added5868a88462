"""A node like one's own that keeps nothing: own catalogue, policy and records, others' keys.

Knows how a party's papers are exchanged for throw-away ones, and which question this department is
asked with them. Its roll has one person whom no record knows; its database lies in a folder that is
deleted. The real keys, roll, log and database are neither used nor touched.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from crypto.keys import SigningKey, VerifyKey
from department_node import checking
from department_node import node as nodes
from department_node.answer import Answerer, Sources
from department_node.catalogue import NodeCatalogue
from department_node.drafting import Facts
from department_node.kit import COORDINATOR, REGISTRAR, Kit
from department_node.records import SqliteRecords
from department_node.refit import Terms
from department_node.store import RollEntry, Store, StoredBatch
from federation import party as parties
from federation import status
from federation.catalogue import ParameterKind
from federation.clock import FixedClock, business_date, epoch_of
from federation.consent import Grant
from federation.errors import BadInput
from federation.exchange import Purpose
from federation.manifest import PartyEntry, PartyRole
from federation.party import Party
from federation.policy import Policy
from federation.status import Status, StatusLists

NOBODY: Final = "-"
"""The record key of the one person on the roll."""
PERSON: Final = b"hostile kit: its one pseudonym.."
"""Whom the kit's tokens are about."""
REVOKED: Final = 13
"""The entry of the status list that is revoked; the next one is suspended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrowAway:
    """The node, and the terms in which it can be asked; ``kept`` is a party of the kit's names."""

    answerer: Answerer
    terms: Terms
    named: Party
    folder: Path


@contextmanager
def throwaway(folder: Path, kit: Kit, now: int) -> Iterator[ThrowAway]:
    """Put a node together that answers like that of a party's folder, at one moment.

    Raises:
        BadInput: as opening the node, and CONFORM_NO_QUESTION when it answers no question.
        PeerFault, Unavailable: as opening the node.
    """
    party = parties.load(folder, PartyRole.NODE, now)
    listed = nodes.open_catalogue(party)
    terms = _terms(party, listed, now)
    with (
        TemporaryDirectory(prefix="hedui-conform-") as name,
        SqliteRecords(listed.source) as records,
    ):
        checking.check(listed, records)
        data = Path(name)
        with closing(Store(data)) as store:
            _enrol(store, epoch_of(now))
            own = _exchanged(party, kit, data, party.id)
            sources = Sources(
                catalogue=listed,
                records=records,
                store=store,
                clock=FixedClock(now),
                facts=lambda: _facts(now),
                revoked=lambda: _revoked(kit, party.id, now),
                paused=lambda: False,
            )
            named = _exchanged(party, kit, data, kit.department)
            yield ThrowAway(answerer=Answerer(own, sources), terms=terms, named=named, folder=data)


def _terms(party: Party, listed: NodeCatalogue, now: int) -> Terms:
    """Choose the first question that the catalogue answers and the policy allows."""
    rules: Policy = party.policy
    for answering in listed.answers.values():
        rule, predicate = rules.rules.get(answering.predicate.id), answering.predicate
        shared = answering.purposes & rule.purposes if rule else frozenset[Purpose]()
        if rule and shared:
            named = predicate.parameter is ParameterKind.NAME
            grant = Grant(
                predicate=predicate.id,
                parameter=(*rule.parameters, "")[0],
                form=predicate.form.value,
                max_uses=2,
                members=1,
                args=(bytes(32),) if named else (),
            )
            return Terms(
                department=party.id,
                now=now,
                purpose=min(shared),
                family=rules.family,
                version=rules.version,
                grant=grant,
            )
    raise BadInput("CONFORM_NO_QUESTION", party=party.id)


def _exchanged(party: Party, kit: Kit, data: Path, name: str) -> Party:
    """Give a party other keys, and others' in its manifest, and a data folder that is deleted."""
    key = SigningKey.generate()
    old = party.papers
    entry = replace(old.entry, id=name, keys=_keys(key.verify_key))
    listed: Mapping[str, PartyEntry] = {
        REGISTRAR: _other(old.entry, REGISTRAR, PartyRole.REGISTRAR, kit.registrar),
        COORDINATOR: _other(old.entry, COORDINATOR, PartyRole.COORDINATOR, kit.coordinator),
        name: entry,
    }
    manifest = replace(party.manifest, parties=listed)
    documents = replace(old.documents, manifest=manifest)
    papers = replace(old, documents=documents, entry=entry, key=key)
    return replace(party, data=data, papers=papers, tap=None)


def _other(like: PartyEntry, name: str, role: PartyRole, key: SigningKey) -> PartyEntry:
    return replace(like, id=name, role=role, kind="", keys=_keys(key.verify_key), certificates=())


def _keys(key: VerifyKey) -> Mapping[str, VerifyKey]:
    return {key.kid: key}


def _enrol(store: Store, epoch: int) -> None:
    empty = StoredBatch(key=bytes(32), people="[]", ids=b"", names=b"")
    person = RollEntry(psn=PERSON, key=NOBODY, name=b"", fingerprint=bytes(32))
    store.finish_batch(epoch, store.begin_batch(epoch, empty), [person])


def _facts(now: int) -> Facts:
    today, epoch = business_date(now), epoch_of(now)
    enrolled = int(today.strftime("%Y%m%d"))
    return Facts(as_of=today, enrolled_to=enrolled, epochs=frozenset({epoch - 1, epoch}))


def _revoked(kit: Kit, department: str, now: int) -> StatusLists:
    uri = status.uri_of(REGISTRAR, department)
    states = {REVOKED: Status.INVALID, REVOKED + 1: Status.SUSPENDED}
    jwt = status.issue(uri, status.pack(states), now, kit.registrar)
    return StatusLists.of(status.read(jwt, uri=uri, issuers=_keys(kit.registrar.verify_key)))
