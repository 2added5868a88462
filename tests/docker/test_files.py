"""What the recipe of the image and the compose files promise, held to the text itself."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest

from hedui.demo import city, stage
from tests.docker.reading import (
    CITY,
    DOCKER,
    PARTY,
    ROOT,
    compose,
    instructions,
    last_stage,
    mounts,
)
from tools import lock

TOOLS: Final = Path(sys.executable).parent
BOTH: Final = pytest.mark.parametrize("path", [CITY, PARTY], ids=lambda path: path.stem)
SERVICES: Final = compose(CITY)["services"]
JOBS: Final = {"folders", "founder", "centre"}
OFFICES: Final = [office.id for office in city._OFFICES]
VARIABLES: Final = {
    "HEDUI_PARTY": "/srv/hedui/tax",
    "HEDUI_PASSPHRASE": "/srv/hedui/tax.passphrase",
}
_SECRET_WORDS: Final = ("passphrase", "password", "secret", "token", "key")


def tool(*words: str, path: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ.get(name, "") for name in ("PATH", "HOME", "LANG")}
    searched = {"PATH": f"{path}{os.pathsep}{inherited['PATH']}"}
    return subprocess.run(
        [str(TOOLS / words[0]), *words[1:]],
        env=inherited | searched | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a folder with a podman that only tells its version: ``config`` asks for no more."""
    folder = tmp_path_factory.mktemp("podman")
    (folder / "podman").write_text("#!/bin/sh\necho podman version 5.0.0\n", "utf-8")
    (folder / "podman").chmod(0o755)
    return str(folder)


