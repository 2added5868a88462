"""The kit of hostile files that a department holds its node to, as it ships with the program.

Knows the table of the kit, the published keys and names that its files are made with, and where
they lie. Does not know what a node makes of a file (``conform``). The keys belong to nobody.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

from crypto.keys import SigningKey
from federation.strictjson import unb64

TABLE: Final = "expected.toml"
REGISTRAR: Final = "registrar"
COORDINATOR: Final = "coordinator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A file, who looks at it, and the code with which it is refused; no code: it is accepted.

    ``twin`` is the accepted file from which a refused one was made.
    """

    file: str
    verifier: str
    code: str
    twin: str
    zh: str
    en: str

    def why(self, lang: str) -> str:
        """Say in ``zh`` or ``en`` what is wrong with the file."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """All cases in the order in which they are played, and the terms that their files name.

    ``now`` is the UTC second at which the kit is played.
    """

    cases: tuple[Case, ...]
    now: int
    department: str
    registrar: SigningKey = field(repr=False)
    coordinator: SigningKey = field(repr=False)
    folder: Traversable = field(repr=False)

    def read(self, file: str) -> bytes:
        """Read a file of the kit."""
        return self.folder.joinpath(file).read_bytes()


def load() -> Kit:
    """Read the kit."""
    place = resources.files("department_node").joinpath("data", "hostile")
    raw = tomllib.loads(place.joinpath(TABLE).read_text("utf-8"))
    terms = raw["kit"]
    return Kit(
        cases=cases(raw),
        now=terms["now"],
        department=terms["department"],
        registrar=SigningKey.from_seed(unb64(terms["registrar_seed"], "seed")),
        coordinator=SigningKey.from_seed(unb64(terms["coordinator_seed"], "seed")),
        folder=place,
    )


def cases(raw: Mapping[str, Any]) -> tuple[Case, ...]:
    """Read the rows of a table of hostile files."""
    return tuple(Case(**row) for row in raw["file"])
