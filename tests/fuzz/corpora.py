"""The committed inputs of each target: a file of lines of base64, sorted; and findings by name.

corpus/<target>.txt              inputs that reach what others do not
regressions/<target>/<name>      what was found once, and must never be found again
"""

import base64
from collections.abc import Collection
from pathlib import Path
from typing import Final

from tests.hostile.make import KIT, OTHERS

CORPUS: Final = Path(__file__).parent / "corpus"
REGRESSIONS: Final = Path(__file__).parent / "regressions"
LONGEST: Final = 8_192
"""No longer input is kept."""


def read(target: str) -> list[bytes]:
    """Read the corpus of a target."""
    lines = (CORPUS / f"{target}.txt").read_text("ascii").splitlines()
    return [base64.b64decode(line, validate=True) for line in lines]


def write(target: str, inputs: Collection[bytes]) -> None:
    """Write the corpus of a target."""
    kept = sorted({one for one in inputs if len(one) <= LONGEST}, key=lambda one: (len(one), one))
    lines = "".join(base64.b64encode(one).decode() + "\n" for one in kept)
    (CORPUS / f"{target}.txt").write_text(lines, "ascii")


def regressions(target: str) -> dict[str, bytes]:
    """Read what was found once, by its name."""
    found = sorted((REGRESSIONS / target).glob("*"))
    return {path.name: path.read_bytes() for path in found}


def hostile(folders: Collection[str]) -> list[bytes]:
    """Read the hostile files of some folders, as seeds."""
    files = [path for base in (KIT, OTHERS) for name in folders for path in (base / name).glob("*")]
    return [path.read_bytes() for path in sorted(files)]
