"""The planted cases A, B, C, E and F of the domain note (g.2), laid on any day.

Knows what is true about the people of each case and what each case is there to prove. Their
resident numbers are fixed; all names are invented. Knows no expected answer.
"""

from datetime import date

from hedui.demo.stories import Setting, Story, book, couple, employed, invent, known, monthly
from hedui.demo.world import (
    Account,
    Contribution,
    Death,
    Disability,
    Fact,
    Household,
    MedicalBill,
    Member,
    Pension,
    Person,
    PublicHousing,
    Realty,
    Schooling,
    SeriousDisease,
    Stake,
    Vehicle,
)


def case_a(setting: Setting) -> Story:
    """Tell of a company owner who asks for dibao: two independent flags, nothing else."""
    days = setting.days
    wang = Person(id="79030119700312011X", name="王例川")
    facts = book("790301", wang)
    facts += known(wang, "human_resources", "natural_resources")
    facts.append(
        Stake(
            person=wang.id,
            company="例川商贸有限公司",
            role="legal_representative",
            status="active",
            subscribed_fen=50_000_000,
        )
    )
    facts += monthly(wang, "business", [days.month(3), days.month(9)], 1_860_000, "例川商贸")
    facts += monthly(wang, "vat", [days.month(2), days.month(5)], 214_500, "例川商贸")
    facts.append(
        Account(
            person=wang.id, bank="bank_a", number="6200010001", kind="current", balance_fen=31_806
        )
    )
    household = Household(
        case="A",
        programme="DIBAO_URBAN",
        area="790301",
        members=(Member(person=wang, relation="SELF"),),
    )
    return Story(household=household, facts=tuple(facts))


def case_b(setting: Setting) -> Story:
    """Tell of cancer, a wife out of work and two sons: nothing found is what helps them."""
    days = setting.days
    li = Person(id="79030219680504013X", name="李示和")
    wife = Person(id="790302197009190289", name="周例梅")
    elder = Person(id="790302199302200158", name="李例平")
    younger = Person(id="790302199806110172", name="李例远")
    facts = book("790302", li, wife, elder, younger)
    facts += couple(li, wife, date(1992, 5, 18))
    facts += known(wife, "human_resources")
    facts += [
        SeriousDisease(person=li.id, disease="C34", filed=days.ago(10)),
        MedicalBill(person=li.id, settled=days.month(8).replace(day=11), self_paid_fen=4_310_050),
        MedicalBill(person=li.id, settled=days.month(4).replace(day=26), self_paid_fen=2_895_500),
        MedicalBill(person=li.id, settled=days.month(0), self_paid_fen=9_999_900),
        Disability(person=elder.id, category="intellectual", grade=2, expires=date(2099, 12, 31)),
        Schooling(
            person=younger.id,
            school="例市大学",
            stage="university",
            high_fee=False,
            since=days.ago(14),
        ),
    ]
    facts += monthly(wife, "business", [days.month(13), days.month(0)], 42_000, "外")  # not the 12
    household = Household(
        case="B",
        programme="DIBAO_URBAN",
        area="790302",
        members=(
            Member(person=li, relation="SELF"),
            Member(person=wife, relation="SPOUSE"),
            Member(person=elder, relation="CHILD", guardian=li.id),  # of age, cannot sign
            Member(person=younger, relation="CHILD"),
        ),
    )
    return Story(household=household, facts=tuple(facts))


def case_c(setting: Setting) -> Story:
    """Tell of a clean applicant with high medical bills whose daughter has a firm and a car."""
    days = setting.days
    yin = Person(id="790401196604080214", name="尹试秋")
    yang = Person(id="790401199207230243", name="杨样雨")
    facts = book("790401", yin, yang)
    facts += known(yin, "human_resources") + known(yang, "human_resources")
    facts += [
        MedicalBill(person=yin.id, settled=days.month(6).replace(day=3), self_paid_fen=5_236_700),
        *_a_firm_and_a_car(setting, yang),
        Realty(
            person=yin.id,
            unit="790401-0007-0302",
            use="dwelling",
            structure="concrete",
            area_m2_hundredths=6_000,  # exactly 30 square metres a head
            share_percent=100,
            acquired=date(2004, 6, 1),
        ),
    ]
    household = Household(
        case="C",
        programme="TEMP_AID",
        area="790401",
        members=(Member(person=yin, relation="SELF"), Member(person=yang, relation="CHILD")),
    )
    return Story(household=household, facts=tuple(facts))


