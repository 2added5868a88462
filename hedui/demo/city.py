"""A demonstration city on disk: what each department has, the open cases, the expected answers.

Knows the eighteen departments and the layout of the folder. Does not know how a node, a registrar
or a coordinator is set up from it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from random import Random

from hedui.demo.case_files import case_file
from hedui.demo.dirt import double, garble, mistype, spoil
from hedui.demo.district import HOUSEHOLDS, build_district
from hedui.demo.flaws import Condition, Flaws, see
from hedui.demo.oracle import expectations
from hedui.demo.policy import policy_toml
from hedui.demo.population import STANDARD_FEN, build_world
from hedui.demo.registers import income, money, status
from hedui.demo.registers import property as possessions
from hedui.demo.tables import Table, write_tables
from hedui.demo.world import Almanac, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """One party of the city that answers questions; its folder holds source, import, catalogue."""

    id: str
    kind: str
    zh: str
    en: str
    folder: Path
    flaws: Flaws


@dataclass(frozen=True, slots=True, kw_only=True)
class CityIndex:
    """Where everything of a written city is."""

    folder: Path
    departments: tuple[Department, ...]
    cases: tuple[Path, ...]
    oracle: Path
    policy: bytes


@dataclass(frozen=True, slots=True)
class _Office:
    id: str
    kind: str
    zh: str
    en: str
    tables: Callable[[World], list[Table]]
    as_of: Callable[[Almanac], date]


def _yesterday(days: Almanac) -> date:
    return days.today - timedelta(days=1)


def _day_before_yesterday(days: Almanac) -> date:
    return days.today - timedelta(days=2)


def _end_of_last_month(days: Almanac) -> date:
    return days.month(0) - timedelta(days=1)


def _start_of_month(days: Almanac) -> date:
    return days.month(0)


def _start_of_term(days: Almanac) -> date:
    """Lie two months back: fresh enough for who is enrolled, stale for what it costs."""
    return days.month(2)


def _own(tables: Callable[[World, str], list[Table]], party: str) -> Callable[[World], list[Table]]:
    """Write the tables of one of several departments of a kind."""
    return lambda world: tables(world, party)


def _bank(party: str, zh: str, en: str) -> _Office:
    return _Office(party, "bank", zh, en, _own(possessions.bank, party), _yesterday)


def _land(party: str, zh: str, en: str) -> _Office:
    tables = _own(possessions.natural_resources, party)
    return _Office(party, "natural_resources", zh, en, tables, _yesterday)


_OFFICES = (
    _Office(
        "public_security",
        "public_security",
        "公安",
        "Public security",
        status.public_security,
        _yesterday,
    ),
    _Office(
        "civil_affairs",
        "civil_affairs",
        "民政",
        "Civil affairs",
        status.civil_affairs,
        _day_before_yesterday,
    ),
    _Office("tax", "tax", "税务", "Tax", income.tax, _end_of_last_month),
    _Office(
        "human_resources",
        "human_resources",
        "人社",
        "Human resources",
        income.human_resources,
        _day_before_yesterday,
    ),
    _land("natural_resources", "自然资源", "Natural resources"),
    _Office("housing", "housing", "住建", "Housing", possessions.housing, _yesterday),
    _Office(
        "market_regulation",
        "market_regulation",
        "市场监管",
        "Market regulation",
        possessions.market_regulation,
        _yesterday,
    ),
    _Office(
        "medical_insurance",
        "medical_insurance",
        "医保",
        "Medical insurance",
        income.medical_insurance,
        _day_before_yesterday,
    ),
    _Office(
        "disabled_federation",
        "disabled_federation",
        "残联",
        "Disabled Persons' Federation",
        status.disabled_federation,
        _start_of_month,
    ),
    _Office("education", "education", "教育", "Education", status.education, _start_of_term),
    _bank("bank_a", "甲银行", "Bank A"),
    _bank("bank_b", "乙银行", "Bank B"),
    _bank("bank_c", "丙银行", "Bank C"),
    _Office("finance", "finance", "财政", "Finance", money.finance, _end_of_last_month),
    _land("land_b", "乙市不动产", "Real estate, city B"),
    _land("land_c", "丙市不动产", "Real estate, city C"),
    _Office("securities", "securities", "证券", "Securities", money.securities, _yesterday),
    _Office("insurer", "insurer", "保险", "Insurer", money.insurer, _day_before_yesterday),
)


_ANSWER = "[[answer]]\n"
_DATE_OF_VEHICLE = "ccdjrq"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is written: a world, whose rows may be dirty, and what is wrong at each department."""

    world: World
    dirty: frozenset[str]
    flaws: Mapping[str, Flaws]
    rng: Random


