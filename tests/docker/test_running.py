"""The image built for real and the demonstration city run from it, without a container engine."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.docker import rooted
from tests.docker.reading import CITY, compose
from tests.docker.rooted import Container, Engine, Image

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(rooted.lacking()), reason=rooted.lacking() or "all there"),
]

GRACE: Final = 15.0
"""As ``stop_grace_period`` of every service."""
SERVICES: Final = compose(CITY)["services"]
PRINTER: Final = "printer"
PRINT: Final = """
set -- $(hedui case list | grep -o '^HD-[^ ]*')
hedui case report "$1" --pdf /party/report.pdf
"""
SERVING: Final = [name for name, one in SERVICES.items() if one.get("restart")]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    folder = tmp_path_factory.mktemp("image")
    yield rooted.build(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def engine(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    services = {**SERVICES, PRINTER: SERVICES["centre"] | {"command": [PRINT]}}
    made = Engine(image=image, folder=tmp_path_factory.mktemp("city"), services=services)
    yield made
    made.close()


@pytest.fixture(scope="module")
def city(engine: Engine) -> dict[str, Container]:
    """Start the city in the order of its compose file: founded, registrar, departments."""
    engine.finish("folders")
    engine.finish("founder")
    serving = {"registrar": _healthy(engine.start("registrar"))}
    started = {name: engine.start(name) for name in SERVING if name != "registrar"}
    return serving | {name: _healthy(one) for name, one in started.items()}


def _healthy(container: Container) -> Container:
    end = time.monotonic() + 300
    while not container.healthy():
        assert container.process.poll() is None, container.log.read_text("utf-8")[-4000:]
        assert time.monotonic() < end, container.log.read_text("utf-8")[-4000:]
        time.sleep(0.5)
    return container


def test_the_image_has_hedui_and_nothing_that_installs_or_compiles(image: Image) -> None:
    found = {path.name for path in (image.root / "opt/hedui/bin").iterdir()}
    assert "hedui" in found
    packages = {one.name for one in image.root.glob("opt/hedui/lib/python3*/site-packages/*")}
    assert {"hedui", "crypto", "grpc"} <= packages
    assert {"typst", "pylopdf_fonts_zh_cn", "psycopg", "psycopg_binary"} <= packages
    assert packages & {"pip", "pytest", "mypy", "ruff", "hypothesis", "grpc_tools"} == set()
    for folder in ("usr/bin", "usr/local/bin", "opt/hedui/bin"):
        names = {one.name for one in (image.root / folder).iterdir()}
        assert names & {"gcc", "cc", "make", "pip", "pip3", "git"} == set()


def test_a_process_is_nobody_over_a_root_that_cannot_be_written(
    city: dict[str, Container],
) -> None:
    status = Path(f"/proc/{city['tax'].inner}/status").read_text("utf-8")
    rows = dict(row.split(":\t", 1) for row in status.splitlines() if ":\t" in row)
    assert rows["Uid"].split() == ["10001"] * 4
    assert rows["NoNewPrivs"] == "1"
    assert {rows[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
    assert city["tax"].execute("touch", "/party/data/written").returncode == 0
    refused = city["tax"].execute("touch", "/opt/hedui/written")
    assert "Read-only file system" in refused.stderr


def test_a_party_sees_its_own_folder_and_no_other(city: dict[str, Container]) -> None:
    seen = city["tax"].execute("find", "/party", "/city", "-name", "party.toml").stdout.split()
    assert seen == ["/party/party.toml"]
    assert city["tax"].execute("ls", "/party/root", "/cases").returncode != 0


@pytest.fixture(scope="module")
def asked(city: dict[str, Container], engine: Engine) -> str:
    """Let the centre ask everybody, and give what it printed."""
    assert city["tally"].healthy()
    return engine.finish("centre")


def test_the_centre_asks_every_department_of_the_city(asked: str) -> None:
    rows = [line.split() for line in asked.splitlines() if line.startswith("HD-")]
    answered = [row[-1].split("/") for row in rows if "/" in row[-1]]
    assert len(answered) >= 12
    assert [row for row in answered if row[0] != row[1]] == []


def test_the_centre_prints_a_report(asked: str, engine: Engine) -> None:
    told = engine.finish(PRINTER)
    assert "HD-" in asked
    assert "report.pdf" in told
    printed = Path(engine.volume("coordinator")) / "report.pdf"
    assert printed.read_bytes().startswith(b"%PDF")


def test_a_process_that_hangs_is_not_healthy(city: dict[str, Container]) -> None:
    hung = city["education"]
    assert hung.healthy()
    os.kill(hung.inner, signal.SIGSTOP)
    try:
        assert not hung.healthy()
        told = hung.execute("hedui", "health", "--json")
        assert json.loads(told.stderr)["error"] in {"PEER_SLOW", "PEER_UNREACHABLE"}
    finally:
        os.kill(hung.inner, signal.SIGCONT)
    told = _healthy(hung).execute("hedui", "health", "--json")
    assert json.loads(told.stdout) == {"party": "education", "serving": True}


def test_a_stop_while_it_prepares_is_heard(engine: Engine, city: dict[str, Container]) -> None:
    assert city["bank-c"].stop(GRACE) == 0
    said = city["bank-c"].log.stat().st_size
    again = engine.start("bank-c")
    while again.log.stat().st_size == said:
        assert again.process.poll() is None
        time.sleep(0.01)
    assert again.stop(GRACE) in {0, 130}


def test_everything_stops_within_its_grace(city: dict[str, Container]) -> None:
    left = {name: one for name, one in city.items() if one.process.poll() is None}
    assert len(left) == len(SERVING) - 1
    assert {name: one.stop(GRACE) for name, one in left.items()} == dict.fromkeys(left, 0)


def test_a_city_is_founded_once(engine: Engine, city: dict[str, Container]) -> None:
    manifest = Path(engine.volume("tax")) / "manifest.json"
    before = manifest.read_bytes()
    engine.finish("folders")
    engine.finish("founder")
    assert manifest.read_bytes() == before
