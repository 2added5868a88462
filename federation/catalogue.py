"""The questions that may be asked at all, and the kinds of departments that may answer them.

Knows the forms, registers and parameter kinds of ``data/predicates.toml`` and the kinds and old
names of ``data/department_kinds.toml``. Does not know policy values (thresholds, windows), any
department's tables, programmes or people.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

from federation.errors import BadInput
from federation.fields import Fields, read_toml
from federation.labelled import Labelled

INVALID: Final = "CATALOGUE_INVALID"
CATEGORIES: Final = 37
HIGHEST_CAP: Final = 9
LABEL_ZH: Final = 14
LABEL_EN: Final = 40

_ID: Final = re.compile(r"P[0-9]{2}|H[1-9]")
_NAME: Final = re.compile(r"[a-z]+(_[a-z]+)*\.[a-z][a-z0-9]*(_[a-z0-9]+)*")
_WORD: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class Form(StrEnum):
    """The shape of an answer; the last three span departments and are not asked of one node."""

    BOOLEAN = "boolean"
    BAND = "band"
    COUNT = "count"
    ENUM = "enum"
    WINDOW = "window"
    THRESHOLD = "threshold"
    SUM = "sum"
    COMPOSITE = "composite"
    DERIVED = "derived"


class Register(StrEnum):
    """Whether a register covers everybody, or only those to whom something happened."""

    POPULATION = "population"
    EVENT = "event"


class ParameterKind(StrEnum):
    """What a question needs besides the person; the last three come from the consent itself."""

    NONE = "none"
    WINDOW = "window"
    RUNG = "rung"
    BAND = "band"
    AREA = "area"
    VALUE = "value"
    MEMBERS = "members"
    NAME = "name"
    SIZE = "size"


class Unit(StrEnum):
    """What the integers behind a predicate count."""

    NONE = ""
    FEN = "fen"
    AREA = "m2_hundredths"
    COUNT = "count"
    MONTH = "month"
    ENERGY = "kwh"
    PERCENT = "percent"


JOINT: Final = frozenset({Form.SUM, Form.COMPOSITE, Form.DERIVED})
"""Forms that no single department answers."""

NAMED: Final = frozenset(
    {
        ParameterKind.WINDOW,
        ParameterKind.RUNG,
        ParameterKind.BAND,
        ParameterKind.AREA,
        ParameterKind.VALUE,
    }
)
"""Parameter kinds whose value is named by an id of the signed policy."""

_PARAMETERS: Final = {
    Form.BOOLEAN: frozenset(ParameterKind) - {ParameterKind.RUNG, ParameterKind.BAND},
    Form.BAND: frozenset({ParameterKind.BAND}),
    Form.COUNT: frozenset({ParameterKind.NONE}),
    Form.ENUM: frozenset({ParameterKind.NONE}),
    Form.WINDOW: frozenset({ParameterKind.WINDOW}),
    Form.THRESHOLD: frozenset({ParameterKind.RUNG}),
    Form.SUM: frozenset({ParameterKind.RUNG}),
    Form.COMPOSITE: frozenset({ParameterKind.NONE}),
    Form.DERIVED: frozenset({ParameterKind.BAND}),
}
_COMPARED_WITH_CLAIM: Final = frozenset(
    {ParameterKind.AREA, ParameterKind.MEMBERS, ParameterKind.NAME, ParameterKind.SIZE}
)
_MEASURED: Final = frozenset({Unit.FEN, Unit.AREA, Unit.COUNT, Unit.ENERGY, Unit.PERCENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """A short label for reports and the question as a person would be asked it."""

    label: str
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """One question that may be asked about one person (or, for joint forms, one household).

    A ``declared`` sum is compared with what the household declared and a line together.
    """

    id: str
    name: str
    departments: tuple[str, ...]
    category: int
    form: Form
    register: Register
    parameter: ParameterKind
    unit: Unit
    quantity: str
    components: tuple[str, ...]
    values: tuple[str, ...]
    cap: int
    zh: Wording
    en: Wording
    mandate: bool = False
    declared: bool = False

    def label(self, lang: str) -> str:
        """Give the label in ``zh`` or ``en``."""
        return self._wording(lang).label

    def question(self, lang: str) -> str:
        """Give the plain-words question in ``zh`` or ``en``."""
        return self._wording(lang).question

    def _wording(self, lang: str) -> Wording:
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentKind(Labelled):
    """A kind of department and the names it went or goes by."""

    id: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All predicates: P by number, then H by number."""

    predicates: tuple[Predicate, ...]
    _by_id: dict[str, Predicate] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {one.id: one for one in self.predicates})

    def __iter__(self) -> Iterator[Predicate]:
        return iter(self.predicates)

    def __len__(self) -> int:
        return len(self.predicates)

    def predicate(self, predicate_id: str) -> Predicate:
        """Find a predicate by its id.

        Raises:
            BadInput: PREDICATE_UNKNOWN.
        """
        try:
            return self._by_id[predicate_id]
        except KeyError as unknown:
            raise BadInput("PREDICATE_UNKNOWN", predicate=predicate_id) from unknown

    def for_kind(self, department_kind: str) -> tuple[Predicate, ...]:
        """List the predicates that a kind of department may answer or contribute to."""
        return tuple(one for one in self.predicates if department_kind in one.departments)


