"""A demonstration that was given no folder, in English: what it prints, shows to others, leaves.

Everybody on a machine may read the command lines of processes, and whatever lies about.
"""

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from hedui.demo.population import build_world
from tests.scenarios.forbidden import day_of
from tests.scenarios.played import REPOSITORY, Played, command, environment

PROCESSES: Final = Path("/proc")
ATTACKS: Final = {
    "CONSENT_EXPIRED",
    "CONSENT_INVALID",
    "CONSENT_NOT_GRANTED",
    "CONSENT_REVOKED",
    "CONSENT_WRONG_HOLDER",
    "CONSENT_WRONG_PURPOSE",
    "PEER_UNREACHABLE",
    "REPLAYED",
    "SIGNATURE_MISSING",
    "USES_EXHAUSTED",
    "WRONG_PARTY",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """A demonstration, the places it could leave something in, and what others saw of it."""

    code: int
    out: str
    places: dict[str, Path]
    arguments: set[str]
    secrets: set[str]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    """Play a demonstration as somebody would who only types the command, and watch it."""
    folder = tmp_path_factory.mktemp("traced")
    places = {name: folder / name for name in ("TMPDIR", "HOME", "cwd")}
    for place in places.values():
        place.mkdir()
    around = {name: str(places[name]) for name in ("TMPDIR", "HOME")}
    arguments: set[str] = set()
    secrets: set[str] = set()
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            command("demo", "--lang", "en"),
            cwd=places["cwd"],
            env=environment(PYTHONPATH=str(REPOSITORY), **around),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        while process.poll() is None:
            arguments |= _command_lines()
            secrets |= _passphrases(places["TMPDIR"])
            time.sleep(0.1)
    return Traced(
        code=process.returncode,
        out=(folder / "out").read_text("utf-8"),
        places=places,
        arguments=arguments,
        secrets=secrets,
    )


def test_it_says_how_it_ended_in_its_last_line(traced: Traced) -> None:
    assert traced.code == 0, traced.out
    last = traced.out.splitlines()[-1]
    assert re.fullmatch(r"demo: \d{4} answers, 0 wrong, 12 refusals as expected", last)


def test_it_shows_a_report_what_left_and_every_attack(traced: Traced) -> None:
    assert "Verification report HD-" in traced.out
    assert re.search(r"What left .*questions .*answer bytes", traced.out, re.IGNORECASE)
    attacks = re.findall(r"→ (\w+) (\S)$", traced.out, re.MULTILINE)
    assert {code for code, _ in attacks} == ATTACKS
    assert {mark for _, mark in attacks} == {"✓"}


def test_it_speaks_the_language_it_was_asked_in(traced: Traced) -> None:
    masked = re.compile(r"[\u4e00-\u9fff]\*+")
    assert not re.findall(r".*[\u4e00-\u9fff].*", masked.sub("", traced.out))


def test_it_leaves_nothing_behind(traced: Traced) -> None:
    left = {name: [str(f) for f in place.rglob("*")] for name, place in traced.places.items()}
    assert left == {name: [] for name in traced.places}


@pytest.mark.skipif(not (PROCESSES / "self/cmdline").exists(), reason="no /proc on this system")
def test_no_command_line_holds_a_secret_or_a_person(traced: Traced, demo: Played) -> None:
    serving = [line for line in traced.arguments if " serve " in line and "hedui-demo-" in line]
    assert len(serving) == 23, "18 nodes, registrar, tally and three witnesses were seen"
    assert len(traced.secrets) >= 16, "their passphrases were read"
    people = build_world(seed=1, today=day_of(demo)).people
    telling = {text for one in people for text in (one.id, one.name)}
    own = [line for line in traced.arguments if str(traced.places["TMPDIR"]) in line]
    assert not [line for line in traced.arguments if any(text in line for text in traced.secrets)]
    assert not [line for line in own if any(text in line for text in telling)]


def _command_lines() -> set[str]:
    found = set()
    for process in PROCESSES.glob("[0-9]*/cmdline"):
        try:
            raw = process.read_bytes()
        except OSError:
            continue  # it has ended
        found.add(raw.replace(b"\0", b" ").decode("utf-8", "replace"))
    return found


def _passphrases(folder: Path) -> set[str]:
    found = set()
    for file in folder.glob("*/federation/*/passphrase"):
        try:
            found.add(file.read_text().strip())
        except OSError:
            continue  # cleared away meanwhile
    return found - {""}
