"""The true answer to each question, told from the world in plain Python.

Knows what each question means. Deliberately does not read any register, SQL, catalogue, policy
file or the node's code: it is the second opinion.
"""

import unicodedata
from calendar import monthrange
from collections.abc import Callable

from hedui.demo.holdings import PublicPay
from hedui.demo.question import Question, band, current, latest, yes
from hedui.demo.world import (
    Aid,
    CadreRelative,
    Contribution,
    Death,
    Disability,
    Fact,
    HousingFund,
    Hukou,
    Income,
    Job,
    JoblessBenefit,
    Known,
    Land,
    Marriage,
    NgoRole,
    Orphan,
    Pension,
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

AID = {"aid-dibao": "DIBAO", "aid-tekun": "TEKUN", "aid-margin": "MARGIN", "aid-temp": "TEMP"}
_NOT_COUNTED = {"mobility_aid", "motorcycle", "e_bike"}
_CIVIL = (Marriage, Death, Aid, CadreRelative, NgoRole, Orphan)


def _hukou(q: Question) -> Hukou | None:
    found = q.world.of(Hukou, q.person.id)
    return found[0] if found else None


def registered_here(q: Question) -> str:
    """Say whether the household registration stands in the area asked about."""
    hukou = _hukou(q)
    if hukou is None:
        return "NO_RECORD"
    area = q.parameter.removeprefix("area-")
    return yes(hukou.cancelled == "none" and hukou.area == area)


def same_book(q: Question) -> str:
    """Say whether the head of the household book is among the declared members.

    A head who has no line there cannot be told from anybody else, and is taken for a stranger.
    """
    hukou = _hukou(q)
    if hukou is None:
        return "NO_RECORD"
    declared = hukou.head in q.household.ids() and bool(q.world.of(Hukou, hukou.head))
    return yes(hukou.cancelled == "none" and declared)


def cancelled(q: Question) -> str:
    """Say whether and why the registration has been cancelled."""
    hukou = _hukou(q)
    return "NO_RECORD" if hukou is None else f"ENUM({hukou.cancelled})"


def count_matches(q: Question) -> str:
    """Say whether as many people stand in the book as were declared."""
    hukou = _hukou(q)
    if hukou is None:
        return "NO_RECORD"
    book = [h for h in q.world.every(Hukou) if h.book == hukou.book and h.cancelled == "none"]
    return yes(hukou.cancelled == "none" and len(book) == len(q.household.members))


def lives_elsewhere(q: Question) -> str:
    """Say whether somebody has lived away from the registration since the window opened."""
    hukou = _hukou(q)
    if hukou is None or hukou.cancelled != "none":
        return "NO"
    stays = q.world.of(Residence, q.person.id)
    return yes(any(stay.area != hukou.area and stay.since <= q.since for stay in stays))


def name_matches(q: Question) -> str:
    """Say whether the declared name is the registered one."""
    hukou = _hukou(q)
    if hukou is None:
        return "NO_RECORD"
    names = {unicodedata.normalize("NFKC", name) for name in (hukou.name, q.person.name)}
    return yes(len(names) == 1)


def _vehicles(q: Question) -> list[Vehicle]:
    owned = [v for v in q.world.of(Vehicle, q.person.id) if v.gone is None]
    return [v for v in owned if v.kind not in _NOT_COUNTED]


def vehicle(q: Question) -> str:
    """Say whether a vehicle is owned that counts as one."""
    return yes(bool(_vehicles(q)))


def vehicle_value(q: Question) -> str:
    """Say whether the vehicles are worth the rung."""
    return yes(sum(v.value_fen for v in _vehicles(q)) >= q.rung)


def vehicle_lately(q: Question) -> str:
    """Say whether a vehicle was bought within the window."""
    return latest(q, (v.bought for v in _vehicles(q)))


def operating_vehicle(q: Question) -> str:
    """Say whether a vehicle is used commercially."""
    owned = [v for v in q.world.of(Vehicle, q.person.id) if v.gone is None]
    return yes(any(v.operating for v in owned))


def _known_to_civil_affairs(q: Question, person: str) -> bool:
    rolls = [k.department for k in q.world.of(Known, person)]
    return "civil_affairs" in rolls or any(q.world.of(kind, person) for kind in _CIVIL)


def marital_status(q: Question) -> str:
    """Say which marital status the register gives."""
    if not _known_to_civil_affairs(q, q.person.id):
        return "NO_RECORD"
    marriages = q.world.of(Marriage, q.person.id)
    if not marriages:
        return "ENUM(single)"
    if any(m.ended is None for m in marriages):
        return "ENUM(married)"
    last = max(marriages, key=lambda m: m.ended or m.since)
    return "ENUM(divorced)" if last.end == "divorce" else "ENUM(widowed)"


def spouse_declared(q: Question) -> str:
    """Say whether no spouse was left out; one who is not on the roll is taken for a stranger."""
    if not _known_to_civil_affairs(q, q.person.id):
        return "NO_RECORD"
    spouses = {m.spouse for m in q.world.of(Marriage, q.person.id) if m.ended is None}
    return yes(
        spouses <= q.household.ids() and all(_known_to_civil_affairs(q, one) for one in spouses)
    )


def divorced_lately(q: Question) -> str:
    """Say whether a divorce falls into the window."""
    marriages = q.world.of(Marriage, q.person.id)
    return latest(q, (m.ended for m in marriages if m.ended and m.end == "divorce"))


def dead_before(q: Question) -> str:
    """Say whether a death lies before the window."""
    return yes(any(death.died < q.since for death in q.world.of(Death, q.person.id)))


def receives_aid(q: Question) -> str:
    """Say whether the aid asked about is being paid now."""
    aids = [a for a in q.world.of(Aid, q.person.id) if a.programme == AID[q.parameter]]
    return yes(any(current(q, a.since, a.until) for a in aids))


def organisation(q: Question) -> str:
    """Say whether a social organisation in being is represented."""
    return yes(any(n.active for n in q.world.of(NgoRole, q.person.id)))


def recorded(kind: type[Fact]) -> Callable[[Question], str]:
    """Make a question of whether anything of a kind is on record."""
    return lambda q: yes(bool(q.world.of(kind, q.person.id)))


def _taxed(q: Question, kind: str) -> int:
    first, end = q.year
    incomes = [i for i in q.world.of(Income, q.person.id) if i.kind == kind]
    return sum(i.amount_fen for i in incomes if first <= i.month < end)


def taxed(kind: str) -> Callable[[Question], str]:
    """Make a question of whether income of a kind was taxed in the twelve months."""
    return lambda q: yes(_taxed(q, kind) > 0)


def _contributions(q: Question) -> list[Contribution]:
    first, end = q.year
    return [c for c in q.world.of(Contribution, q.person.id) if first <= c.paid < end]


def contributed_lately(q: Question) -> str:
    """Say whether a contribution falls into the window."""
    return latest(q, (c.paid for c in q.world.of(Contribution, q.person.id)))


def insurance_base(q: Question) -> str:
    """Give the band of the highest contribution base of the twelve months."""
    return band(q, max((c.base_fen for c in _contributions(q)), default=0))


def payer(q: Question) -> str:
    """Say as what the last contribution of the twelve months was paid."""
    paid = _contributions(q)
    return f"ENUM({max(paid, key=lambda c: c.paid).payer})" if paid else "NO"


def pension(q: Question) -> str:
    """Give the band of all pensions in payment together."""
    pensions = q.world.of(Pension, q.person.id)
    return band(q, sum(p.monthly_fen for p in pensions if current(q, p.since, p.until)))


def employed(q: Question) -> str:
    """Say whether an employment is registered now."""
    return yes(any(current(q, j.since, j.until) for j in q.world.of(Job, q.person.id)))


def refusals(q: Question) -> str:
    """Count refused offers of the twelve months, up to three."""
    first, end = q.year
    days = [r.on for r in q.world.of(RefusedOffer, q.person.id)]
    return f"COUNT({min(3, sum(first <= day < end for day in days))})"


def jobless_benefit(q: Question) -> str:
    """Say whether unemployment benefit is paid this month."""
    first = q.today.replace(day=1)
    last = q.today.replace(day=monthrange(q.today.year, q.today.month)[1])
    runs = q.world.of(JoblessBenefit, q.person.id)
    return yes(any(run.since <= last and run.until > first for run in runs))


def _units(q: Question) -> list[Realty]:
    """Give what the city asked has in its register, sold units too."""
    return [u for u in q.world.of(Realty, q.person.id) if u.register == q.department]


def _homes(q: Question) -> list[Realty]:
    return [u for u in _units(q) if u.use == "dwelling" and u.structure != "mud" and not u.disposed]


def dwellings(q: Question) -> str:
    """Count dwellings, up to two; a mud house is none."""
    return f"COUNT({min(2, len(_homes(q)))})"


def living_space_within(q: Question) -> str:
    """Say whether the own share of living space stays within the rung."""
    area = sum(home.area_m2_hundredths * home.share_percent for home in _homes(q)) // 100
    return yes(area <= q.rung)


def non_dwelling(q: Question) -> str:
    """Say whether a shop, an office or a parking space is held."""
    return yes(any(u.use != "dwelling" and u.disposed is None for u in _units(q)))


def acquired_lately(q: Question) -> str:
    """Say whether a dwelling was acquired within the window."""
    return latest(q, (u.acquired for u in _units(q) if u.use == "dwelling"))


def transferred_lately(q: Question) -> str:
    """Say whether real estate was given away within the window."""
    return latest(q, (u.disposed for u in _units(q) if u.disposed is not None))


def land(q: Question) -> str:
    """Say whether a land right stands, a homestead included."""
    rights = [right for right in q.world.of(Land, q.person.id) if right.register == q.department]
    return yes(any(right.until is None for right in rights))


def public_housing(q: Question) -> str:
    """Say whether public housing is rented now."""
    tenancies = q.world.of(PublicHousing, q.person.id)
    return yes(any(current(q, t.since, t.until) for t in tenancies))


def _funds(q: Question) -> list[HousingFund]:
    return q.world.of(HousingFund, q.person.id)


def fund_paid_lately(q: Question) -> str:
    """Say whether a provident-fund payment falls into the window."""
    return latest(q, (fund.last_paid for fund in _funds(q)))


def fund_base(q: Question) -> str:
    """Give the band of the provident-fund base."""
    return band(q, max((fund.base_fen for fund in _funds(q)), default=0))


def fund_within(q: Question) -> str:
    """Say whether the provident-fund balance stays within the rung."""
    return yes(sum(fund.balance_fen for fund in _funds(q)) <= q.rung)


def _stakes(q: Question) -> list[Stake]:
    active = [s for s in q.world.of(Stake, q.person.id) if s.status == "active"]
    return [s for s in active if s.role in {"legal_representative", "shareholder"}]


def company(q: Question) -> str:
    """Say whether a role in an active company is held."""
    return yes(bool(_stakes(q)))


def capital(q: Question) -> str:
    """Say whether capital subscribed in active companies reaches the rung."""
    return yes(sum(s.subscribed_fen for s in _stakes(q)) >= q.rung)


def shop(q: Question) -> str:
    """Say whether a business with employees is run; a couple without any is exempt."""
    shops = [t for t in q.world.of(SoleTrader, q.person.id) if t.status == "active"]
    return yes(any(t.employees > 0 for t in shops))


def public_payroll(q: Question) -> str:
    """Say whether public money pays a wage now."""
    places = q.world.of(PublicPay, q.person.id)
    return yes(any(current(q, place.since, place.until) for place in places))


def serious_disease(q: Question) -> str:
    """Say whether the filing of a serious disease is in force."""
    filings = q.world.of(SeriousDisease, q.person.id)
    return yes(any(current(q, s.filed, s.until) for s in filings))


def disability(q: Question) -> str:
    """Give the class of a certificate that has not lapsed."""
    held = [d for d in q.world.of(Disability, q.person.id) if d.expires >= q.today]
    if not held:
        return "NO"
    if held[0].grade <= 2:
        return "ENUM(grade1_2)"
    severe = held[0].grade == 3 and held[0].category in {"mental", "intellectual"}
    return "ENUM(grade3_mental)" if severe else "ENUM(grade3_4)"


def _schools(q: Question) -> list[Schooling]:
    return [s for s in q.world.of(Schooling, q.person.id) if current(q, s.since, s.left)]


def stage(q: Question) -> str:
    """Give the stage of the school attended now."""
    schools = _schools(q)
    return f"ENUM({max(schools, key=lambda s: s.since).stage})" if schools else "NO"


def high_fee(q: Question) -> str:
    """Say whether the school attended now takes high fees."""
    return yes(any(s.high_fee for s in _schools(q)))
