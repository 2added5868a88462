"""How far a long log is verified: one line that is written over, for a person who looks on.

Knows the terminal. Says nothing to programs, nor into files and pipes.
"""

import sys
import time
from typing import Final

import typer

from auditor.logs import Tell
from federation.terminal import Terminal

_EVERY: Final = 0.2
"""Seconds between two lines."""


def telling(at: Terminal, name: str) -> Tell:
    """Give what a verification tells how far it is; ``name`` is what it verifies."""
    if at.json or not sys.stderr.isatty():
        return _silent
    last = time.monotonic()

    def tell(done: int, size: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _EVERY or done == size:
            last = now
            end = "\n" if done == size else "\r"
            typer.echo(f"  {name}  {done:>12,} / {size:,}{end}", err=True, nl=False)

    return tell


def _silent(_done: int, _size: int) -> None:
    pass
