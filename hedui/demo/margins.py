"""Three ordinary households at the very line: sums that are exactly allowed, and one unit beyond.

Knows what is true about them: small amounts in many registers, an overdrawn account, a home that a
couple owns together, payments just outside the twelve months. Knows no expected answer.
"""

from datetime import date

from hedui.demo.holdings import FarmSubsidy, Insurance, PublicPay, Security
from hedui.demo.stories import Setting, Story, book, couple, invent, known, monthly
from hedui.demo.world import (
    Account,
    Fact,
    Household,
    MedicalBill,
    Member,
    Pension,
    Person,
    Realty,
    SeriousDisease,
)


def case_13(setting: Setting) -> Story:
    """Tell of three in a village with one fen and one home too many."""
    days = setting.days
    husband = invent("严例田", "790502", date(1979, 2, 14), 111)
    wife = invent("严试禾", "790502", date(1980, 8, 1), 112)
    father = invent("严样松", "790502", date(1951, 12, 12), 113)
    facts = book("790502", husband, wife, father) + couple(husband, wife, date(2003, 3, 3))
    allowed = 12 * setting.standard_fen * 3
    facts += monthly(wife, "wage", days.year(), 100_000, "例镇服装厂")
    facts += monthly(wife, "wage", [days.month(13), days.month(0)], 99_999, "例镇服装厂")
    pension, wages = 21_000, 12 * 100_000
    facts.append(
        Pension(person=father.id, kind="resident", monthly_fen=pension, since=date(2012, 1, 1))
    )
    facts += _subsidies(setting, husband, allowed + 1 - wages - 12 * pension)
    facts += _savings(setting, husband, wife, allowed + 1)
    facts += [
        _home(husband, "790502-0071-0001", "natural_resources", date(2006, 6, 6)),
        _home(father, "7991-0310-0802", "land_b", days.ago(50)),
    ]
    household = Household(
        case="13",
        programme="DIBAO_RURAL",
        area="790502",
        members=(
            Member(person=husband, relation="SELF"),
            Member(person=wife, relation="SPOUSE"),
            Member(person=father, relation="PARENT"),
        ),
        declared_fen=allowed + 1 - 9 * setting.standard_fen,  # three months a head were not told
    )
    return Story(household=household, facts=tuple(facts))


def _subsidies(setting: Setting, farmer: Person, fen: int) -> list[Fact]:
    """Pay in two parts on the first and last day of the twelve months, and on the days beside."""
    days = setting.days
    return [
        FarmSubsidy(person=farmer.id, paid=paid, amount_fen=part)
        for paid, part in (
            (days.month(12), fen // 2),
            (days.last(1), fen - fen // 2),
            (days.last(13), 77_700),
            (days.month(0), 88_800),
        )
    ]


def _savings(setting: Setting, husband: Person, wife: Person, fen: int) -> list[Fact]:
    """Split an amount over a bank, a depository and an insurer, less what another bank is owed."""
    owed, third = 12_345, setting.standard_fen * 10
    return [
        Account(
            person=husband.id,
            bank="bank_a",
            number="6200011113",
            kind="current",
            balance_fen=fen + owed - 2 * third,
        ),
        Account(
            person=husband.id,
            bank="bank_b",
            number="6200021113",
            kind="current",
            balance_fen=-owed,
        ),
        Account(
            person=husband.id,
            bank="bank_c",
            number="6200031113",
            kind="fixed",
            balance_fen=9_900_000,
            closed=True,
        ),
        Security(person=wife.id, account="A790011120", paper="货币基金", value_fen=third),
        Insurance(person=wife.id, policy="P7900111201", status="active", cash_fen=third),
        Insurance(person=wife.id, policy="P7900111202", status="surrendered", cash_fen=8_800_000),
    ]


def _home(owner: Person, unit: str, register: str, acquired: date, percent: int = 100) -> Realty:
    return Realty(
        person=owner.id,
        unit=unit,
        use="dwelling",
        structure="brick",
        area_m2_hundredths=5_800,
        share_percent=percent,
        acquired=acquired,
        register=register,
    )


def case_14(setting: Setting) -> Story:
    """Tell of a couple that has exactly what the margin allows, and one home together."""
    days = setting.days
    husband = invent("孙示平", "790401", date(1972, 5, 5), 121)
    wife = invent("孙例兰", "790401", date(1973, 4, 14), 122)
    facts = book("790401", husband, wife) + couple(husband, wife, date(1998, 8, 8))
    income = 18 * setting.standard_fen * 2
    wages, pension = 12 * 150_000, 90_000
    facts += monthly(husband, "wage", days.year(), 150_000, "例市园林所")
    facts.append(PublicPay(person=husband.id, office="例市园林所", since=days.ago(90)))
    facts += [
        # Half a year of it lies within the twelve months, and ended on the first of a month.
        Pension(
            person=wife.id,
            kind="employee",
            monthly_fen=pension,
            since=days.ago(30),
            until=days.month(6),
        ),
        FarmSubsidy(person=wife.id, paid=days.month(2), amount_fen=income - wages - 6 * pension),
    ]
    facts += _savings(setting, husband, wife, 24 * setting.standard_fen * 2)
    facts += [
        _home(one, "7992-0044-0301", "land_c", date(2015, 7, 7), 50) for one in (husband, wife)
    ]
    household = Household(
        case="14",
        programme="DIBAO_MARGIN",
        area="790401",
        members=(Member(person=husband, relation="SELF"), Member(person=wife, relation="SPOUSE")),
    )
    return Story(household=household, facts=tuple(facts))


def case_15(setting: Setting) -> Story:
    """Tell of somebody whose medical bills are one fen short of three fifths of the income."""
    days = setting.days
    person = invent("曹例星", "790301", date(1963, 9, 9), 131)
    facts = book("790301", person) + known(person, "human_resources")
    facts += monthly(person, "wage", days.year(), 50_000, "例市环卫所")
    facts += [
        Pension(person=person.id, kind="employee", monthly_fen=50_000, since=days.ago(24)),
        SeriousDisease(person=person.id, disease="N18", filed=days.ago(20)),
        MedicalBill(person=person.id, settled=days.last(1), self_paid_fen=719_999),
        MedicalBill(person=person.id, settled=days.month(0), self_paid_fen=500_000),
    ]
    household = Household(
        case="15",
        programme="RIGID_EXPENSE",
        area="790301",
        members=(Member(person=person, relation="SELF"),),
    )
    return Story(household=household, facts=tuple(facts))
