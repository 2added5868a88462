"""The demonstration's papers: each household's report as an office would print it.

Knows where they lie. Does not know what stands on them.
"""

from collections.abc import Mapping
from pathlib import Path

from coordinator.documents import office
from coordinator.opening import open_office
from federation.errors import Unavailable
from federation.terminal import Terminal, show


def write(centre: Path, labels: Mapping[str, str], folder: Path, at: Terminal) -> list[Path]:
    """Print the report of every case into a folder, and say where each lies.

    ``labels`` name cases as the oracle does.
    """
    folder.mkdir()
    written: list[Path] = []
    try:
        with open_office(centre) as centre_office:
            for case_id, label in labels.items():
                path = office.issue(centre_office, case_id, folder)
                written.append(path)
                at.say(f"  报告 {label}:{path}", f"  report of {label}: {path}")
    except Unavailable as missing:
        if missing.code != "PDF_UNAVAILABLE":
            raise
        show(missing, at)
    return written
