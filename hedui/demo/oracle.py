"""The oracle: what every department must answer about everybody in a case.

Knows which questions the city's departments answer and with which parameters, and what must come
where a department has something wrong; what is true is worked out in ``truth``. Deliberately does
not read any register, catalogue or policy file.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from hedui.demo import sums, truth
from hedui.demo.flaws import Condition, Flaws, Seen
from hedui.demo.question import Question
from hedui.demo.sums import Adding
from hedui.demo.world import CadreRelative, Death, Household, Orphan, Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """The outcome a department must give, or several together: then ``department`` is empty.

    ``person`` is empty where the sum is a whole household's.
    """

    case: str
    person: str
    department: str
    predicate: str
    parameter: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """Which departments answer a question, with which parameters, and what is true."""

    departments: tuple[str, ...]
    parameters: tuple[str, ...]
    outcome: Callable[[Question], str]


_AREAS = tuple(
    f"area-{code}"
    for code in (790301, 790302, 790401, 790402, 790501, 790502, 790601, 790602, 790701)
)
_POLICE = ("public_security",)
_CIVIL = ("civil_affairs",)
_TAX = ("tax",)
_LABOUR = ("human_resources",)
_LAND = sums.CITIES
_HOUSING = ("housing",)
_MARKET = ("market_regulation",)
_SCHOOLS = ("education",)
_NONE = ("",)
_OLDEST = {"P57": 200, "P60": 120} | dict.fromkeys(("P22", "P23", "P24"), 62)
_OLDEST_OF_OTHERS = 45
"""How many days old an answer's data may be."""


MEANINGS: dict[str, Meaning] = {
    "P01": Meaning(_POLICE, _AREAS, truth.registered_here),
    "P02": Meaning(_POLICE, _NONE, truth.same_book),
    "P03": Meaning(_POLICE, _NONE, truth.cancelled),
    "P04": Meaning(_POLICE, _NONE, truth.count_matches),
    "P05": Meaning(_POLICE, ("w6m",), truth.lives_elsewhere),
    "P06": Meaning(_POLICE, _NONE, truth.name_matches),
    "P07": Meaning(_CIVIL, _NONE, truth.marital_status),
    "P08": Meaning(_CIVIL, _NONE, truth.spouse_declared),
    "P09": Meaning(_CIVIL, ("w12m", "w24m", "w36m"), truth.divorced_lately),
    "P10": Meaning(_CIVIL, _NONE, truth.recorded(Death)),
    "P11": Meaning(_CIVIL, ("w3m", "w6m", "w12m"), truth.dead_before),
    "P14": Meaning(_LABOUR, ("w3m", "w6m"), truth.contributed_lately),
    "P15": Meaning(_LABOUR, ("si-base",), truth.insurance_base),
    "P16": Meaning(_LABOUR, _NONE, truth.payer),
    "P17": Meaning(_LABOUR, ("pension-s",), truth.pension),
    "P18": Meaning(_LABOUR, _NONE, truth.employed),
    "P19": Meaning(_LABOUR, _NONE, truth.refusals),
    "P20": Meaning(_LABOUR, _NONE, truth.jobless_benefit),
    "P22": Meaning(_TAX, _NONE, truth.taxed("business")),
    "P23": Meaning(_TAX, _NONE, truth.taxed("property")),
    "P24": Meaning(_TAX, _NONE, truth.taxed("vat")),
    "P25": Meaning(("finance",), _NONE, truth.public_payroll),
    "P26": Meaning(_CIVIL, _NONE, truth.recorded(CadreRelative)),
    "P27": Meaning(_HOUSING, ("w3m",), truth.fund_paid_lately),
    "P28": Meaning(_HOUSING, ("si-base",), truth.fund_base),
    "P29": Meaning(_HOUSING, ("hpf-12s", "hpf-24s"), truth.fund_within),
    "P33": Meaning(_LAND, _NONE, truth.dwellings),
    "P34": Meaning(_LAND, ("area-30m2",), truth.living_space_within),
    "P35": Meaning(_LAND, _NONE, truth.non_dwelling),
    "P36": Meaning(_LAND, ("w36m",), truth.acquired_lately),
    "P37": Meaning(_LAND, ("w12m", "w24m"), truth.transferred_lately),
    "P38": Meaning(_LAND, _NONE, truth.land),
    "P39": Meaning(_HOUSING, _NONE, truth.public_housing),
    "P40": Meaning(_POLICE, _NONE, truth.vehicle),
    "P41": Meaning(_POLICE, ("vehicle-15s",), truth.vehicle_value),
    "P42": Meaning(_POLICE, ("w12m",), truth.vehicle_lately),
    "P43": Meaning(_POLICE, _NONE, truth.operating_vehicle),
    "P46": Meaning(_MARKET, _NONE, truth.company),
    "P47": Meaning(_MARKET, ("capital-100k",), truth.capital),
    "P48": Meaning(_MARKET, _NONE, truth.shop),
    "P49": Meaning(_CIVIL, _NONE, truth.organisation),
    "P56": Meaning(("medical_insurance",), _NONE, truth.serious_disease),
    "P57": Meaning(_SCHOOLS, _NONE, truth.stage),
    "P58": Meaning(_SCHOOLS, _NONE, truth.high_fee),
    "P60": Meaning(("disabled_federation",), _NONE, truth.disability),
    "P61": Meaning(_CIVIL, tuple(truth.AID), truth.receives_aid),
    "P67": Meaning(_CIVIL, _NONE, truth.recorded(Orphan)),
}


