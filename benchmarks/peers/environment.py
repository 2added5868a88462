"""The peers' own virtual environment: made when first needed, from files with hashes.

Knows pip and which Python the peers are built for. Does not know what a peer computes. What cannot
be installed here is left out, with the reason.
"""

import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOME: Final = Path(__file__).parents[2] / ".peers"
LOCKS: Final = Path(__file__).parent
_PYTHONS: Final = ((3, 11), (3, 10))
"""Those that spu is built for."""
_MINUTES: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The peers' Python, and why each lock that is missing is."""

    python: Path
    missing: dict[str, str]


def install(names: Sequence[str], home: Path = HOME) -> Installed:
    """Install the locks that are not installed yet; a lock that fails is told, not raised."""
    missing: dict[str, str] = {}
    base = _base()
    if base is None:
        return Installed(python=home, missing=dict.fromkeys(names, "no Python 3.10 or 3.11"))
    python = home / "bin" / "python"
    if not python.exists():
        _make(base, home)
    for name in names:
        lock = LOCKS / f"{name}.lock"
        stamp = home / f"{name}.{hashlib.sha256(lock.read_bytes()).hexdigest()[:16]}"
        why = "" if stamp.exists() else _install(python, lock)
        if why:
            missing[name] = why
        else:
            stamp.touch()
    return Installed(python=python, missing=missing)


def _base() -> str | None:
    if sys.version_info[:2] in _PYTHONS:
        return sys.executable
    found = (shutil.which(f"python{major}.{minor}") for major, minor in _PYTHONS)
    return next(filter(None, found), None)


def _make(base: str, home: Path) -> None:
    if base == sys.executable:
        venv.create(home, with_pip=True, symlinks=True)
    else:
        subprocess.run([base, "-m", "venv", str(home)], check=True)  # noqa: S603 - our own words


def _install(python: Path, lock: Path) -> str:
    """Install one lock; gives why it could not be, empty if it could."""
    words = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            [*words, "--requirement", str(lock)],
            capture_output=True,
            text=True,
            timeout=_MINUTES * 60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "the installation took too long"
    lines = [line for line in done.stderr.splitlines() if line.strip()] or ["pip failed"]
    return lines[-1] if done.returncode else ""