@cache
def load() -> Catalogue:
    """Load the shipped catalogue of predicates.

    Raises:
        BadInput: CATALOGUE_INVALID.
    """
    return parse_catalogue(_data("predicates.toml"), kinds())


@cache
def kinds() -> tuple[DepartmentKind, ...]:
    """Load the kinds of departments, in the order of the file.

    Raises:
        BadInput: CATALOGUE_INVALID.
    """
    return parse_kinds(_data("department_kinds.toml"))


def kind(word: str) -> DepartmentKind:
    """Find a kind of department by id, name or an old name such as 国土.

    Raises:
        BadInput: DEPARTMENT_KIND_UNKNOWN.
    """
    for one in kinds():
        if word in {one.id, one.zh, one.en, *one.aliases}:
            return one
    raise BadInput("DEPARTMENT_KIND_UNKNOWN", kind=word)


def id_order(predicate_id: str) -> tuple[bool, int]:
    """Give the key that sorts ids as P01 … P67, H1 … H7."""
    return predicate_id[0] == "H", int(predicate_id[1:])


def parse_kinds(text: str) -> tuple[DepartmentKind, ...]:
    """Read a list of department kinds.

    Raises:
        BadInput: CATALOGUE_INVALID: a key or type is wrong, or a name stands for two kinds.
    """
    document = read_toml(text, code=INVALID, where="department_kinds")
    found: list[DepartmentKind] = []
    seen: set[str] = set()
    for row in document.tables("kind"):
        one = _kind(row)
        for word in (one.id, one.zh, one.en, *one.aliases):
            if word in seen:
                raise row.fault(f"the name {word} is taken")
            seen.add(word)
        found.append(one)
    document.done()
    return tuple(found)


def _kind(row: Fields) -> DepartmentKind:
    one = DepartmentKind(
        id=row.text("id"), zh=row.text("zh"), en=row.text("en"), aliases=row.texts("aliases")
    )
    row.done()
    if not _WORD.fullmatch(one.id):
        raise row.fault("id is not a word in small letters")
    return one


def parse_catalogue(text: str, department_kinds: tuple[DepartmentKind, ...]) -> Catalogue:
    """Read a catalogue of predicates and hold every entry to the rules of its form.

    Raises:
        BadInput: CATALOGUE_INVALID with ``where`` (the entry) and ``why``.
    """
    document = read_toml(text, code=INVALID, where="predicates")
    known = frozenset(one.id for one in department_kinds)
    found: dict[str, Predicate] = {}
    names: set[str] = set()
    for row in document.tables("predicate"):
        one = _predicate(row)
        _check(one, row, known)
        if one.id in found or one.name in names:
            raise row.fault(f"{one.id} {one.name} is there twice")
        found[one.id] = one
        names.add(one.name)
    measured = {one.quantity for one in found.values() if one.form not in JOINT}
    for one in found.values():
        if not measured.issuperset(one.components):
            raise document.fault(f"{one.id}: a component that no department measures")
    document.done()
    return Catalogue(tuple(found[key] for key in sorted(found, key=id_order)))


