"""The invented city: who lives there, which cases are open, and what is true about everybody.

Knows facts as a person would tell them, one frozen record a fact, money in whole fen. Knows no
file, table, department format, policy or outcome: those read the world and never change it.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal, TypeVar

from federation.clock import months_before
from federation.ids import PersonId, birth_date

Relation = Literal[
    "SELF", "SPOUSE", "CHILD", "PARENT", "GRANDPARENT", "GRANDCHILD", "SIBLING", "OTHER"
]
Method = Literal["SELF", "GUARDIAN", "AGENT"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with an invented resident number and an invented name."""

    id: str
    name: str

    @property
    def born(self) -> date:
        """Read the birthday from the resident number."""
        return birth_date(PersonId(self.id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One person of a case and who signed for that person; no signer means self."""

    person: Person
    relation: Relation
    guardian: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """One case: the household as it was declared, and the programme it asks for.

    ``supporters`` owe it support and live elsewhere. ``declared_fen`` is the income of the twelve
    months that it declared, if it did. ``revoked``: its consent is withdrawn while some
    departments have yet to answer.
    """

    case: str
    programme: str
    area: str
    members: tuple[Member, ...]
    trigger: str = "ENTRY"
    supporters: tuple[Member, ...] = ()
    declared_marriage: str = ""
    declared_fen: int | None = None
    revoked: bool = False

    def ids(self) -> frozenset[str]:
        """Give the resident numbers of everybody declared."""
        return frozenset(member.person.id for member in self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something true about one person."""

    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known(Fact):
    """A department has this person on its roll, whatever else it knows."""

    department: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hukou(Fact):
    """A line of a household book; ``cancelled`` is none, death, moved or other."""

    name: str
    book: str
    head: str
    area: str
    cancelled: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Residence(Fact):
    """Where somebody lives since when."""

    area: str
    since: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle(Fact):
    """A vehicle; ``kind`` is car, truck, mobility_aid, motorcycle or e_bike."""

    plate: str
    kind: str
    bought: date
    value_fen: int
    operating: bool = False
    gone: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Marriage(Fact):
    """One spouse's side of a marriage; ``end`` is divorce or death once it has ended."""

    spouse: str
    since: date
    ended: date | None = None
    end: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Death(Fact):
    """A death known to the funeral register."""

    died: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Aid(Fact):
    """An assistance in payment from ``since`` to ``until`` (none: still)."""

    programme: str
    since: date
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CadreRelative(Fact):
    """A close relative of an official or a clerk, filed by civil affairs."""

    office: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NgoRole(Fact):
    """Legal representative of a social organisation."""

    organisation: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan(Fact):
    """Recognised as an orphan or a child nobody looks after."""

    since: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Income(Fact):
    """Taxed money of one month; ``kind`` is wage, business, property or vat."""

    kind: str
    month: date
    amount_fen: int
    payer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution(Fact):
    """A social-insurance payment; ``payer`` is employee, flexible or resident."""

    paid: date
    base_fen: int
    payer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pension(Fact):
    """A pension in payment; ``kind`` is employee or resident."""

    kind: str
    monthly_fen: int
    since: date
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Fact):
    """A registered employment."""

    employer: str
    since: date
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedOffer(Fact):
    """An offered job refused without a good reason."""

    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class JoblessBenefit(Fact):
    """An unemployment benefit for a run of months."""

    since: date
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Realty(Fact):
    """A share in a unit; ``use`` is dwelling, shop, office or parking, ``register`` a city's."""

    unit: str
    use: str
    structure: str
    area_m2_hundredths: int
    share_percent: int
    acquired: date
    disposed: date | None = None
    register: str = "natural_resources"


@dataclass(frozen=True, slots=True, kw_only=True)
class Land(Fact):
    """A land right; ``kind`` is homestead, farmland, forest or construction."""

    parcel: str
    kind: str
    since: date
    until: date | None = None
    register: str = "natural_resources"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicHousing(Fact):
    """A tenancy of public rental housing."""

    rent_fen: int
    since: date
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HousingFund(Fact):
    """A provident-fund account."""

    base_fen: int
    balance_fen: int
    last_paid: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Stake(Fact):
    """A role in a company; ``status`` is active, cancelled or revoked."""

    company: str
    role: str
    status: str
    subscribed_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SoleTrader(Fact):
    """A registered one-person business."""

    shop: str
    status: str
    employees: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Fact):
    """A bank account, which may be overdrawn; ``bank`` is the department id."""

    bank: str
    number: str
    kind: str
    balance_fen: int
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MedicalBill(Fact):
    """What a person paid for one stay or prescription out of own pocket."""

    settled: date
    self_paid_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriousDisease(Fact):
    """A serious or chronic disease filed with medical insurance."""

    disease: str
    filed: date
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disability(Fact):
    """A disability certificate; grade 1 is the heaviest."""

    category: str
    grade: int
    expires: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Schooling(Fact):
    """A place at a school; ``stage`` is compulsory, high, vocational or university."""

    school: str
    stage: str
    high_fee: bool
    since: date
    left: date | None = None


F = TypeVar("F", bound=Fact)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everybody, every case and every fact, as of one day; the crowd is in no case's story."""

    today: date
    standard_fen: int
    people: tuple[Person, ...]
    crowd: frozenset[str]
    households: tuple[Household, ...]
    facts: tuple[Fact, ...]
    _found: dict[object, list[Any]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Sort facts by kind and by person: a district is asked about a hundred thousand times."""
        for fact in self.facts:
            self._found.setdefault(type(fact), []).append(fact)
            self._found.setdefault((type(fact), fact.person), []).append(fact)
        for person in self.people:
            self._found.setdefault(person.id, []).append(person)

    def every(self, kind: type[F]) -> list[F]:
        """Give all facts of one kind, in the world's order."""
        return self._found.get(kind, [])

    def of(self, kind: type[F], person: str) -> list[F]:
        """Give one person's facts of one kind."""
        return self._found.get((kind, person), [])

    def person(self, number: str) -> Person:
        """Find somebody by resident number.

        Raises:
            KeyError: nobody has that number.
        """
        found: Person = self._found[number][0]
        return found


@dataclass(frozen=True, slots=True)
class Almanac:
    """Days told from today, so that the same story can be laid on any day."""

    today: date

    def ago(self, months: int) -> date:
        """Give the day so many whole months back."""
        return months_before(self.today, months)

    def month(self, back: int) -> date:
        """Give the first day of the month so many months back; 0 is the present month."""
        return months_before(self.today.replace(day=1), back)

    def last(self, back: int) -> date:
        """Give the last day of the month so many months back."""
        return self.month(back - 1) - timedelta(days=1)

    def year(self, months: int = 12) -> list[date]:
        """Give the first days of the full months before the present one, oldest first."""
        return [self.month(back) for back in range(months, 0, -1)]