def expectations(households: Iterable[Household], seen: Mapping[str, Seen]) -> list[Expectation]:
    """Work out every answer the city's departments can be asked for about the cases."""
    return [expected for household in households for expected in _of(seen, household)]


def _of(seen: Mapping[str, Seen], household: Household) -> Iterator[Expectation]:
    for member in (*household.members, *household.supporters):
        yield from about(seen, household, member.person)
    yield from together(seen, household)


def together(seen: Mapping[str, Seen], household: Household) -> Iterator[Expectation]:
    """Work out every sum about a household, and about each of its supporters alone."""
    subjects = {"": tuple(member.person.id for member in household.members)}
    subjects |= {one.person.id: (one.person.id,) for one in household.supporters}
    for subject, people in subjects.items():
        adding = Adding(seen=seen, household=household, people=people, heads=len(people))
        for predicate, one in sums.SUMS.items():
            if predicate == "H5" and (subject or household.declared_fen is None):
                continue
            for parameter in one.parameters:
                yield Expectation(
                    case=household.case,
                    person=subject,
                    department="",
                    predicate=predicate,
                    parameter=parameter,
                    outcome=_in_spite_of_any(one, adding) or one.outcome(adding, parameter),
                )


def _in_spite_of_any(one: sums.Sum, adding: Adding) -> str:
    """Give what comes instead of a sum when one department cannot give its share."""
    flaws = [adding.seen[department].flaws for department in one.departments]
    never = {Condition.OFFLINE, Condition.PAUSED if adding.household.revoked else Condition.OFFLINE}
    if any(flaw.condition in never for flaw in flaws):
        return "UNAVAILABLE"
    return "STALE" if any(flaw.age_days > one.oldest for flaw in flaws) else ""


def about(seen: Mapping[str, Seen], household: Household, person: Person) -> list[Expectation]:
    """Work out every answer about one person as a member of one household."""
    found: list[Expectation] = []
    for predicate, meaning in MEANINGS.items():
        for department in meaning.departments:
            for parameter in meaning.parameters:
                question = Question(
                    world=seen[department].world,
                    household=household,
                    person=person,
                    department=department,
                    parameter=parameter,
                )
                outcome = _in_spite(predicate, question, seen[department].flaws)
                found.append(
                    Expectation(
                        case=household.case,
                        person=person.id,
                        department=department,
                        predicate=predicate,
                        parameter=parameter,
                        outcome=outcome or meaning.outcome(question),
                    )
                )
    return found


def _in_spite(predicate: str, q: Question, flaws: Flaws) -> str:
    """Give what comes instead of the truth, in the order in which it would; empty: the truth."""
    if flaws.condition is Condition.OFFLINE:
        return "UNAVAILABLE"
    if q.household.revoked and flaws.condition is Condition.PAUSED:
        return "REFUSED(CONSENT_REVOKED)"
    if predicate in flaws.left_out:
        return "REFUSED(POLICY_NOT_ANSWERED)"
    if flaws.age_days > _OLDEST.get(predicate, _OLDEST_OF_OTHERS):
        return "STALE"
    garbled = predicate == "P42" and q.person.id in flaws.garbled
    if garbled and truth.vehicle(q) == "YES":
        return "REFUSED(SOURCE_UNAVAILABLE)"
    return ""