def _predicate(row: Fields) -> Predicate:
    form = row.member("form", Form)
    one = Predicate(
        id=row.text("id"),
        name=row.text("name"),
        departments=row.texts("departments"),
        category=row.integer("category", 1, CATEGORIES),
        form=form,
        register=row.member("register", Register),
        parameter=row.member("parameter", ParameterKind),
        unit=row.member("unit", Unit),
        quantity=row.text("quantity", blank=True),
        components=row.texts("components") if form is Form.SUM else (),
        values=row.texts("values"),
        cap=row.integer("cap", 0, HIGHEST_CAP),
        zh=_wording(row.table("zh"), LABEL_ZH),
        en=_wording(row.table("en"), LABEL_EN),
        mandate=row.mark("mandate"),
        declared=row.mark("declared"),
    )
    row.done()
    return one


def _wording(row: Fields, longest: int) -> Wording:
    words = Wording(label=row.text("label", longest=longest), question=row.text("question"))
    row.done()
    return words


def _check(one: Predicate, row: Fields, known: frozenset[str]) -> None:
    if not _ID.fullmatch(one.id) or not _NAME.fullmatch(one.name):
        raise row.fault(f"id or name is malformed: {one.id} {one.name}")
    if (one.id[0] == "H") != (one.form in JOINT):
        raise row.fault(f"{one.id}: H ids and joint forms belong together")
    strangers = sorted(set(one.departments) - known)
    if strangers:
        raise row.fault(f"{one.id}: unknown department kinds {', '.join(strangers)}")
    if bool(one.departments) == (one.form is Form.DERIVED):
        raise row.fault(f"{one.id}: departments are empty for a derived form, and only there")
    if one.mandate and not _is_membership(one):
        raise row.fault(f"{one.id}: a mandate asks who stands in a register, and nothing else")
    if one.declared and one.form is not Form.SUM:
        raise row.fault(f"{one.id}: only a sum is compared with what was declared")
    if one.parameter not in _PARAMETERS[one.form]:
        raise row.fault(f"{one.id}: a {one.form} takes no parameter {one.parameter}")
    _check_register(one, row)
    _check_answer(one, row)


def _check_register(one: Predicate, row: Fields) -> None:
    population = one.register is Register.POPULATION
    if population and one.form not in {Form.BOOLEAN, Form.ENUM}:
        raise row.fault(f"{one.id}: only a boolean or an enum may stand on a population register")
    # On an event register absence answers NO, which here would contradict a true declaration.
    if one.parameter in _COMPARED_WITH_CLAIM and not population:
        raise row.fault(
            f"{one.id}: what is compared with a declaration needs a population register"
        )


def _check_answer(one: Predicate, row: Fields) -> None:
    if (one.form is Form.ENUM) != bool(one.values):
        raise row.fault(f"{one.id}: an enum has values, and nothing else has")
    if any(not _WORD.fullmatch(value) for value in one.values):
        raise row.fault(f"{one.id}: values are words in small letters")
    if (one.form is Form.COUNT) != (one.cap > 0):
        raise row.fault(f"{one.id}: a count has a cap, and nothing else has")
    if one.unit not in _units(one):
        raise row.fault(f"{one.id}: unit {one.unit!s} does not fit a {one.form}")
    measured = one.unit in _MEASURED or one.parameter is ParameterKind.SIZE
    if bool(one.quantity) != measured or not all(map(_WORD.fullmatch, _quantities(one))):
        raise row.fault(f"{one.id}: what is measured has a quantity, and nothing else has")
    if (one.form is Form.SUM) != bool(one.components):
        raise row.fault(f"{one.id}: a sum has components")


def _is_membership(one: Predicate) -> bool:
    """Tell whether a question is yes or no about an event register, with nothing from a consent."""
    plain = one.parameter in {ParameterKind.NONE, ParameterKind.VALUE}
    return plain and one.form is Form.BOOLEAN and one.register is Register.EVENT


def _quantities(one: Predicate) -> tuple[str, ...]:
    return (one.quantity, *one.components) if one.quantity else one.components


def _units(one: Predicate) -> frozenset[Unit]:
    if one.parameter is ParameterKind.WINDOW:
        return frozenset({Unit.MONTH})
    if one.parameter in {ParameterKind.RUNG, ParameterKind.BAND}:
        return _MEASURED
    return frozenset({Unit.COUNT if one.form is Form.COUNT else Unit.NONE})


def _data(name: str) -> str:
    return resources.files("federation").joinpath("data", name).read_text("utf-8")
