"""One target under atheris, in a process of its own: libFuzzer ends the process it runs in.

Usage: python -m tests.fuzz.guided TARGET PROGRAM [libFuzzer's options and folders]

PROGRAM is what libFuzzer starts anew where it needs more processes.
"""

import importlib
import sys
from typing import Any, Final

INSTRUMENTED: Final = ["crypto", "federation", "json"]


def main(arguments: list[str]) -> None:
    """Fuzz until libFuzzer ends the process."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=INSTRUMENTED):
        targets: Any = importlib.import_module("tests.fuzz.targets")
    target = targets.TARGETS[arguments[1]]

    def one_input(data: bytes) -> None:
        targets.attempt(target, data)

    atheris.Setup(arguments[2:], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
