"""The planted cases D, I, K, L of the domain note (g.2): what only several registers together tell.

Knows what is true about the people of each case: homes in other cities, a pension that was not
declared, deposits split over banks, one wage that stands in three registers. Knows no expected
answer.
"""

from datetime import date

from hedui.demo.holdings import Security
from hedui.demo.stories import Setting, Story, book, couple, employed, invent, known
from hedui.demo.world import (
    Account,
    Fact,
    Household,
    Member,
    Pension,
    Person,
    Realty,
    Stake,
)

_BANKS = ("bank_a", "bank_b", "bank_c")


def case_d(setting: Setting) -> Story:
    """Tell of a lone elder without means whose child in another province has plenty."""
    elder = Person(id="790501194601010313", name="钱试远")
    child = Person(id="799901197203150330", name="钱例海")
    facts = book("790501", elder) + known(elder, "human_resources")
    facts.append(
        Pension(person=elder.id, kind="resident", monthly_fen=21_500, since=date(2010, 1, 1))
    )
    facts += _plenty(setting, child)
    household = Household(
        case="D",
        programme="TEKUN",
        area="790501",
        members=(Member(person=elder, relation="SELF"),),
        supporters=(Member(person=child, relation="CHILD"),),
    )
    return Story(household=household, facts=tuple(facts), others=(child,))


def _plenty(setting: Setting, child: Person) -> list[Fact]:
    """Give three homes in two other cities, a firm, and assets less in each place than together."""
    return [
        *(
            Realty(
                person=child.id,
                unit=f"7999-{register}-{number}",
                use="dwelling",
                structure="concrete",
                area_m2_hundredths=11_200,
                share_percent=100,
                acquired=setting.days.ago(60 + 12 * number),
                register=register,
            )
            for number, register in enumerate(("land_b", "land_b", "land_c"))
        ),
        # More than one and a half times a year's disposable income, and less of it in each place.
        Account(
            person=child.id,
            bank="bank_b",
            number="6200020313",
            kind="fixed",
            balance_fen=36 * setting.standard_fen,
        ),
        Security(
            person=child.id,
            account="A790003130",
            paper="股票",
            value_fen=24 * setting.standard_fen,
        ),
        Stake(
            person=child.id,
            company="例海建材有限公司",
            role="shareholder",
            status="active",
            subscribed_fen=200_000_000,
        ),
    ]


def case_i(setting: Setting) -> Story:
    """Tell of a pensioner who declared odd jobs and not the pension."""
    person = Person(id="790701196506300814", name="吴例舟")
    facts = book("790701", person)
    facts.append(
        Pension(person=person.id, kind="employee", monthly_fen=210_000, since=setting.days.ago(17))
    )
    household = Household(
        case="I",
        programme="DIBAO_URBAN",
        area="790701",
        members=(Member(person=person, relation="SELF"),),
        declared_fen=600_000,
    )
    return Story(household=household, facts=tuple(facts))


def case_k(setting: Setting) -> Story:
    """Tell of deposits at three banks, each of which sees 0.6 of what is allowed."""
    person = invent("何试清", "790302", date(1977, 10, 20), 52)
    facts = book("790302", person) + known(person, "human_resources")
    facts += [
        Account(
            person=person.id,
            bank=bank,
            number=f"620004{place}520",
            kind="fixed",
            balance_fen=12 * setting.standard_fen * 6 // 10,
        )
        for place, bank in enumerate(_BANKS)
    ]
    household = Household(
        case="K",
        programme="DIBAO_URBAN",
        area="790302",
        members=(Member(person=person, relation="SELF"),),
    )
    return Story(household=household, facts=tuple(facts))


def case_l(setting: Setting) -> Story:
    """Tell of one wage in three registers: counted once it is exactly what is allowed for two."""
    wife = invent("魏例琇", "790301", date(1984, 3, 3), 66)
    husband = invent("魏示川", "790301", date(1981, 11, 9), 67)
    facts = book("790301", husband, wife) + couple(husband, wife, date(2009, 10, 10))
    facts += employed(wife, setting.days, 2 * setting.standard_fen, "例市毛巾厂")
    household = Household(
        case="L",
        programme="DIBAO_URBAN",
        area="790301",
        members=(Member(person=wife, relation="SELF"), Member(person=husband, relation="SPOUSE")),
        declared_fen=24 * setting.standard_fen,
    )
    return Story(household=household, facts=tuple(facts))
