"""From an admitted household to its share of a sum: read, begin, encrypt, or say why there is none.

Knows what may be refused before a run is begun, and that it is begun in a commit of its own before
its share is encrypted: what was begun and is not there was lost, and is never computed again.
Records are read before that: a source which is down closes nothing. Does not know messages.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from sqlite3 import Connection

from department_node import contribution, evaluate, gate, parts
from department_node.answer import Sources
from department_node.contribution_books import ContributionBooks, Share
from department_node.drafting import Facts, day_number
from department_node.household import Household
from department_node.ledger import Ledger
from department_node.masking import Masking
from federation.errors import Refused
from federation.exchange import Answer, Outcome
from federation.presentations import Consents


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What is said to every slot, uses apart, and the share; ``first`` until it is stored."""

    said: Answer
    share: Share | None = field(default=None, repr=False)
    first: bool = False


class Sharer:
    """Makes this department's shares."""

    def __init__(self, party: str, sources: Sources, masking: Masking, consents: Consents) -> None:
        self._party = party
        self._s = sources
        self._masking = masking
        self._consents = consents

    def draw(self, household: Household) -> Drawn:
        """Give the share of a run, which nobody else draws meanwhile.

        Raises:
            Refused: SUM_CLOSED when it was begun before and is not there; SUM_SLOTS, SUM_AMOUNT or
                SOURCE_UNAVAILABLE; or as ``Page.check``.
            BadInput, Unavailable: keys, source or store are not as they should be.
            PeerFault: CONSENT_INVALID when two tokens have one id.
        """
        books, run = ContributionBooks(self._s.store.reader), household.joint.run
        share = books.find(run)
        if share:
            return Drawn(said=share.answer, share=share)
        if books.begun(run):
            raise Refused("SUM_CLOSED")
        return self._first(household)

    def _first(self, household: Household) -> Drawn:
        joint, facts = household.joint, self._s.facts()
        keys = self._masking.keys(joint.group)
        people = self._people(household, facts)
        answer = _answer(household, facts)
        old = None if facts.as_of is None else (household.today - facts.as_of).days
        if old is None or old > joint.rule.max_age_days:
            return Drawn(said=replace(answer, outcome=Outcome.STALE))
        amount = self._amount(household, people)
        self._s.store.writer.write(lambda connection: self._begin(connection, household))
        share = Share(answer, self._masking.share(keys, joint.run, amount))
        return Drawn(said=answer, share=share, first=True)

    def _people(self, household: Household, facts: Facts) -> list[str]:
        """Find the records of those slots that have one; each counts once."""
        page = household.page(self._s.store.ledger(), household.writes())
        contribution.check_records([entry.subject for entry in page.entries])
        for entry in page.entries:
            if entry.person is None:
                gate.check_roll(entry.admitted.consent.claims, facts.epochs)
        return [entry.person.key for entry in page.entries if entry.person]

    def _amount(self, household: Household, people: Sequence[str]) -> int:
        """Add up what the records have of some people."""
        group, records = household.joint.group, self._s.records
        bound = evaluate.bindings(household.joint.slots[0], household.period)
        statements = parts.statements(self._s.catalogue, group, self._party)
        values = {
            name: records.scalars(sql, people, bound, prompt=False) if people else []
            for name, sql in statements.items()
        }
        return contribution.amount(group, self._party, values)

    def _begin(self, connection: Connection, household: Household) -> None:
        """Begin a run, unless something has come between that refuses it.

        Raises:
            Refused, PeerFault: as ``draw``; nothing is written.
        """
        ledger = Ledger(connection)
        self._consents.keeping(household.shown, ledger)
        household.page(ledger, household.writes())
        ContributionBooks(connection).begin(household.joint.run, household.moment.now)


def _answer(household: Household, facts: Facts) -> Answer:
    period = household.period
    return Answer(
        outcome=Outcome.CONTRIBUTED,
        as_of=day_number(facts.as_of),
        enrolled_to=facts.enrolled_to,
        period_from=day_number(period.start),
        period_to=day_number(period.end),
        policy_version=household.moment.policy.version,
    )
