"""A household that was admitted to a sum: for which period, and what it spends in each slot.

Knows how a slot is held to uses, lines and budget, as any question. Reads and writes no record.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import date

from department_node import contribution
from department_node.contribution import Joint
from department_node.evaluate import Period
from department_node.gate import Moment
from department_node.ledger import Ledger, Look, Writes
from department_node.page import Page
from federation.clock import business_date
from federation.presentations import Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """Whom a share is about: what was admitted, when, and the tokens as they were shown."""

    joint: Joint
    moment: Moment
    shown: Shown = field(repr=False)

    @property
    def today(self) -> date:
        """The business day of asking."""
        return business_date(self.moment.now)

    @property
    def period(self) -> Period:
        """The period that the order's month stands for."""
        return contribution.period(self.joint, self.moment.now)

    def looks(self) -> list[Look]:
        """Say what decides about each slot, and under which name its answer is frozen."""
        joint, today = self.joint, self.today
        cell = hashlib.sha256(joint.run + joint.parameter.encode()).digest()[:16]
        return [
            Look(
                chain=one.consent.claims.chain,
                name=f"{one.grant.predicate} {one.grant.parameter}",
                month=f"{today.year}{today.month:02}",
                psn=one.consent.claims.sub,
                cell=cell,
                year=today.year,
            )
            for one in joint.slots
        ]

    def page(self, ledger: Ledger, writes: Writes) -> Page:
        """Hold every slot to its uses, lines and budget.

        Raises:
            Refused: as ``Page.check``.
        """
        looks = self.looks()
        wanted = list(zip(self.joint.slots, looks, ledger.look(looks), strict=True))
        page = Page(wanted, ledger, writes)
        for entry in page.entries:
            page.check(entry)
        return page

    def writes(self) -> Writes:
        """Begin what is written of this household."""
        return Writes(year=self.today.year)
