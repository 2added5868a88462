"""The columns of statistics: which figures are shown, under which names, and how they are written.

Pure. Knows words and forms of numbers; does not know files, pages or screens.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from coordinator.casework.programmes import Programmes
from coordinator.statistics.counting import By
from coordinator.statistics.figures import Difference, Figures, Statistics
from coordinator.statistics.layout import Layout
from coordinator.statistics.periods import Period
from federation.errors import BadInput

Number = int | float | None


class Form(Enum):
    """How a figure is written."""

    COUNT = "{:,}"
    SHARE = "{:.1%}"
    HOURS = "{:,.1f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A figure with its name in both languages."""

    name: str
    zh: str
    en: str
    form: Form
    value: Callable[[Figures], Number]

    def title(self, lang: str) -> str:
        """Give the name in ``zh`` or ``en``."""
        return self.zh if lang == "zh" else self.en

    def text(self, figures: Figures) -> str:
        """Write the figure; a share of nothing is a dash."""
        value = self.value(figures)
        return "–" if value is None else self.form.value.format(value)


def _count(name: str, zh: str, en: str) -> Column:
    def value(figures: Figures) -> Number:
        number: int = getattr(figures, name)
        return number

    return Column(name=name, zh=zh, en=en, form=Form.COUNT, value=value)


def _share(name: str, zh: str, en: str, value: Callable[[Figures], Number]) -> Column:
    return Column(name=name, zh=zh, en=en, form=Form.SHARE, value=value)


CHECKS: Final = (
    _count("households", "户次", "household-times"),
    _count("persons", "人次", "person-times"),
    _count("people", "人数", "people"),
    _count("hits", "有效信息户次", "hits, households"),
    _count("findings", "有效信息条次", "hits, items"),
    _share("hit_rate", "发现率", "hit rate", lambda one: one.hit_rate),
    Column(
        name="hours",
        zh="平均出报告小时",
        en="hours to report",
        form=Form.HOURS,
        value=lambda one: one.hours,
    ),
    _share("in_time", "按时限出报告", "reports in time", lambda one: one.in_time),
)
OUTCOMES: Final = (
    _count("flagged", "交办条次", "items to townships"),
    _count("answered", "反馈条次", "items answered"),
    _count("confirmed", "属实条次", "items confirmed"),
    _share("precision", "属实率", "confirmed precision", lambda one: one.precision),
    _share("feedback", "按期反馈", "feedback on time", lambda one: one.feedback),
    _count("objected", "异议", "objections"),
    _count("sustained", "异议成立", "objections upheld"),
    _count("granted", "新增", "granted"),
    _count("refused", "不予", "refused"),
    _count("left", "退出", "left"),
)
COLUMNS: Final = CHECKS + OUTCOMES
_BY: Final = {
    By.PROGRAMME: ("项目", "programme"),
    By.FAMILY: ("救助类别", "kind of aid"),
    By.AREA: ("地区", "area"),
    By.MONTH: ("月份", "month"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Names for what a breakdown's parts are, in one language."""

    programmes: Programmes
    layout: Layout
    lang: str

    def part(self, by: str, key: str) -> str:
        """Name a part; what has no name stands by its id."""
        if by == By.FAMILY and key in self.layout.families:
            return self.layout.families[key].label(self.lang)
        return self._programme(key) if by in {By.PROGRAMME, By.FAMILY} else key

    def by(self, by: str) -> str:
        """Name what a total is broken down by."""
        return self.pick(*_BY[By(by)])

    def pick(self, zh: str, en: str) -> str:
        """Choose the text of the language."""
        return zh if self.lang == "zh" else en

    @property
    def total(self) -> str:
        """Name the total."""
        return self.pick("合计", "total")

    def _programme(self, key: str) -> str:
        try:
            return self.programmes.programme(key).label(self.lang)
        except BadInput:  # a programme of earlier years
            return key


def title(one: Statistics, naming: Naming) -> str:
    """Head statistics with their period and area."""
    area = f" {one.area}" if one.area else ""
    period = period_name(one.period, naming)
    return naming.pick(f"核对工作统计 {period}{area}", f"Verification statistics {period}{area}")


def period_name(period: Period, naming: Naming) -> str:
    """Name a period as people say it."""
    year, half, rest = period.name[:4], period.name[5:], period.name[4:]
    if naming.lang != "zh" or rest.startswith("-"):
        return period.name
    return f"{year}年" + {"": "", "1": "上半年", "2": "下半年"}[half]


def difference(one: Difference, naming: Naming) -> str:
    """Say that a breakdown does not add up to its total, and by how much."""
    column = next((each for each in COLUMNS if each.name == one.figure), None)
    name = column.title(naming.lang) if column else one.figure
    over = abs(one.parts - one.total)
    why = (
        naming.pick(
            "(同一人享受多项,各项各计一次,合计只计一次)", "(some hold several entitlements)"
        )
        if one.figure == "people"
        else naming.pick("(请核查)", "(to be looked into)")
    )
    return naming.pick(
        f"{name}:合计 {one.total:,},分项相加 {one.parts:,},相差 {over:,}{why}",
        f"{name}: total {one.total:,}, parts add up to {one.parts:,}, {over:,} apart {why}",
    )
