"""Write the tables of docs/protocol/interoperability.md anew.

Usage: python -m tests.interop.page FOLDER_OF_VECTORS
"""

import sys
from pathlib import Path
from typing import Final

from tests.interop import edge_signatures, envelopes, status_lists, token_faults
from tests.interop.verdicts import show, table, verdicts

ADVICE: Final = "write it anew: python -m tests.interop.page FOLDER_OF_VECTORS"


def main(vectors: Path) -> None:
    """Ask every reader about every fault, and write down what they say."""
    for name, about in (
        ("tokens", token_faults),
        ("status lists", status_lists),
        ("envelopes", envelopes),
    ):
        readers = about.readers()
        show(name, table(readers, verdicts(readers, about.faults())))
    edges = edge_signatures.edges(vectors)
    show("signatures", edge_signatures.table(edge_signatures.accepted(edges), len(edges)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
