"""Published tables are reproduced from a generated register, line by line."""

import csv
import io
from dataclasses import replace

import pytest

from coordinator.database import Database
from coordinator.statistics import files, layout, periods
from coordinator.statistics.counting import By, Counting
from coordinator.statistics.periods import month_name
from coordinator.statistics.register import Register
from tests.coordinator.statistics.registers import Wanted, lines, naming

YUBEI = {
    "DIBAO_URBAN": Wanted(households=1500, persons=3700),
    "DIBAO_RURAL": Wanted(households=768, persons=2032),
    "TEMP_AID": Wanted(households=625, persons=2318),
    "MEDICAL_AID": Wanted(households=146, persons=473),
    "TEKUN": Wanted(households=156, persons=177),
    "PUBLIC_RENTAL": Wanted(households=43, persons=122),
}
"""First half of 2018: 3238 households, 8822 people."""

GUCHENG = {
    "DIBAO_URBAN": Wanted(households=1744, persons=3076, hits=77, findings=105),
    "DIBAO_RURAL": Wanted(households=10590, persons=18566, hits=399, findings=512),
    "TEKUN": Wanted(households=9667, persons=9667, hits=26, findings=26),
    "TEMP_AID": Wanted(households=28, persons=115, hits=12, findings=18),
    "LOW_INCOME": Wanted(households=39, persons=181, hits=15, findings=22),
}
"""January to August 2018; of extreme poverty people alone were published."""


@pytest.mark.parametrize("seed", [1, 2])
def test_the_half_year_table_of_yubei(database: Database, seed: int) -> None:
    half = periods.parse("2018H1")
    Register(database).keep(lines(YUBEI, half.months, seed=seed))
    # what lies before and after the half year does not count
    others = lines(YUBEI, (201712, 201807), seed=seed + 10)
    Register(database).keep(
        (replace(line, case_id=f"{line.case_id}-other"), people) for line, people in others
    )
    found = Counting(database, layout.load()).statistics(half, by=By.FAMILY)
    table = [
        (naming().part("family", part.key), part.figures.households, part.figures.persons)
        for part in found.parts
    ]
    assert table == [
        ("低保", 2268, 5732),
        ("临时救助", 625, 2318),
        ("医疗救助", 146, 473),
        ("特困", 156, 177),
        ("住房救助", 43, 122),
    ]
    assert (found.total.households, found.total.persons) == (3238, 8822)
    assert found.differences == ()
    assert sum(part.figures.persons for part in found.months) == 8822
    assert [part.key for part in found.months] == [month_name(one) for one in half.months]
    assert found.before.households > 0


def test_the_columns_of_gucheng(database: Database) -> None:
    period = periods.parse("2018-01..2018-08")
    Register(database).keep(lines(GUCHENG, period.months))
    found = Counting(database, layout.load()).statistics(period)
    table = {
        part.key: (
            *(part.figures.households, part.figures.persons),
            *(part.figures.hits, part.figures.findings),
        )
        for part in found.parts
    }
    assert table == {
        "DIBAO_URBAN": (1744, 3076, 77, 105),
        "DIBAO_RURAL": (10590, 18566, 399, 512),
        "TEKUN": (9667, 9667, 26, 26),
        "TEMP_AID": (28, 115, 12, 18),
        "LOW_INCOME": (39, 181, 15, 22),
    }
    assert (found.total.hits, found.total.findings) == (529, 683)
    written = files.to_csv(found, naming()).decode("utf-8-sig")
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(written))}
    assert rows["项目"][:5] == ["户次", "人次", "人数", "有效信息户次", "有效信息条次"]
    assert rows["城市低保"][:5] == ["1744", "3076", "3076", "77", "105"]
    assert rows["合计"][:5] == ["22068", "31605", "31605", "529", "683"]
