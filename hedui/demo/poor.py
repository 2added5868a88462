"""Three ordinary poor households beside the planted cases: a lone elder, high bills, a village.

Knows what is true about them: an agent's signature, deposits split over three banks, a wrong name
in the police register, a household member left out. Knows no expected answer.
"""

from dataclasses import replace
from datetime import date, timedelta

from hedui.demo.stories import Setting, Story, book, couple, employed, invent, known, monthly
from hedui.demo.world import (
    Account,
    Aid,
    CadreRelative,
    Contribution,
    Disability,
    Fact,
    Household,
    Hukou,
    Income,
    Job,
    JoblessBenefit,
    Land,
    MedicalBill,
    Member,
    NgoRole,
    Pension,
    Person,
    Realty,
    RefusedOffer,
    Residence,
    Schooling,
    SeriousDisease,
    SoleTrader,
)


def case_10(setting: Setting) -> Story:
    """Tell of a lone elder without means for whom a nephew signs as agent."""
    days = setting.days
    elder = invent("秦样松", "790701", date(1942, 10, 2), 71)
    nephew = invent("秦例苗", "790701", date(1976, 5, 9), 73)
    facts = book("790701", elder) + book("790701", nephew)
    facts += known(elder, "human_resources")
    facts += [
        Pension(person=elder.id, kind="resident", monthly_fen=23_500, since=date(2009, 9, 1)),
        Account(
            person=elder.id,
            bank="bank_a",
            number="6200010450",
            kind="passbook",
            balance_fen=600_000,
        ),
        Realty(
            person=elder.id,
            unit="790701-0055-0001",
            use="dwelling",
            structure="brick",
            area_m2_hundredths=2_640,
            share_percent=100,
            acquired=date(1979, 1, 1),
        ),
        SeriousDisease(
            person=elder.id, disease="J44", filed=days.ago(40), until=days.ago(4)
        ),  # the filing has run out
        MedicalBill(
            person=elder.id, settled=days.month(1).replace(day=17), self_paid_fen=1_999_999
        ),
        Aid(person=elder.id, programme="TEMP", since=days.ago(9), until=days.ago(8)),
    ]
    household = Household(
        case="10",
        programme="TEKUN",
        area="790701",
        members=(Member(person=elder, relation="SELF", agent=nephew.id),),
    )
    return Story(household=household, facts=tuple(facts), others=(nephew,))


def case_11(setting: Setting) -> Story:
    """Tell of a sick child's family: money split over three banks, a grown son left out."""
    days = setting.days
    father = invent("韩试青", "790302", date(1980, 3, 14), 91)
    mother = invent("沈例竹", "790302", date(1982, 12, 1), 92)
    child = invent("韩例溪", "790302", date(2013, 7, 7), 94)
    grown = invent("韩例石", "790302", date(2004, 2, 20), 95)
    facts = book("790302", father, mother, child, grown)
    facts += couple(father, mother, date(2003, 9, 9))
    facts += known(father, "natural_resources") + known(grown, "human_resources")
    facts += employed(father, days, 310_000, "例市公交公司")
    facts += _three_banks(setting, mother)
    facts += _bills(setting, child)
    facts += _old_home_and_new(setting, father, mother)
    facts += [
        Schooling(
            person=child.id,
            school="例市实验学校",
            stage="compulsory",
            high_fee=True,
            since=days.ago(26),
        ),
        CadreRelative(person=mother.id, office="例街道办事处"),
    ]
    household = Household(
        case="11",
        programme="RIGID_EXPENSE",
        area="790302",
        members=(
            Member(person=father, relation="SELF"),
            Member(person=mother, relation="SPOUSE"),
            Member(person=child, relation="CHILD", guardian=mother.id),
        ),
    )
    return Story(household=household, facts=tuple(facts), others=(grown,))


def _three_banks(setting: Setting, person: Person) -> list[Fact]:
    """Split what three people may have nearly twice over; this programme allows them that much."""
    share = 12 * setting.standard_fen * 3 * 6 // 10
    return [
        Account(
            person=person.id,
            bank=bank,
            number=f"620003{place}118",
            kind="fixed",
            balance_fen=share,
        )
        for place, bank in enumerate(("bank_a", "bank_b", "bank_c"))
    ]


