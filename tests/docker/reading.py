"""The image's recipe and the compose files, read for the tests.

Knows YAML and where the files are. Does not know what they should say.
"""

import re
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
DOCKER: Final = ROOT / "docker"
CITY: Final = DOCKER / "compose.yaml"
PARTY: Final = DOCKER / "party.yaml"


def compose(path: Path) -> dict[str, Any]:
    """Read a compose file, its anchors resolved and its variables not."""
    found = yaml.safe_load(path.read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def instructions() -> list[tuple[str, str]]:
    """List the Dockerfile's instructions with their words, continued lines joined."""
    text = (DOCKER / "Dockerfile").read_text("utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    lines = (line.strip().split(maxsplit=1) for line in text.splitlines() if line.strip())
    return [(word, rest) for word, rest in lines]


def last_stage() -> list[tuple[str, str]]:
    """List the instructions of the stage that becomes the image."""
    every = instructions()
    begin = max(at for at, (word, _) in enumerate(every) if word == "FROM")
    return every[begin:]


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Tell which volume or folder of the host lies where in a service's container."""
    found = {}
    for one in service.get("volumes", []):
        if isinstance(one, dict):
            found[one["target"]] = one["source"]
        else:
            source, target = one.split(":")[:2]
            found[target] = source
    return found
