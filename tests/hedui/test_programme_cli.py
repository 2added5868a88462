"""``hedui programme sign`` in the founder's folder, and what the centre makes of it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from coordinator.regional import filing
from coordinator.regional.policy_writing import Title, policy_for
from crypto.keys import SealCost
from federation import catalogue, founding, policy, root
from federation.clock import SystemClock, business_date
from federation.founding import FederationPlan, PartyPlan
from federation.manifest import PartyRole
from hedui.cli import app
from hedui.demo.policy import policy_toml

TODAY = business_date(SystemClock().now())


def run(*words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["programme", *map(str, words)])
    assert result.exit_code == code, result.output
    return result


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A federation at work: no demonstration."""
    folder = tmp_path_factory.mktemp("programmes") / "city"
    parties = [
        PartyPlan(id=name, role=role, kind=kind, zh=name, en=name, endpoint=f"127.0.0.1:{port}")
        for port, (name, role, kind) in enumerate(
            (
                ("registrar", PartyRole.REGISTRAR, ""),
                ("coordinator", PartyRole.COORDINATOR, ""),
                ("housing", PartyRole.NODE, "housing"),
            ),
            start=1,
        )
    ]
    founding.found(
        folder,
        FederationPlan(
            federation="city",
            parties=parties,
            policy=policy_toml(83_000, TODAY),
            now=SystemClock().now(),
            cost=SealCost.MINIMAL,
        ),
    )
    return folder


@pytest.fixture
def home(founded: Path, tmp_path: Path) -> Path:
    return shutil.copytree(founded, tmp_path / "city")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two shipped files, as a city would take them over."""
    found = []
    for name in ("tekun.toml", "standards.toml"):
        text = next(one.text for one in filing.shipped() if one.name == name)
        found.append(tmp_path / name)
        found[-1].write_text(text, "utf-8")
    return found


def test_signed_files_are_what_a_centre_at_work_uses(home: Path, files: list[Path]) -> None:
    centre = home / "coordinator"
    assert "PROGRAMMES_UNSIGNED" in run("list", "--folder", centre, code=1).output
    out = centre / filing.FOLDER
    out.mkdir()
    signed = rows(run("sign", home, *files, "--out", out, "--json"))
    assert signed == [{"file": f"{one.stem}.json", "missing": 0} for one in files]
    (listed,) = rows(run("list", "--folder", centre, "--json"))
    assert (listed["id"], listed["signed"]) == ("TEKUN", True)
    assert "根密钥已签署" in run("explain", "TEKUN", "--folder", centre, "--lang", "zh").output
    trusted = root.read((centre / "root.json").read_bytes())
    found = filing.installed(centre, trusted, demonstration=False)
    assert found.in_force("TEKUN", "790301", TODAY, 1).label("zh") == "特困人员救助供养"


def test_signatures_come_in_sittings(home: Path, files: list[Path]) -> None:
    keys = sorted((home / "offline").rglob("root-*.key")) or sorted(home.rglob("root-*.key"))
    assert len(keys) >= 2
    once = rows(run("sign", home, files[0], "--key", keys[0], "--json"))
    assert once[0]["missing"] == 1
    target = files[0].with_suffix(".json")
    twice = rows(run("sign", home, target, "--key", keys[1], "--json"))
    assert twice == [{"file": "tekun.json", "missing": 0}]


def test_what_is_wrong_is_not_signed(home: Path, files: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(files[0].read_text("utf-8").replace('"P10"', '"P99"'), "utf-8")
    assert "PROGRAMMES_INVALID" in run("sign", home, bad, code=2).output
    assert not bad.with_suffix(".json").exists()
    assert (
        "ROOT_SIGNATURE" in run("sign", home, home / "coordinator" / "policy.json", code=1).output
    )


def test_the_written_policy_says_what_the_demonstration_s_says() -> None:
    """Where both name a line, both come to the same amount under the same standard."""
    known = catalogue.load()
    demo = policy.parse(policy_toml(83_000, TODAY), known)
    title = Title(family="x", version=1, zh="例", en="example")
    day = TODAY.replace(year=2026, month=1, day=2)
    text = policy_for(filing.stock(), "790301", day, title, known)
    found = policy.parse(text.encode(), known)
    both = demo.parameters.keys() & found.parameters.keys() - {"benefit-gap"}
    assert len(both) > 15
    for name in both:
        assert demo.parameters[name].meaning == found.parameters[name].meaning, name
