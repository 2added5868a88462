"""Play the kit of hostile files against this department's node, and tell what it made of each.

Knows who looks at which file: the node as a whole (tokens and requests, in this department's own
terms), the keeper of status lists, and the readers of documents, catalogues and tables (byte for
byte). Does not know what ought to come of a file, nor how that is shown.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from department_node import catalogue, checking, mandate_gate
from department_node.intake.load import import_table
from department_node.intake.spec import ImportSpec
from department_node.kit import COORDINATOR, REGISTRAR, Case, Kit
from department_node.mandate_gate import Believers
from department_node.records import SqliteRecords
from department_node.refit import Refit, Terms
from department_node.throwaway import ThrowAway, throwaway
from federation import catalogue as predicates
from federation import mandate, mandate_list, manifest, policy, root, status
from federation.consent import Grant
from federation.errors import BadInput, HeduiError, Refused
from federation.exchange import Outcome, Purpose
from federation.root import Root
from federation.status_keeper import StatusKeeper
from federation.wire import codec

ROOT: Final = "documents/root.json"
LIST: Final = "lists/sound.jwt"
MANDATE: Final = "mandates/sound.json"
RECORDS: Final = "tables/records.sqlite"
"""Sound files by which others are judged: the root, the list seen before, what lists of people are
signed for, what a catalogue reads"""
TABLE: Final = ImportSpec(
    table="people",
    id_column="id",
    required=("name",),
    integers=("amount",),
    max_bytes=64 * 1024,
    max_unpacked_bytes=256 * 1024,
    max_columns=20,
    max_cell=64,
)
"""What is said about every table of the kit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A case, and the code with which its file was refused; no code: it was accepted."""

    case: Case
    got: str

    @property
    def ok(self) -> bool:
        """Whether it came as it ought to."""
        return self.got == self.case.code


Verifier = Callable[[bytes], object]
"""Looks at a file; raises HeduiError where it refuses it."""


def play(folder: Path, kit: Kit, now: int) -> Iterator[Played]:
    """Play all cases in their order against a node like that of a party's folder.

    Raises:
        HeduiError: as ``throwaway``.
    """
    with throwaway(folder, kit, now) as node:
        verifiers = Verifiers(kit, node).by_name()
        for case in kit.cases:
            yield Played(case=case, got=_code(verifiers[case.verifier], kit.read(case.file)))


def _code(verifier: Verifier, data: bytes) -> str:
    try:
        verifier(data)
    except HeduiError as error:
        return error.code
    return ""


class Verifiers:
    """Everybody who looks at a file of the kit."""

    def __init__(self, kit: Kit, node: ThrowAway) -> None:
        self._kit = kit
        self._node = node
        self._refit = Refit(kit=kit, terms=written_terms(kit), own=node.terms)
        self._root: Root = root.read(kit.read(ROOT))

    def by_name(self) -> dict[str, Verifier]:
        """Name them as the table of the kit does."""
        return {
            "token": self._token,
            "request": self._request,
            "list": self._list,
            "root": self._read_root,
            "manifest": lambda data: manifest.read(data, self._root, now=self._kit.now),
            "policy": self._read_policy,
            "mandate": self._read_mandate,
            "people": self._read_people,
            "catalogue": self._read_catalogue,
            "table": self._import,
        }

    def _token(self, data: bytes) -> None:
        """Ask this department's question under a token."""
        self._ask(self._refit.asking(self._refit.token(data)))

    def _request(self, data: bytes) -> None:
        self._ask(self._refit.request(data))

    def _ask(self, request: bytes) -> None:
        """Ask the node; a refusal inside its signed answer is a refusal too."""
        answer = codec.decode_batch(self._node.answerer.ask(COORDINATOR, request))
        for said in (codec.decode_answer(one.item) for one in answer.items):
            if said.outcome is Outcome.REFUSED:
                raise Refused(said.refusal.name)
            if said.outcome is Outcome.PRESENT_AGAIN:
                raise Refused(said.outcome.name)

    def _list(self, data: bytes) -> None:
        """Have a keeper take a list over that holds the sound one already, and go by it."""
        fetched = [self._kit.read(LIST), data]
        with TemporaryDirectory(dir=self._node.folder) as name:
            party = replace(self._node.named, data=Path(name))
            keeper = StatusKeeper(party, lambda _: {0: fetched.pop(0)}, lambda: self._kit.now)
            keeper.refresh()
            keeper.refresh()
        status.check_fresh(keeper.current, self._kit.now)

    def _read_root(self, data: bytes) -> None:
        root.read_chain(data).newest.check_current(self._kit.now)

    def _read_policy(self, data: bytes) -> None:
        text = self._root.open(data, policy.PAYLOAD_TYPE)
        policy.parse(text, predicates.load()).check_current(self._kit.now)

    def _read_mandate(self, data: bytes) -> None:
        given = mandate.read(data, self._root, predicates.load())
        mandate.check(given, coordinator=COORDINATOR, now=self._kit.now)

    def _read_people(self, data: bytes) -> None:
        """Hold a list to the sound mandate, the kit's department, and who asks now."""
        signer = self._kit.registrar.verify_key
        believers = Believers(
            root=self._root,
            registrar=REGISTRAR,
            issuers={signer.kid: signer},
            catalogue=predicates.load(),
        )
        shown = mandate_gate.believe(data, self._kit.read(MANDATE), believers)
        holder = self._kit.coordinator.verify_key.raw
        department, now = self._kit.department, self._kit.now
        mandate_list.check(shown.listed, audience=department, holder=holder, now=now)

    def _read_catalogue(self, data: bytes) -> None:
        """Read a catalogue of the kit's department, and hold it to the kit's records."""
        with TemporaryDirectory(dir=self._node.folder) as name:
            file = Path(name) / "catalogue.toml"
            file.write_bytes(data)
            (file.parent / Path(RECORDS).name).write_bytes(self._kit.read(RECORDS))
            department = self._kit.department
            listed = catalogue.load(
                file, department=department, kind=department, predicates=predicates.load()
            )
            with SqliteRecords(listed.source) as records:
                checking.check(listed, records)

    def _import(self, data: bytes) -> None:
        """Import a table into an empty database; a row that is left out is a refusal."""
        with TemporaryDirectory(dir=self._node.folder) as name:
            file = Path(name) / "table"
            file.write_bytes(data)
            result = import_table(file, file.with_name("records.sqlite"), TABLE)
        for reject in result.rejects:
            raise BadInput(reject.code, row=reject.row)


def written_terms(kit: Kit) -> Terms:
    """Give the terms in which the kit's tokens and requests are written."""
    return Terms(
        department=kit.department,
        now=kit.now,
        purpose=Purpose.ENTRY,
        family="kit",
        version=1,
        grant=Grant(predicate="P40", parameter="", form="boolean", max_uses=2),
    )