def _bills(setting: Setting, child: Person) -> list[Fact]:
    """Add up to exactly the rung of 50,000 yuan."""
    days = setting.days
    bills = ((days.month(5).replace(day=4), 3_000_000), (days.month(2).replace(day=28), 2_000_000))
    return [
        SeriousDisease(person=child.id, disease="C91", filed=days.ago(7)),
        *(MedicalBill(person=child.id, settled=on, self_paid_fen=fen) for on, fen in bills),
    ]


def _old_home_and_new(setting: Setting, father: Person, mother: Person) -> list[Fact]:
    days = setting.days
    return [
        Realty(
            person=father.id,
            unit="790302-0200-0604",
            use="dwelling",
            structure="concrete",
            area_m2_hundredths=7_960,
            share_percent=100,
            acquired=days.ago(36),  # on the very day the window opens
        ),
        Realty(
            person=mother.id,
            unit="790302-0144-0101",
            use="dwelling",
            structure="concrete",
            area_m2_hundredths=5_500,
            share_percent=100,
            acquired=date(2011, 5, 5),
            disposed=days.ago(11),
        ),
        *monthly(mother, "property", [days.month(13)], 880_000, "房屋转让"),
    ]


def case_12(setting: Setting) -> Story:
    """Tell of a village couple whose many small signals are there to be weighed by people."""
    days = setting.days
    husband = invent("姜例柏", "790402", date(1975, 1, 31), 101)
    wife = invent("陶试㛃", "790402", date(1977, 2, 28), 102)
    uncle = invent("姜样禾", "790402", date(1951, 4, 18), 103)
    former = invent("金样云", "790402", date(1976, 6, 15), 104)
    facts = book("790402", uncle, husband) + _elsewhere(setting, wife) + book("790401", former)
    facts += couple(husband, former, date(1999, 1, 1), days.ago(25), "divorce")
    facts += couple(husband, wife, days.ago(12))
    facts += known(wife, "natural_resources")
    facts += [
        *_work(setting, husband, wife),
        Aid(person=wife.id, programme="MARGIN", since=days.ago(10)),
        Land(person=wife.id, parcel="LQ-790402-077", kind="forest", since=date(2008, 6, 6)),
        Land(
            person=husband.id,
            parcel="JS-790402-003",
            kind="construction",
            since=date(2010, 1, 1),
            until=days.ago(20),
        ),
        NgoRole(person=husband.id, organisation="例村老年协会", active=False),
        Income(
            person=husband.id,
            kind="property",
            month=days.month(12),
            amount_fen=30_000,
            payer="例村经济合作社",
        ),
        SoleTrader(person=husband.id, shop="例柏农资店", status="cancelled", employees=3),
        *monthly(husband, "vat", [days.month(13)], 51_000, "例柏农资店"),
        *monthly(husband, "vat", [days.month(12)], 0, "例柏农资店"),  # declared as nothing
        Job(person=wife.id, employer="例镇服装厂", since=days.ago(50), until=days.ago(4)),
        Disability(person=wife.id, category="hearing", grade=4, expires=days.ago(1)),
    ]
    household = Household(
        case="12",
        programme="DIBAO_RURAL",
        area="790402",
        members=(Member(person=husband, relation="SELF"), Member(person=wife, relation="SPOUSE")),
    )
    return Story(household=household, facts=tuple(facts), others=(uncle, former))


def _work(setting: Setting, husband: Person, wife: Person) -> list[Fact]:
    """Refuse, lose and leave work around the edges of the twelve months."""
    days = setting.days
    return [
        *(RefusedOffer(person=husband.id, on=days.ago(back)) for back in (2, 5, 9, 11)),
        RefusedOffer(person=wife.id, on=days.ago(14)),
        JoblessBenefit(person=wife.id, since=days.ago(3), until=days.today + timedelta(days=40)),
        JoblessBenefit(person=husband.id, since=days.ago(30), until=days.ago(18)),
        Contribution(
            person=husband.id,
            paid=days.ago(6),  # on the very day the half-year window opens
            base_fen=setting.standard_fen,  # an edge itself belongs below
            payer="resident",
        ),
    ]


def _elsewhere(setting: Setting, wife: Person) -> list[Fact]:
    """Register the wife under another name and place, half a year after she moved here."""
    away = book("790501", wife)
    facts = [fact for fact in away if not isinstance(fact, Residence)]
    facts = [replace(f, name="陶试洁") if isinstance(f, Hukou) else f for f in facts]
    facts.append(Residence(person=wife.id, area="790402", since=setting.days.ago(6)))
    return facts
