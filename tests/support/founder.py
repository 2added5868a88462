"""The founder's hand in tests: change a federation's documents as its root holders would."""

from collections.abc import Callable, Mapping
from pathlib import Path

from federation import ceremony, manifest
from federation.ceremony import Home
from federation.manifest import Manifest


def amend(folder: Path, now: int, change: Callable[[Home], Manifest]) -> Manifest:
    """Bring a changed manifest into force and into every party's folder."""
    home = ceremony.open_home(folder, now)
    after = change(home)
    issue(home, {"manifest.json": manifest.write(after)})
    return after


def issue(home: Home, payloads: Mapping[str, bytes]) -> None:
    """Sign documents with the root keys that are there."""
    ceremony.propose(home, payloads)
    assert ceremony.sign(home, ceremony.keys_at_hand(home)) == []


def documents(folder: Path) -> dict[str, bytes]:
    """Copy the signed documents of a party's folder."""
    return {name: (folder / name).read_bytes() for name in ceremony.TYPES}


def put(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put documents into a party's folder, as somebody with access to the files would."""
    for name, data in files.items():
        fresh = folder / f"{name}.fresh"
        fresh.write_bytes(data)
        fresh.replace(folder / name)  # a watch never sees half a document
