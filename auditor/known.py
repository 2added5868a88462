"""What an auditor brings along to replay sums: seeds sealed to its key, households it has planted.

Knows the files and the auditor's own key. Does not know what a seed makes of a run (``sums``).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from auditor.sums import Canaries, Known
from crypto import comparison, sealing
from crypto.errors import CryptoError
from federation import founding, keyfile, limits, party, transcript
from federation.errors import BadInput, PeerFault
from federation.fields import Fields, read_toml

SEEDS: Final = "seeds"
"""Folder beside the exported logs in which sealed seeds are looked for."""
CANARIES: Final = "canaries.toml"
_INVALID: Final = "CANARIES_INVALID"


def gather(logs: Path, own: Path | None) -> Known:
    """Open all seeds beside exported logs with an auditor's key, and read its planted households.

    Without the auditor's own folder nothing is opened.

    Raises:
        BadInput: SEEDS_INVALID or CANARIES_INVALID with the file; as ``keyfile.load``.
    """
    return Known() if own is None else opened(sorted((logs / SEEDS).glob("*.json")), own)


def opened(files: Iterable[Path], own: Path) -> Known:
    """Open seeds with an auditor's key, and read its planted households.

    Raises:
        BadInput: FILE_MISSING, or as ``gather``.
    """
    planted = own / CANARIES
    return Known(
        seeds={comparison.commitment(seed): seed for seed in _opened(files, own)},
        canaries=read_canaries(_text(planted)) if planted.exists() else {},
    )


def read_canaries(text: str) -> Canaries:
    """Read ``[[canary]]`` tables: case, predicate, parameter, and whether T is reached.

    Raises:
        BadInput: CANARIES_INVALID.
    """
    document = read_toml(text, code=_INVALID, where="canaries")
    found = dict(_canary(row) for row in document.tables("canary"))
    document.done()
    return found


def _canary(row: Fields) -> tuple[tuple[str, str, str], bool]:
    place = row.text("case"), row.text("predicate"), row.text("parameter")
    reaches = row.mark("at_least")
    row.done()
    return place, reaches


def _opened(files: Iterable[Path], own: Path) -> Iterator[bytes]:
    """Open what was sealed to this auditor."""
    secret = b""
    for file in files:
        secret = secret or keyfile.load(
            own / founding.SUM_FILE, party.passphrase(own), purpose=founding.SUM
        )
        try:
            for one in transcript.read_seeds(_read(file)).seeds:
                yield sealing.open_sealed(secret, one.sealed)
        except (PeerFault, CryptoError) as e:
            why = e.code if isinstance(e, PeerFault) else str(e)
            raise BadInput("SEEDS_INVALID", file=file.name, why=why) from e


def _text(file: Path) -> str:
    try:
        return _read(file).decode("utf-8")
    except UnicodeDecodeError as e:
        raise BadInput(_INVALID, where=file.name, why="utf-8") from e


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as handle:
            return handle.read(limits.BUNDLE_BYTES + 1)
    except OSError as e:
        raise BadInput("FILE_MISSING", file=file.name, folder=file.parent.name) from e
