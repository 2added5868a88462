"""The gate of batch mandates: may this be asked of everybody in a block? Pure, deny by default.

Knows the order of protocol note §5 where a list signed for a mandate stands in a token's place:
list and mandate (signatures, fit) → holder, times, status, purpose → question in the mandate →
policy and catalogue. Does not know sockets, stores, records, or who was asked about before.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from crypto.keys import VerifyKey
from department_node.catalogue import Answering
from department_node.gate import Moment
from federation import mandate, mandate_list, status
from federation.catalogue import Catalogue
from federation.errors import Refused
from federation.mandate import BatchMandate
from federation.mandate_list import BlockQuestion, MandateList
from federation.policy import Parameter, Rule
from federation.root import Root
from federation.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Believers:
    """Whose signatures count: the root for mandates, the registrar for lists."""

    root: Root
    registrar: str
    issuers: Mapping[str, VerifyKey]
    catalogue: Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A verified list with its verified mandate, and the bytes of both."""

    listed: MandateList
    mandate: BatchMandate
    signed_list: bytes
    document: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmittedBlock:
    """A question that may be answered for a whole block: by which rule, with which parameter."""

    question: BlockQuestion
    shown: Shown
    rule: Rule
    parameter: Parameter | None
    answering: Answering

    @property
    def block(self) -> bytes:
        """The SHA-256 of the block's pseudonyms, as the registrar signed it."""
        return self.shown.listed.blocks[self.question.block]


def mandate_of(signed_list: bytes, believers: Believers) -> bytes:
    """Give the SHA-256 of the mandate that a list was signed for.

    Raises:
        Refused: MANDATE_INVALID.
    """
    return mandate_list.read(signed_list, believers.issuers).mandate


def believe(signed_list: bytes, document: bytes, believers: Believers) -> Shown:
    """Verify a list and its mandate, and that the one belongs to the other.

    Raises:
        Refused: MANDATE_INVALID or MANDATE_EXHAUSTED.
    """
    listed = mandate_list.read(signed_list, believers.issuers)
    if listed.issuer != believers.registrar:
        raise Refused("MANDATE_INVALID", why="issuer")
    if hashlib.sha256(document).digest() != listed.mandate:
        raise Refused("MANDATE_INVALID", why="another mandate")
    given = mandate.read(document, believers.root, believers.catalogue)
    mandate_list.check_fit(listed, given)
    return Shown(listed=listed, mandate=given, signed_list=signed_list, document=document)


def admit(question: BlockQuestion, shown: Shown, sender: str, moment: Moment) -> AdmittedBlock:
    """Decide about one question to a block under a verified list.

    Raises:
        Refused: the code of the first step that says no.
    """
    listed, given = shown.listed, shown.mandate
    mandate_list.check(listed, audience=moment.department, holder=moment.holder, now=moment.now)
    mandate.check(given, coordinator=sender, now=moment.now)
    _check_status(listed, moment)
    if given.purpose != moment.purpose:
        raise Refused("CONSENT_WRONG_PURPOSE")
    if (question.predicate, question.parameter) not in given.questions:
        raise Refused("CONSENT_NOT_GRANTED", predicate=question.predicate)
    listed.persons(question.block)
    rule, parameter = moment.policy.check(question.predicate, question.parameter, moment.purpose)
    answering = moment.answers.get(question.predicate)
    if answering is None or moment.purpose not in answering.purposes:
        raise Refused("POLICY_NOT_ANSWERED", predicate=question.predicate)
    return AdmittedBlock(
        question=question, shown=shown, rule=rule, parameter=parameter, answering=answering
    )


def check_block(admitted: AdmittedBlock, pseudonyms: bytes) -> None:
    """Hold presented or stored pseudonyms to what the registrar signed.

    Raises:
        Refused: MANDATE_INVALID.
    """
    people = admitted.shown.listed.persons(admitted.question.block)
    fits = len(pseudonyms) == people * mandate_list.PSEUDONYM_BYTES
    if not fits or hashlib.sha256(pseudonyms).digest() != admitted.block:
        raise Refused("MANDATE_INVALID", why="block")


def check_count(given: BatchMandate, listed: MandateList, counted: int) -> None:
    """Hold a list not kept before to the number of people that the mandate has left.

    ``counted`` are the people of other lists under this mandate in the list's epoch.

    Raises:
        Refused: MANDATE_EXHAUSTED.
    """
    if counted + listed.size > given.size:
        raise Refused("MANDATE_EXHAUSTED")


def _check_status(listed: MandateList, moment: Moment) -> None:
    current = status.check_fresh(moment.revoked, moment.now)
    state = current.at(listed.status_uri).at(listed.status_index)
    if state is Status.INVALID:
        raise Refused("CONSENT_REVOKED")
    if state is not Status.VALID:
        raise Refused("CONSENT_SUSPENDED")
