"""The planted cases J, M, N of the domain note (g.2): what must not bar, be mixed up or be hidden.

Knows what is true about the people of each case, near the edges of windows and exemptions. Knows
no expected answer.
"""

from datetime import date, timedelta

from hedui.demo.stories import Setting, Story, book, couple, employed, invent, known, monthly
from hedui.demo.world import (
    Disability,
    Fact,
    Household,
    Land,
    Member,
    Pension,
    Person,
    Realty,
    SoleTrader,
    Stake,
    Vehicle,
)


def case_j(setting: Setting) -> Story:
    """Tell of things that look like assets and must not bar: each stands under an exemption."""
    days = setting.days
    father = invent("孔示田", "790601", date(1972, 8, 16), 51)
    mother = invent("金例菊", "790601", date(1974, 11, 30), 62)
    elder = invent("孔例禾", "790601", date(1944, 1, 5), 13)
    facts = book("790601", elder, father, mother)
    facts += couple(father, mother, date(1995, 12, 12))
    facts += [
        *_exempt_vehicles(setting, elder, father),
        Stake(
            person=father.id,
            company="示田农机服务有限公司",
            role="legal_representative",
            status="cancelled",
            subscribed_fen=100_000_000,
        ),
        SoleTrader(person=mother.id, shop="例菊小卖部", status="active", employees=0),
        Realty(
            person=elder.id,
            unit="790601-0311-0001",
            use="dwelling",
            structure="mud",
            area_m2_hundredths=14_000,
            share_percent=100,
            acquired=date(1968, 1, 1),
        ),
        Land(person=elder.id, parcel="ZJD-790601-118", kind="homestead", since=date(1985, 3, 1)),
        Land(person=father.id, parcel="CBD-790601-530", kind="farmland", since=date(1998, 9, 1)),
        Disability(person=elder.id, category="physical", grade=3, expires=date(2099, 12, 31)),
        Pension(person=elder.id, kind="resident", monthly_fen=21_300, since=date(2009, 9, 1)),
    ]
    facts += employed(father, days, 190_000, "例镇砖厂")
    household = Household(
        case="J",
        programme="DIBAO_MARGIN",
        area="790601",
        members=(
            Member(person=father, relation="SELF"),
            Member(person=mother, relation="SPOUSE"),
            Member(person=elder, relation="PARENT"),
        ),
    )
    return Story(household=household, facts=tuple(facts))


def _exempt_vehicles(setting: Setting, elder: Person, father: Person) -> list[Vehicle]:
    days = setting.days
    return [
        Vehicle(
            person=elder.id,
            plate="例D·00031",
            kind="mobility_aid",
            bought=days.ago(5),
            value_fen=680_000,
        ),
        Vehicle(
            person=father.id,
            plate="例D·E8120",
            kind="e_bike",
            bought=days.ago(7),
            value_fen=289_900,
        ),
        Vehicle(
            person=father.id,
            plate="例D·47110",
            kind="car",
            bought=days.ago(6),
            value_fen=3_200_000,
            gone=days.ago(2),  # scrapped: no longer owned
        ),
    ]


_NAMESAKE = "陈示霖"


def case_m1(setting: Setting) -> Story:
    """Tell of the first of two namesakes, born on one day in one place; this one has a car."""
    days = setting.days
    chen = invent(_NAMESAKE, "790302", date(1988, 8, 8), 31)
    wife = invent("卫例琇", "790302", date(1990, 4, 21), 44)
    facts = book("790302", chen, wife) + couple(chen, wife, date(2015, 5, 20))
    facts += known(chen, "human_resources")
    facts += [
        *_car_and_flat(setting, chen),
        SoleTrader(person=wife.id, shop="例琇美发店", status="active", employees=2),
    ]
    facts += monthly(chen, "property", [days.month(12)], 360_000, "房屋出租")
    household = Household(
        case="M1",
        programme="DIBAO_URBAN",
        area="790302",
        members=(Member(person=chen, relation="SELF"), Member(person=wife, relation="SPOUSE")),
    )
    return Story(household=household, facts=tuple(facts))


def _car_and_flat(setting: Setting, chen: Person) -> list[Fact]:
    """Own things on the edges of windows."""
    days = setting.days
    return [
        Vehicle(
            person=chen.id,
            plate="例B·77820",
            kind="car",
            bought=days.ago(12),  # on the very day the window opens: counts
            value_fen=14_300_000,
            operating=True,
        ),
        Vehicle(
            person=chen.id,
            plate="例B·20915",
            kind="truck",
            bought=days.ago(70),
            value_fen=900_000,
        ),
        Realty(
            person=chen.id,
            unit="790302-0100-1801",
            use="dwelling",
            structure="concrete",
            area_m2_hundredths=8_907,
            share_percent=50,
            acquired=days.ago(36) - timedelta(days=1),  # one day before the window opens
        ),
        Realty(
            person=chen.id,
            unit="790302-0100-P044",
            use="parking",
            structure="concrete",
            area_m2_hundredths=1_250,
            share_percent=100,
            acquired=days.ago(34),
        ),
    ]


def case_m2(_setting: Setting) -> Story:
    """Tell of the second namesake, about whom nothing may be found that is the first one's."""
    chen = invent(_NAMESAKE, "790302", date(1988, 8, 8), 33)
    facts = book("790302", chen)
    facts += known(chen, "human_resources")
    household = Household(
        case="M2",
        programme="DIBAO_URBAN",
        area="790302",
        members=(Member(person=chen, relation="SELF"),),
    )
    return Story(household=household, facts=tuple(facts))


def case_n(setting: Setting) -> Story:
    """Tell of somebody who declared being single and has a spouse elsewhere."""
    days = setting.days
    declared = invent("许样恒", "790301", date(1979, 6, 6), 15)
    hidden = invent("华例丹", "790402", date(1982, 9, 13), 26)
    facts = book("790301", declared) + book("790402", hidden)
    facts += couple(declared, hidden, days.ago(60))
    facts += known(declared, "human_resources") + known(hidden, "human_resources")
    facts += employed(hidden, days, 880_000, "例市贸易集团")
    household = Household(
        case="N",
        programme="DIBAO_URBAN",
        area="790301",
        members=(Member(person=declared, relation="SELF"),),
        declared_marriage="single",
    )
    return Story(household=household, facts=tuple(facts), others=(hidden,))
