"""The families' golden numbers on the plain figures, and the whole path over real sockets."""

import json
import subprocess
from datetime import date
from pathlib import Path

from federation import ids
from hedui.demo import families_registers as registers
from hedui.demo.families import Family, draw, expected, read_families
from hedui.demo.policy import policy_toml
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
    for template in ("policy_families.toml", "policy_families_sums.toml"):
        text = policy_toml(STANDARD, TODAY, template).decode()
        assert text.count("per_head = 510000") == 2


def test_a_sample_is_the_same_for_a_seed_and_keeps_the_order() -> None:
    families = read_families(TODAY)
    drawn = draw(families, 300, 1)
    assert len(drawn) == 300
    assert drawn == draw(families, 300, 1) != draw(families, 300, 2)
    assert [one.number for one in drawn] == sorted(one.number for one in drawn)
    assert draw(families, 0, 1) == draw(families, len(families) + 1, 1) == families


def test_what_is_spread_over_eight_registers_adds_up() -> None:
    families = read_families(TODAY)
    held = {one.id: one for one in registers.spread(families, 1)}
    incomes = ("tax", "human_resources", "finance")
    for one in families:
        earned = [held[name].amounts.get(one.number) for name in incomes]
        assert sum(part or 0 for part in earned) == one.income
        assert [part is None for part in earned] in ([False, True, False], [True, False, False])
        assert earned[2] == 0
        parts = [held[bank].amounts.get(one.number, 0) for bank in registers.BANKS]
        assert sum(parts) == one.assets
        assert min(parts) >= 0
    assert len(held["tax"].amounts) == len(held["human_resources"].amounts) + 1
    spread = [sum(one.number in held[bank].amounts for bank in registers.BANKS) for one in families]
    assert max(spread) == len(registers.BANKS)


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


def test_what_lies_in_eight_registers_is_counted_alike(tmp_path: Path) -> None:
    """Three hundred of them, half of the incomes here and half there, assets over five banks."""
    words = ("--sums", "--sample", "300", "--seed", "4", "--json", "-C", str(tmp_path / "f"))
    done = subprocess.run(
        command("demo", "--families", *words), capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    plain = expected(draw(read_families(TODAY), 300, 4), STANDARD)
    assert last == plain.as_json()
    assert 0 < last["over_assets"] < last["within_income"] < 300
