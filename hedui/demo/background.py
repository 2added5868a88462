"""Everybody else in the registers, so that a roll is larger than the cases.

Knows how often ordinary people own, earn or owe what a department records; draws from the seed
it is given. These people are in no case. Knows no cases and no files.
"""

from collections.abc import Callable
from datetime import date, timedelta
from random import Random

from hedui.demo.holdings import FarmSubsidy, Insurance, PublicPay, Security
from hedui.demo.stories import Setting, book, employed, invent, known, monthly
from hedui.demo.world import (
    Account,
    Aid,
    CadreRelative,
    Contribution,
    Death,
    Disability,
    Fact,
    HousingFund,
    Hukou,
    JoblessBenefit,
    Land,
    MedicalBill,
    NgoRole,
    Orphan,
    Pension,
    Person,
    PublicHousing,
    Realty,
    RefusedOffer,
    Residence,
    Schooling,
    SeriousDisease,
    SoleTrader,
    Stake,
    Vehicle,
)

_Teller = Callable[[Random, Setting, Person], list[Fact]]
PER_DEPARTMENT = 30
_PLACES = ("790301", "790402", "790502", "790601")


def background(rng: Random, setting: Setting, pool: list[Person]) -> list[Fact]:
    """Draw what each department knows about its share of the pool."""
    facts: list[Fact] = []
    for tell in _TELLERS:
        for person in rng.sample(pool, PER_DEPARTMENT):
            facts += tell(rng, setting, person)
    return facts


def orphan(setting: Setting) -> tuple[Person, list[Fact]]:
    """Invent the one child whom civil affairs has on its list of orphans."""
    child = invent("姜例岚", "790502", date(2014, 3, 8), 222)
    facts = book("790502", child)
    facts.append(Orphan(person=child.id, since=setting.days.ago(18)))
    return child, facts


def _day(rng: Random, setting: Setting, most: int = 50) -> date:
    """Draw a day within the last ``most`` months; the edges of windows are not avoided."""
    return setting.days.ago(rng.randrange(0, most)) - timedelta(days=rng.choice((0, 0, 1, 13)))


def _police(rng: Random, setting: Setting, person: Person) -> list[Fact]:
    facts = book(rng.choice(_PLACES), person)
    if rng.random() < 0.2:
        facts = [_cancel(fact, rng) for fact in facts]
    if rng.random() < 0.4:
        facts = [fact for fact in facts if not isinstance(fact, Residence)]
        since = _day(rng, setting, 12)
        facts.append(Residence(person=person.id, area=rng.choice(_PLACES), since=since))
    if rng.random() < 0.5:
        facts += vehicle(rng, setting, person)
    return facts


def vehicle(rng: Random, setting: Setting, person: Person) -> list[Fact]:
    """Draw a vehicle of any kind; one in five has been scrapped."""
    gone = setting.days.ago(1) if rng.random() < 0.2 else None
    return [
        Vehicle(
            person=person.id,
            plate=f"例{rng.choice('ABCD')}·{rng.randrange(50_000, 99_999)}",
            kind=rng.choice(("car", "car", "truck", "motorcycle", "e_bike", "mobility_aid")),
            bought=_day(rng, setting, 30),
            value_fen=rng.randrange(2_000, 300_000) * 100,
            operating=rng.random() < 0.2,
            gone=gone,
        )
    ]


def _cancel(fact: Fact, rng: Random) -> Fact:
    if not isinstance(fact, Hukou):
        return fact
    return Hukou(
        person=fact.person,
        name=fact.name,
        book=fact.book,
        head=fact.head,
        area=fact.area,
        cancelled=rng.choice(("death", "moved", "other")),
    )


def _civil_affairs(rng: Random, setting: Setting, person: Person) -> list[Fact]:
    facts = known(person, "civil_affairs")
    draw = rng.random()
    if draw < 0.4:
        until = setting.days.ago(3) if draw < 0.1 else None
        programme = rng.choice(("DIBAO", "TEKUN", "MARGIN", "TEMP"))
        since = setting.days.ago(rng.randrange(4, 60))
        facts.append(Aid(person=person.id, programme=programme, since=since, until=until))
    elif draw < 0.55:
        facts.append(Death(person=person.id, died=_day(rng, setting, 4)))
    elif draw < 0.7:
        facts.append(NgoRole(person=person.id, organisation="例市义工会", active=draw < 0.65))
    elif draw < 0.8:
        facts.append(CadreRelative(person=person.id, office="例区民政局"))
    return facts