def _a_firm_and_a_car(setting: Setting, yang: Person) -> list[Fact]:
    """Give the daughter what bars the household."""
    days = setting.days
    return [
        Stake(
            person=yang.id,
            company="样雨文化传播有限公司",
            role="shareholder",
            status="active",
            subscribed_fen=10_000_000,  # exactly the rung: at least is at least
        ),
        Vehicle(
            person=yang.id,
            plate="例A·10245",
            kind="car",
            bought=days.ago(20),
            value_fen=11_980_000,
        ),
        Contribution(
            person=yang.id,
            paid=days.month(7).replace(day=9),
            base_fen=2 * setting.standard_fen,
            payer="employee",  # before she went freelance
        ),
        Contribution(
            person=yang.id,
            paid=days.month(1).replace(day=9),
            base_fen=3 * setting.standard_fen + 1,
            payer="flexible",
        ),
    ]


def case_e(setting: Setting) -> Story:
    """Tell of a disabled single mother in public rental housing."""
    days = setting.days
    mother = Person(id="790501198408250428", name="何试晴")
    child = Person(id="790501201409030456", name="何例辰")
    former = invent("吕样舟", "790502", date(1981, 2, 9), 11)
    first = invent("魏例星", "790502", date(1980, 7, 7), 12)
    facts = book("790501", mother, child) + book("790502", former)
    facts += couple(former, first, date(2006, 6, 6), ended=date(2010, 2, 3), end="death")
    facts += couple(mother, former, date(2012, 10, 1), ended=days.ago(24), end="divorce")
    facts += known(mother, "human_resources")
    facts += [
        Disability(person=mother.id, category="physical", grade=2, expires=date(2099, 12, 31)),
        PublicHousing(person=mother.id, rent_fen=5_000, since=days.ago(30)),
        Schooling(
            person=child.id,
            school="例镇中心学校",
            stage="compulsory",
            high_fee=False,
            since=days.ago(26),
        ),
    ]
    household = Household(
        case="E",
        programme="DIBAO_RURAL",
        area="790501",
        members=(
            Member(person=mother, relation="SELF"),
            Member(person=child, relation="CHILD", guardian=mother.id),
        ),
    )
    return Story(household=household, facts=tuple(facts), others=(former, first))


def case_f(setting: Setting) -> Story:
    """Tell of a widower and his son; the married daughter belongs to another household."""
    days = setting.days
    father = Person(id="790502197306180512", name="施样林")
    son = Person(id="790502200507200537", name="施例帆")
    daughter = Person(id="790502199811050566", name="施例霞")
    wife = invent("曹试兰", "790502", date(1974, 3, 2), 22)
    husband = invent("严样舟", "790601", date(1996, 1, 27), 33)
    facts = book("790502", father, son) + book("790601", husband, daughter)
    facts += couple(father, wife, date(1997, 1, 8), ended=days.ago(14), end="death")
    facts += couple(husband, daughter, days.ago(40))
    facts += known(father, "human_resources") + known(son, "human_resources")
    facts += [
        *_the_late_wife(setting, wife),
        Schooling(
            person=son.id,
            school="例市职业技术学院",
            stage="vocational",
            high_fee=False,
            since=days.ago(15),
        ),
        Schooling(
            person=daughter.id,
            school="例市大学",
            stage="university",
            high_fee=False,
            since=days.ago(80),
            left=days.ago(42),
        ),
        Account(
            person=father.id,
            bank="bank_b",
            number="6200020007",
            kind="fixed",
            balance_fen=12 * setting.standard_fen * 2,  # exactly the rung for two people
        ),
    ]
    facts += employed(daughter, days, 520_000, "样舟物流")
    household = Household(
        case="F",
        programme="DIBAO_URBAN",
        area="790502",
        members=(Member(person=father, relation="SELF"), Member(person=son, relation="CHILD")),
        supporters=(Member(person=daughter, relation="CHILD"),),
    )
    return Story(household=household, facts=tuple(facts), others=(wife, husband, daughter))


def _the_late_wife(setting: Setting, wife: Person) -> list[Fact]:
    """End her pension on the day she died."""
    days = setting.days
    return [
        Death(person=wife.id, died=days.ago(14)),
        Pension(
            person=wife.id,
            kind="employee",
            monthly_fen=286_000,
            since=days.ago(30),
            until=days.ago(14),
        ),
    ]
