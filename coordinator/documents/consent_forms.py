"""The letters that people sign: authorisation 授权书, commission 委托书, notice to sign again.

Pure: from a case and its plan to blocks. These papers show whole names and ids, for they are what
is signed; they are printed and never kept here. Does not know how a letter looks.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from coordinator.asking.planner import Surroundings
from coordinator.asking.questions import Ask, Covered
from coordinator.casework import consents
from coordinator.casework.cases import ADULT, CasePerson, Method
from coordinator.casework.filed import FiledCase
from coordinator.casework.programmes import Role
from coordinator.documents import paper
from coordinator.documents.paper import Block, Paper
from coordinator.documents.report_paper import income_period
from coordinator.documents.wording import put, widened
from coordinator.words import say
from federation import words
from federation.clock import business_date
from federation.errors import BadInput

_ZH = "zh"
_SIZE = 12.0


class Form(StrEnum):
    """Which letter."""

    LETTER = "letter"
    COMMISSION = "commission"
    RENEWAL = "renewal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a letter is made of; ``added``: questions beyond the plan, ``P40`` or ``P09:w12m``.

    ``centre`` is the id of the centre's party, ``days`` how long a consent lasts at most.
    """

    filed: FiledCase
    covered: Covered
    around: Surroundings
    centre: str
    days: int
    today: date
    added: tuple[str, ...] = ()

    @property
    def signers(self) -> list[tuple[int, CasePerson]]:
        """List those who sign, with their places."""
        persons = self.filed.case.persons
        return [
            (place, persons[place]) for place in consents.signers(self.filed.case, self.covered)
        ]

    def values(self, lang: str) -> dict[str, object]:
        """Give what sentences name."""
        case = self.filed.case
        return {
            "number": self.filed.id,
            "area": case.area,
            "commission": case.commission,
            "centre": self.around.manifest.party(self.centre).name(lang),
            "programme": self.around.programmes.programme(case.programme).label(lang),
            "purpose": words.say("purpose", case.purpose.name, lang),
            "days": self.days,
            "members": case.members,
            "named": len(case.persons),
        }


def build(letter: Letter, form: Form) -> Paper:
    """Write a letter, in Chinese with a summary in English.

    Raises:
        BadInput: PLAN_EMPTY, or of an added question PREDICATE_UNKNOWN.
        Refused: of an added question, what the policy says.
    """
    if not letter.covered and not letter.added:
        raise BadInput("PLAN_EMPTY", case=letter.filed.id)
    blocks = {
        Form.LETTER: _authorisation,
        Form.COMMISSION: _commission,
        Form.RENEWAL: _renewal,
    }[form](letter)
    values = letter.values(_ZH)
    subtitle = put(form, "subtitle", _ZH, **values)
    made = Paper(
        lang=_ZH,
        title=put(form, "title", _ZH),
        subtitle=subtitle,
        mark=subtitle,
        foot=put(form, "foot", _ZH, **values),
        day=letter.today,
        blocks=tuple(blocks),
        size=_SIZE,
    )
    return made.reworded(widened)


def _authorisation(letter: Letter) -> Iterator[Block]:
    values = letter.values(_ZH)
    yield paper.text(put("letter", "opening", _ZH, **values))
    yield paper.text(put("letter", "answers", _ZH))
    yield paper.heading(put("letter", "questions", _ZH))
    yield _questions(letter)
    yield paper.heading(put("letter", "people", _ZH))
    yield _signatures(letter)
    yield paper.heading(put("letter", "agents", _ZH))
    yield _agents(letter)
    yield paper.heading(put("letter", "term", _ZH))
    yield paper.text(put("letter", "term_text", _ZH, **values))
    yield paper.heading(put("letter", "notes", _ZH))
    notes = ("minor", "hand", "true", "revoke", "refuse", "scan")
    yield paper.lines(put("letter", f"note_{key}", _ZH) for key in notes)
    yield paper.heading(put("letter", "summary", "en"))
    yield paper.small(put("letter", "english", "en", **letter.values("en")))
    yield paper.places([put("letter", key, _ZH) for key in ("household", "clerk", "seal")])


def _commission(letter: Letter) -> Iterator[Block]:
    case = letter.filed.case
    values = letter.values(_ZH)
    opened = business_date(letter.filed.opened)
    yield paper.address(put("commission", "opening", _ZH, **values))
    yield paper.text(put("commission", "text", _ZH, **values))
    yield paper.heading(put("commission", "people", _ZH, **values))
    keys = ("number", "name", "id", "relation", "role")
    rows = (_named(number, person) for number, person in enumerate(case.persons, start=1))
    yield paper.grid([put("column", key, _ZH) for key in keys], (0, 2, 4, 3, 3), rows)
    yield paper.heading(put("commission", "scope", _ZH))
    yield paper.facts(
        [
            (put("fact", "programme", _ZH), str(values["programme"])),
            (put("fact", "purpose", _ZH), str(values["purpose"])),
            (put("fact", "income", _ZH), income_period((), opened, _ZH)),
            (put("fact", "property", _ZH), put("fact", "property_value", _ZH)),
            (put("commission", "unit", _ZH), put("commission", "unit_value", _ZH, **values)),
            (put("commission", "valuation", _ZH), put("commission", "valuation_value", _ZH)),
        ]
    )
    yield paper.text(put("commission", "vouch", _ZH))
    english = letter.values("en") | {"period": income_period((), opened, "en")}
    yield paper.heading(put("letter", "summary", "en"))
    yield paper.small(put("commission", "english", "en", **english))
    yield paper.places([put("commission", key, _ZH) for key in ("clerk", "head", "leader")])


