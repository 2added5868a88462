"""A centre that opens cases, has them consented and asks, until it is killed.

Run as a process of its own: ``python -m tests.coordinator.dying_centre FOLDER URL``. What it has
been told is done it says on its output, a line each; registrar and departments are played in
memory, and the registrar's forms live in a file, as it outlives the centre.
"""

import os
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path

from federation.consenting import ConsentForm, ConsentReceipt
from federation.errors import HeduiError
from tests.coordinator import town as towns
from tests.coordinator.town import RegistrarTwin, Town, case_text

_FORMS = "forms.pickle"


class LastingRegistrar(RegistrarTwin):
    """A registrar that still has its forms when the centre comes back."""

    folder: Path

    def record(self, forms: Sequence[ConsentForm]) -> list[ConsentReceipt]:
        receipts = super().record(forms)
        fresh = self.folder / f"{_FORMS}.new"
        fresh.write_bytes(pickle.dumps(self.forms))
        fresh.replace(self.folder / _FORMS)
        return receipts


def build(folder: Path, url: str) -> Town:
    """Make the town of a folder, with what its registrar knows."""
    town = towns.build(folder)
    town.url = url
    before = town.registrar
    registrar = LastingRegistrar(key=before.key, holder=before.holder)
    registrar.folder = folder
    if (folder / _FORMS).exists():
        written = (folder / _FORMS).read_bytes()
        registrar.forms = pickle.loads(written)  # noqa: S301 - by the registrar of this test
    town.registrar = registrar
    return town


def work(town: Town, rounds: int) -> None:
    """Open, consent and ask, and say what is done; go on with what was left before."""
    with town.desk() as desk:
        left = desk.case_ids()
        _settle(town, left)
        for _ in range(rounds):
            numbers = desk.new(
                [desk.read(case_text(commission=f"c-{n}").encode()).case for n in (1, 2)]
            )
            _say("opened", numbers)
            desk.consent(numbers)
            _say("ready", numbers)
            desk.run(numbers)
            _say("answered", numbers)


def _settle(town: Town, left: Sequence[str]) -> None:
    with town.desk() as desk:
        for case in left:
            one = desk.standing([case])[0]
            if not one.asked or one.answered < one.asked:
                desk.consent([case])
                desk.run([case])


def _say(word: str, numbers: Sequence[str]) -> None:
    os.write(1, "".join(f"{word} {number}\n" for number in numbers).encode())


def main(folder: str, url: str) -> None:
    """Work until death."""
    try:
        work(build(Path(folder), url), 1_000_000)
    except HeduiError as error:
        _say("error", [str(error)])
        raise


if __name__ == "__main__":
    main(*sys.argv[1:])
