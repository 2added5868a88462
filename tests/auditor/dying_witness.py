"""A witness that is killed when what it cosigns is on the disk and before the cosignature leaves.

Run as a process of its own: ``python -m tests.auditor.dying_witness FOLDER REQUEST``.
"""

import os
import signal
import sys
from pathlib import Path

import pytest

from auditor.witness_store import WitnessStore
from tests.auditor import witnessing
from tests.auditor.witnessing import LOG


def main(folder: str, request: str) -> None:
    """Open the witness as it lies there, and die on the way to the answer."""
    witness = witnessing.witness(Path(folder))
    advance = WitnessStore.advance

    def and_die(*words: object) -> None:
        assert advance(*words)  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGKILL)

    pytest.MonkeyPatch().setattr(WitnessStore, "advance", and_die)
    witness.add_checkpoint(LOG, Path(request).read_bytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