def _renewal(letter: Letter) -> Iterator[Block]:
    yield paper.address(put("renewal", "opening", _ZH, name=letter.filed.case.applicant.name))
    for key in ("text", "steps", "late"):
        yield paper.text(put("renewal", key, _ZH))
    yield paper.heading(put("letter", "summary", "en"))
    yield paper.small(put("renewal", "english", "en"))
    yield paper.places([put("letter", key, _ZH) for key in ("household", "clerk", "seal")])


def _questions(letter: Letter) -> Block:
    titles = [put("letter", key, _ZH) for key in ("asked", "whom")]
    rows: list[list[str]] = []
    for department in dict.fromkeys(ask.department for ask in letter.covered.asks):
        mine = [ask for ask in letter.covered.asks if ask.department == department]
        rows.append(paper.group(letter.around.manifest.party(department).zh))
        rows += _asked(mine, letter)
    for one in letter.covered.sums:
        parties = (*one.departments, one.tally)
        names = _joined(letter.around.manifest.party(party).zh for party in parties)
        rows.append(paper.group(put("letter", "joint", _ZH, names=names)))
        worded = _worded(one.predicate, one.parameter, letter.around)
        rows.append([worded, _whom(one.persons, letter)])
    if letter.added:
        rows.append(paper.group(put("letter", "added", _ZH)))
        everybody = _whom([place for place, _ in letter.signers], letter)
        rows += ([_added(one, letter), everybody] for one in letter.added)
    return paper.grid(titles, (5, 2), rows)


def _asked(asks: Sequence[Ask], letter: Letter) -> Iterator[list[str]]:
    pairs = dict.fromkeys((ask.predicate, ask.parameter) for ask in asks)
    for pair in pairs:
        places = [ask.person for ask in asks if (ask.predicate, ask.parameter) == pair]
        yield [_worded(*pair, letter.around), _whom(places, letter)]


def _added(word: str, letter: Letter) -> str:
    """Word a question beyond the plan, and to which departments it would go."""
    predicate_id, _, parameter = word.partition(":")
    predicate = letter.around.catalogue.predicate(predicate_id)
    letter.around.policy.check(predicate_id, parameter, letter.filed.case.purpose)
    nodes = (node.zh for kind in predicate.departments for node in letter.around.nodes_of(kind))
    return f"{_joined(nodes)}:{_worded(predicate_id, parameter, letter.around)}"


def _worded(predicate: str, parameter: str, around: Surroundings) -> str:
    values = around.policy.parameters.get(parameter)
    return words.question(around.catalogue.predicate(predicate), values, _ZH)


def _whom(places: Iterable[int], letter: Letter) -> str:
    """Name people; the household as such only where it is apart from its supporters."""
    persons = letter.filed.case.persons
    chosen = sorted(set(places))
    if len(chosen) == len(persons) > 1:
        return put("letter", "everybody", _ZH)
    household = [i for i, person in enumerate(persons) if person.role is not Role.SUPPORTER]
    if chosen == household and len(household) > 1:
        return put("letter", "family", _ZH)
    return _joined(persons[place].name for place in chosen)


def _joined(names: Iterable[str]) -> str:
    return say("report", "separator", _ZH).join(names)


def _signatures(letter: Letter) -> Block:
    titles = [
        put("column", "name", _ZH),
        put("letter", "id_kind", _ZH),
        put("column", "id", _ZH),
        put("column", "relation", _ZH),
        put("letter", "signature", _ZH),
        put("letter", "signed_on", _ZH),
    ]
    card = put("letter", "id_card", _ZH)
    rows = (
        [person.name, card, person.id, say("relation", person.relation.value, _ZH), "", ""]
        for _, person in letter.signers
    )
    return paper.form(titles, (2, 3, 5, 2, 3, 2), rows)


def _agents(letter: Letter) -> Block:
    titles = [
        put("letter", "agent", _ZH),
        put("column", "id", _ZH),
        put("letter", "for_whom", _ZH),
        put("letter", "basis", _ZH),
        put("letter", "signature", _ZH),
    ]
    rows = [
        ["", person.signature.signer, person.name, put("letter", _by(person), _ZH), ""]
        for _, person in letter.signers
        if person.signature.method is not Method.SELF or person.age(letter.today) < ADULT
    ]
    return paper.form(titles, (2, 5, 2, 3, 3), [*rows, [""] * len(titles)])


def _by(person: CasePerson) -> str:
    return "agent_role" if person.signature.method is Method.AGENT else "guardian"


def _named(number: int, person: CasePerson) -> list[str]:
    return [
        str(number),
        person.name,
        person.id,
        say("relation", person.relation.value, _ZH),
        words.say("role", person.role.value, _ZH),
    ]