def taxes(rng: Random, setting: Setting, person: Person) -> list[Fact]:
    """Draw declared income of one kind in five of the last months."""
    kind = rng.choice(("wage", "wage", "business", "property", "vat"))
    months = [setting.days.month(back) for back in rng.sample(range(15), 5)]
    return monthly(person, kind, sorted(months), rng.randrange(1_000, 900_000), "例市某单位")


def work(rng: Random, setting: Setting, person: Person) -> list[Fact]:
    """Draw what the job centre and social insurance have on somebody."""
    facts = known(person, "human_resources")
    draw = rng.random()
    if draw < 0.3:
        facts += employed(person, setting.days, rng.randrange(150_000, 900_000), "例市某公司")
    elif draw < 0.5:
        paid = _day(rng, setting, 14)
        base = rng.randrange(60_000, 400_000)
        payer = rng.choice(("flexible", "resident"))
        facts.append(Contribution(person=person.id, paid=paid, base_fen=base, payer=payer))
    elif draw < 0.75:
        kind, most = rng.choice((("employee", 500_000), ("resident", 40_000)))
        since = setting.days.ago(rng.randrange(2, 120))
        until = setting.days.ago(1) if draw < 0.55 else None
        fen = rng.randrange(15_000, most)
        facts.append(
            Pension(person=person.id, kind=kind, monthly_fen=fen, since=since, until=until)
        )
    elif draw < 0.85:
        facts += [RefusedOffer(person=person.id, on=_day(rng, setting, 14)) for _ in range(3)]
    else:
        since = _day(rng, setting, 12)
        facts.append(
            JoblessBenefit(person=person.id, since=since, until=since + timedelta(days=150))
        )
    return facts


def real_estate(register: str) -> _Teller:
    """Make a teller who draws a land right of one city, or a few units, some of them given away."""
    mark = register[-1].upper()

    def tell(rng: Random, setting: Setting, person: Person) -> list[Fact]:
        serial = rng.randrange(10_000, 99_999)
        if rng.random() < 0.3:
            return [
                Land(
                    person=person.id,
                    parcel=f"T{mark}-{serial}",
                    kind=rng.choice(("homestead", "farmland", "forest", "construction")),
                    since=_day(rng, setting, 200),
                    register=register,
                )
            ]
        units = [f"U{mark}-{serial}-{part}" for part in range(rng.randrange(1, 4))]
        return [_unit(rng, setting, person, unit, register) for unit in units]

    return tell


def _unit(rng: Random, setting: Setting, person: Person, unit: str, register: str) -> Realty:
    acquired = _day(rng, setting)
    sold = rng.random() < 0.2
    return Realty(
        person=person.id,
        unit=unit,
        use=rng.choice(("dwelling", "dwelling", "shop", "office", "parking")),
        structure=rng.choice(("concrete", "concrete", "brick", "mud")),
        area_m2_hundredths=rng.randrange(2_000, 16_000),
        share_percent=rng.choice((100, 100, 50, 33)),
        acquired=acquired,
        disposed=min(acquired + timedelta(days=200), setting.days.today) if sold else None,
        register=register,
    )


def housing(rng: Random, setting: Setting, person: Person) -> list[Fact]:
    """Draw a tenancy of public housing or a provident-fund account."""
    since = setting.days.ago(rng.randrange(4, 60))
    if rng.random() < 0.3:
        until = setting.days.ago(2) if rng.random() < 0.3 else None
        return [PublicHousing(person=person.id, rent_fen=18_000, since=since, until=until)]
    return [
        HousingFund(
            person=person.id,
            base_fen=rng.randrange(80_000, 900_000),
            balance_fen=rng.randrange(0, 9_000_000),
            last_paid=_day(rng, setting, 12),
        )
    ]


def business(rng: Random, _setting: Setting, person: Person) -> list[Fact]:
    """Draw a shop or a role in a company, in being or not."""
    if rng.random() < 0.4:
        status = rng.choice(("active", "active", "cancelled", "revoked"))
        employees = rng.randrange(0, 3)
        return [SoleTrader(person=person.id, shop="例记面馆", status=status, employees=employees)]
    return [
        Stake(
            person=person.id,
            company=f"样{rng.randrange(100, 999)}号有限公司",
            role=rng.choice(("legal_representative", "shareholder", "supervisor")),
            status=rng.choice(("active", "active", "cancelled", "revoked")),
            subscribed_fen=rng.randrange(1, 200) * 1_000_000,
        )
    ]