def write_city(
    folder: Path, *, seed: int, today: date, standard_fen: int = STANDARD_FEN
) -> CityIndex:
    """Write the tiny city below a folder; the same arguments write the same bytes.

    Raises:
        ValueError: the planted people do not fit that day.
    """
    world = build_world(seed=seed, today=today, standard_fen=standard_fen)
    flaws = tiny_flaws(today)
    rng = Random(seed)
    return _write_world(folder, _Plan(world=world, dirty=world.crowd, flaws=flaws, rng=rng))


def tiny_flaws(today: date) -> dict[str, Flaws]:
    """Give the flaws of the tiny city, which has none but that some data are older than others."""
    days = Almanac(today)
    return {one.id: Flaws(age_days=(today - one.as_of(days)).days) for one in _OFFICES}


def write_district(
    folder: Path, *, seed: int, today: date, households: int = HOUSEHOLDS
) -> CityIndex:
    """Write a district below a folder; the same arguments write the same bytes.

    Raises:
        ValueError: the planted people do not fit that day, or the planted cases the size.
    """
    departments = [office.id for office in _OFFICES]
    district = build_district(
        seed=seed, today=today, departments=departments, households=households
    )
    plan = _Plan(
        world=district.world,
        dirty=district.world.crowd | district.frail,
        flaws=district.flaws,
        rng=Random(seed),
    )
    return _write_world(folder, plan)


def _write_world(folder: Path, plan: _Plan) -> CityIndex:
    world = plan.world
    return CityIndex(
        folder=folder,
        departments=tuple(_write_department(folder, office, plan) for office in _OFFICES),
        cases=_write_cases(folder / "cases", world),
        oracle=_write_oracle(folder / "oracle.json", plan),
        policy=policy_toml(world.standard_fen, world.today),
    )


def _write_department(folder: Path, office: _Office, plan: _Plan) -> Department:
    home = folder / office.id
    flaws = plan.flaws[office.id]
    tables = [_spoilt(table, flaws, plan) for table in office.tables(flaws.filed(plan.world))]
    write_tables(home / "source", tables)
    as_of = plan.world.today - timedelta(days=flaws.age_days)
    _write(home / "import.toml", "\n".join(_import_entry(table, as_of) for table in tables))
    _write(home / "catalogue.toml", _catalogue(office, flaws))
    return Department(
        id=office.id,
        kind=office.kind,
        zh=office.zh,
        en=office.en,
        folder=home,
        flaws=flaws,
    )


def _spoilt(table: Table, flaws: Flaws, plan: _Plan) -> Table:
    """Spoil a table as its department would: only exports have dirty numbers."""
    table = mistype(garble(table, _DATE_OF_VEHICLE, flaws.garbled), flaws.mistyped)
    if flaws.doubled:
        table = double(table, plan.rng)
    return spoil(table, plan.rng, plan.dirty) if table.file.endswith(".csv") else table


def _catalogue(office: _Office, flaws: Flaws) -> str:
    template = resources.files("hedui.demo").joinpath(f"departments/{office.kind}.toml")
    head, *answers = template.read_text("utf-8").replace("@PARTY@", office.id).split(_ANSWER)
    kept = [one for one in answers if one.split('"')[1] not in flaws.left_out]
    text = _ANSWER.join([head, *kept])
    # Wrapped in an expression, the column's index is of no use: every question reads the table.
    return text.replace(" = :key", " || '' = :key") if flaws.condition is Condition.SLOW else text


def _import_entry(table: Table, as_of: date) -> str:
    encoding = table.encoding if table.file.endswith(".csv") else "auto"
    lines = [
        "[[table]]",
        f'file = "source/{table.file}"',
        f'table = "{table.name}"',
        f'id_column = "{table.id_column}"',
        f"required = {json.dumps(table.required, ensure_ascii=False)}",
        f'encoding = "{encoding}"',
        f"as_of = {as_of.isoformat()}",
    ]
    if table.file.endswith(".sqlite"):
        lines.append(f'source_table = "{table.name}"')
    return "\n".join(lines) + "\n"


def _write_cases(folder: Path, world: World) -> tuple[Path, ...]:
    paths = []
    for place, household in enumerate(world.households):
        path = folder / f"{household.case}.toml"
        _write(path, case_file(household, world.today, place))
        paths.append(path)
    return tuple(paths)


def _write_oracle(path: Path, plan: _Plan) -> Path:
    found = expectations(plan.world.households, see(plan.world, plan.flaws))
    rows = [asdict(expected) for expected in found]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    _write(path, f"[\n{lines}\n]\n")
    return path


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
