"""Small valid files of programmes, property rules, standards and lines, to be varied by tests."""

from datetime import date
from typing import Final

from coordinator.regional import filing, shelf
from coordinator.regional.shelf import Shelf
from federation import catalogue

DAY: Final = date(2026, 11, 22)
SHEET: Final = """\
kind = "programme"
id = "AID"
zh = "救助"
en = "Aid"
area = ""
valid_from = 2020-01-01
source = "GM-02"
subjects = ["APPLICANT", "MEMBER"]
supporters = "on_demand"
basis = "consent"
cadence_months = 12
report_months = 6
decides = "REVIEWER"
[[deadline]]
id = "decision"
workdays = 30
zh = "决定"
en = "decision"
source = "JX-17"
[[exemption]]
predicate = "P40"
outcomes = ["YES"]
roles = ["APPLICANT"]
zh = "代步车不计"
en = "a mobility vehicle does not count"
source = "GM-02"
[[sum]]
predicate = "H2"
parameter = "assets-r"
subject = "household"
finding = ["NO"]
zh = "超线"
en = "above"
source = "GM-02"
[[question]]
predicate = "P40"
parameter = ""
roles = ["APPLICANT", "SUPPORTER"]
min_age = 0
max_age = 200
finding = ["YES"]
zh = "有车"
en = "a vehicle"
source = "GM-02"
"""
SET: Final = """\
kind = "property"
id = "place-2026"
zh = "某地"
en = "a place"
area = "7901"
also_in = ["7902"]
valid_from = 2026-01-01
source = "GM-02"
[[line]]
id = "assets-small"
kind = "rung"
per_head = 100
comparator = "le"
per = "head"
zh = "一元"
en = "a yuan"
source = "GM-02"
[[exemption]]
programmes = ["AID"]
predicate = "P40"
outcomes = ["YES"]
roles = ["MEMBER"]
zh = "谋生车不计"
en = "a vehicle that earns a living does not count"
source = "GM-02"
[[sum]]
programmes = ["AID"]
max_members = 2
predicate = "H2"
parameter = "assets-small"
subject = "household"
finding = ["NO"]
zh = "超小户线"
en = "above the small line"
source = "GM-02"
[[question]]
programmes = ["AID"]
also = ["P43=NO"]
predicate = "P40"
parameter = ""
roles = ["APPLICANT", "MEMBER"]
min_age = 18
max_age = 200
finding = ["YES"]
zh = "有非营运车"
en = "a private vehicle"
source = "GM-02"
"""
LINES: Final = """\
kind = "lines"
[[line]]
id = "assets-s"
kind = "rung"
of = "dibao_urban"
times = ["12"]
comparator = "le"
per = "head"
zh = "十二倍"
en = "twelve times"
source = "GM-06"
[[line]]
id = "assets-r"
kind = "rung"
of = "dibao_rural"
times = ["12"]
comparator = "le"
per = "head"
instead = "assets-s"
zh = "农村十二倍"
en = "twelve times, rural"
source = "GM-06"
"""


def standard(
    area: str = "79", since: str = "2026-01-01", urban: int = 83001, rural: int = 64000
) -> str:
    """Write one ``[[standard]]``."""
    return f"""\
[[standard]]
area = "{area}"
since = {since}
dibao_urban = {urban}
dibao_rural = {rural}
minimum_wage = 200000
disposable_income = 4000000
living_space = 3800
minimum_space = 1000
zh = "标准"
en = "standard"
source = "GM-06"
"""


def standards(*tables: str) -> str:
    """Write a file of standards."""
    return 'kind = "standards"\n' + "".join(tables or (standard(),))


def read(*texts: str) -> Shelf:
    """Read texts, with the lines, into a shelf."""
    files = [(f"file-{number}", text) for number, text in enumerate((*texts, LINES))]
    return shelf.read(files, catalogue.load())


def changed(text: str, **values: str) -> str:
    """Replace the first line of each key."""
    for key, value in values.items():
        before, line, after = text.partition(f"\n{key} = ")
        assert line
        text = f"{before}\n{key} = {value}\n{after.partition(chr(10))[2]}"
    return text


def without(text: str, line: str) -> str:
    """Leave the first line out that begins so."""
    lines = text.splitlines()
    lines.remove(next(one for one in lines if one.startswith(line)))
    return "\n".join(lines)


def shipped() -> Shelf:
    """Give what comes with the program."""
    return filing.stock()
