"""The planted cases O, P, R and U of the domain note (g.2): who signs, who withdraws, who asks.

Knows what is true about the people of each case. Knows no expected answer. The note's cases Q, S
and T are attacks on tokens and need no people of their own.
"""

from datetime import date
from typing import Final

from hedui.demo.stories import Setting, Story, book, employed, invent, known
from hedui.demo.world import (
    Account,
    CadreRelative,
    Disability,
    Fact,
    Household,
    Land,
    MedicalBill,
    Member,
    Orphan,
    Person,
    Realty,
    Schooling,
)

OPERATOR: Final = "op-lin"
"""Who handles all cases, by the word in case files."""
CLERK: Final = invent("林试岚", "790301", date(1994, 3, 8), 50)
"""The same as a person: the centre's sentinel has to know the number, and nobody else does."""


def case_o(setting: Setting) -> Story:
    """Tell of an orphan of school age who applies and for whom a grandmother signs."""
    days = setting.days
    child = invent("卫样星", "790602", date(2015, 4, 9), 41)
    grandmother = invent("蒋例菊", "790602", date(1958, 12, 30), 42)
    facts = book("790602", grandmother, child)
    facts += [
        Orphan(person=child.id, since=days.ago(16)),
        Schooling(
            person=child.id,
            school="例镇中心学校",
            stage="compulsory",
            high_fee=False,
            since=days.ago(26),
        ),
    ]
    facts += _savings(child, "bank_a", 1_200_000)
    household = Household(
        case="O",
        programme="DIBAO_RURAL",
        area="790602",
        members=(Member(person=child, relation="SELF", guardian=grandmother.id),),
    )
    return Story(household=household, facts=tuple(facts), others=(grandmother,))


def case_p(setting: Setting) -> Story:
    """Tell of a grown man who cannot act for himself and for whom a brother signs as agent."""
    man = invent("沈试木", "790402", date(1981, 7, 2), 43)
    brother = invent("沈试石", "790402", date(1978, 3, 27), 45)
    facts = book("790402", brother) + book("790402", man)
    facts += known(man, "human_resources")
    facts += [
        Disability(person=man.id, category="mental", grade=1, expires=date(2099, 12, 31)),
        MedicalBill(
            person=man.id, settled=setting.days.month(3).replace(day=8), self_paid_fen=612_300
        ),
        Land(person=man.id, parcel="ZJD-790402-204", kind="homestead", since=date(2006, 5, 1)),
    ]
    household = Household(
        case="P",
        programme="TEKUN",
        area="790402",
        members=(Member(person=man, relation="SELF", agent=brother.id),),
    )
    return Story(household=household, facts=tuple(facts), others=(brother,))


def case_r(setting: Setting) -> Story:
    """Tell of somebody who withdraws while a department has yet to answer."""
    days = setting.days
    woman = invent("朱例晴", "790501", date(1996, 1, 19), 46)
    facts = book("790501", woman)
    facts += employed(woman, days, 260_000, "例市幼儿园")
    facts += _savings(woman, "bank_b", 830_000)
    facts.append(
        Realty(
            person=woman.id,
            unit="790501-0031-0502",
            use="dwelling",
            structure="concrete",
            area_m2_hundredths=5_120,
            share_percent=50,
            acquired=days.ago(90),
        )
    )
    household = Household(
        case="R",
        programme="DIBAO_MARGIN",
        area="790501",
        members=(Member(person=woman, relation="SELF"),),
        revoked=True,
    )
    return Story(household=household, facts=tuple(facts))


def case_u(_setting: Setting) -> Story:
    """Tell of an aunt of the one operator, who signs for her and handles the case as well.

    Civil affairs has the aunt on file as a clerk's relative.
    """
    aunt = invent("林例霞", "790301", date(1969, 9, 5), 48)
    facts = book("790301", aunt) + book("790301", CLERK)
    facts += known(aunt, "human_resources")
    facts += [
        Disability(person=aunt.id, category="mental", grade=2, expires=date(2099, 12, 31)),
        CadreRelative(person=aunt.id, office=f"例区核对中心 {OPERATOR}"),
    ]
    facts += _savings(aunt, "bank_a", 95_000)
    household = Household(
        case="U",
        programme="DIBAO_URBAN",
        area="790301",
        members=(Member(person=aunt, relation="SELF", agent=CLERK.id),),
    )
    return Story(household=household, facts=tuple(facts), others=(CLERK,))


def _savings(person: Person, bank: str, fen: int) -> list[Fact]:
    return [
        Account(
            person=person.id,
            bank=bank,
            number=f"62{person.id[6:14]}",
            kind="fixed",
            balance_fen=fen,
        )
    ]
