"""Fuzz the strict parsers: coverage-guided with atheris, or with hypothesis where that is missing.

Usage: python -m tests.fuzz [--seconds N] [--keep] [TARGET ...]

Each target has N seconds (10). With --keep, inputs that reach something new join the corpus. It
ends with 1 where a target let another error through than a refusal: the input is shown; keep it as
tests/fuzz/regressions/TARGET/NAME, and mend the parser.
"""

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.fuzz import corpora, mutated
from tests.fuzz.targets import TARGETS, Target

_MISSING: Final = """\
atheris is not installed: nothing guides the fuzzing; hypothesis edits known inputs instead.
For coverage-guided fuzzing: .venv/bin/python -m pip install 'atheris>=3' (Linux, macOS)
"""

_TRIED: Final = re.compile(r"number_of_executed_units: +(\d+)")


def tell(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def known(name: str, target: Target) -> list[bytes]:
    """Give all inputs of a target that there are."""
    return [
        *corpora.read(name),
        *corpora.regressions(name).values(),
        *corpora.hostile(target.seeds),
    ]


def guided(name: str, target: Target, seconds: int, *, keep: bool) -> bool:
    """Fuzz a target with atheris; tell whether nothing was found."""
    with tempfile.TemporaryDirectory(prefix="hedui-fuzz-") as folder:
        place = Path(folder)
        inputs, found = place / "inputs", place / "found"
        inputs.mkdir()
        for n, data in enumerate(known(name, target)):
            (inputs / str(n)).write_bytes(data)
        command = [sys.executable, "-m", "tests.fuzz.guided", name, "guided"]
        options = [f"-max_total_time={seconds}", f"-max_len={corpora.LONGEST}", "-verbosity=0"]
        options += [f"-artifact_prefix={found}", "-print_final_stats=1", "-timeout=20"]
        done = subprocess.run(
            [*command, *options, str(inputs)], check=False, capture_output=True, text=True
        )
        tried = _TRIED.search(done.stderr)
        tell(f"{name}: {int(tried[1]) if tried else 0:,} inputs")
        if done.returncode:
            tell(done.stderr[done.stderr.find("Uncaught") :])
        for path in sorted(place.glob("found*")):
            tell(f"{name}: {path.name} {path.read_bytes()!r}")
        if keep and done.returncode == 0:
            _keep(name, inputs, place / "merged")
    return done.returncode == 0


def _keep(name: str, inputs: Path, merged: Path) -> None:
    """Keep the smallest inputs that reach all that any of them reaches."""
    merged.mkdir()
    again = merged.with_name("again")  # libFuzzer merges in processes that it starts itself
    again.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.fuzz.guided {name} "$0" "$@"\n')
    again.chmod(0o700)
    subprocess.run([again, "-merge=1", merged, inputs], check=True, capture_output=True)
    corpora.write(name, [path.read_bytes() for path in merged.iterdir()])


def unguided(name: str, target: Target, seconds: int) -> bool:
    """Fuzz a target with hypothesis, which shows what it finds."""
    tried = mutated.fuzz(target, known(name, target), seconds)
    tell(f"{name}: {tried:,} inputs")
    return True


def main(arguments: list[str]) -> int:
    """Fuzz the named targets, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--keep", action="store_true")
    told = parser.parse_args(arguments)
    wanted = told.targets or list(TARGETS)
    if not TARGETS.keys() >= {*wanted}:
        parser.error(f"targets: {', '.join(TARGETS)}")
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write(_MISSING)
        return 0 if all(unguided(one, TARGETS[one], told.seconds) for one in wanted) else 1
    clean = [guided(one, TARGETS[one], told.seconds, keep=told.keep) for one in wanted]
    return 0 if all(clean) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
