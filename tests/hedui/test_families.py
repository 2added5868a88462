"""The families' golden numbers on the plain figures, and the whole path over real sockets."""

import json
import subprocess
from datetime import date
from pathlib import Path

from federation import ids
from hedui.demo import families
from hedui.demo.families import Family, expected, read_families
from hedui.demo.processes import command

TODAY = date(2026, 11, 21)
STANDARD = 42_500


def test_golden_numbers() -> None:
    found = expected(read_families(TODAY), STANDARD)
    assert found.as_json() == {"families": 9275, "within_income": 949, "over_assets": 34}


def test_margin_numbers_of_the_domain_notes() -> None:
    def above(family: Family) -> bool:
        return family.income > 12 * STANDARD * family.size

    margin = [
        f for f in read_families(TODAY) if above(f) and 2 * f.income <= 3 * 12 * STANDARD * f.size
    ]
    over = [f for f in margin if f.assets > 24 * STANDARD * f.size]
    assert (len(margin), len(over)) == (1163, 36)


def test_heads_are_distinct_synthetic_adults() -> None:
    heads = [f.head for f in read_families(TODAY)]
    assert len(set(heads)) == len(heads)
    assert all(ids.is_demonstration(head) for head in heads)
    assert all(ids.canonical_id(head).id == head for head in heads)
    assert all(TODAY.year - ids.birth_date(head).year >= 18 for head in heads)


def test_policy_carries_the_standard() -> None:
    text = families.policy(STANDARD, TODAY).decode()
    assert text.count("per_head = 510000") == 2


def test_refuses_a_standard_that_is_none(tmp_path: Path) -> None:
    line = command("demo", "--families", "--standard", "a lot", "-C", str(tmp_path / "f"))
    done = subprocess.run(line, capture_output=True, check=False, text=True)
    assert done.returncode == 2
    assert "STANDARD_INVALID" in done.stderr


def test_whole_path(tmp_path: Path) -> None:
    line = command("demo", "--families", "--json", "-C", str(tmp_path / "f"))
    done = subprocess.run(line, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert last == {"families": 9275, "within_income": 949, "over_assets": 34}