def test_the_linter_has_nothing_to_say() -> None:
    done = tool("hadolint", str(DOCKER / "Dockerfile"))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_linter_would_say_something(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python\nRUN cd /x\n", "utf-8")
    assert {"DL3006", "DL3003"} <= set(tool("hadolint", str(bad)).stdout.split())


@BOTH
def test_a_compose_file_can_be_composed(path: Path, podman: str) -> None:
    done = tool("podman-compose", "--file", str(path), "config", path=podman, **VARIABLES)
    assert done.returncode == 0, done.stderr
    assert "services:" in done.stdout


@pytest.mark.parametrize("name", ["HEDUI_PARTY", "HEDUI_PASSPHRASE"])
def test_a_party_without_its_folder_or_passphrase_is_not_composed(name: str, podman: str) -> None:
    others = {one: value for one, value in VARIABLES.items() if one != name}
    done = tool("podman-compose", "--file", str(PARTY), "config", path=podman, **others)
    assert done.returncode != 0
    assert f"{name} is missing a value" in done.stderr


def test_the_base_is_one_tag_of_the_official_image_and_no_host() -> None:
    (base,) = (rest for word, rest in instructions() if word == "ARG" and "PYTHON=" in rest)
    assert base == "PYTHON=python:3.11-slim-bookworm"
    stages = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert stages == ["${PYTHON}", "${PYTHON}"]


def test_every_download_is_held_to_the_lock_and_nothing_is_compiled() -> None:
    runs = [rest for word, rest in instructions() if word == "RUN"]
    (download,) = (one for one in runs if "pip download" in one)
    for option in ("--require-hashes", "--only-binary :all:", "--requirement requirements.lock"):
        assert option in download
    steps = [one for run in runs for one in run.split("&&") if "bin/pip" in one]
    taking = [one for one in steps if " install " in one or " wheel " in one]
    assert len(taking) == 2
    assert all("--no-index" in one for one in taking)


def test_what_a_centre_prints_and_keeps_with_is_installed_from_the_lock() -> None:
    runs = " ".join(rest for word, rest in instructions() if word == "RUN")
    assert runs.count("'hedui[pdf,postgres]'") == 1
    assert {f"--extra {one}" in lock.COMMAND for one in ("pdf", "postgres")} == {True}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    locked = (ROOT / "requirements.lock").read_text("utf-8")
    for extra in ("pdf", "postgres"):
        for one in project["optional-dependencies"][extra]:
            (name,) = re.findall(r"^[a-z0-9-]+", one)
            assert f"\n{name}==" in locked


def test_the_image_is_made_of_every_package_and_the_ignore_file_lets_just_these_pass() -> None:
    copied = {
        source
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert copied == packages | {"requirements.lock", "pyproject.toml", "README.md", "LICENSE"}
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert lines[1] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == copied


def test_the_image_is_nobodys_and_can_install_nothing() -> None:
    last = last_stage()
    assert [rest for word, rest in last if word == "USER"] == ["10001:10001"]
    runs = " ".join(rest for word, rest in last if word == "RUN")
    assert not any(one in runs for one in ("apt", "pip ", "curl", "gcc"))
    assert runs.startswith("rm -rf /usr/local/bin/pip*")
    assert "--mode 0700 --owner 10001 --group 10001 /party" in runs


def test_the_image_says_how_it_is_stopped_and_asked_after() -> None:
    last = dict(last_stage())
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert last["EXPOSE"] == str(stage.PORT)
    assert json.loads(last["ENTRYPOINT"]) == ["hedui"]
    options, _, command = last["HEALTHCHECK"].partition("CMD")
    assert {one.partition("=")[0] for one in options.split()} == {
        "--interval",
        "--timeout",
        "--start-period",
        "--retries",
    }
    program, *words = json.loads(command)
    done = subprocess.run([sys.executable, *words, "--help"], capture_output=True, check=False)
    assert (program, done.returncode) == ("python", 0)
    assert b"--folder" in done.stdout


def every_service() -> list[Any]:
    """Name every service of both files."""
    return [
        pytest.param(name, service, id=name)
        for path in (CITY, PARTY)
        for name, service in compose(path)["services"].items()
    ]


@pytest.mark.parametrize(("name", "service"), every_service())
def test_every_container_is_confined(name: str, service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    where, _, how = service["tmpfs"][0].partition(":")
    assert (where, how.partition("size=")[0]) == ("/tmp", "exec,nosuid,nodev,")  # noqa: S108 - in the container
    assert ("user" in service, service.get("cap_add")) == (
        (True, ["CHOWN"]) if name == "folders" else (False, None)
    )
    unwanted = {"privileged", "devices", "pid", "ipc", "userns_mode", "environment", "env_file"}
    assert service.keys() & unwanted == set()


@pytest.mark.parametrize(("name", "service"), every_service())
def test_what_serves_is_limited_and_has_time_to_stop(name: str, service: dict[str, Any]) -> None:
    if name == "desk":
        return
    assert service.get("stop_grace_period") == "15s"
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert (service.get("restart") == "unless-stopped") is (name not in JOBS)
    assert ("healthcheck" in service) is (name in JOBS)


@BOTH
def test_no_secret_stands_in_a_command(path: Path) -> None:
    for service in compose(path)["services"].values():
        words = json.dumps([service.get("command"), service.get("entrypoint")]).lower()
        assert [one for one in _SECRET_WORDS if one in words] == []


def hosts(parties: Iterable[str]) -> dict[str, str]:
    """Name parties by the hosts that bear their names."""
    return {stage.own_host(party).partition(":")[0]: party for party in parties}


def test_every_witness_of_the_city_has_its_own_service_and_volume() -> None:
    for host, party in hosts(stage.WITNESSES).items():
        assert mounts(SERVICES[host]) == {"/party": party}
        assert SERVICES[host]["command"] == ["audit", "witness", "serve", "--json"]
        assert SERVICES[host]["depends_on"].keys() == {"founder"}


def test_every_department_of_the_city_has_its_own_service_and_volume() -> None:
    offices = hosts(OFFICES)
    others = {"registrar", "tally"} | hosts(stage.WITNESSES).keys()
    assert SERVICES.keys() == JOBS | offices.keys() | others
    for host, party in offices.items():
        assert mounts(SERVICES[host]) == {"/party": party}
        assert SERVICES[host]["depends_on"] == {"registrar": {"condition": "service_healthy"}}
    assert mounts(SERVICES["registrar"]) == {"/party": stage.REGISTRAR}
    assert mounts(SERVICES["centre"]) == {"/party": stage.COORDINATOR, "/cases": "cases"}
    healthy = {host: {"condition": "service_healthy"} for host in (*offices, "tally")}
    assert SERVICES["centre"]["depends_on"] == healthy


def test_the_tally_has_its_own_service_and_volume() -> None:
    assert mounts(SERVICES["tally"]) == {"/party": stage.TALLY}
    assert SERVICES["tally"]["command"] == ["tally", "serve", "--json"]
    assert SERVICES["tally"]["depends_on"] == {"registrar": {"condition": "service_healthy"}}


def test_the_founder_hands_over_to_everybody_and_talks_to_nobody() -> None:
    parties = {stage.REGISTRAR, stage.COORDINATOR, stage.TALLY, *stage.WITNESSES, *OFFICES}
    every = {f"/city/{name}": name for name in (*parties, "root", "cases")}
    for job in ("folders", "founder"):
        assert mounts(SERVICES[job]) == every
        assert SERVICES[job]["network_mode"] == "none"
    assert compose(CITY)["volumes"].keys() == set(every.values())


def test_the_city_is_reached_by_nobody_and_reaches_nobody() -> None:
    assert compose(CITY)["networks"] == {"city": {"internal": True}}
    for name, service in SERVICES.items():
        assert "ports" not in service
        assert service.get("networks") == (None if "network_mode" in service else ["city"]), name


def test_what_answers_cannot_change_keys_or_documents() -> None:
    serve = compose(PARTY)["services"]["serve"]
    whole, data = serve["volumes"]
    assert (whole["target"], whole["read_only"]) == ("/party", True)
    assert data["target"] == "/party/data"
    assert serve["secrets"] == ["passphrase"]
