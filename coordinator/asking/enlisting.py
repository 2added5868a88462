"""From a list of people to a department's signed list: draft a mandate, then have it enlisted.

Knows the steps at the registrar (protocol note §3) and what must fit before a list is kept. Does
not know files or departments' answers; what is done is in the books, and running again goes on.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from coordinator.asking.mandate_books import Filed, Listed, MandateBooks
from federation import catalogue, mandate, mandate_list
from federation.clock import Clock
from federation.errors import BadInput, PeerFault, Refused
from federation.exchange import Purpose
from federation.mandate import BatchMandate, Order, Pair, Step
from federation.mandate_list import PSEUDONYM_BYTES, MandateList
from federation.manifest import PartyRole
from federation.party import Party
from federation.wire.registrar_client import RegistrarClient

Tell = Callable[[str, int, int], None]
"""Called with a department (empty: the registrar's record), people done and all people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a mandate is asked for: which questions, whom, why and for how long. UTC seconds."""

    purpose: Purpose
    basis: dict[str, str]
    departments: tuple[str, ...]
    questions: tuple[Pair, ...]
    not_before: int
    expires: int


class Enlistment:
    """Drafts mandates and has their people enlisted at the registrar."""

    def __init__(
        self, party: Party, books: MandateBooks, registrar: RegistrarClient, clock: Clock
    ) -> None:
        self._party = party
        self._books = books
        self._registrar = registrar
        self._clock = clock
        self._catalogue = catalogue.load()

    def draft(self, wanted: Wanted, numbers: Sequence[str]) -> Filed:
        """File a draft for people in rising order; its document goes to the root's holders.

        Raises:
            BadInput: MANDATE_DRAFT, or PREDICATE_UNKNOWN.
            PeerFault: PARTY_UNKNOWN.
        """
        self._check(wanted)
        salt = os.urandom(mandate.SALT_BYTES)
        given = BatchMandate(
            id=os.urandom(mandate.ID_BYTES),
            version=1,
            purpose=wanted.purpose,
            basis=wanted.basis,
            coordinator=self._party.id,
            departments=wanted.departments,
            questions=wanted.questions,
            people=mandate.people_digest(salt, numbers),
            size=len(numbers),
            not_before=wanted.not_before,
            expires=wanted.expires,
        )
        document = mandate.draft(given)
        mandate.look(document)
        filed = Filed(
            id=given.id,
            document=document,
            signed=False,
            salt=salt,
            size=given.size,
            round=1,
            created=self._clock.now(),
        )
        self._books.add(filed, numbers)
        return filed

    def enlist(self, document: bytes, tell: Tell = lambda *_: None) -> Filed:
        """Take a signed mandate, and have every department's list signed by the registrar.

        Raises:
            BadInput: MANDATE_UNKNOWN when it was not drafted here.
            Refused: MANDATE_INVALID, or as the registrar says.
            PeerFault, Unavailable: as a call fails; WRONG_ANSWER for a list that does not fit.
        """
        root = self._party.papers.documents.root.root
        given = mandate.read(document, root, self._catalogue)
        mandate.check(given, coordinator=self._party.id, now=self._clock.now())
        filed = self._books.find(given.id)
        if mandate.people_digest(filed.salt, self._numbers(filed)) != given.people:
            raise Refused("MANDATE_INVALID", why="people")
        if not filed.signed:
            self._books.sign(given.id, document)
            filed = self._books.find(given.id)
        self._record(filed, tell)
        for department in given.departments:
            if not self._is_listed(filed, department):
                self._list(filed, department, tell)
        return filed

    def _numbers(self, filed: Filed) -> Iterator[str]:
        return (number for _, ids in self._books.parts(filed.id) for number in ids)

    def _check(self, wanted: Wanted) -> None:
        asked = [self._catalogue.predicate(predicate) for predicate, _ in wanted.questions]
        if not all(one.mandate for one in asked):
            raise BadInput("MANDATE_DRAFT", why="questions")
        kinds = [self._party.manifest.party(one, PartyRole.NODE).kind for one in wanted.departments]
        for predicate, parameter in wanted.questions:
            self._party.policy.check(predicate, parameter, wanted.purpose)
        if not all(any(kind in one.departments for one in asked) for kind in kinds):
            raise BadInput("MANDATE_DRAFT", why="departments")

    def _record(self, filed: Filed, tell: Tell) -> None:
        """Record the people; what the registrar has of them is not sent again."""

        def order(first: int = 0, ids: tuple[str, ...] = ()) -> Order:
            return Order(
                step=Step.RECORD,
                id=filed.id,
                document=filed.document,
                salt=filed.salt,
                first=first,
                ids=ids,
            )

        (known,) = self._registrar.mandate([order()])
        tell("", known.recorded, filed.size)
        for first, ids in self._books.parts(filed.id, known.recorded):
            (receipt,) = self._registrar.mandate([order(first, ids)])
            tell("", receipt.recorded, filed.size)

    def _is_listed(self, filed: Filed, department: str) -> bool:
        known = self._books.lists(filed.id).get(department)
        if known is None:
            return False
        listed = self._read(known.signed_list)
        return self._clock.now() < listed.expires and listed.holder == self._holder

    def _list(self, filed: Filed, department: str, tell: Tell) -> None:
        """Fetch the pseudonyms part by part, then the list; keep one of just these people."""
        found: list[bytes] = []
        for first, _ in self._books.parts(filed.id):
            order = Order(step=Step.EVALUATE, id=filed.id, first=first, department=department)
            (receipt,) = self._registrar.mandate([order])
            packed = receipt.pseudonyms
            found += (
                packed[i : i + PSEUDONYM_BYTES] for i in range(0, len(packed), PSEUDONYM_BYTES)
            )
            tell(department, len(found), filed.size)
        order = Order(step=Step.SIGN, id=filed.id, department=department)
        (receipt,) = self._registrar.mandate([order])
        listed = self._read(receipt.signed_list)
        digests = [hashlib.sha256(one).digest() for one in mandate_list.blocks_of(sorted(found))]
        fits = (
            listed.audience == department
            and listed.holder == self._holder
            and listed.size == filed.size == len(found)
            and listed.mandate == hashlib.sha256(filed.document).digest()
            and list(listed.blocks) == digests
        )
        if not fits:
            raise PeerFault("WRONG_ANSWER", sender=self._party.manifest.registrar.id)
        kept = Listed(department=department, signed_list=receipt.signed_list, presented=False)
        self._books.keep_list(filed.id, kept, found, self._clock.now())

    def _read(self, signed_list: bytes) -> MandateList:
        return mandate_list.read(signed_list, self._party.manifest.registrar.keys)

    @property
    def _holder(self) -> bytes:
        return self._party.key.verify_key.raw