def illness(rng: Random, setting: Setting, person: Person) -> list[Fact]:
    """Draw bills and, for one in five, a filed disease."""
    facts = known(person, "medical_insurance")
    for _ in range(rng.randrange(0, 4)):
        fen = rng.randrange(3_000, 3_500_000)
        settled = _day(rng, setting, 16)
        facts.append(MedicalBill(person=person.id, settled=settled, self_paid_fen=fen))
    if rng.random() < 0.2:
        facts.append(SeriousDisease(person=person.id, disease="E11", filed=_day(rng, setting)))
    return facts


def disability(rng: Random, setting: Setting, person: Person) -> list[Fact]:
    """Draw a certificate; one in ten has lapsed."""
    category = rng.choice(("physical", "visual", "hearing", "intellectual", "mental"))
    expires = setting.days.ago(1) if rng.random() < 0.1 else date(2099, 12, 31)
    grade = rng.randrange(1, 5)
    return [Disability(person=person.id, category=category, grade=grade, expires=expires)]


def studies(rng: Random, setting: Setting, person: Person) -> list[Fact]:
    """Draw a place at a school, still held or left."""
    left = setting.days.ago(2) if rng.random() < 0.5 else None
    return [
        Schooling(
            person=person.id,
            school="例市开放大学",
            stage=rng.choice(("high", "vocational", "university")),
            high_fee=rng.random() < 0.2,
            since=setting.days.ago(rng.randrange(4, 40)),
            left=left,
        )
    ]


def account(bank: str) -> _Teller:
    """Make a teller who draws accounts at one bank; one in twenty is overdrawn."""

    def tell(rng: Random, _setting: Setting, person: Person) -> list[Fact]:
        return [
            Account(
                person=person.id,
                bank=bank,
                number=f"62{rng.randrange(10**9, 10**10)}",
                kind=rng.choice(("current", "fixed", "wealth_product")),
                balance_fen=_balance(rng),
                closed=rng.random() < 0.1,
            )
            for _ in range(rng.randrange(1, 3))
        ]

    return tell


def _balance(rng: Random) -> int:
    if rng.random() < 0.05:
        return -rng.randrange(100_000)
    return int(rng.paretovariate(1.1) * 20_000)


def securities(rng: Random, _setting: Setting, person: Person) -> list[Fact]:
    """Draw a few holdings in one securities account."""
    account_no = f"A{rng.randrange(10**8, 10**9)}"
    return [
        Security(
            person=person.id,
            account=account_no,
            paper=rng.choice(("货币基金", "指数基金", "债券", "股票")),
            value_fen=int(rng.paretovariate(1.1) * 30_000),
        )
        for _ in range(rng.randrange(1, 4))
    ]


def insurance(rng: Random, _setting: Setting, person: Person) -> list[Fact]:
    """Draw a policy; half of them were surrendered or have lapsed."""
    status = rng.choice(("active", "active", "surrendered", "lapsed"))
    return [
        Insurance(
            person=person.id,
            policy=f"P{rng.randrange(10**9, 10**10)}",
            status=status,
            cash_fen=rng.randrange(50_000, 3_000_000),
        )
    ]


def public_money(rng: Random, setting: Setting, person: Person) -> list[Fact]:
    """Draw payments for farmland or, for one in four, a place on the public payroll."""
    if rng.random() < 0.25:
        until = setting.days.ago(2) if rng.random() < 0.3 else None
        since = setting.days.ago(rng.randrange(4, 200))
        return [PublicPay(person=person.id, office="例区某局", since=since, until=until)]
    return [
        FarmSubsidy(
            person=person.id,
            paid=_day(rng, setting, 16),
            amount_fen=rng.randrange(5_000, 120_000),
        )
        for _ in range(rng.randrange(1, 4))
    ]


_TELLERS: tuple[_Teller, ...] = (
    _police,
    _civil_affairs,
    taxes,
    work,
    real_estate("natural_resources"),
    housing,
    business,
    illness,
    disability,
    studies,
    account("bank_a"),
    account("bank_b"),
    account("bank_c"),
    public_money,
    real_estate("land_b"),
    real_estate("land_c"),
    securities,
    insurance,
)
