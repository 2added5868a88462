"""What people own or receive beside wages and bank accounts: securities, insurance, public money.

Knows these facts as a person would tell them, like ``world``. Knows no register and no outcome.
"""

from dataclasses import dataclass
from datetime import date

from hedui.demo.world import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Security(Fact):
    """Shares or fund units in one account at their value of the day."""

    account: str
    paper: str
    value_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Insurance(Fact):
    """A life policy with a cash value; ``status`` is active, surrendered or lapsed."""

    policy: str
    status: str
    cash_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmSubsidy(Fact):
    """A payment for land under the plough."""

    paid: date
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicPay(Fact):
    """A place on the public payroll."""

    office: str
    since: date
    until: date | None = None
